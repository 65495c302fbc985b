"""Small charts as the points of SVG shapes. Pure: numbers in, text out; templates have the elements."""

from collections.abc import Sequence

import msgspec

WIDTH, HEIGHT = 72, 18
"""Of a sparkline's view box."""


def sparkline(values: Sequence[float]) -> str:
    """Return the points of the line through *values*, from left to right; empty where all are 0."""
    highest = max(values, default=0)
    if highest <= 0 or len(values) < 2:
        return ""
    step = WIDTH / (len(values) - 1)
    places = ((at * step, HEIGHT - 1 - value / highest * (HEIGHT - 2)) for at, value in enumerate(values))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


CHART_WIDTH, CHART_HEIGHT = 600, 120
"""Of a chart of columns."""


class Column(msgspec.Struct, frozen=True):
    """A column of a chart: its left and upper edge, its width and its height, in the chart's view box."""

    x: float
    y: float
    width: float
    height: float


def columns(values: Sequence[float]) -> list[Column]:
    """Return a column for each of *values*, from left to right, the highest as high as the chart."""
    highest = max(values, default=0) or 1
    step = CHART_WIDTH / max(len(values), 12)
    return [
        Column(round(at * step + step * 0.1, 1), round(CHART_HEIGHT - height, 1), round(step * 0.8, 1), height)
        for at, value in enumerate(values)
        for height in [round(max(1.0, value / highest * CHART_HEIGHT), 1)]
    ]
