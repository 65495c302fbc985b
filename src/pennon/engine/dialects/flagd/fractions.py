"""flagd's `fractional` in its three generations: which variant the bucket of a value falls to."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

from pennon.bucketing.cbor import cbor
from pennon.bucketing.flagd import HEAVIEST, percentage, share
from pennon.engine.dialects.flagd.values import Run

Fraction: TypeAlias = tuple[Any, int]
"""A variant, and its weight."""
Hashed: TypeAlias = Callable[[Run, Any], bytes | None]
"""Returns what is hashed of a bucketing value, None of one that is not taken."""


class _NoFraction(Exception):
    """The SDK refuses the fractions, and logs that: nobody gets any of them."""


class Generation(NamedTuple):
    """What one generation does.

    `takes_explicit` tells whether the first argument is a bucketing value, or a fraction already; `explicit` and
    `implied` return what is hashed of such a value, and of a salt and a targeting key; `fraction` reads one; `picker`
    tells for weights which of them a hashed text falls to, None for none.
    """

    takes_explicit: Callable[[Any], bool]
    explicit: Hashed
    implied: Callable[[Any, Any], bytes | None]
    fraction: Callable[[Any], Fraction]
    picker: Callable[[Sequence[int]], Callable[[bytes], int | None]]


def fractional(generation: Generation, scope: Any, run: Run, *args: Any) -> Any:
    """Return the variant that the operator picks, None where it picks none.

    *scope* is what `$flagd` and the targeting key are read from: within `map` and the like it is the element.
    """
    if not args:
        return None
    if generation.takes_explicit(args[0]):
        data, args = generation.explicit(run, args[0]), args[1:]
    else:
        data = generation.implied(scope.get("$flagd", {}).get("flagKey", ""), scope.get("targetingKey"))
    if data is None:
        return None
    try:
        fractions = [generation.fraction(arg) for arg in args]
    except _NoFraction:
        return None
    index = generation.picker([weight for _, weight in fractions])(data)
    return None if index is None else fractions[index][0]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_no_array(value: Any) -> bool:
    return not isinstance(value, (list, tuple))


def _hashed_text(_run: Run, value: Any) -> bytes | None:
    return value.encode() if value else None


def _hashed_value(run: Run, value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        return cbor(run.weigh(value))
    except (ValueError, TypeError, RecursionError):  # half a surrogate pair, what is no JSON, a cycle
        return None


def _implied_text(salt: Any, key: Any) -> bytes | None:
    # The SDK adds them, which raises for a key that is no text.
    return (salt + key).encode() if key else None


def _implied_value(salt: Any, key: Any) -> bytes | None:
    if not isinstance(key, str) or not key:
        return None
    try:
        return cbor([salt, key])
    except (ValueError, TypeError, RecursionError):
        return None


def _parts(fraction: Any) -> tuple[Any, Any]:
    if not isinstance(fraction, (list, tuple)) or not 1 <= len(fraction) <= 2:
        raise _NoFraction
    return fraction[0], fraction[1] if len(fraction) == 2 else 1


def _first_fraction(fraction: Any) -> Fraction:
    variant, weight = _parts(fraction)
    if not isinstance(variant, str) or not isinstance(weight, int):
        raise _NoFraction
    return variant, weight


def _later_fraction(fraction: Any) -> Fraction:
    variant, weight = _parts(fraction)
    if isinstance(weight, bool) or not isinstance(weight, int):
        raise _NoFraction
    return variant, max(0, weight)


def _first_picker(weights: Sequence[int]) -> Callable[[bytes], int | None]:
    """Compare percentages, which are added up as floats; weights below 0 take from those before."""
    total = sum(weights)
    if total == 0 and weights:
        return _by_nothing
    bounds = [float(bound) for bound in accumulate((weight * 100 / total for weight in weights), initial=0.0)][1:]

    def index(data: bytes) -> int | None:
        bucket = percentage(data)
        return next((place for place, bound in enumerate(bounds) if bucket < bound), None)

    return index


def _by_nothing(_data: bytes) -> int | None:
    raise ZeroDivisionError("the weights of a fractional sum to 0, where flagd's SDK divides by them")


def _later_picker(weights: Sequence[int]) -> Callable[[bytes], int | None]:
    bounds = list(accumulate(weights))
    total = bounds[-1] if bounds else 0
    if not 0 < total <= HEAVIEST:
        return lambda _data: None
    return lambda data: bisect_right(bounds, share(data, total))


GENERATIONS: Mapping[str, Generation] = {
    "v1": Generation(_is_text, _hashed_text, _implied_text, _first_fraction, _first_picker),
    "v2": Generation(_is_text, _hashed_text, _implied_text, _later_fraction, _later_picker),
    "v3": Generation(_is_no_array, _hashed_value, _implied_value, _later_fraction, _later_picker),
}
