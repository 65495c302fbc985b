"""How often a flag was evaluated, and what it served: by the hour or the day, as a chart and in numbers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response
from markupsafe import Markup

from pennon.control.log import EnvironmentName
from pennon.control.ui.charts import chart
from pennon.control.ui.inputs import LastKey, Named
from pennon.control.ui.rendering import Pages
from pennon.control.ui.routes import ENVIRONMENT, shows
from pennon.control.ui.visitors import Visitor
from pennon.events import HourlyCount

_HOUR_S = 3600
_MOST_LINES = 5
_OTHERS = "all others"
_DEFAULT = "the default in the code"


class Span(msgspec.Struct, frozen=True):
    """For how long one looks back, in how long steps, and how many of them are between labels."""

    words: str
    steps: int
    hours: int
    labelled: int
    label: str


SPANS: Mapping[str, Span] = {
    "24h": Span("24 hours", 24, 1, 6, "%H:%M"),
    "7d": Span("7 days", 28, 6, 8, "%d %b"),
    "30d": Span("30 days", 30, 24, 7, "%d %b"),
}
"""What one can look back for. A day is one of UTC."""


class Evaluations(msgspec.Struct, frozen=True):
    """How often each variation was served in each step, the oldest first; of the variations the most served first."""

    times: tuple[datetime, ...]
    counts: Mapping[str, tuple[int, ...]]

    @property
    def totals(self) -> Mapping[str, int]:
        """How often each variation was served in all."""
        return {variation: sum(counts) for variation, counts in self.counts.items()}


def evaluation_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/evaluations/{flag:path}")
    def show_evaluations(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, last_key: LastKey
    ) -> Response[Any]:
        """Show how often a flag was evaluated in an environment."""
        pages.services.flag_views.definition(project, last_key)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        asked = request.query_params.get("span", "")
        span = asked if asked in SPANS else "24h"
        found = evaluations(pages, EnvironmentName(project, environment), last_key, SPANS[span])
        return pages.answer(
            request,
            "evaluations.html",
            frame=frame,
            flag=last_key,
            spans=SPANS,
            span=span,
            found=found,
            drawn=drawn(found, SPANS[span]),
            format=SPANS[span].label if span != "7d" else "%d %b, %H:%M",
        )

    return [show_evaluations]


def evaluations(pages: Pages, name: EnvironmentName, flag: str, span: Span) -> Evaluations:
    """Return how often *flag* served what in the *span* that ends now."""
    step = span.hours * _HOUR_S
    last = int(pages.clock.now().timestamp()) // step * step
    first = last - (span.steps - 1) * step
    since = datetime.fromtimestamp(first, UTC)
    counted = pages.services.counts.totals(str(name), flag=flag, since=since)
    times = tuple(since + timedelta(seconds=at * step) for at in range(span.steps))
    return Evaluations(times, summed(counted, first, step, span.steps))


def summed(counted: Iterable[HourlyCount], first: int, step: int, steps: int) -> Mapping[str, tuple[int, ...]]:
    """Return by variation how often it was served in each of so many *steps* of seconds from *first* on. Pure.

    The most served come first; where there are very many, the rest are one.
    """
    found: dict[str, list[int]] = {}
    for each in counted:
        at = (each.hour - first) // step
        if 0 <= at < steps:  # an hour that began after now: another clock is ahead
            found.setdefault(each.variation or _DEFAULT, [0] * steps)[at] += each.count
    ordered = sorted(found, key=lambda variation: (-sum(found[variation]), variation))
    if len(ordered) > _MOST_LINES + 1:
        rest = [found.pop(variation) for variation in ordered[_MOST_LINES:]]
        found[_OTHERS] = [sum(each) for each in zip(*rest, strict=True)]
        ordered = [*ordered[:_MOST_LINES], _OTHERS]
    return {variation: tuple(found[variation]) for variation in ordered}


def drawn(found: Evaluations, span: Span) -> Markup:
    """Return the chart of *found*; empty where nothing was served."""
    if not found.counts:
        return Markup()
    return chart(list(found.counts.values()), _ticks(found.times, span))


def _ticks(times: Sequence[datetime], span: Span) -> Mapping[int, str]:
    # From the right: the newest is what is looked for, and its label is whole.
    places = range(len(times) - 1, -1, -span.labelled)
    return {place: times[place].strftime(span.label) for place in sorted(places)}
