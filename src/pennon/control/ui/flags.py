"""The list of a project's flags: searched and paged on the server, with the state in each environment."""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.flags.definitions import FlagDefinition
from pennon.control.flags.views import Asked
from pennon.control.log import EnvironmentName, Reading
from pennon.control.ui.charts import sparkline
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Frame, Pages
from pennon.control.ui.routes import PROJECT, shows
from pennon.control.ui.visitors import Visitor
from pennon.model import Flag

_PAGE = 50
_HOURS = 24


class FlagRow(msgspec.Struct, frozen=True):
    """A flag in the list. `states` has the flag of each environment that the visitor sees, in the frame's order."""

    definition: FlagDefinition
    states: tuple[Flag | None, ...]
    evaluations: int
    line: str


def flags_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/flags")
    def list_flags(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show a page of flags."""
        asked = request.query_params
        search, tag, after = asked.get("q", "").strip()[:200], asked.get("tag") or None, asked.get("after") or None
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        page = pages.services.flag_views.definitions(project, Asked(search=search, tag=tag), after=after, limit=_PAGE)
        with pages.services.log.reading() as reading:
            rows = [_row(pages, reading, frame, stored.read(FlagDefinition)) for stored in page.items]
        return pages.answer(
            request, "flags.html", frame=frame, rows=rows, search=search, tag=tag, after=after, next=page.next
        )

    return [list_flags]


def hourly(pages: Pages, name: EnvironmentName, flag: str) -> list[int]:
    """Return how often a flag was evaluated in each of the last 24 hours, the oldest first."""
    now = pages.clock.now()
    first = int((now - timedelta(hours=_HOURS - 1)).timestamp()) // 3600 * 3600
    sums = [0] * _HOURS
    for count in pages.services.counts.totals(str(name), flag=flag, since=now - timedelta(hours=_HOURS)):
        if 0 <= (at := (count.hour - first) // 3600) < _HOURS:
            sums[at] += count.count
    return sums


def _row(pages: Pages, reading: Reading, frame: Frame, definition: FlagDefinition) -> FlagRow:
    project = frame.project.key if frame.project else ""
    found = (
        reading.item(EnvironmentName(project, each.key).log, "flag", definition.key) for each in frame.environments
    )
    states = tuple(None if stored is None else stored.read(Flag) for stored in found)
    shown = frame.foremost
    counts = [] if shown is None else hourly(pages, EnvironmentName(project, shown.key), definition.key)
    return FlagRow(definition, states, sum(counts), sparkline(counts))
