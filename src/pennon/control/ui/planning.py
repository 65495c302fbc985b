"""Forms that plan what a flag does: on in a window of the week, or step by step at several times."""

from typing import Any, get_args

from litestar import Request, Response

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import TurnOff, TurnOn
from pennon.control.changes.split_edits import SetWeights
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.schedules.models import Missed
from pennon.control.schedules.plans import Day, Plan, Step, Timetable, Window
from pennon.control.schedules.service import Wanted
from pennon.control.ui.editing import weight_of
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.times import ZONES, time_of
from pennon.control.ui.visitors import Visitor
from pennon.model import WEIGHT_TOTAL, Flag, Problem

STEPS = 6
"""So many steps the form has. More are planned over the API or the command line."""
DAYS = get_args(Day)
_WORKDAYS = DAYS[:5]
_MOST_OFFERED = 500
_FIELDS = frozenset(
    {
        *("flag", "days", "start", "until", "zone", "variation", "others", "steps"),
        *(f"{word}{at}" for word in ("at", "percent") for at in range(1, STEPS + 1)),
    }
)


def planning_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/plan", permission="flag.turnOff")
    def show_plan_form(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Ask what is to be planned for a flag."""
        asked = request.query_params
        kind = "steps" if asked.get("kind") == "steps" else "window"
        fields = [("flag", asked.get("flag", "")), ("kind", kind), *(("days", day) for day in _WORKDAYS)]
        return _shown(pages, request, EnvironmentName(project, environment), Form(tuple(fields)))

    @acts(ENVIRONMENT + "/plan", permission="flag.turnOff")
    def plan_flag(request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent) -> Response[Any]:
        """Make a schedule of what the form says."""
        name = EnvironmentName(project, environment)
        try:
            outcome = pages.services.schedules.create_schedule(
                name, _wanted(pages, name, form), by=request.user.actor, why=_line(form, "why")
            )
        except PennonError as error:
            return _shown(pages, request, name, form, error=error)
        key = outcome.item.key if outcome.item else ""
        return sent_to(page_path("projects", project, "environments", environment, "schedules", key))

    return [show_plan_form, plan_flag]


def _wanted(pages: Pages, name: EnvironmentName, form: Form) -> Wanted:
    flag = pages.services.flag_views.flag(name, form.raw("flag")).read(Flag)
    is_window = form.raw("kind") == "window"
    plan: Plan = _window(form, flag) if is_window else _timetable(form, flag)
    usual = f"{flag.key} on in a window" if is_window else f"{flag.key} step by step"
    missed: Missed = "skip" if form.has("skip") else "catchUp"
    return Wanted(title=form.text("title")[:200] or usual, why=_line(form, "why"), plan=plan, missed=missed)


def _window(form: Form, flag: Flag) -> Window:
    return Window(
        days=tuple(day for day in DAYS if day in form.all("days")),
        start=form.text("start"),
        until=form.text("until"),
        zone=form.text("zone") or "UTC",
        edits=(TurnOn(flag=flag.key),),
        end_edits=(TurnOff(flag=flag.key),),
    )


def _timetable(form: Form, flag: Flag) -> Timetable:
    variation, others = form.raw("variation"), form.raw("others")
    known = [each.key for each in flag.variations]
    for field, chosen in (("variation", variation), ("others", others)):
        if chosen not in known:
            raise Invalid.at(f"/{field}", "is no variation of this flag", "choose one")
    if variation == others:
        raise Invalid.at("/others", "is the same", "choose what the others get meanwhile")
    steps: list[Step] = []
    for at in range(1, STEPS + 1):
        time = time_of(form, f"at{at}")
        if time is None and form.text(f"percent{at}"):
            raise Invalid.at(f"/at{at}", "no time is named", "say when, or leave the percentage out")
        if time is not None:
            weight = weight_of(form, f"percent{at}")
            shares = {variation: weight, others: WEIGHT_TOTAL - weight}
            edits: tuple[AnyEdit, ...] = (SetWeights(flag=flag.key, weights=shares),)
            steps.append(Step(at=time, edits=edits if steps else (TurnOn(flag=flag.key), *edits)))
    return Timetable(steps=tuple(steps))


def _line(form: Form, field: str) -> str:
    return form.text(field).replace("\n", " ")[:2000]


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    typed: Form,
    *,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        stored = reading.item(name.log, "flag", typed.raw("flag"))
        keys = pages.services.flag_views.keys(reading, name.project, limit=_MOST_OFFERED) if stored is None else []
    problems = {} if error is None else _by_field(problems_of(error), typed)
    is_beside = bool(problems) and set(problems) <= _FIELDS
    return pages.answer(
        request,
        "schedule_plan.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        flag=None if stored is None else stored.read(Flag),
        flags=keys,
        typed=typed,
        days=DAYS,
        steps=range(1, STEPS + 1),
        zones=ZONES,
        problems=problems,
        failed=None if error is None or is_beside else {"title": title_of(error)[1], "text": sentence(error)},
    )


def _by_field(found: tuple[Problem, ...], typed: Form) -> dict[str, Problem]:
    """Return problems by the fields that they are about, as far as they are about any."""
    filled = [at for at in range(1, STEPS + 1) if typed.text(f"at{at}")]
    by_field = {}
    for each in found:
        place = each.path.strip("/").removeprefix("plan/").split("/")
        if place[0] == "steps" and len(place) > 1 and place[1].isdecimal() and int(place[1]) < len(filled):
            at = filled[int(place[1])]
            by_field[f"percent{at}" if place[2:3] == ["edits"] else f"at{at}"] = each
        else:
            by_field[place[0]] = each
    return by_field
