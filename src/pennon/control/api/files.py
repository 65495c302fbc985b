"""Files over HTTP: what a project's files would say, what they would change, and changing it as one."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.access.permissions import Principal
from pennon.control.access.views import place, roles
from pennon.control.api.answers import JSON_TYPE, changed_answer, shown_warnings
from pennon.control.api.changes import ActorResource, BreakGlass, shown_actor
from pennon.control.api.differences import ItemChangeResource, shown_items
from pennon.control.api.inputs import NO_CONTROLS, Command, Key, Place
from pennon.control.api.requests import RequestResource, show_request
from pennon.control.api.resources import WarningResource
from pennon.control.api.routes import ENVIRONMENT, PROJECT, creates, reads
from pennon.control.environments.ownership import LONGEST_COMMIT, LONGEST_SOURCE, AppliedFiles, FilesOwner, Origin
from pennon.control.environments.views import environments as environments_of
from pennon.control.errors import Invalid, TurnedOffSince
from pennon.control.files.document import Document
from pennon.control.files.drift import Drifted, Kill
from pennon.control.files.plan import Plan, Revisions
from pennon.control.files.work import Orders
from pennon.control.log import Change, Stored
from pennon.control.requests.models import ChangeRequest
from pennon.control.requests.service import Draft
from pennon.control.services import Services

_FILES = PROJECT + "/files"
_FLAG = {"definition": {"key": "new-checkout"}, "environments": {"production": {"fallthrough": {"variation": "off"}}}}
_DOCUMENT = {"environments": ["production"], "flags": {"new-checkout": _FLAG}}

Environments = Annotated[
    str,
    QueryParameter(
        name="environments",
        pattern=NO_CONTROLS,
        max_length=1000,
        description="Only of these, with commas between. Left out: of all.",
    ),
]


class OrdersBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What files say, and how it is to be brought about."""

    document: Annotated[Document, Meta(description="What the files say, as `GET …/files` shows it.")]
    prune: Annotated[bool, Meta(description="Delete what is not in the files.")] = False
    keep_off: Annotated[
        bool, Meta(description="Leave flags off that the files have on, and that somebody turned off since.")
    ] = False
    turn_on: Annotated[
        tuple[str, ...],
        Meta(max_length=1000, description="Turn these flags on, though somebody turned them off since."),
    ] = ()

    def orders(self, **rest: Any) -> Orders:
        """Return them as the service takes them."""
        return Orders(prune=self.prune, keep_off=self.keep_off, turn_on=self.turn_on, **rest)


class _FromBody(OrdersBody, frozen=True, kw_only=True, rename="camel"):
    source: Annotated[
        str, Meta(max_length=LONGEST_SOURCE, pattern=NO_CONTROLS, description="The repository of the files.")
    ] = ""
    commit: Annotated[str, Meta(max_length=LONGEST_COMMIT, pattern=NO_CONTROLS, description="The commit in it.")] = ""

    @property
    def origin(self) -> Origin:
        """Where the files come from."""
        return Origin(source=self.source, commit=self.commit)


class ApplyFilesBody(_FromBody, frozen=True, kw_only=True, rename="camel"):
    """What is applied, where it comes from, and which plan was looked at."""

    expected: Annotated[
        Revisions | None,
        Meta(description="The `revisions` of the plan. If something was changed since, nothing is applied."),
    ] = None
    break_glass: BreakGlass = False


class RequestFilesBody(_FromBody, frozen=True, kw_only=True, rename="camel"):
    """What is proposed."""

    title: Annotated[str, Meta(max_length=200, description="In a line, what it changes.")]
    why: Annotated[str, Meta(max_length=2000)] = ""


class WhoResource(msgspec.Struct, frozen=True, kw_only=True):
    """A change that somebody made."""

    revision: int
    time: datetime
    actor: ActorResource
    action: str
    why: str


class DriftResource(ItemChangeResource, frozen=True, kw_only=True):
    """How an item is different from what it was when files were applied last, and who made it so."""

    by: tuple[WhoResource, ...]


