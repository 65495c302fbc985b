"""Changes over HTTP: several edits as one, the log of what was changed, differences, the past, and taking back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import JSON_TYPE, REVISION, ListOf, has_current, list_answer, shown_warnings
from pennon.control.api.differences import ItemChangeResource, PreviewResource, preview_answer, shown_items
from pennon.control.api.inputs import MAX_PAGE, NO_CONTROLS, Command, Key, Place, moment
from pennon.control.api.resources import WarningResource
from pennon.control.api.routes import ENVIRONMENT, PROJECT, creates, reads
from pennon.control.changes.diff import diff_edits
from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.views import ChangeReport
from pennon.control.environments.protection import Leave
from pennon.control.errors import Invalid
from pennon.control.log import INSTALLATION, Actor, Outcome
from pennon.control.services import Services
from pennon.control.working.commands import Expectation
from pennon.control.working.state import ItemName
from pennon.model import Flag, Layer, Segment

_CHANGES = ENVIRONMENT + "/changes"
_CHANGE = _CHANGES + "/{revision:int}"
_HIGHEST = 2**53 - 1
_TURN_ON = {"do": "turnOn", "flag": "new-checkout"}

RevisionInPath: TypeAlias = Annotated[
    int, PathParameter(name="revision", ge=1, le=_HIGHEST, description="The revision that the change made.")
]
After: TypeAlias = Annotated[
    int,  # not int | None: Litestar would take the word null for None
    QueryParameter(
        name="after", ge=1, le=_HIGHEST, description="The `next` of the page before: changes older than this revision."
    ),
]
Limit: TypeAlias = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_PAGE, description="How many at most.")]
OfFlag: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="flag", pattern=NO_CONTROLS, max_length=256, description="Only what touched this flag."),
]
OfSegment: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="segment", pattern=NO_CONTROLS, max_length=256, description="Only what touched this segment."),
]
FromRevision: TypeAlias = Annotated[
    int, QueryParameter(name="from", ge=0, le=_HIGHEST, description="A revision. 0: before the first change.")
]
ToRevision: TypeAlias = Annotated[
    int, QueryParameter(name="to", ge=0, le=_HIGHEST, description="Another revision, older or newer.")
]
AtRevision: TypeAlias = Annotated[
    int,
    QueryParameter(name="revision", ge=0, le=_HIGHEST, description="As it was after this. Left out: as it is."),
]
AtTime: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="time", description="As it was then, RFC 3339 with a zone.", schema_extra={"format": "date-time"}
    ),
]


BreakGlass: TypeAlias = Annotated[
    bool,
    Meta(description="Change a protected environment without what it demands. Takes `change.bypass` and a reason."),
]


class ChangeBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Edits that are made as one change, in order: all of them or none."""

    edits: Annotated[tuple[AnyEdit, ...], Meta(max_length=10_000, description="What is to be changed.")]
    why: Annotated[str, Meta(max_length=2000, description="Why, for the change log.")] = ""
    expected: Annotated[
        Expectation | None, Meta(description="What you believe to be current. If it is not, nothing is changed.")
    ] = None
    break_glass: BreakGlass = False


class PreviewBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Edits of which is told what they would change."""

    edits: Annotated[tuple[AnyEdit, ...], Meta(max_length=10_000, description="What would be changed.")]
    expected: Annotated[Expectation | None, Meta(description="What you believe to be current.")] = None


class RevertBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why the change is taken back."""

    why: Annotated[str, Meta(max_length=2000, description="Why, for the change log.")] = ""
    break_glass: BreakGlass = False


class Changed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a change led to. Edits without effect change nothing: then there is no `changeId`."""

    change_id: str | None
    epoch: int
    revision: int
    changed: bool
    break_glass: Annotated[
        bool, Meta(description="Whether it was made without what the environment demands: then everybody is told.")
    ] = False
    warnings: tuple[WarningResource, ...]


class ActorResource(msgspec.Struct, frozen=True, kw_only=True):
    """Who made a change."""

    kind: Literal["token", "account", "system", "import"]
    id: str
    name: str


class ChangeResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One row of a change log. `hash` is taken of the row and of `previous`, the hash of the row before."""

    change_id: str
    epoch: int
    revision: int
    time: datetime
    actor: ActorResource
    action: str
    why: str
    edits: tuple[ItemChangeResource, ...]
    previous: str
    hash: str


class DifferenceResource(msgspec.Struct, frozen=True, kw_only=True):
    """What is different between two revisions."""

    before: Annotated[str, Meta(description="epoch.revision")]
    after: Annotated[str, Meta(description="epoch.revision")]
    items: tuple[ItemChangeResource, ...]


class SnapshotResource(msgspec.Struct, frozen=True, kw_only=True):
    """An environment whole, as SDKs are sent it."""

    spec: int
    environment: str
    epoch: int
    revision: int
    digest: str
    flags: dict[str, Flag]
    segments: dict[str, Segment]
    layers: dict[str, Layer]


def change_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""
    return [*_editing_routes(services, max_bytes), *_log_routes(services), *_past_routes(services)]


