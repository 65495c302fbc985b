"""Ranges of anything that is ordered: numbers, versions, instants, addresses, buckets.

A bound lies before or after a value, so that open and closed ends need no cases. Nothing is assumed of what lies
between two values: a range that holds no value at all, as between two neighbouring integers, counts as holding some.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

Bound: TypeAlias = tuple[Any, ...]
Ranges: TypeAlias = tuple[tuple[Bound, Bound], ...]
"""Ranges in order, none of which touches another."""

_LOWEST: Bound = (0,)
_HIGHEST: Bound = (2,)
EVERYTHING: Ranges = ((_LOWEST, _HIGHEST),)


def _before(value: Any) -> Bound:
    return (1, value, 0)


def _after(value: Any) -> Bound:
    return (1, value, 1)


def below(value: Any, *, inclusive: bool) -> Ranges:
    """Return what is below *value*."""
    return ((_LOWEST, _after(value) if inclusive else _before(value)),)


def above(value: Any, *, inclusive: bool) -> Ranges:
    """Return what is above *value*."""
    return ((_before(value) if inclusive else _after(value), _HIGHEST),)


def points(values: Iterable[Any]) -> Ranges:
    """Return just *values*."""
    return tuple((_before(value), _after(value)) for value in sorted(set(values)))


def spans(pairs: Iterable[tuple[Any, Any]]) -> Ranges:
    """Return what lies in any of *pairs*, each from its first on and before its second."""
    merged: list[tuple[Bound, Bound]] = []
    for start, end in sorted((_before(start), _before(end)) for start, end in pairs if start < end):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def common(one: Ranges, other: Ranges) -> Ranges:
    """Return what lies in both."""
    found = ((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
    return tuple((start, end) for start, end in found if start < end)


def without(ranges: Ranges, less: Ranges) -> Ranges:
    """Return *ranges* without what lies in *less*."""
    for start, end in less:
        cut = (
            ((piece[0], min(piece[1], start)) for piece in ranges),
            ((max(piece[0], end), piece[1]) for piece in ranges),
        )
        ranges = tuple(sorted((low, high) for pieces in cut for low, high in pieces if low < high))
    return ranges


def only_values(ranges: Ranges) -> list[Any] | None:
    """Return the values that *ranges* consist of, None where there are any between two bounds."""
    if any(start[:2] != end[:2] or len(start) == 1 for start, end in ranges):
        return None
    return [start[1] for start, _ in ranges]