class KillResource(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that the files have on, and that somebody turned off. `by` null: long ago, and it was left off since."""

    environment: str
    flag: str
    by: WhoResource | None


class AbsentResource(msgspec.Struct, frozen=True, kw_only=True):
    """What is in Pennon, and not in the files. A flag is of the whole project: its environment is null."""

    environment: str | None
    kind: str
    key: str


class PlanResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What applying files would change."""

    changed: bool
    revisions: Revisions
    definitions: Annotated[tuple[ItemChangeResource, ...], Meta(description="Of the flags of the project.")]
    environments: Annotated[
        Mapping[str, tuple[ItemChangeResource, ...]], Meta(description="What each environment does with them.")
    ]
    warnings: Mapping[str, tuple[WarningResource, ...]]
    turned_off: Annotated[
        tuple[KillResource, ...], Meta(description="What would be turned on again, and must be said so.")
    ]
    not_in_files: Annotated[tuple[AbsentResource, ...], Meta(description="What stays as it is, for want of `prune`.")]
    left_as_is: Annotated[
        tuple[AbsentResource, ...], Meta(description="Flags of which the files do not say what an environment does.")
    ]
    drift: Annotated[
        Mapping[str, tuple[DriftResource, ...]], Meta(description="What others changed since files were applied last.")
    ]


class AppliedResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What files were applied to an environment last, and its revision after it."""

    source: str
    commit: str
    revision: int


class StandingResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How an environment stands to its files."""

    owner: Annotated[FilesOwner | None, Meta(description="The files that own it; null: people change it, too.")]
    applied: Annotated[AppliedResource | None, Meta(description="null: none ever were.")]
    drift: Annotated[bool, Meta(description="Whether anything is another than they left it.")]
    items: tuple[DriftResource, ...]


class AppliedChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What applying files led to. Where they say what is so already, no more is kept than which commit it was."""

    changed: bool
    change_id: str | None
    break_glass: Annotated[
        bool, Meta(description="Whether it was made without what the environments demand: then everybody is told.")
    ]


def file_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""
    return [*_reading_routes(services), *_applying_routes(services, max_bytes)]


def _reading_routes(services: Services) -> list[Any]:
    @reads(_FILES, Document)
    def show_files(
        request: Request[Any, Principal, Any], project: Key, environments: Environments = ""
    ) -> Response[Any]:
        """Show what files that say all of a project would say, of the environments that the token may see."""
        named = [each for each in environments.split(",") if each] or _visible(services, request.user, project)
        _require_visible(services, request.user, project, named)
        found = services.files.document(project, named)
        return Response(msgspec.json.encode(found), media_type=JSON_TYPE)

    @reads(ENVIRONMENT + "/files", StandingResource)
    def show_standing(where: Place) -> Response[Any]:
        """Show which files own an environment, what was applied last, and what others changed since."""
        found = services.files.standing(where)
        shown = StandingResource(
            owner=found.owner,
            applied=None if found.applied is None else _applied(found.applied),
            drift=bool(found.drift),
            items=_drift(found.drift),
        )
        return Response(shown)

    return [show_files, show_standing]


def _applying_routes(services: Services, max_bytes: int) -> list[Any]:
    @creates(
        _FILES + "/plan",
        PlanResource,
        permission="read",
        max_bytes=max_bytes,
        status=200,
        example={"document": _DOCUMENT},
    )
    def plan_files(request: Request[Any, Principal, Any], project: Key, data: JSONBody[OrdersBody]) -> Response[Any]:
        """Tell what applying files would change, and change nothing."""
        _require_visible(services, request.user, project, data.document.environments)
        with _in_document():
            return Response(_plan(services.files.plan(project, data.document, data.orders())))

    @creates(
        _FILES + "/apply",
        AppliedChange,
        permission="read",
        max_bytes=max_bytes,
        status=200,
        example={"document": _DOCUMENT, "source": "git@example.com:shop/flags", "commit": "1a2b3c4"},
    )
    def apply_files(
        request: Request[Any, Principal, Any], project: Key, data: JSONBody[ApplyFilesBody], command: Command
    ) -> Response[Any]:
        """Make everything that files say so, as one change. Takes what the changes themselves take."""
        _require_visible(services, request.user, project, data.document.environments)
        orders = data.orders(origin=data.origin, expected=data.expected, is_break_glass=data.break_glass)
        with _in_document():
            outcome = services.files.apply(project, data.document, orders, **command.said)
        is_broken = data.break_glass and outcome.changed
        return Response(AppliedChange(changed=outcome.changed, change_id=outcome.change_id, break_glass=is_broken))

    @creates(
        _FILES + "/requests",
        RequestResource,
        permission="change.propose",
        max_bytes=max_bytes,
        example={"document": _DOCUMENT, "title": "The new checkout"},
    )
    def request_files(
        request: Request[Any, Principal, Any], project: Key, data: JSONBody[RequestFilesBody], command: Command
    ) -> Response[Any]:
        """Propose what files say, for others to approve."""
        _require_visible(services, request.user, project, data.document.environments)
        with _in_document():
            found = services.files.proposal(project, data.document, data.orders(origin=data.origin), why=data.why)
        draft = Draft(title=data.title, why=found.why, changes=found.changes, files=found.applied)
        return changed_answer(services.requests.create_request(project, draft, **command.said), _request, status=201)

    return [plan_files, apply_files, request_files]


def _visible(services: Services, who: Principal, project: str) -> list[str]:
    with services.log.reading() as reading:
        found = [each.key for each in environments_of(reading, project)]
        return [key for key in found if who.may("read", place(reading, project, key))]


def _require_visible(services: Services, who: Principal, project: str, environments: Iterable[str]) -> None:
    """Raise `Forbidden` unless *who* may see each of *environments*: a role may be held in some of a project only."""
    with services.log.reading() as reading:
        known = roles(reading)
        for key in environments:
            who.require("read", place(reading, project, key), roles=known)


@contextmanager
def _in_document() -> Iterator[None]:
    """Have the paths of problems begin at the body, which holds the document."""
    try:
        yield
    except (Invalid, TurnedOffSince) as error:
        raise type(error)(problem.under("/document") for problem in error.problems) from error


def _applied(applied: AppliedFiles) -> AppliedResource:
    return AppliedResource(source=applied.source, commit=applied.commit, revision=applied.revision)


def _request(stored: Stored) -> bytes:
    return show_request(stored.read(ChangeRequest))


def _plan(plan: Plan) -> PlanResource:
    return PlanResource(
        changed=plan.changed,
        revisions=plan.revisions,
        definitions=shown_items(plan.definitions),
        environments={name: shown_items(items) for name, items in plan.environments.items()},
        warnings={name: shown_warnings(said) for name, said in plan.warnings.items()},
        turned_off=tuple(map(_kill, plan.kills)),
        not_in_files=tuple(
            AbsentResource(environment=environment, kind=kind, key=key) for environment, (kind, key) in plan.absent
        ),
        left_as_is=tuple(AbsentResource(environment=each, kind="flag", key=key) for each, key in plan.unsaid),
        drift={name: _drift(drifted) for name, drifted in plan.drift.items()},
    )


def _kill(kill: Kill) -> KillResource:
    return KillResource(
        environment=kill.environment, flag=kill.flag, by=None if kill.change is None else _who(kill.change)
    )


def _drift(drifted: Iterable[Drifted]) -> tuple[DriftResource, ...]:
    items, by = [each.item for each in drifted], [tuple(map(_who, each.changes)) for each in drifted]
    return tuple(
        DriftResource(**msgspec.structs.asdict(item), by=who) for item, who in zip(shown_items(items), by, strict=True)
    )


def _who(change: Change) -> WhoResource:
    return WhoResource(
        revision=change.revision,
        time=change.time,
        actor=shown_actor(change.actor),
        action=change.action,
        why=change.why,
    )
