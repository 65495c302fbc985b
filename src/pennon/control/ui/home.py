"""The first page: the projects, what changed lately, and what waits for somebody."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.changes.diff import diff_edits
from pennon.control.changes.views import ChangeReport
from pennon.control.log import EnvironmentName, Reading
from pennon.control.requests.models import ChangeRequest
from pennon.control.requests.views import requests
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Frame, Pages, sent_to
from pennon.control.ui.routes import PROJECT, shows
from pennon.control.ui.visitors import Visitor

_CHANGES = 15


class Happened(msgspec.Struct, frozen=True):
    """A change, and where it was made."""

    environment: str
    report: ChangeReport


def home_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows("/", anywhere=True)
    def show_projects(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show the projects; whoever sees one only goes on to it."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading)
        if len(frame.projects) == 1:
            return sent_to(f"/projects/{frame.projects[0].key}")
        return pages.answer(request, "projects.html", frame=frame)

    @shows(PROJECT)
    def show_home(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show what happened in a project, and what waits."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
            waiting = [each for each in requests(reading, project) if each.state == "open"]
            happened = _happened(reading, frame)
            flags = reading.count(f"projects/{project}", "definition")
        return pages.answer(
            request,
            "home.html",
            frame=frame,
            flags=flags,
            happened=happened,
            mine=[each for each in waiting if _is_by(each, request.user)],
            waiting=[each for each in waiting if not _is_by(each, request.user)],
        )

    return [show_projects, show_home]


def _happened(reading: Reading, frame: Frame) -> list[Happened]:
    """Return the last changes in the environments that the visitor sees, the newest first."""
    if frame.project is None:
        return []
    found = [
        (change, each.key)
        for each in frame.environments
        for change in reading.latest(EnvironmentName(frame.project.key, each.key).log, limit=_CHANGES)
    ]
    found.sort(key=lambda each: each[0].time, reverse=True)
    return [Happened(key, ChangeReport(change, diff_edits(change.edits[:3]))) for change, key in found[:_CHANGES]]


def _is_by(request: ChangeRequest, visitor: Visitor) -> bool:
    return (request.author.kind, request.author.id) == (visitor.actor.kind, visitor.actor.id)