def _editing_routes(services: Services, max_bytes: int) -> list[Any]:
    @creates(
        _CHANGES,
        Changed,
        permission="flag.turnOff",  # and for all else, as `flags.project` finds it
        max_bytes=max_bytes,
        status=200,
        example={"edits": [_TURN_ON], "why": "launch"},
    )
    def make_change(where: Place, data: JSONBody[ChangeBody], command: Command) -> Response[Any]:
        """Make several edits as one change: all of them or none."""
        outcome = services.changes.apply(
            where,
            data.edits,
            expected=data.expected,
            leave=Leave(is_break_glass=data.break_glass),
            by=command.by,
            why=data.why or command.why,
            idempotency=command.idempotency,
        )
        return change_answer(outcome, is_break_glass=data.break_glass)

    @creates(
        _CHANGES + "/preview",
        PreviewResource,
        permission="read",
        max_bytes=max_bytes,
        status=200,
        example={"edits": [_TURN_ON]},
    )
    def preview_change(where: Place, data: JSONBody[PreviewBody]) -> Response[Any]:
        """Tell what edits would change, and change nothing."""
        return preview_answer(services.changes.preview(where, data.edits, expected=data.expected, with_moves=True))

    @creates(_CHANGE + "/revert", Changed, permission="flag.turnOff", status=200, example={"why": "more errors since"})
    def revert_change(
        where: Place, revision: RevisionInPath, data: JSONBody[RevertBody], command: Command
    ) -> Response[Any]:
        """Take a change back, as a new change. Refused, naming what, where later changes stand on it."""
        outcome = services.changes.revert(
            where,
            revision,
            leave=Leave(is_break_glass=data.break_glass),
            by=command.by,
            why=data.why or command.why,
            idempotency=command.idempotency,
        )
        return change_answer(outcome, is_break_glass=data.break_glass)

    return [make_change, preview_change, revert_change]


def _log_routes(services: Services) -> list[Any]:
    @reads(_CHANGES, ListOf[ChangeResource])
    def list_changes(
        where: Place, flag: OfFlag = None, segment: OfSegment = None, after: After = _HIGHEST, limit: Limit = 100
    ) -> Response[Any]:
        """List the changes of an environment, the newest first."""
        page = services.change_views.changes(where, item=_item_of(flag, segment), before=after, limit=limit)
        return _list(page.items, page.next)

    @reads(_CHANGE, ChangeResource)
    def show_change(where: Place, revision: RevisionInPath) -> Response[Any]:
        """Show one change."""
        return Response(_change(services.change_views.change(where, revision)))

    @reads(PROJECT + "/changes", ListOf[ChangeResource])
    def list_project_changes(
        project: Key, flag: OfFlag = None, after: After = _HIGHEST, limit: Limit = 100
    ) -> Response[Any]:
        """List the changes of a project's own log, the newest first: definitions and environments."""
        page = services.change_views.project_changes(project, flag=flag, before=after, limit=limit)
        return _list(page.items, page.next)

    @reads("/installation/changes", ListOf[ChangeResource], permission="installation.read")
    def list_installation_changes(after: After = _HIGHEST, limit: Limit = 100) -> Response[Any]:
        """List the changes of what belongs to no project, the newest first: projects and tokens."""
        with services.log.reading() as reading:
            changes = reading.latest(INSTALLATION, before=after, limit=limit + 1)
        reports = [ChangeReport(change, diff_edits(change.edits)) for change in changes[:limit]]
        return _list(reports, str(changes[limit - 1].revision) if len(changes) > limit else None)

    return [list_changes, show_change, list_project_changes, list_installation_changes]


def _past_routes(services: Services) -> list[Any]:
    @reads(ENVIRONMENT + "/diff", DifferenceResource)
    def show_difference(where: Place, start: FromRevision, stop: ToRevision) -> Response[Any]:
        """Show what is different between two revisions of an environment."""
        found = services.change_views.difference(where, start, stop)
        return Response(
            DifferenceResource(before=str(found.before), after=str(found.after), items=shown_items(found.items))
        )

    @reads(ENVIRONMENT + "/state", SnapshotResource, versioned=True)
    def show_state(
        request: Request[Any, Any, Any], where: Place, revision: AtRevision = _HIGHEST, time: AtTime = None
    ) -> Response[Any]:
        """Show an environment whole, as it is or was: the same JSON as a snapshot."""
        then = moment(time, "time")
        if then is not None and revision != _HIGHEST:
            raise Invalid.at("", "revision and time are both given", "leave one out")
        snapshot = services.change_views.snapshot(where, revision=None if revision == _HIGHEST else revision, time=then)
        headers = {
            "ETag": f'"{snapshot.position}-{snapshot.digest[:16]}"',
            REVISION: str(snapshot.position),
            "Cache-Control": "no-cache",
        }
        if has_current(request, headers["ETag"]):
            return Response(None, status_code=304, headers=headers)
        return Response(snapshot.to_json(), media_type=JSON_TYPE, headers=headers)

    return [show_difference, show_state]


def _item_of(flag: str | None, segment: str | None) -> ItemName | None:
    if flag is not None and segment is not None:
        raise Invalid.at("", "flag and segment are both given", "leave one out")
    if segment is not None:
        return "segment", segment
    return None if flag is None else ("flag", flag)


def change_answer(outcome: Outcome, *, is_break_glass: bool = False) -> Response[Any]:
    """Answer what a change led to."""
    resource = Changed(
        change_id=outcome.change_id,
        epoch=outcome.position.epoch,
        revision=outcome.position.revision,
        changed=outcome.changed,
        break_glass=is_break_glass and outcome.changed,
        warnings=shown_warnings(outcome.warnings),
    )
    return Response(resource, headers={REVISION: str(outcome.position)})


def _list(reports: Iterable[ChangeReport], following: str | None) -> Response[Any]:
    return list_answer((msgspec.json.encode(_change(report)) for report in reports), following)


def _change(report: ChangeReport) -> ChangeResource:
    change = report.change
    return ChangeResource(
        change_id=change.change_id,
        epoch=change.epoch,
        revision=change.revision,
        time=change.time,
        actor=shown_actor(change.actor),
        action=change.action,
        why=change.why,
        edits=shown_items(report.items),
        previous=change.previous,
        hash=change.hash,
    )


def shown_actor(actor: Actor) -> ActorResource:
    """Return who made a change, as it is shown."""
    return ActorResource(kind=actor.kind, id=actor.id, name=actor.name)
