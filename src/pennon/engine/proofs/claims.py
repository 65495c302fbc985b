"""What a condition claims of one value: the elements that it is true of, in a form that can be reasoned about.

An array matches if any element does, so all that is said here is of elements; `facts` puts them together.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, TypeAlias

from pennon.bucketing import BUCKETS, bucket_prefix, well_formed
from pennon.engine.comparisons import Comparison, comparisons
from pennon.engine.operators import Prepared, prepare, prepare_share, prepare_target
from pennon.engine.proofs.ranges import EVERYTHING, Ranges, above, below, points, spans
from pennon.engine.regex import Patterns
from pennon.engine.values import SAFE, Memo, version_rank
from pennon.model import Condition, Flag, Segment

Test: TypeAlias = Callable[[Any], bool]
TEXT, NUMBER, BOOLEAN = "text", "number", "boolean"
"""The sorts of value that any operator takes."""

ALL_BUCKETS = spans([(0, BUCKETS)])


class Affixes(NamedTuple):
    """That a text begins with, ends with, has in it, is, or is matched by (`how`) any of some literals."""

    how: str
    literals: tuple[str, ...]
    any_case: bool


class Claim(NamedTuple):
    """What is claimed of an element.

    `is_true` decides it for one element. Whatever else is known of the elements that it is true of stands in the
    other members, and each of them is exact: `texts`, `numbers`, `booleans` list all there are of that sort;
    `ranges` are those in an `order`; `every` names the sorts that it is true of without exception.
    """

    sorts: frozenset[str]
    is_true: Test
    order: Hashable = None
    ranges: Ranges = ()
    texts: frozenset[str] | None = None
    numbers: frozenset[int | float] | None = None
    booleans: frozenset[bool] | None = None
    affixes: Affixes | None = None
    every: frozenset[str] = frozenset()
    weight: int = 1
    """How many literals there are, and so what it costs to hold it against others."""


_TEXTS = frozenset({TEXT})
_NUMBERS = frozenset({NUMBER})
_UNITS = frozenset({TEXT, NUMBER})
_SCALARS = frozenset({TEXT, NUMBER, BOOLEAN})
_NO_SORT: frozenset[str] = frozenset()


class Claims:
    """Reads conditions as claims. Raises `Refused` where the compiler would."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._comparisons = comparisons(Memo(version_rank))

    def of(self, condition: Condition, owner: Flag | Segment) -> tuple[Claim, Claim]:
        """Return what a condition claims before negation, and that an element is of a type that it takes."""
        if condition.op == "matches":
            return self._matching(condition)
        prepared = prepare_share(condition, owner) if condition.op == "inBucket" else prepare(condition, self._patterns)
        compare, literals = self._comparisons[prepared.compare], prepared.literals
        read = _READERS.get(prepared.compare.removesuffix("_any_case"), _ordered)
        asked = _Asked(condition, prepared, _true(compare, literals), _takes(compare, literals))
        claim, takes = read(asked)
        return claim._replace(weight=1 + len(condition.values)), takes

    def listed(self, keys: tuple[str, ...]) -> Claim:
        """Return that an element, read as a unit, is one of *keys*."""
        prepared = prepare_target(keys)
        numbers = frozenset(int(key) for key in prepared.literals if _is_integer(key))
        is_true = _true(self._comparisons[prepared.compare], prepared.literals)
        return Claim(_UNITS, is_true, texts=prepared.literals, numbers=numbers, weight=1 + len(keys))

    def _matching(self, condition: Condition) -> tuple[Claim, Claim]:
        # A pattern is compiled only if a value is held against it: most are never asked.
        literals = tuple(well_formed(value) for value in condition.values if isinstance(value, str))
        found: list[Test] = []

        def is_true(value: Any) -> bool:
            if not found:
                prepared = prepare(condition, self._patterns)
                found.append(_true(self._comparisons[prepared.compare], prepared.literals))
            return found[0](value)

        every = _TEXTS if "" in literals else _NO_SORT
        affixes = Affixes("matches", literals, condition.ignore_case)
        sorts = _TEXTS if literals else _NO_SORT
        return Claim(sorts, is_true, affixes=affixes, every=every, weight=1 + len(literals)), _ANY_TEXT


