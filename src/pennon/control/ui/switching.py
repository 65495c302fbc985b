"""The kill switch: one page, one button. It asks for nothing that could stand in the way."""

from typing import Any

from litestar import Request, Response

from pennon.control.changes.flag_edits import TurnOff
from pennon.control.log import EnvironmentName
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.needing import needed_by
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import ENVIRONMENT, PROJECT, acts, shows
from pennon.control.ui.visitors import Visitor
from pennon.model import Flag

_MOST_SHOWN = 100


def switching_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/turn-off")
    def show_turn_off(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show what turning a flag off does, and the button."""
        key = request.query_params.get("flag", "")
        name = EnvironmentName(project, environment)
        flag = pages.services.flag_views.flag(name, key).read(Flag)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
            dependants = needed_by(pages.services.flag_views, reading, name, key)
        foreseen = pages.services.changes.foresee(name, key)
        return pages.answer(request, "turn_off.html", frame=frame, flag=flag, dependants=dependants, foreseen=foreseen)

    @acts(ENVIRONMENT + "/turn-off", permission="flag.turnOff")
    def turn_off(request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent) -> Response[Any]:
        """Turn a flag off, whatever anybody did to it meanwhile."""
        key, why = form.raw("flag"), form.text("why").replace("\n", " ")[:2000]
        name = EnvironmentName(project, environment)
        outcome = pages.services.changes.apply(name, [TurnOff(flag=key)], by=request.user.actor, why=why)
        there = page_path("projects", project, "environments", environment, "flags", key)
        return sent_to(with_note(there, "off" if outcome.changed else "same", outcome.position.revision))

    @shows(PROJECT + "/kill")
    def choose_flag(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show the flags that are on in production, so that one of them can be turned off from anywhere."""
        search = request.query_params.get("q", "").strip().lower()[:200]
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
            chosen = request.query_params.get("environment") or (frame.foremost.key if frame.foremost else "")
            keys: list[str] = []
            name = EnvironmentName(project, chosen)
            if any(each.key == chosen for each in frame.environments):
                standings = pages.services.flag_views.standings(reading, name)
                keys = sorted(key for key, each in standings.items() if each.on and search in key.lower())
            flags = [each.read(Flag) for each in reading.items_named(name.log, "flag", keys[:_MOST_SHOWN])]
        more = len(keys) > _MOST_SHOWN
        return pages.answer(request, "kill.html", frame=frame, chosen=chosen, flags=flags, more=more, search=search)

    return [show_turn_off, turn_off, choose_flag]
