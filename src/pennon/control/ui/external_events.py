"""What other systems reported: deploys, changes of their configuration, incidents; and the line that reports one."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Pages
from pennon.control.ui.routes import PROJECT, shows
from pennon.control.ui.visitors import Visitor

_PAGE = 50


def external_event_pages(pages: Pages, *, public_url: str | None) -> list[Any]:
    """Return the routes. Other systems reach the server at *public_url*; None: where the browser does."""

    @shows(PROJECT + "/events")
    def list_events(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show a page of what was reported, the newest first."""
        after = request.query_params.get("after") or None
        found = pages.services.external_events.events(project, start=None, stop=None, after=after, limit=_PAGE + 1)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        url = (public_url or str(request.base_url)).rstrip("/")
        return pages.answer(
            request,
            "external_events.html",
            frame=frame,
            events=[each.event for each in found[:_PAGE]],
            after=after,
            next=found[_PAGE - 1].event.id if len(found) > _PAGE else None,
            report=_report(url, project),
        )

    return [list_events]


def _report(url: str, project: str) -> str:
    """Return the command that reports a deploy."""
    body = {"id": "build-4711", "project": project, "kind": "deploy", "service": "api", "version": "1.2.3"}
    lines = (
        f"curl {url}/api/v1/events/external",
        '-H "Authorization: Bearer $PENNON_TOKEN"',
        "-H 'Content-Type: application/json'",
        f"-d '{msgspec.json.encode(body).decode()}'",
    )
    return " \\\n  ".join(lines)
