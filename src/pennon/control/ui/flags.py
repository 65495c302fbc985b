"""The list of a project's flags: searched, filtered and paged on the server, with the state in each environment."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, get_args

import msgspec
from litestar import Request, Response

from pennon.control.flags.definitions import FlagDefinition
from pennon.control.flags.index import Standing
from pennon.control.flags.views import Asked
from pennon.control.lifecycle.stale import AskedStale
from pennon.control.lifecycle.staleness import ReasonName
from pennon.control.log import EnvironmentName, Reading
from pennon.control.ui.charts import sparkline
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Frame, Pages, page_path
from pennon.control.ui.routes import PROJECT, shows
from pennon.control.ui.visitors import Visitor

_PAGE, _STATES = 50, 120
"""Flags on a page, and states of them: with many environments it has fewer, for each state takes its place."""
_HOURS = 24
_MOST_OFFERED = 200

REASONS: Mapping[ReasonName, str] = {
    "pastRemoval": "past its removal date",
    "fullyRolledOut": "rolled out to everybody",
    "oneVariation": "served one variation only",
    "noEvaluations": "asked for by nobody",
    "notInCode": "named by no code",
}
"""Why a flag may go, in words."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of the list asks for, as text. Empty is everything; nonsense is what finds nothing."""

    q: str = ""
    tag: str = ""
    owner: str = ""
    environment: str = ""
    state: str = ""
    reason: str = ""

    @property
    def query(self) -> dict[str, str | None]:
        """What the address of another page of the same list has. An environment says which state is meant."""
        asked = {name: value or None for name, value in msgspec.structs.asdict(self).items()}
        return asked if self.state else {**asked, "environment": None}

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return any((self.q, self.tag, self.owner, self.state, self.reason))


class FlagRow(msgspec.Struct, frozen=True):
    """A flag in the list. `states` is whether it is on in each environment of the frame; None: it is not there."""

    definition: FlagDefinition
    states: tuple[Standing | None, ...]
    evaluations: int
    line: str


def flags_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/flags")
    def list_flags(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show a page of flags."""
        asked, after = request.query_params, request.query_params.get("after") or None
        filters = Filters(**{name: asked.get(name, "").strip()[:256] for name in Filters.__struct_fields__})
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
            wanted = _asked(pages, reading, frame, filters)
            labels = pages.services.flag_views.labels(reading, project, wanted)
        limit = max(10, min(_PAGE, _STATES // max(1, len(frame.environments))))
        page = pages.services.flag_views.definitions(project, wanted, after=after, limit=limit)
        with pages.services.log.reading() as reading:
            rows = _rows(pages, reading, frame, [stored.read(FlagDefinition) for stored in page.items])
        answer = pages.answer(
            request,
            "flags.html",
            frame=frame,
            rows=rows,
            total=labels.flags,
            tags={each: each for each in labels.tags[:_MOST_OFFERED]},
            owners={each: each for each in labels.owners[:_MOST_OFFERED]},
            reasons=REASONS,
            filters=filters,
            after=after,
            next=page.next,
        )
        if "" in asked.values():  # a form sends every field: what the browser keeps as the address is the short one
            answer.headers["HX-Push-Url"] = page_path("projects", project, "flags", **filters.query)
        return answer

    return [list_flags]


def hourly(pages: Pages, name: EnvironmentName, flags: Collection[str]) -> Mapping[str, list[int]]:
    """Return how often each of *flags* was evaluated in each of the last 24 hours, the oldest first."""
    since = pages.clock.now() - timedelta(hours=_HOURS - 1)
    first = int(since.timestamp()) // 3600 * 3600
    found = pages.services.counts.hours(str(name), flags=flags, since=since.replace(minute=0, second=0, microsecond=0))
    return {flag: [found.get(flag, {}).get(first + 3600 * at, 0) for at in range(_HOURS)] for flag in flags}


def _asked(pages: Pages, reading: Reading, frame: Frame, filters: Filters) -> Asked:
    """Return what *filters* ask for. The state is that of the environment that is chosen, or of the foremost."""
    project = frame.project.key if frame.project else ""
    among: frozenset[str] | None = None
    at = next((each for each in frame.environments if each.key == filters.environment), frame.foremost)
    if filters.state and at is not None:
        standings = pages.services.flag_views.standings(reading, EnvironmentName(project, at.key))
        among = frozenset(key for key, each in standings.items() if each.on == (filters.state == "on"))
    if reason := next((each for each in get_args(ReasonName) if each == filters.reason), None):
        keys = frozenset(each.key for each in pages.services.stale_views.judged(project, AskedStale(reason=reason)))
        among = keys if among is None else among & keys
    return Asked(search=filters.q, tag=filters.tag or None, owner=filters.owner or None, among=among)


def _rows(pages: Pages, reading: Reading, frame: Frame, definitions: list[FlagDefinition]) -> list[FlagRow]:
    project, shown = frame.project.key if frame.project else "", frame.foremost
    names = [EnvironmentName(project, each.key) for each in frame.environments]
    standings = [pages.services.flag_views.standings(reading, name) for name in names]
    keys = [definition.key for definition in definitions]
    counts = {} if shown is None else hourly(pages, EnvironmentName(project, shown.key), keys)
    return [
        FlagRow(each, tuple(standing.get(each.key) for standing in standings), sum(hours), sparkline(hours))
        for each in definitions
        for hours in [counts.get(each.key, [])]
    ]
