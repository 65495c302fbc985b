"""Unleash's two dialects: `python`, the Rust core under most of its SDKs, and `node`, its Node SDK.

What both share is here: which text is hashed, what a share is, how a choice is made. What a field, a constraint or an
id is differs, and is in `python` and `node`.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from pennon.engine.dialects.seam import Choice, Dialect, Key, Test
from pennon.engine.dialects.unleash import node, python
from pennon.engine.dialects.unleash.buckets import ROLLOUT_PLACES, rollout_place, variant_place
from pennon.engine.dialects.unleash.constraints import read
from pennon.engine.dialects.unleash.seam import DEFAULT, RANDOM, Context, Readings, always
from pennon.model import Condition, Flag, Segment, Split

__all__ = ["DIALECTS", "UnleashDialect"]


class UnleashDialect:
    """Conditions and splits as one of Unleash's SDKs reads them."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def condition(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Prepare a condition. Raises `ValueError` for what this SDK does not take."""
        if condition.op == "inBucket":
            return _negated(self._share(condition, owner), negate=condition.negate)
        if condition.op == "expression" and isinstance(condition.value, dict):
            special = self._special(condition.value)
            if special is not None:
                return _negated(special, negate=condition.negate)
            test = self._readings.constraint(read(condition))
            return _negated(test, negate=condition.negate)
        return self._readings.constraint(read(condition))

    def _special(self, document: Mapping[str, Any]) -> Test | None:
        """Prepare an expression that is no constraint."""
        if isinstance(found := document.get("override"), dict):
            values = frozenset(each for each in found.get("values", ()) if isinstance(each, str))
            return self._readings.override(str(found.get("contextName")), values)
        if isinstance(name := document.get("name"), str):
            given = document.get("parameters") or {}
            return self._readings.strategy(name, {key: each for key, each in given.items() if isinstance(each, str)})
        return None

    def _share(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Hold for the places [from, to) out of 100 of the unit that `by` names."""
        by = DEFAULT if condition.by is None else condition.by
        salt = owner.salt if condition.salt is None else condition.salt
        place = rollout_place(condition.hash, salt)
        start = 0 if condition.from_ is None else condition.from_
        end = ROLLOUT_PLACES if condition.to is None else condition.to
        unit = self._readings.rollout_unit(by)
        if by in {DEFAULT, RANDOM} and start <= 0 and end >= ROLLOUT_PLACES:
            return always  # whoever has no id is given one by chance, and all of them are in

        def test(context: Context, now: float | None) -> bool:
            found = unit(context, now)
            return found is not None and start <= place(found) < end

        return test

    def split(self, split: Split, owner: Flag) -> Choice:
        """Prepare a choice of variants: the first whose running weight exceeds the unit's place."""
        weights = [weight.weight for weight in split.weights]
        if not all(isinstance(weight, int) and weight >= 0 for weight in weights) or not any(weights):
            raise ValueError("weights are integers from 0 on, and one at least is above")
        place = variant_place(split.hash, owner.salt if split.salt is None else split.salt, int(sum(weights)))
        unit = self._readings.variant_unit(split.by)
        served = [index for index, weight in enumerate(weights) if weight]
        if len(served) == 1:
            only = served[0]
            return lambda _context, _now: only
        return _chosen(unit, place, [int(bound) for bound in accumulate(weights)])

    def key(self, attribute: str) -> Key:
        """Prepare the reading of a target's attribute: a field; the targeting key is Unleash's userId."""
        reader = self._readings.field("userId" if attribute == "targetingKey" else attribute)
        return lambda context: reader(context, None)


def _negated(test: Test, *, negate: bool) -> Test:
    return (lambda context, now: not test(context, now)) if negate else test


def _chosen(
    unit: Callable[[Context, float | None], str | None], place: Callable[[str], int], bounds: Sequence[int]
) -> Choice:
    def choice(context: Context, now: float | None) -> int | None:
        found = unit(context, now)
        if found is None:
            return None
        landed = place(found)
        return next(index for index, bound in enumerate(bounds) if bound > landed)

    return choice


DIALECTS: Mapping[str, Dialect] = MappingProxyType({"python": UnleashDialect(python), "node": UnleashDialect(node)})
"""By name."""
