"""The first page: what changed in the last day, what waits for whom looks, and what does not do well."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.changes.diff import diff_edits
from pennon.control.changes.views import ChangeReport
from pennon.control.log import Change, EnvironmentName, Reading, project_log
from pennon.control.publishing.standing import NodeStanding
from pennon.control.requests.models import ChangeRequest
from pennon.control.schedules.models import Schedule
from pennon.control.schedules.views import not_done
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Frame, Pages, page_path, sent_to
from pennon.control.ui.requests import may_everywhere
from pennon.control.ui.routes import PROJECT, shows
from pennon.control.ui.visitors import Visitor
from pennon.control.webhooks.views import webhooks

_CHANGES = 15
_WAITING = 20
_DAY = timedelta(days=1)
_TOLD_OF_PROJECT = frozenset({"definition", "environment"})


class Happened(msgspec.Struct, frozen=True):
    """A change, and where it was made; no environment: in the project."""

    environment: str
    report: ChangeReport


class Ailing(msgspec.Struct, frozen=True):
    """Something that does not do well, and the page where it is mended."""

    text: str
    path: str


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
        """Show what happened in a project, what waits, and what does not do well."""
        late = pages.services.propagation.everywhere()
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
            views = pages.services.request_views
            requests = views.listed(reading, project, of_state="open").items
            mine = [each for each in requests if _is_by(each, request.user)][:_WAITING]
            waiting = [each for each in requests if _waits_for(each, frame)][:_WAITING]
            mine, waiting = (views.standing(reading, project, each) for each in (mine, waiting))
            happened = _happened(pages, reading, frame)
            failed = [each for each in not_done(reading, project) if _failed(each)]
            flags = reading.count(f"projects/{project}", "definition")
            hooks = webhooks(reading, project_log(project)) if frame.may_in_project("webhook.manage") else []
        seen = {each.key for each in frame.environments}
        ailing = [
            *(
                _late(project, name.partition("/")[2], [node.ack.node for node in nodes if _is_behind(node)])
                for name, nodes in sorted(late.items())
                if name.partition("/")[0] == project
                and name.partition("/")[2] in seen
                and any(_is_behind(node) for node in nodes)
            ),
            *(_schedule(project, each) for each in failed if each.environment in seen),
            *(_hook(project, each.key) for each in hooks if each.enabled and _is_dead(pages, project, each.key)),
        ]
        return pages.answer(
            request,
            "home.html",
            frame=frame,
            flags=flags,
            happened=happened,
            mine=mine,
            waiting=waiting,
            ailing=ailing,
        )

    return [show_projects, show_home]


def _happened(pages: Pages, reading: Reading, frame: Frame) -> list[Happened]:
    """Return the changes of the last day that the visitor sees, the newest first."""
    if frame.project is None:
        return []
    project, since = frame.project.key, pages.clock.now() - _DAY
    found: list[tuple[Change, str]] = [
        (change, each.key)
        for each in frame.environments
        for change in _lately(reading, EnvironmentName(project, each.key).log, since)
    ]
    told = {change.change_id for change, _ in found}
    found += (
        (change, "")
        for change in _lately(reading, project_log(project), since)
        if change.change_id not in told and any(edit.kind in _TOLD_OF_PROJECT for edit in change.edits)
    )
    recent = sorted(found, key=lambda each: each[0].time, reverse=True)
    return [Happened(key, ChangeReport(change, diff_edits(change.edits[:3]))) for change, key in recent[:_CHANGES]]


def _lately(reading: Reading, log: str, since: datetime) -> list[Change]:
    """Return the latest changes of a log from *since* on. Older ones, with what an import did, are not read."""
    head = reading.head(log)
    made = 0 if head is None else head.revision - reading.revision_before(log, since)
    return reading.latest(log, limit=min(made, _CHANGES)) if made else []


def _is_by(request: ChangeRequest, visitor: Visitor) -> bool:
    return (request.author.kind, request.author.id) == (visitor.actor.kind, visitor.actor.id)


def _waits_for(request: ChangeRequest, frame: Frame) -> bool:
    """Return whether somebody else proposed it, and the visitor may say what he thinks of it and has not."""
    who = (frame.visitor.actor.kind, frame.visitor.actor.id)
    if _is_by(request, frame.visitor) or who in request.verdicts():
        return False
    return may_everywhere(frame, "change.approve", request)


def _failed(schedule: Schedule) -> bool:
    return schedule.state == "failed" or (schedule.last is not None and schedule.last.result == "failed")


def _is_behind(node: NodeStanding) -> bool:
    """Return whether an edge node is late. What the origin says of itself is as old as its last report."""
    return node.is_late and not node.is_origin


def _late(project: str, environment: str, nodes: list[str]) -> Ailing:
    named = ", ".join(sorted(nodes)[:5]) + (f" and {len(nodes) - 5} more" if len(nodes) > 5 else "")
    path = page_path("projects", project, "environments", environment, "propagation")
    return Ailing(f"{environment}: {named} {'has' if len(nodes) == 1 else 'have'} not what the origin has", path)


def _schedule(project: str, schedule: Schedule) -> Ailing:
    path = page_path("projects", project, "environments", schedule.environment, "schedules", schedule.key)
    why = f": {schedule.last.why}" if schedule.last is not None and schedule.last.why else ""
    return Ailing(f"the schedule “{schedule.title}” was not carried out in {schedule.environment}{why}", path)


def _hook(project: str, key: str) -> Ailing:
    return Ailing(f"the webhook {key} was not told everything", page_path("projects", project, "webhooks", key))


def _is_dead(pages: Pages, project: str, key: str) -> bool:
    service = pages.services.webhooks
    return bool(service.deliveries(project_log(project), key, state="dead", limit=1))
