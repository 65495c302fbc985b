"""GrowthBook's shares, floats from 0 to 1, as whole places: the same users, for a unit's place is k/1000 or k/10000.

Comparisons are made with the very floats that the SDK compares, so that no rounding differs.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pennon.engine.dialects.growthbook.units import SCALES
from pennon.model import Condition

SCHEMES: Mapping[float, str] = {1: "fnv1a-v1", 2: "fnv1a-v2"}
"""The hash of each version that the SDKs know. Under another nobody has a place."""
_WEIGHTS_SUM_TO = (0.99, 1.01)


class Slice(NamedTuple):
    """The places [start, end), and the index of the variation that they get, None for none."""

    start: int
    end: int
    variation: int | None


class Hashing(NamedTuple):
    """How a unit gets its place: the attribute as Pennon names it, the seed, the scheme."""

    by: str
    seed: str
    scheme: str

    @property
    def scale(self) -> int:
        """Return how many places there are."""
        return SCALES[self.scheme]


def first_from(share: float, scale: int) -> int:
    """Return the first place k with k / scale ≥ *share*, *scale* if there is none."""
    place = min(max(int(share * scale) - 1, 0), scale) if 0 < share <= 1 else (0 if share <= 0 else scale)
    while place < scale and place / scale < share:
        place += 1
    return place


def first_after(share: float, scale: int) -> int:
    """Return the first place k with k / scale > *share*, *scale* if there is none."""
    place = first_from(share, scale)
    return place + 1 if place < scale and place / scale == share else place


def bucket_ranges(
    count: int, coverage: float, weights: Sequence[float] | None, *, negative: bool
) -> list[tuple[float, float]]:
    """Return the range of each of *count* variations. Weights that make no sense are equal ones.

    *negative*: weights below zero are used as they are, as the JavaScript SDK does.
    """
    coverage = min(max(coverage, 0.0), 1.0)
    is_used = weights is not None and len(weights) == count and makes_sense(weights, negative=negative)
    used = weights if is_used and weights is not None else [1 / count] * count
    ranges, cumulative = [], 0.0
    for weight in used:
        start = cumulative
        cumulative += weight
        ranges.append((start, start + coverage * weight))
    return ranges


def makes_sense(weights: Sequence[float], *, negative: bool) -> bool:
    """Tell whether the SDK takes *weights*; *negative*: those below zero, too."""
    total = 0.0
    for weight in weights:
        total += weight
    return _WEIGHTS_SUM_TO[0] <= total <= _WEIGHTS_SUM_TO[1] and (negative or all(weight >= 0 for weight in weights))


def slices(ranges: Iterable[Sequence[float]], scale: int) -> list[Slice]:
    """Cut all places by *ranges*; where some overlap the first has the place."""
    bounds = [(first_from(start, scale), first_from(end, scale)) for start, end in ranges]
    cuts = sorted({0, scale, *(cut for pair in bounds for cut in pair)})
    found: list[Slice] = []
    for start, end in pairwise(cuts):
        index = next((i for i, (low, high) in enumerate(bounds) if low <= start < high), None)
        if found and found[-1].variation == index:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Slice(start, end, index))
    return found


def within(parts: Iterable[Slice], hashing: Hashing) -> list[Condition] | None:
    """Return the conditions that a unit has a place that some of *parts* owns; None where nobody has one."""
    parts = list(parts)
    owned = [part for part in parts if part.variation is not None]
    gaps = [part for part in parts if part.variation is None]
    if not owned:
        return None
    if not gaps:
        return [Condition(op="exists", by=hashing.by)]
    if owned[-1].end - owned[0].start == sum(part.end - part.start for part in owned):
        return [_in_bucket(hashing, owned[0].start, owned[-1].end)]
    return [_in_bucket(hashing, gap.start, gap.end, negate=True) for gap in gaps]


def _in_bucket(hashing: Hashing, start: int, end: int, *, negate: bool = False) -> Condition:
    return Condition(
        op="inBucket",
        by=hashing.by,
        salt=hashing.seed,
        hash=hashing.scheme,
        from_=start,
        to=end,
        negate=negate,
    )
