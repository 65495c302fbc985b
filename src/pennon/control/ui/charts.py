"""Small charts as the points of SVG shapes. Pure: numbers in, text out; templates have the elements."""

from collections.abc import Sequence

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
