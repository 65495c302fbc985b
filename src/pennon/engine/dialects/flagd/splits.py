"""flagd's `fractional` as a split: which of its weights serves.

The text that is hashed is the salt and the unit, one after the other (in the third generation the CBOR of both). The
last weight of a split is the share of nobody: where it is 0 it serves those to whom the operator gives nothing.
"""

from collections.abc import Callable
from typing import Any

from pennon.engine.dialects.flagd.fractions import Generation, fractional
from pennon.engine.dialects.flagd.nodes import Logic
from pennon.engine.dialects.flagd.values import Run, text
from pennon.engine.dialects.flagd.variants import Variants
from pennon.engine.dialects.seam import Choice
from pennon.model import Flag, Split


def choose(generation: Generation, split: Split, owner: Flag, read: Logic) -> Choice:
    """Return the choice that *split* is. *read* reads its unit.

    A salt of null is the flag's, and the unit must be text that is not empty. Another one is put before whatever text
    the unit makes, null included. An empty one hashes the unit as it is. Raises `ValueError` for a weight that is no
    integer.
    """
    weights = [_whole(weight.weight) for weight in split.weights]
    otherwise = len(weights) - 1 if weights[-1] == 0 else None
    index = generation.picker(weights if otherwise is None else weights[:-1])
    if split.salt == "":
        return _Explicit(generation, split, owner, read, otherwise).choice()
    data = _implied(generation, owner.salt, read) if split.salt is None else _salted(generation, split.salt, read)

    def choice(context: dict[Any, Any], now: float | None) -> int | None:
        hashed = data(context, Run(context, now, owner.key))
        place = None if hashed is None else index(hashed)
        return otherwise if place is None else place

    return choice


def _whole(weight: float) -> int:
    if isinstance(weight, bool) or not isinstance(weight, int):
        raise ValueError(f"the weight {weight!r} is no integer")
    return weight


def _implied(generation: Generation, salt: str, read: Logic) -> Callable[[dict[Any, Any], Run], bytes | None]:
    return lambda context, run: generation.implied(salt, read(context, run))


def _salted(generation: Generation, salt: str, read: Logic) -> Callable[[dict[Any, Any], Run], bytes | None]:
    return lambda context, run: generation.explicit(run, run.spent(salt + text(run, read(context, run))))


class _Explicit:
    """A split by a value as it is. One that is no bucketing value is a fraction to the SDK, and may name a variant."""

    def __init__(self, generation: Generation, split: Split, owner: Flag, read: Logic, otherwise: int | None) -> None:
        self._generation = generation
        self._weights = split.weights
        self._fractions = [[weight.variation, weight.weight] for weight in split.weights]
        self._places = {weight.variation: place for place, weight in reversed([*enumerate(split.weights)])}
        self._variants = Variants(owner)
        self._owner = owner
        self._read = read
        self._otherwise = otherwise

    def choice(self) -> Choice:
        index = self._generation.picker([_whole(weight.weight) for weight in self._weights])

        def choice(context: dict[Any, Any], now: float | None) -> int | None:
            run = Run(context, now, self._owner.key)
            value = self._read(context, run)
            if not self._generation.takes_explicit(value):
                return self._place(run, value)
            data = self._generation.explicit(run, value)
            place = None if data is None else index(data)
            return self._otherwise if place is None else place

        return choice

    def _place(self, run: Run, value: Any) -> int | None:
        output = fractional(self._generation, run.whole(), run, value, *self._fractions)
        name = self._variants.named(run, output)
        return self._otherwise if name is None else self._places[name]
