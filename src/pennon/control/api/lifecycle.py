"""Flags at their end over HTTP: archived ones, and how they come back."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.api.answers import ListOf, changed_answer, list_answer
from pennon.control.api.flags import DefinitionResource, show_definition
from pennon.control.api.inputs import Command, Expected, Key, Paging
from pennon.control.api.routes import PROJECT, creates, reads
from pennon.control.flags.project import HowRestored
from pennon.control.lifecycle.views import ArchivedFlag
from pennon.control.services import Services

_ARCHIVED = PROJECT + "/archived-flags"


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

    @reads(_ARCHIVED, ListOf[ArchivedResource])
    def list_archived(project: Key, paging: Paging) -> Response[Any]:
        """List the archived flags of a project, with who archived each, when and why."""
        page = services.archive_views.flags(project, after=paging.after, limit=paging.limit)
        return list_answer((msgspec.json.encode(_shown(each)) for each in page.items), page.next)

    @creates(_ARCHIVED, DefinitionResource, permission="flag.define", status=200, example={"flag": "new-checkout"})
    def archive_flag(project: Key, data: JSONBody[ArchiveBody], command: Command, expected: Expected) -> Response[Any]:
        """Archive a flag: it evaluates no more, and its key stays reserved. Refused while it is a prerequisite."""
        outcome = services.flags.archive_flag(project, data.flag, expected=expected, **command.said)
        return changed_answer(outcome, show_definition)

    @creates(
        _ARCHIVED + "/restore", DefinitionResource, permission="flag.define", status=200, example={"flag": "a-flag"}
    )
    def restore_flag(project: Key, data: JSONBody[RestoreBody], command: Command, expected: Expected) -> Response[Any]:
        """Put an archived flag back into every environment, off unless told otherwise."""
        outcome = services.flags.restore_flag(project, data.flag, how=data.how, expected=expected, **command.said)
        return changed_answer(outcome, show_definition)

    return [list_archived, archive_flag, restore_flag]


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
