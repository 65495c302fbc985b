"""GrowthBook's conditions as Pennon's: operators where they carry the whole meaning, expressions else; and segments."""

from collections.abc import Callable, Iterator

import msgspec

from pennon.engine.dialects.growthbook import DIALECTS as READERS
from pennon.engine.dialects.growthbook.coercion import is_true
from pennon.engine.dialects.growthbook.conditions import LOGICAL, is_operators
from pennon.engine.dialects.growthbook.operators import COMPARISONS
from pennon.importers.growthbook.doubts import doubts_of
from pennon.importers.growthbook.groups import NOBODY, Groups
from pennon.importers.growthbook.vendor import JAVASCRIPT, VENDOR, Impossible
from pennon.importers.plan import PlannedSegment
from pennon.model import Compat, Condition, Flag, Json, Segment, SegmentRule
from pennon.model.limits import DEFAULT_LIMITS
from pennon.model.validation import segment_problems

_COMPARISONS = {theirs: ours for ours, theirs in COMPARISONS.items()}
_MEMBERSHIPS = {"$in": (False, False), "$nin": (True, False), "$ini": (False, True), "$nini": (True, True)}
"""Which are negated, and which have no regard to case."""
_DEEPEST = 24


class Carrier:
    """Carries conditions of one file over to one dialect, and keeps the segments that they need."""

    def __init__(self, groups: Groups, dialect: str) -> None:
        self.compat = Compat(VENDOR, dialect)
        self.reader = READERS[dialect]
        self._groups = groups
        self._truth = is_true if dialect == JAVASCRIPT else bool
        self._has_not_regex = dialect != JAVASCRIPT
        self._segments: dict[str, PlannedSegment] = {}
        self._known: dict[tuple[str, str | None], tuple[str, ...]] = {}

    def segments(self) -> tuple[PlannedSegment, ...]:
        """Return the segments that were needed so far, in the order of their keys."""
        return tuple(self._segments[key] for key in sorted(self._segments))

    def holds_of_value(self, condition: Json, value: Json) -> bool:
        """Tell whether a prerequisite's condition holds of a value."""
        holds = self.reader.conditions.expression(self._groups.written_out(condition))
        return holds({"value": value})

    def carried(self, condition: dict[str, Json]) -> list[Condition]:
        """Return conditions that hold together where *condition* does. Raises `Impossible`."""
        return list(self._carried(condition))

    def negated(self, condition: dict[str, Json]) -> Condition:
        """Return the condition that holds where *condition* does not."""
        return Condition(op="expression", value=self._groups.written_out(condition), negate=True)

    def check(self, condition: Condition, owner: Flag | Segment) -> None:
        """Raise `Impossible` where the dialect cannot read *condition*."""
        if condition.op in {"inSegment", "serves"}:
            return
        try:
            self.reader.condition(condition, owner)
        except ValueError as error:
            raise Impossible("", str(error)) from error

    def doubts(self, condition: Json) -> Iterator[str]:
        """Yield under which conditions the dialect reads *condition* as the SDK does, where it does not always."""
        yield from dict.fromkeys(doubts_of(self._groups.written_out(condition), self.compat.dialect))

    def _carried(self, condition: dict[str, Json]) -> Iterator[Condition]:
        for key, value in condition.items():
            if key == "$and":
                for each in value:
                    yield from self._carried(each)
            elif key == "$savedGroup":
                yield self._referred(value)
            elif key == "$not" and isinstance(value, dict) and value.keys() == {"$savedGroup"}:
                yield self._referred(value["$savedGroup"], negate=True)
            elif key in LOGICAL or not key:
                yield self._expression({key: value})
            elif not is_operators(value):
                yield self._literal(key, value)
            elif value:
                yield from (self._operator(key, name, operand) for name, operand in value.items())
            elif self.compat.dialect == JAVASCRIPT:  # an empty object is a literal; in Python it holds always
                yield self._expression({key: value})

    def _expression(self, condition: Json) -> Condition:
        return Condition(op="expression", value=self._groups.written_out(condition))

    def _literal(self, attribute: str, value: Json) -> Condition:
        if value is None:
            return Condition(op="exists", attribute=attribute, negate=True)
        if isinstance(value, (str, bool, int, float)):
            return Condition(op="equals", attribute=attribute, values=(value,))
        return self._expression({attribute: value})

    def _operator(self, attribute: str, name: str, operand: Json) -> Condition:
        if name in {"$inGroup", "$notInGroup"}:
            return self._in_list(attribute, operand, negate=name == "$notInGroup")
        if name in _MEMBERSHIPS and isinstance(operand, list):
            negate, ignore_case = _MEMBERSHIPS[name]
            return Condition(
                op="in", attribute=attribute, values=tuple(operand), negate=negate, ignore_case=ignore_case
            )
        if name in _COMPARISONS and isinstance(operand, (str, bool, int, float)):
            return Condition(op=_COMPARISONS[name], attribute=attribute, values=(operand,))
        if name == "$exists":
            return Condition(op="exists", attribute=attribute, negate=not self._truth(operand))
        if isinstance(operand, str) and name in {"$regex", "$regexi"}:
            return Condition(op="matches", attribute=attribute, values=(operand,), ignore_case=name == "$regexi")
        if isinstance(operand, str) and self._has_not_regex and name in {"$notRegex", "$notRegexi"}:
            is_blind = name == "$notRegexi"
            return Condition(op="matches", attribute=attribute, values=(operand,), ignore_case=is_blind, negate=True)
        return self._expression({attribute: {name: operand}})

    # Saved groups

    def _in_list(self, attribute: str, group: str, *, negate: bool) -> Condition:
        values = self._groups.values(group)
        if values is None:
            return Condition(op="expression", value=NOBODY)  # for nobody, negated or not
        listed = self._groups.list_of({"id": group})
        is_own = listed is not None and listed[0] == attribute
        keys = self._list_segments(group, attribute, values, is_own=is_own)
        return Condition(op="inSegment", values=keys, negate=negate)

    def _referred(self, reference: dict[str, str], *, negate: bool = False) -> Condition:
        group = reference["id"]
        if (listed := self._groups.list_of(reference)) is not None:
            attribute, values = listed
            keys = self._list_segments(group, attribute, values, is_own="attributeKey" not in reference)
            return Condition(op="inSegment", values=keys, negate=negate)
        condition = self._groups.condition_of(group)
        if condition is None:
            return Condition(op="expression", value=NOBODY, negate=negate)
        if self._groups.is_deep(group, _DEEPEST):  # segments are in no rings, and chains of them end
            written = self._groups.written_out({"$savedGroup": reference})
            return Condition(op="expression", value=written, negate=negate)
        return Condition(op="inSegment", values=self._condition_segment(group, condition), negate=negate)

    def _list_segments(self, group: str, attribute: str, values: list[Json], *, is_own: bool) -> tuple[str, ...]:
        name = (group, attribute)
        if name not in self._known:
            wanted = group if is_own else f"{group}.{attribute}"
            is_path = bool(attribute) and attribute not in LOGICAL

            def listed(part: list[Json]) -> Condition:
                if is_path:
                    return Condition(op="in", attribute=attribute, values=tuple(part))
                return Condition(op="expression", value={attribute: {"$in": part}})

            self._known[name] = self.lists(wanted, group, listed, values)
        return self._known[name]

    def _condition_segment(self, group: str, condition: dict[str, Json]) -> tuple[str, ...]:
        name = (group, None)
        if name not in self._known:
            self._known[name] = (self.segment(group, group, self.carried(condition)),)
        return self._known[name]

    def lists(
        self, wanted: str, source: str, listed: Callable[[list[Json]], Condition], values: list[Json]
    ) -> tuple[str, ...]:
        """Plan segments of those of whom any of *values* holds: as many as they need. Raises `Impossible`."""
        return tuple(self.segment(wanted, source, [listed(part)]) for part in _parts(values))

    def segment(self, wanted: str, source: str, conditions: list[Condition]) -> str:
        """Plan a segment of those for whom all *conditions* hold, and return its key. Raises `Impossible`."""
        key, count = wanted or "group", 1
        while key in self._segments:
            count += 1
            key = f"{wanted}-{count}"
        rule = SegmentRule(conditions=tuple(conditions), id="all")
        segment = Segment(key=key, rules=(rule,), compat=self.compat)
        for problem in segment_problems(segment):
            raise Impossible("", f"{source!r} cannot be a segment: {problem}")
        for condition in conditions:
            self.check(condition, segment)
        self._segments[key] = PlannedSegment(key=key, source=source, segment=segment)
        return key


def _parts(values: list[Json]) -> Iterator[list[Json]]:
    """Cut a list into parts that a segment each can hold; there is one at least."""
    start, size = 0, 0
    for index, value in enumerate(values):
        more = len(msgspec.json.encode(value)) + 1
        if size + more > _PART_BYTES:
            yield values[start:index]
            start, size = index, 0
        size += more
    yield values[start:]


_PART_BYTES = DEFAULT_LIMITS.segment_bytes - 4096
