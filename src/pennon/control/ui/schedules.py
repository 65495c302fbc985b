"""Schedules: what an environment will be changed to by itself, what was made of it, and how it is held."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.schedules.models import Schedule
from pennon.control.schedules.views import EVERY_STATE, NOT_DONE, Upcoming, past_runs, upcoming
from pennon.control.schedules.views import schedule as find_schedule
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.routes import ENVIRONMENT, PROJECT, acts, shows
from pennon.control.ui.visitors import Visitor
from pennon.control.ui.wording import plan_parts, plan_text

_LIST = ENVIRONMENT + "/schedules"
_ONE = _LIST + "/{schedule:str}"
_PAGE = 50
_RUNS = 20


class Row(msgspec.Struct, frozen=True):
    """A schedule in the list: what it does, when it does it next, and what stands against that."""

    schedule: Schedule
    when: str
    next: Upcoming | None


def schedule_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/schedules")
    def find_environment(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Go on to the environment that matters most."""
        with pages.services.log.reading() as reading:
            at = pages.frame(request.user, reading, project).foremost
        if at is None:
            return sent_to(page_path("projects", project))
        return sent_to(page_path("projects", project, "environments", at.key, "schedules"))

    @shows(_LIST)
    def list_schedules(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show a page of schedules: of those that are not done, or of all."""
        every, after = "all" in request.query_params, request.query_params.get("after")
        name = EnvironmentName(project, environment)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
            states = EVERY_STATE if every else NOT_DONE
            page = pages.services.schedule_views.listed(reading, name, states=states, after=after, limit=_PAGE)
            rows = [
                Row(each, plan_text(each.plan), next(iter(upcoming(reading, name, each)), None)) for each in page.items
            ]
        return pages.answer(request, "schedules.html", frame=frame, rows=rows, every=every, after=after, next=page.next)

    @shows(_ONE)
    def show_schedule(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, schedule: Named
    ) -> Response[Any]:
        """Show a schedule: what it does, when it does it next, and what it has done."""
        return _shown(pages, request, EnvironmentName(project, environment), schedule)

    @acts(_ONE, permission="flag.turnOff")
    def act_on_schedule(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, schedule: Named, form: Sent
    ) -> Response[Any]:
        """Pause, resume or cancel a schedule."""
        name = EnvironmentName(project, environment)
        try:
            _act(pages, request.user, name, schedule, form)
        except PennonError as error:
            return _shown(pages, request, name, schedule, why=form.raw("why"), error=error)
        there = ["projects", project, "environments", environment, "schedules"]
        return sent_to(page_path(*there, *([] if form.has("cancel") else [schedule])))

    return [find_environment, list_schedules, show_schedule, act_on_schedule]


def _act(pages: Pages, visitor: Visitor, name: EnvironmentName, key: str, form: Form) -> None:
    service, why = pages.services.schedules, form.text("why").replace("\n", " ")[:2000]
    if form.has("pause"):
        service.pause_schedule(name, key, by=visitor.actor, why=why)
    elif form.has("resume"):
        service.resume_schedule(name, key, by=visitor.actor, why=why)
    elif form.has("cancel"):
        service.cancel_schedule(name, key, by=visitor.actor, why=why)
    else:
        raise Invalid.at("", "the form does not say what to do", "press one of its buttons")


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    key: str,
    *,
    why: str = "",
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        found = find_schedule(reading, name, key)
        coming = upcoming(reading, name, found)
        runs = past_runs(reading, name, key, before=None, limit=_RUNS)
    return pages.answer(
        request,
        "schedule.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        found=found,
        when=plan_text(found.plan),
        parts_of=plan_parts(found.plan),
        coming=coming,
        runs=runs.items,
        why=why,
        failed=None if error is None else {"title": title_of(error)[1], "text": sentence(error)},
        problems=() if error is None else problems_of(error),
    )
