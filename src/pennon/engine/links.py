"""Which items an item needs, through all that they need: found once, so that a delta reaches what it concerns.

Cycles and chains that are too deep are found here.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from pennon.model import Flag, InvalidItem, ItemKind, Rule, SegmentRule, Serve, Snapshot

Node: TypeAlias = tuple[ItemKind, str]
DEEPEST = 32
"""So many prerequisites may hang in a chain below a flag, and so many segments below a flag or a segment's user."""


class Link(NamedTuple):
    """What one item needs.

    `direct` names each flag and segment as often as it is asked for; `everything` has all that matters to the item,
    layers and items that do not exist too. `problem` says why the item cannot be evaluated; a `cycle` is also one of
    all that need the item.
    """

    direct: tuple[Node, ...] = ()
    everything: frozenset[Node] = frozenset()
    deep: int = 0
    problem: str | None = None
    cycle: str | None = None


_ALONE = Link()


class _TooDeep(Exception):
    def __init__(self, path: tuple[Node, ...]) -> None:
        self.path = path
        super().__init__()


class Links:
    """The links of a snapshot's items, found when asked for. `after` carries them over to a later snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[Node, Link] = {}
        # Grows only, and is shared with later snapshots: an item too many is compiled again for nothing, no more.
        self._users: dict[Node, dict[Node, None]] = {}

    def after(self, snapshot: Snapshot, touched: Iterable[Node]) -> tuple["Links", list[Node]]:
        """Return the links of *snapshot*, which differs in *touched* only, and every item that may differ now."""
        links = Links(snapshot)
        links._users = self._users
        links._known = self._known.copy()
        affected = dict.fromkeys(node for touch in touched for node in (touch, *self._users.get(touch, ())))
        for node in affected:
            links._known.pop(node, None)
        return links, list(affected)

    def of(self, kind: ItemKind, key: str) -> Link:
        """Return what an item needs. An item that is not there, or cannot be read, needs nothing."""
        node = (kind, key)
        try:
            return self._link(node, ())
        except _TooDeep as error:
            return self._note(node, _too_deep(kind, error.path))

    def is_shared(self, link: Link) -> bool:
        """Tell whether something is needed by two ways, so that its answer is worth remembering."""
        items = [node for node in link.everything if node[0] != "layer"]
        asked = len(link.direct) + sum(len(self._known.get(node, _ALONE).direct) for node in items)
        return asked > len(items)

    def _note(self, node: Node, link: Link) -> Link:
        for needed in link.everything:
            self._users.setdefault(needed, {})[node] = None
        self._known[node] = link
        return link

    def _link(self, node: Node, path: tuple[Node, ...]) -> Link:
        known = self._known.get(node)
        if known is not None:
            return known
        if node in path:
            cycle = (*path[path.index(node) :], node)
            return Link(everything=frozenset(cycle), cycle=" → ".join(key for _, key in cycle))
        if len(path) > DEEPEST - (node[0] == "segment"):
            raise _TooDeep((*path, node))
        if node[0] == "segment":
            return self._note(node, self._segment_link(node, path))
        return self._note(node, self._flag_link(node, path))

    def _segment_link(self, node: Node, path: tuple[Node, ...]) -> Link:
        segment = self._snapshot.segments.get(node[1]) if self._readable(node) else None
        direct = () if segment is None else tuple(_segments(segment.rules))
        below = [self._link(child, (*path, node)) for child in dict.fromkeys(direct)]
        link = _joined(direct, (), below)
        deep = 1 + max((child.deep for child in below), default=0)
        return link._replace(deep=deep, problem=_cycle_problem(link) or _depth_problem("segment", deep))

    def _flag_link(self, node: Node, path: tuple[Node, ...]) -> Link:
        if not self._readable(node):
            return _ALONE
        flag = self._snapshot.flags[node[1]]
        segments: tuple[Node, ...] = tuple(_segments(flag.rules))
        flags: tuple[Node, ...] = tuple(("flag", prerequisite.flag) for prerequisite in flag.prerequisites)
        if not (segments or flags):
            return _joined((), _layers(flag), [])
        try:
            lists = [self._link(child, ()) for child in dict.fromkeys(segments)]
        except _TooDeep as error:
            return _too_deep("segment", error.path)
        needed = [self._link(child, (*path, node)) for child in dict.fromkeys(flags)]
        link = _joined(segments + flags, _layers(flag), lists + needed)
        deep = max((1 + child.deep for child in needed), default=0)
        problem = next((child.problem for child in lists if child.problem), None)
        return link._replace(deep=deep, problem=_cycle_problem(link) or problem or _depth_problem("flag", deep))

    def _readable(self, node: Node) -> bool:
        try:
            return bool(self._snapshot.flags[node[1]] if node[0] == "flag" else self._snapshot.segments[node[1]])
        except (KeyError, InvalidItem):
            return False


def _joined(direct: tuple[Node, ...], layers: tuple[Node, ...], below: list[Link]) -> Link:
    if not (direct or layers):
        return _ALONE
    everything = frozenset(direct).union(layers, *(child.everything for child in below))
    cycle = next((child.cycle for child in below if child.cycle), None)
    return Link(direct, everything, cycle=cycle)


def _cycle_problem(link: Link) -> str | None:
    return link.cycle and f"it needs itself, or what does: {link.cycle}"


def _depth_problem(kind: ItemKind, deep: int) -> str | None:
    if deep <= DEEPEST:
        return None
    what = "prerequisites" if kind == "flag" else "segments"
    return f"its chain of {what} is more than {DEEPEST} deep"


def _too_deep(kind: ItemKind, path: tuple[Node, ...]) -> Link:
    return Link(everything=frozenset(path), deep=DEEPEST + 1, problem=_depth_problem(kind, DEEPEST + 1))


def _segments(rules: tuple[Rule, ...] | tuple[SegmentRule, ...]) -> Iterator[Node]:
    for rule in rules:
        for condition in rule.conditions:
            if condition.op == "inSegment":
                yield from (("segment", value) for value in condition.values if isinstance(value, str))


def _layers(flag: Flag) -> tuple[Node, ...]:
    serves = [rule.serve for rule in flag.rules] + [flag.fallthrough]
    if flag.staleness is not None:
        serves.append(flag.staleness.serve)
    return tuple(("layer", layer) for serve in serves if (layer := _layer(serve)) is not None)


def _layer(serve: Serve) -> str | None:
    return serve.split.experiment.layer if serve.split is not None and serve.split.experiment is not None else None
