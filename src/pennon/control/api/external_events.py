"""External events over HTTP: other systems report their deploys, and they are listed."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.access.permissions import Where
from pennon.control.access.views import place, roles
from pennon.control.api.answers import JSON_TYPE, ListOf, list_answer, paged
from pennon.control.api.inputs import Command, Key, Paging, moment
from pennon.control.api.routes import PROJECT, creates, reads
from pennon.control.external_events.models import EventKind, ExternalEvent
from pennon.control.external_events.service import Report
from pennon.control.services import Services
from pennon.model import Json

_Text: TypeAlias = Annotated[str, Meta(max_length=2000)]
_Name: TypeAlias = Annotated[str, Meta(max_length=200)]
_From: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="What happened then or later, RFC 3339 with a zone.",
        schema_extra={"format": "date-time"},
    ),
]
_To: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="to", description="What happened before, RFC 3339 with a zone.", schema_extra={"format": "date-time"}
    ),
]
_EXAMPLE = {
    "id": "build-4711",
    "project": "default",
    "kind": "deploy",
    "service": "api",
    "version": "1.2.3",
    "environments": ["production"],
    "link": "https://ci.example/builds/4711",
}


class ReportBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened in another system."""

    id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None,
        Meta(
            description="Your name for it, so that it counts once however often you send it. Left out: that of the "
            "Idempotency-Key, else a random one."
        ),
    ] = None
    project: Annotated[str, Meta(max_length=64, description="The project that it concerns.")]
    kind: Annotated[EventKind, Meta(description="What it is.")]
    time: Annotated[Annotated[datetime, Meta(tz=True)] | None, Meta(description="When it happened; left out: now.")] = (
        None
    )
    environments: Annotated[
        tuple[_Name, ...], Meta(max_length=100, description="The environments that it concerns; none: all.")
    ] = ()
    service: Annotated[_Name, Meta(description="What was deployed, or is concerned.")] = ""
    version: _Name = ""
    link: Annotated[_Text, Meta(description="Where there is more: http:// or https://.")] = ""
    who: Annotated[_Name, Meta(description="Who did it.")] = ""
    text: _Text = ""
    attributes: Annotated[dict[str, Json], Meta(description="Anything more, up to 4 KiB of JSON.")] = {}


def external_event_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @creates("/events/external", ExternalEvent, permission="event.report", example=_EXAMPLE, anywhere=True)
    def report_event(request: Request[Any, Any, Any], data: JSONBody[ReportBody], command: Command) -> Response[Any]:
        """Report what happened in another system, once. Takes `event.report` where it happened."""
        _require(services, request, data)
        known = msgspec.structs.asdict(data)
        if data.id is None and command.idempotency is not None:
            known["id"] = command.idempotency.key
        event, is_new = services.external_events.report(Report(**known))
        if is_new:
            services.feeds.wake()
        return Response(msgspec.json.encode(event), status_code=201, media_type=JSON_TYPE)

    @reads(PROJECT + "/events/external", ListOf[ExternalEvent])
    def list_events(project: Key, paging: Paging, start: _From = None, stop: _To = None) -> Response[Any]:
        """List what other systems reported, the newest first."""
        found = services.external_events.events(
            project,
            start=moment(start, "from"),
            stop=moment(stop, "to"),
            after=paging.after,
            limit=paging.limit + 1,
        )
        page, following = paged(found, paging.limit, lambda each: each.event.id)
        return list_answer((msgspec.json.encode(each.event) for each in page), following)

    return [report_event, list_events]


def _require(services: Services, request: Request[Any, Any, Any], data: ReportBody) -> None:
    """Raise `Forbidden` unless who asks may report what happened everywhere that *data* names."""
    with services.log.reading() as reading:
        known = roles(reading)
        for name in data.environments:
            request.user.require("event.report", place(reading, data.project, name), roles=known)
        if not data.environments:
            request.user.require("event.report", Where(data.project), roles=known)
