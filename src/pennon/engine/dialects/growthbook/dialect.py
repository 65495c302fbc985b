"""The two dialects of GrowthBook: conditions, units and splits put together for the engine."""

from typing import Any

from pennon.engine.dialects.growthbook.attributes import unit_reader
from pennon.engine.dialects.growthbook.conditions import Conditions
from pennon.engine.dialects.growthbook.operators import as_expression
from pennon.engine.dialects.growthbook.units import Unit, choice, place
from pennon.engine.dialects.seam import Choice, Key, Test
from pennon.model import Condition, Flag, Segment, Split


class GrowthBook:
    """One of GrowthBook's SDKs, as a dialect."""

    def __init__(self, conditions: Conditions, unit: Unit, stored_name: Unit) -> None:
        """*unit* makes the text that is hashed of an attribute's value, *stored_name* that of its sticky bucket."""
        self.conditions = conditions
        self._unit = unit
        self._stored_name = stored_name

    def condition(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Prepare a condition: one about a unit, which it names with `by`, or one about attributes."""
        if condition.by is not None or condition.op == "inBucket":
            return self._about_unit(condition, owner)
        holds = self.conditions.expression(as_expression(condition))
        return lambda context, now: holds(context)

    def _about_unit(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Prepare `inBucket`, `in` and `exists` of a unit. Who has none is in no bucket and no list, negated or not."""
        read, unit, wanted = unit_reader(condition.by or "targetingKey"), self._unit, not condition.negate
        if condition.op == "exists":
            return lambda context, now: (unit(read(context)) is not None) is wanted
        if condition.op == "in":
            listed = frozenset(value for value in condition.values if isinstance(value, str))
            name = self._stored_name
            return lambda context, now: (found := name(read(context))) is not None and (found in listed) is wanted
        if condition.op != "inBucket":
            raise ValueError(f"{condition.op} asks about an attribute, not about a unit")
        start, end = condition.from_, condition.to
        if start is None or end is None:
            raise ValueError("inBucket goes from a place to another")
        find = place(condition.hash, owner.salt if condition.salt is None else condition.salt)

        def is_between(context: dict[Any, Any], now: float | None) -> bool:
            found = unit(read(context))
            return found is not None and (start <= find(found) < end) is wanted

        return is_between

    def split(self, split: Split, owner: Flag) -> Choice:
        """Prepare a split by one of GrowthBook's hashes."""
        return choice(split, owner.salt if split.salt is None else split.salt, self._unit)

    def key(self, attribute: str) -> Key:
        """Prepare the reading of a unit; the targeting key is the attribute `id`, as the SDK would have it."""
        read, unit = unit_reader(attribute), self._unit
        return lambda context: unit(read(context))
