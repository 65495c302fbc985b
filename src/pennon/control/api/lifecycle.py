"""Flags at their end over HTTP: stale ones, archived ones and how they come back; and all of them as a manifest."""

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import ListOf, changed_answer, list_answer
from pennon.control.api.flags import DefinitionResource, Owner, show_definition
from pennon.control.api.inputs import NO_CONTROLS, Command, Expected, Given, Key, Paging
from pennon.control.api.routes import PROJECT, creates, reads
from pennon.control.flags.definitions import Lifetime
from pennon.control.flags.project import HowRestored
from pennon.control.lifecycle.manifest import Manifest
from pennon.control.lifecycle.stale import AskedStale, StaleFlag
from pennon.control.lifecycle.staleness import ReasonName, StaleReason
from pennon.control.lifecycle.views import ArchivedFlag
from pennon.control.services import Services

_ARCHIVED = PROJECT + "/archived-flags"

OfReason = Annotated[
    ReasonName | None, QueryParameter(name="reason", description="Only those that are stale for this reason.")
]
InEnvironment = Annotated[
    str | None,
    QueryParameter(
        name="environment",
        pattern=NO_CONTROLS,
        max_length=256,
        description="What this one knows of them counts. Left out: what those know that are marked as production.",
    ),
]
OneFlag = Annotated[
    str | None, QueryParameter(name="flag", pattern=NO_CONTROLS, max_length=256, description="Only this one.")
]


class ReasonResource(msgspec.Struct, frozen=True, kw_only=True):
    """Why a flag may go, with the evidence. `docs/how-to/clean-up-flags.md` says what to do."""

    reason: ReasonName
    since: Annotated[datetime | None, Meta(description="When it began.")]
    variation: Annotated[str | None, Meta(description="The one that everybody gets.")]
    environments: Annotated[tuple[str, ...], Meta(description="What tells it.")]
    repositories: Annotated[tuple[str, ...], Meta(description="What was scanned and does not name it.")]


class StaleResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A flag that may go."""

    flag: str
    name: str
    owner: str
    tags: tuple[str, ...]
    lifetime: Lifetime
    expected_removal: date | None
    evaluated: Annotated[datetime | None, Meta(description="The hour of its last evaluation, in any environment.")]
    keep: Annotated[str | None, Meta(description="The variation that code goes on with, if the reasons tell.")]
    required_by: Annotated[tuple[str, ...], Meta(description="Flags that have it as a prerequisite: they come first.")]
    reasons: tuple[ReasonResource, ...]


class ArchivedResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A flag that evaluates no more. `GET …/flags/{flag}` has all of it."""

    flag: str
    name: str
    owner: str
    archived_at: Annotated[datetime, Meta(description="When it was archived.")]
    archived_by: Annotated[str, Meta(description="Who did it, by the name of that time.")]
    why: Annotated[str, Meta(description="What was said of it then.")]


class ArchiveBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which flag is to be archived."""

    flag: Annotated[str, Meta(max_length=256, description="Its key.")]


class RestoreBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which flag is to be restored, and to what."""

    flag: Annotated[str, Meta(max_length=256, description="Its key.")]
    how: Annotated[
        HowRestored,
        Meta(
            description="`off`: each environment configures it as it did, but off. `asItWas`: on where it was on. "
            "`new`: as a flag that was just created, with new salts."
        ),
    ] = "off"


def lifecycle_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @reads(PROJECT + "/stale-flags", ListOf[StaleResource])
    def list_stale(  # a query
        project: Key,
        paging: Paging,
        reason: OfReason = None,
        owner: Owner = None,
        environment: InEnvironment = None,
        flag: OneFlag = None,
    ) -> Response[Any]:
        """List the flags of a project that may go, with why and since when. Nothing is told without evidence."""
        asked = AskedStale(reason=reason, owner=owner, environment=environment, flag=flag)
        page = services.stale_views.flags(project, asked, after=paging.after, limit=paging.limit)
        return list_answer((msgspec.json.encode(_stale(each)) for each in page.items), page.next)

    @reads(PROJECT + "/openfeature-manifest", Manifest)
    def show_manifest(project: Key) -> Response[Any]:
        """Show a project's flags as the OpenFeature CLI reads them, to make typed accessors of them."""
        return Response(services.lifecycle_views.manifest(project))

    @reads(_ARCHIVED, ListOf[ArchivedResource])
    def list_archived(project: Key, paging: Paging) -> Response[Any]:
        """List the archived flags of a project, with who archived each, when and why."""
        page = services.lifecycle_views.archived(project, after=paging.after, limit=paging.limit)
        return list_answer((msgspec.json.encode(_shown(each)) for each in page.items), page.next)

    @creates(_ARCHIVED, DefinitionResource, permission="flag.define", status=200, example={"flag": "new-checkout"})
    def archive_flag(
        project: Key, data: JSONBody[ArchiveBody], command: Command, leave: Given, expected: Expected
    ) -> Response[Any]:
        """Archive a flag: it evaluates no more, and its key stays reserved. Refused while it is a prerequisite."""
        outcome = services.flags.archive_flag(project, data.flag, expected=expected, leave=leave, **command.said)
        return changed_answer(outcome, show_definition)

    @creates(
        _ARCHIVED + "/restore", DefinitionResource, permission="flag.define", status=200, example={"flag": "a-flag"}
    )
    def restore_flag(
        project: Key, data: JSONBody[RestoreBody], command: Command, leave: Given, expected: Expected
    ) -> Response[Any]:
        """Put an archived flag back into every environment, off unless told otherwise."""
        outcome = services.flags.restore_flag(
            project, data.flag, how=data.how, expected=expected, leave=leave, **command.said
        )
        return changed_answer(outcome, show_definition)

    return [list_stale, show_manifest, list_archived, archive_flag, restore_flag]


def _stale(stale: StaleFlag) -> StaleResource:
    definition = stale.definition
    return StaleResource(
        flag=definition.key,
        name=definition.name,
        owner=definition.owner,
        tags=definition.tags,
        lifetime=definition.lifetime,
        expected_removal=definition.expected_removal,
        evaluated=stale.evaluated,
        keep=stale.keep,
        required_by=stale.required_by,
        reasons=tuple(map(_reason, stale.reasons)),
    )


def _reason(reason: StaleReason) -> ReasonResource:
    return ReasonResource(**msgspec.structs.asdict(reason))


def _shown(archived: ArchivedFlag) -> ArchivedResource:
    definition, change = archived.definition, archived.change
    return ArchivedResource(
        flag=definition.key,
        name=definition.name,
        owner=definition.owner,
        archived_at=change.time,
        archived_by=change.actor.name,
        why=change.why,
    )
