"""Which flags a flag needs, and which need it, two steps far."""

from pennon.control.flags.views import FlagViews
from pennon.control.log import EnvironmentName, Reading
from pennon.control.ui.graph import Edge, Graph, graph
from pennon.model import Flag

_MOST = 8
"""So many of each step are drawn: with more, nobody sees anything."""


def needed_by(flags: FlagViews, reading: Reading, name: EnvironmentName, key: str) -> list[str]:
    """Return the keys of the flags that need the flag *key* in an environment, in order."""
    return [user for _, user in flags.users(reading, name, ("flag", key))]


def graph_of(
    flags: FlagViews, reading: Reading, name: EnvironmentName, flag: Flag, dependants: list[str]
) -> Graph | None:
    """Return the drawing of *flag*, what it needs, what that needs, the *dependants*, and who needs those."""
    levels: dict[str, int] = {flag.key: 0}
    edges: list[Edge] = []
    for needed in _needs(flag):
        _join(levels, edges, (needed, flag.key), needed, -1)
        stored = reading.item(name.log, "flag", needed)
        for further in () if stored is None else _needs(stored.read(Flag)):
            _join(levels, edges, (further, needed), further, -2)
    for needing in dependants[:_MOST]:
        _join(levels, edges, (flag.key, needing), needing, 1)
        for further in needed_by(flags, reading, name, needing)[:_MOST]:
            _join(levels, edges, (needing, further), further, 2)
    return graph(levels, [edge for edge in edges if levels[edge[0]] < levels[edge[1]]])


def _needs(flag: Flag) -> list[str]:
    return [each.flag for each in flag.prerequisites[:_MOST]]


def _join(levels: dict[str, int], edges: list[Edge], edge: Edge, key: str, level: int) -> None:
    levels.setdefault(key, level)
    edges.append(edge)
