"""Charts as SVG: sparklines of a few lines of our own, and what has axes by a library. Pure: numbers in, text out."""

import re
from collections.abc import Collection, Mapping, Sequence
from xml.etree.ElementTree import tostring

from leather import Chart, Dots, Line, Linear, Series
from markupsafe import Markup

WIDTH, HEIGHT = 72, 18
"""Of a sparkline's view box."""
CHART_SIZE = 480, 220
VIEW_BOX = "16 32 456 174"
"""Of a chart with axes: all of it but the margins, and the room for a legend, that the library leaves."""
DASHES = ("none", "6 3", "2 2", "8 2 2 2")
"""Lines are told apart without their colours, too."""
_FRACTION = re.compile(r"(\d\.\d)\d+")


def sparkline(values: Sequence[float]) -> str:
    """Return the points of the line through *values*, from left to right; empty where all are 0."""
    highest = max(values, default=0)
    if highest <= 0 or len(values) < 2:
        return ""
    step = WIDTH / (len(values) - 1)
    places = ((at * step, HEIGHT - 1 - value / highest * (HEIGHT - 2)) for at, value in enumerate(values))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def chart(lines: Sequence[Sequence[float]], ticks: Mapping[int, str], *, marked: Collection[int] = ()) -> Markup:
    """Return *lines* with their axes as an SVG group, to be seen through `VIEW_BOX`. Its colours are tokens.

    All lines have as many values, from left to right; *ticks* label places by their index. Places of the first line
    that are *marked* get a dot. The lines are drawn in the colours and dashes of a legend's items, in its order.
    """
    highest = max((value for line in lines for value in line), default=0) or 1
    drawn = Chart()
    drawn.set_x_scale(_Places(0, max(len(lines[0]) - 1, 1)))
    drawn.add_x_axis(ticks=list(ticks), tick_formatter=lambda place, *_: ticks[place])
    drawn.add_y_scale(0, highest)
    drawn.add_y_axis(tick_formatter=lambda value, *_: compact(float(value)))
    for at, line in enumerate(lines):
        drawn.add_series(Series(list(enumerate(line))), _Line(f"var(--series-{at})", 1.5, DASHES[at % len(DASHES)]))
    if marked:
        dots = [(place, lines[0][place]) for place in sorted(marked)]
        drawn.add_series(Series(dots), _Dots("var(--danger)", 3.5))
    return Markup(_FRACTION.sub(r"\1", tostring(drawn.to_svg_group(*CHART_SIZE), encoding="unicode")))


def compact(number: float) -> str:
    """Return a number as short as it is read: `940`, `12.3 k`, `4.1 M`."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number:g}"


class _Places(Linear):  # type: ignore[misc]  # the library has no types
    """A scale from edge to edge, where the library's own would end at a round number."""

    def project(self, value: float, range_min: float, range_max: float) -> float:
        return range_min + (range_max - range_min) * value / float(self._data_max)


class _Line(Line):  # type: ignore[misc]
    """A line whose legend is beside the chart, where it can wrap."""

    def legend_to_svg(self, *_: object) -> list[object]:
        return []


class _Dots(Dots):  # type: ignore[misc]
    def legend_to_svg(self, *_: object) -> list[object]:
        return []