def _true(compare: Comparison, literals: Any) -> Test:
    return lambda value: compare(literals, value) is True


def _takes(compare: Comparison, literals: Any) -> Test:
    return lambda value: compare(literals, value) is not None


class _Asked(NamedTuple):
    condition: Condition
    prepared: Prepared
    true: Test
    takes: Test


def bucket_order(salt: str, key: str) -> Hashable:
    """Return what names the order of the buckets under a salt and the key of a flag or segment."""
    return ("bucket", bucket_prefix(salt, key))


def is_bucket_order(order: Hashable) -> bool:
    """Tell whether an order is one of buckets, in which every text has a place."""
    return isinstance(order, tuple)


_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}")


def _is_integer(key: str) -> bool:
    """Tell whether *key* is how an integer is written as a unit."""
    return _INTEGER.fullmatch(key) is not None and abs(int(key)) < SAFE


def _scalars(asked: _Asked) -> tuple[Claim, Claim]:
    texts, numbers, booleans = asked.prepared.literals
    affixes, listed = None, texts
    if asked.condition.ignore_case:
        affixes, listed = Affixes("is", tuple(texts), any_case=True), None if texts else texts
    sorts = {sort for sort, values in ((TEXT, texts), (NUMBER, numbers), (BOOLEAN, booleans)) if values}
    claim = Claim(frozenset(sorts), asked.true, texts=listed, numbers=numbers, booleans=booleans, affixes=affixes)
    return claim, Claim(_SCALARS, asked.takes, every=_SCALARS)


def _affixed(asked: _Asked) -> tuple[Claim, Claim]:
    compare, literals = asked.prepared.compare, asked.prepared.literals
    if isinstance(literals, str):
        literals = (literals,)
    affixes = Affixes(compare.removesuffix("_any_case"), literals, asked.condition.ignore_case)
    every = _TEXTS if "" in literals else _NO_SORT
    return Claim(_TEXTS if literals else _NO_SORT, asked.true, affixes=affixes, every=every), _ANY_TEXT


_ANY_TEXT = Claim(_TEXTS, lambda value: isinstance(value, str), every=_TEXTS)

_ORDERS: Mapping[str, frozenset[str]] = {"number": _NUMBERS, "date": _UNITS, "version": _TEXTS}


def _ordered(asked: _Asked) -> tuple[Claim, Claim]:
    order, _, how = asked.prepared.compare.partition("_")
    literals = asked.prepared.literals
    ranges: Ranges = ()
    if how == "equal":
        ranges = points(literals)
    elif literals is not None:
        side = below if how.startswith("less") else above
        ranges = side(literals, inclusive=how.endswith("or_equal"))
    every = _NUMBERS if order == "number" else _NO_SORT
    taking = Claim(_ORDERS[order], asked.takes, order=order, ranges=EVERYTHING, every=every)
    return Claim(_ORDERS[order] if ranges else _NO_SORT, asked.true, order=order, ranges=ranges), taking


def _networks(asked: _Asked) -> tuple[Claim, Claim]:
    networks = asked.prepared.literals
    ranges = spans(((bits, start << host), (bits, (start + 1) << host)) for bits, host, start in networks)
    taking = Claim(_TEXTS, asked.takes, order="address", ranges=_ADDRESSES)
    return Claim(_TEXTS if ranges else _NO_SORT, asked.true, order="address", ranges=ranges), taking


_ADDRESSES = spans([((32, 0), (32, 1 << 32)), ((128, 0), (128, 1 << 128))])


def _shares(asked: _Asked) -> tuple[Claim, Claim]:
    prefix, start, end = asked.prepared.literals
    order, ranges = ("bucket", prefix), spans([(start, end)])
    every = _TEXTS if ranges == ALL_BUCKETS else _NO_SORT
    claim = Claim(_UNITS if ranges else _NO_SORT, asked.true, order=order, ranges=ranges, every=every)
    return claim, Claim(_UNITS, asked.takes, order=order, ranges=ALL_BUCKETS, every=_TEXTS)


_READERS: Mapping[str, Callable[[_Asked], tuple[Claim, Claim]]] = {
    "scalar": _scalars,
    "starts": _affixed,
    "ends": _affixed,
    "has": _affixed,
    "in_networks": _networks,
    "in_share": _shares,
}
