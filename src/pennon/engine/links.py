"""Which items an item needs, through all that they need: found once, so that a delta reaches what it concerns.

Cycles and chains that are too deep are found here.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from pennon.model import Flag, InvalidItem, ItemKind, Rule, Segment, SegmentRule, Serve, Snapshot

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
    everything: tuple[Node, ...] = ()
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
        self._has_all_flags = False

    def after(self, snapshot: Snapshot, touched: Iterable[Node]) -> tuple["Links", list[Node]]:
        """Return the links of *snapshot*, which differs in *touched* only, and every item that may differ now."""
        links = Links(snapshot)
        links._users = self._users
        links._known = self._known.copy()
        affected = dict.fromkeys(node for touch in touched for node in (touch, *self._users.get(touch, ())))
        for node in affected:
            links._known.pop(node, None)
        if self._has_all_flags:
            links._link_flags(key for kind, key in affected if kind == "flag")
        return links, list(affected)

    def flags_using(self, nodes: Iterable[Node]) -> frozenset[str]:
        """Return the flags that need any of *nodes*. The first time all flags are read; later, what `after` touches."""
        if not self._has_all_flags:
            self._link_flags(self._snapshot.flags)
        wanted = frozenset(nodes)
        # A tuple at once: another thread may note a user meanwhile.
        users = {user for node in wanted for user in tuple(self._users.get(node, ()))}
        flags = (key for kind, key in users if kind == "flag" and key in self._snapshot.flags.records)
        return frozenset(key for key in flags if not wanted.isdisjoint(self.of("flag", key).everything))

    def _link_flags(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.of("flag", key)
        self._has_all_flags = True

    def of(self, kind: ItemKind, key: str, model: Flag | Segment | None = None) -> Link:
        """Return what an item needs, *model* if it is at hand. One that is not there, or broken, needs nothing."""
        node = (kind, key)
        try:
            return self._link(node, (), model)
        except _TooDeep as error:
            return self._noted(node, _too_deep(kind, error.path))

    def is_shared(self, link: Link) -> bool:
        """Tell whether something is needed by two ways, so that its answer is worth remembering."""
        items = [node for node in link.everything if node[0] != "layer"]
        asked = len(link.direct) + sum(len(self._known.get(node, _ALONE).direct) for node in items)
        return asked > len(items)

    def _noted(self, node: Node, link: Link, *, is_asked_again: bool = False) -> Link:
        """Note whom a change of what *link* has reaches. A flag that nobody needs is asked about once: not kept."""
        for needed in link.everything:
            self._users.setdefault(needed, {})[node] = None
        if is_asked_again:
            self._known[node] = link
        return link

    def _link(self, node: Node, path: tuple[Node, ...], model: Flag | Segment | None = None) -> Link:
        known = self._known.get(node)
        if known is not None:
            return known
        if node in path:
            cycle = (*path[path.index(node) :], node)
            return Link(everything=cycle, cycle=" → ".join(key for _, key in cycle))
        if len(path) > DEEPEST - (node[0] == "segment"):
            raise _TooDeep((*path, node))
        found = model or self._model(node)
        link = _ALONE
        if isinstance(found, Flag):
            link = self._flag_link(found, (*path, node))
        elif found is not None:
            link = self._segment_link(found, (*path, node))
        return self._noted(node, link, is_asked_again=bool(path) or node[0] == "segment")

    def _model(self, node: Node) -> Flag | Segment | None:
        try:
            return self._snapshot.flags[node[1]] if node[0] == "flag" else self._snapshot.segments[node[1]]
        except (KeyError, InvalidItem):
            return None

    def _segment_link(self, segment: Segment, path: tuple[Node, ...]) -> Link:
        direct = segments_asked(segment.rules)
        below = [self._link(child, path) for child in dict.fromkeys(direct)]
        deep = 1 + max((child.deep for child in below), default=0)
        cycle = _cycle(below)
        problem = _cycle_problem(cycle) or _depth_problem("segment", deep)
        return Link(direct, _everything(direct, below), deep, problem, cycle)

    def _flag_link(self, flag: Flag, path: tuple[Node, ...]) -> Link:
        segments, layers = segments_asked(flag.rules), _layers(flag)
        flags: tuple[Node, ...] = tuple(("flag", key) for key in flags_asked(flag))
        if not (segments or flags or layers):
            return _ALONE
        lists = [self._member_link(child) for child in dict.fromkeys(segments)]
        needed = [self._link(child, path) for child in dict.fromkeys(flags)]
        deep = max((1 + child.deep for child in needed), default=0)
        cycle = _cycle(lists + needed)
        broken = next((child.problem for child in lists if child.problem), None)
        problem = _cycle_problem(cycle) or broken or _depth_problem("flag", deep)
        return Link(segments + flags, _everything(segments + flags + layers, lists + needed), deep, problem, cycle)

    def _member_link(self, segment: Node) -> Link:
        try:
            return self._link(segment, ())
        except _TooDeep as error:
            return self._noted(segment, _too_deep("segment", error.path), is_asked_again=True)


def _everything(direct: tuple[Node, ...], below: list[Link]) -> tuple[Node, ...]:
    return tuple(dict.fromkeys((*direct, *(node for link in below for node in link.everything))))


def _cycle(below: list[Link]) -> str | None:
    return next((link.cycle for link in below if link.cycle), None)


def _cycle_problem(cycle: str | None) -> str | None:
    return cycle and f"it needs itself, or what does: {cycle}"


def _depth_problem(kind: ItemKind, deep: int) -> str | None:
    if deep <= DEEPEST:
        return None
    what = "prerequisites" if kind == "flag" else "segments"
    return f"its chain of {what} is more than {DEEPEST} deep"


def _too_deep(kind: ItemKind, path: tuple[Node, ...]) -> Link:
    return Link(everything=path, deep=DEEPEST + 1, problem=_depth_problem(kind, DEEPEST + 1))


def segments_asked(rules: tuple[Rule, ...] | tuple[SegmentRule, ...]) -> tuple[Node, ...]:
    """Return each segment that the conditions of *rules* ask for, as often as they do."""
    conditions = [each for rule in rules for each in rule.conditions if each.op == "inSegment"]
    return tuple(("segment", value) for each in conditions for value in each.values if isinstance(value, str))


def flags_asked(flag: Flag) -> tuple[str, ...]:
    """Return each flag that *flag* asks what it serves, as often as it does."""
    required = [prerequisite.flag for prerequisite in flag.prerequisites]
    if flag.compat is not None:
        conditions = [each for rule in flag.rules for each in rule.conditions if each.op == "serves"]
        required += [each.attribute for each in conditions if each.attribute is not None]
    return tuple(required)


def _layers(flag: Flag) -> tuple[Node, ...]:
    serves = [rule.serve for rule in flag.rules] + [flag.fallthrough]
    if flag.staleness is not None:
        serves.append(flag.staleness.serve)
    return tuple(("layer", layer) for serve in serves if (layer := _layer(serve)) is not None)


def _layer(serve: Serve) -> str | None:
    return serve.split.experiment.layer if serve.split is not None and serve.split.experiment is not None else None
