"""One value against a condition's literals: True, False, or None for a value of a type that the operator does not take.

These are the whole meaning of an operator. The expressions that stand beside them in `operators` only spare the call
for the types that nearly every context has. They are found by name from the functions that are written for flags.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pennon.bucketing import bucket_after
from pennon.engine.values import Memo, address, array, instant, number, text, unit

Comparison: TypeAlias = Callable[[Any, Any], bool | None]
"""Takes the literals as `operators` prepares them, then the value."""


def some(compare: Comparison, literals: Any, value: Any) -> bool:
    """Tell whether a value, or any element of an array, compares."""
    elements = array(value)
    if elements is None:
        return compare(literals, value) is True
    return any(compare(literals, element) is True for element in elements)


def none(compare: Comparison, literals: Any, value: Any) -> bool:
    """Tell whether a value does not compare; of an array, no element, and at least one is of a type that is taken."""
    answer = before_negation(compare, literals, value)
    return answer is False


def before_negation(compare: Comparison, literals: Any, value: Any) -> bool | None:
    """Return what a value or an array answers: True if anything does, else False if anything could."""
    elements = array(value)
    if elements is None:
        return compare(literals, value)
    answers = {compare(literals, element) for element in elements}
    return True if True in answers else False if False in answers else None


def _lower(value: object) -> str | None:
    found = text(value)
    return None if found is None else found.lower()


def _of_strings(compare: Callable[[str, Any], bool], read: Callable[[object], str | None]) -> Comparison:
    def comparison(literals: Any, value: Any) -> bool | None:
        found = read(value)
        return None if found is None else compare(found, literals)

    return comparison


def _has_any(found: str, parts: tuple[str, ...]) -> bool:
    return any(part in found for part in parts)


def _is_found(found: str, search: Callable[[str], object]) -> bool:
    return search(found) is not None


def _of_scalars(read: Callable[[object], str | None]) -> Comparison:
    """Compare within a type: "1" is not 1, and 1 is not true."""

    def comparison(literals: Any, value: Any) -> bool | None:
        strings, numbers, booleans = literals
        if type(value) is bool:
            return value in booleans
        if (found := read(value)) is not None:
            return found in strings
        amount = number(value)
        return None if amount is None else amount in numbers

    return comparison


def _listed(keys: frozenset[str], value: Any) -> bool | None:
    """Compare as units are: an integer in decimal."""
    found = unit(value)
    return None if found is None else found in keys


_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "less": lambda left, right: left < right,
    "less_or_equal": lambda left, right: left <= right,
    "greater": lambda left, right: left > right,
    "greater_or_equal": lambda left, right: left >= right,
    "equal": lambda left, right: left in right,
}


def _ordered(order: Callable[[Any, Any], bool], read: Callable[[Any], Any]) -> Comparison:
    """Compare what *read* makes comparable with one bound; no bound (None) leaves everything outside."""

    def comparison(bound: Any, value: Any) -> bool | None:
        found = read(value)
        if found is None:
            return None
        return bound is not None and order(found, bound)

    return comparison


def _in_networks(networks: tuple[tuple[int, int, int], ...], value: Any) -> bool | None:
    found = address(text(value) or "")
    if found is None:
        return None
    bits, whole = found
    return any(bits == width and whole >> host == start for width, host, start in networks)


def _in_share(share: tuple[bytes, int, int], value: Any) -> bool | None:
    prefix, start, end = share
    found = unit(value)
    return None if found is None else start <= bucket_after(prefix, found) < end


def comparisons(ranks: Memo[bytes]) -> dict[str, Comparison]:
    """Return every comparison by its name. *ranks* remembers versions, and must not hold empty text."""

    def rank(value: object) -> bytes | None:
        found = text(value)
        return None if found is None else ranks[found] or None

    found: dict[str, Comparison] = {
        "scalar": _of_scalars(text),
        "scalar_any_case": _of_scalars(_lower),
        "listed": _listed,
        "found": _of_strings(_is_found, text),
        "in_networks": _in_networks,
        "in_share": _in_share,
    }
    for name, compare in (("starts", str.startswith), ("ends", str.endswith), ("has", _has_any)):
        found[name] = _of_strings(compare, text)
        found[f"{name}_any_case"] = _of_strings(compare, _lower)
    for kind, read in (("number", number), ("date", instant), ("version", rank)):
        for name, order in _ORDERS.items():
            found[f"{kind}_{name}"] = _ordered(order, read)
    return found
