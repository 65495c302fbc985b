"""Whom GrowthBook buckets, and where they land: the unit of an attribute, its place, the slice of a split."""

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any, TypeAlias

from pennon.bucketing.fnv import PLACES_V1, PLACES_V2, fnv1a_32
from pennon.engine.dialects.growthbook.attributes import unit_reader
from pennon.engine.dialects.seam import Choice
from pennon.model import Split

Unit: TypeAlias = Callable[[Any], str | None]
"""Returns the text that is hashed for an attribute's value, None where it identifies nobody."""
Place: TypeAlias = Callable[[str], int]

SCALES = {"fnv1a-v1": PLACES_V1, "fnv1a-v2": PLACES_V2}
"""The hash schemes, and how many places each has."""


def place(scheme: str | None, seed: str) -> Place:
    """Return what tells the place of a unit under *scheme* and *seed*. Raises `ValueError`."""
    if scheme == "fnv1a-v1":
        return lambda unit: fnv1a_32(unit + seed) % PLACES_V1
    if scheme == "fnv1a-v2":
        start = fnv1a_32(seed)
        return lambda unit: fnv1a_32(str(fnv1a_32(unit, start))) % PLACES_V2
    raise ValueError(f"GrowthBook has no hash {scheme!r}, only {' and '.join(SCALES)}")


def choice(split: Split, seed: str, unit: Unit) -> Choice:
    """Return what chooses among a split's weights, which are numbers of places. Raises `ValueError`."""
    find = place(split.hash, seed)
    bounds = list(accumulate(weight.weight for weight in split.weights))
    scale = SCALES[split.hash]
    if bounds[-1:] != [scale]:
        raise ValueError(f"the weights of a split by {split.hash} sum to {scale}, not to {sum(bounds[-1:])}")
    read = unit_reader(split.by)

    def choose(context: dict[Any, Any], now: float | None) -> int | None:
        found = unit(read(context))
        return None if found is None else bisect_right(bounds, find(found))

    return choose
