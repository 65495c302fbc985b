"""A flag among those that it needs and that need it, as boxes and lines of an SVG. Pure: keys in, places out."""

from collections.abc import Mapping, Sequence

import msgspec

BOX_WIDTH, BOX_HEIGHT = 168, 30
_GAP_X, _GAP_Y = 40, 10
_LONGEST = 21
Edge = tuple[str, str]


class Box(msgspec.Struct, frozen=True):
    """A flag: its key, as much of it as fits in, and the upper left corner of its box."""

    key: str
    label: str
    x: int
    y: int


class Line(msgspec.Struct, frozen=True):
    """From the right side of the flag that is needed to the left side of the one that needs it."""

    x1: int
    y1: int
    x2: int
    y2: int


class Graph(msgspec.Struct, frozen=True):
    """Boxes and lines, and the size of the drawing that holds them."""

    boxes: Sequence[Box]
    lines: Sequence[Line]
    width: int
    height: int


def graph(levels: Mapping[str, int], edges: Sequence[Edge]) -> Graph | None:
    """Return the drawing of flags by their level, and of the edges (needed, needing) among them; None without any.

    What is needed has a lower level than what needs it, and stands on the left of it.
    """
    if not edges:
        return None
    columns: dict[int, list[str]] = {}
    for key, level in levels.items():
        columns.setdefault(level, []).append(key)
    tallest = max(map(len, columns.values()))
    boxes = {
        key: _box(key, column, row, len(keys), tallest)
        for column, (_, keys) in enumerate(sorted(columns.items()))
        for row, key in enumerate(keys)
    }
    lines = [
        Line(boxes[of].x + BOX_WIDTH, boxes[of].y + BOX_HEIGHT // 2, boxes[to].x, boxes[to].y + BOX_HEIGHT // 2)
        for of, to in edges
    ]
    width = len(columns) * (BOX_WIDTH + _GAP_X) - _GAP_X + 2
    return Graph([*boxes.values()], lines, width, tallest * (BOX_HEIGHT + _GAP_Y) - _GAP_Y + 2)


def _box(key: str, column: int, row: int, rows: int, tallest: int) -> Box:
    label = key if len(key) <= _LONGEST else key[: _LONGEST - 1] + "…"
    top = (tallest - rows) * (BOX_HEIGHT + _GAP_Y) // 2
    return Box(key, label, 1 + column * (BOX_WIDTH + _GAP_X), 1 + top + row * (BOX_HEIGHT + _GAP_Y))
