"""Imports over HTTP: the flags and segments of another vendor, as one change that the log names an import.

Elsewhere bodies are small, lest a stranger fill the memory. Here 10,000 flags come at once, and all or none are taken.
"""

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.api.changes import BreakGlass, Changed, change_answer
from pennon.control.api.differences import PreviewResource, preview_answer
from pennon.control.api.inputs import NO_CONTROLS, Command, Place
from pennon.control.api.routes import ENVIRONMENT, creates
from pennon.control.changes.edits import PutFlag, PutSegment
from pennon.control.changes.flag_edits import SetConfiguration
from pennon.control.environments.protection import Leave
from pennon.control.services import Services
from pennon.control.working.commands import Expectation

_IMPORTS = ENVIRONMENT + "/imports"
_EXAMPLE = {"from": "launchdarkly", "edits": [{"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}}]}


class ImportBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is imported as one change: all of it or nothing."""

    source: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=NO_CONTROLS,
            description="The vendor that it comes from, for the change log: what people change later is told from it.",
        ),
    ] = msgspec.field(name="from")
    edits: Annotated[
        tuple[PutSegment | PutFlag | SetConfiguration, ...],
        Meta(max_length=50_000, description="The segments and flags, as `POST …/changes` takes them."),
    ]
    why: Annotated[str, Meta(max_length=2000, description="Why, for the change log.")] = ""
    expected: Annotated[
        Expectation | None, Meta(description="What you believe to be current. If it is not, nothing is changed.")
    ] = None
    break_glass: BreakGlass = False


def import_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""

    @creates(_IMPORTS, Changed, permission="flag.change", max_bytes=max_bytes, status=200, example=_EXAMPLE)
    def make_import(where: Place, data: JSONBody[ImportBody], command: Command) -> Response[Any]:
        """Import flags and segments as one change: all of them or none."""
        outcome = services.changes.apply(
            where,
            data.edits,
            expected=data.expected,
            leave=Leave(is_break_glass=data.break_glass),
            by=command.by.importing(data.source),
            why=data.why or command.why,
            idempotency=command.idempotency,
        )
        return change_answer(outcome, is_break_glass=data.break_glass)

    @creates(
        _IMPORTS + "/preview", PreviewResource, permission="read", max_bytes=max_bytes, status=200, example=_EXAMPLE
    )
    def preview_import(where: Place, data: JSONBody[ImportBody]) -> Response[Any]:
        """Tell what an import would change, and change nothing."""
        return preview_answer(services.changes.preview(where, data.edits, expected=data.expected))

    return [make_import, preview_import]
