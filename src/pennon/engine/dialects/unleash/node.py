"""Unleash's Node SDK: JavaScript throughout. What it cannot read is false, and true where inverted."""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from pennon.engine.dialects.seam import Test
from pennon.engine.dialects.unleash import javascript as js
from pennon.engine.dialects.unleash.addresses import Network, node_4, node_6
from pennon.engine.dialects.unleash.buckets import rollout_place
from pennon.engine.dialects.unleash.constraints import Constraint
from pennon.engine.dialects.unleash.patterns import node_search
from pennon.engine.dialects.unleash.seam import (
    BUILT_IN,
    DEFAULT,
    MISSING,
    RANDOM,
    Context,
    Reader,
    never,
    property_of,
)
from pennon.engine.dialects.unleash.versions import version

Matcher: TypeAlias = Callable[[str], bool]

INHERITED = frozenset(
    {
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
        "properties",
        "__proto__",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
    }
)
"""Fields that JavaScript finds in every context."""
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "EQ": operator.eq,
        "GT": operator.gt,
        "GTE": operator.ge,
        "LT": operator.lt,
        "LTE": operator.le,
        "AFTER": operator.gt,
        "BEFORE": operator.lt,
    }
)
_SAFE = 2**53 - 1
_LONGEST_VERSION = 256


def _top(context: Context, name: str) -> Any:
    """Return a built-in field as the SDK is given it."""
    found = context.get(name)
    return context.get("targetingKey") if found is None and name == "userId" else found


def _value(context: Context, name: str) -> Any:
    found = _top(context, name) if name in BUILT_IN else None
    if found is None:
        found = property_of(context, name)
    return None if found is MISSING else found


def field(name: str) -> Reader:
    """Read a field: a built-in one where it is neither missing nor null, else the property of that name."""
    if name in INHERITED:
        raise ValueError(f"JavaScript finds {name!r} in every context, given or not")

    def read(context: Context, _now: float | None) -> str | None:
        found = _value(context, name)
        return found if found is None or type(found) is str else js.text(found)

    return read


def rollout_unit(by: str) -> Reader:
    """Read the id that a rollout hashes: by default the user's, else the session's; an empty one is none."""
    if by == RANDOM:
        return _nobody
    return _some(field(by)) if by != DEFAULT else _first_id


def variant_unit(by: str) -> Reader:
    """Read the id that a choice of variants hashes: by default also the address; and then only texts are ids."""
    return _some(field(by)) if by != DEFAULT else _first_text


def _nobody(_context: Context, _now: float | None) -> None:
    return None


def _some(read: Reader) -> Reader:
    return lambda context, now: read(context, now) or None


def _first_id(context: Context, _now: float | None) -> str | None:
    found = _id(context, "userId")
    return _id(context, "sessionId") if found is None else found


def _id(context: Context, name: str) -> str | None:
    found = _top(context, name)
    return js.text(found) if js.is_true(found) else None


def _first_text(context: Context, _now: float | None) -> str | None:
    for name in ("userId", "sessionId", "remoteAddress"):
        found = _top(context, name)
        if isinstance(found, str) and found:
            return found
    return None


def override(name: str, values: frozenset[str]) -> Test:
    """Hold where a field is one of *values*, to the letter."""
    read = field(name)
    return lambda context, now: read(context, now) in values


def strategy(name: str, parameters: Mapping[str, str]) -> Test:
    """Prepare a strategy that reads the context in a way of its own."""
    prepare = _STRATEGIES.get(name)
    if prepare is None:
        raise ValueError(f"the strategy {name!r} is not known here")
    return prepare(parameters)


def _user_with_id(parameters: Mapping[str, str]) -> Test:
    ids = frozenset(js.COMMA.split(parameters["userIds"]) if parameters.get("userIds") else ())

    def test(context: Context, _now: float | None) -> bool:
        found = _top(context, "userId")
        return isinstance(found, str) and found in ids

    return test


def _gradual(name: str) -> Callable[[Mapping[str, str]], Test]:
    def prepare(parameters: Mapping[str, str]) -> Test:
        most = js.number(parameters.get("percentage"))
        place = rollout_place("murmur3-utf16lo", parameters.get("groupId") or "")

        def test(context: Context, _now: float | None) -> bool:
            found = _id(context, name)
            return found is not None and place(found) + 1 <= most

        return test

    return prepare


def _remote_address(parameters: Mapping[str, str]) -> Test:
    ranges = js.COMMA.split(parameters["IPs"]) if parameters.get("IPs") else []
    networks = [found for each in ranges if (found := node_4(each)) is not None]
    known = frozenset(ranges)

    def test(context: Context, _now: float | None) -> bool:
        given = _top(context, "remoteAddress")
        if not isinstance(given, str):
            return False
        address = node_4(given)
        return given in known or (address is not None and any(_is_in(address, network) for network in networks))

    return test


def _is_in(address: Network, network: Network) -> bool:
    return address.prefix >= network.prefix and network.contains(address)


def _hostname(parameters: Mapping[str, str]) -> Test:
    """Read the attribute `hostname`: rules know contexts, and not the machine that they run on."""
    names = frozenset(js.COMMA.split(parameters["hostNames"].lower()) if parameters.get("hostNames") else ())

    def test(context: Context, _now: float | None) -> bool:
        found = property_of(context, "hostname")
        return isinstance(found, str) and found.lower() in names

    return test


_STRATEGIES: Mapping[str, Callable[[Mapping[str, str]], Test]] = MappingProxyType(
    {
        "userWithId": _user_with_id,
        "gradualRolloutUserId": _gradual("userId"),
        "gradualRolloutSessionId": _gradual("sessionId"),
        "remoteAddress": _remote_address,
        "applicationHostname": _hostname,
    }
)


def constraint(constraint: Constraint) -> Test:
    """Prepare a constraint; one with an operator that is not Unleash's never holds, inverted or not."""
    name, kind = constraint.operator, constraint.operator.partition("_")[0]
    if kind == "DATE" and name in {"DATE_AFTER", "DATE_BEFORE"}:
        return _dated(constraint)
    read, inverted = field(constraint.field), constraint.inverted
    if name in {"IN", "NOT_IN"}:
        return _listed(read, _clean(constraint), is_in=(name == "IN") is not inverted)
    order = _ORDERS.get(name.rpartition("_")[2])
    if kind == "NUM" and order is not None:
        return _numbered(read, js.number(constraint.value), order, inverted=inverted)
    matches = _matcher(constraint, order)
    return never if matches is None else _tested(read, matches, inverted=inverted)


def _matcher(constraint: Constraint, order: Callable[[Any, Any], bool] | None) -> Matcher | None:
    name = constraint.operator
    if name == "REGEX":
        return _found(constraint)
    if name == "IN_CIDR":
        return _within(_clean(constraint))
    if name in _TEXTS:
        return _text(constraint, _TEXTS[name])
    return _versioned(constraint.value, order) if name.startswith("SEMVER_") and order is not None else None


def _clean(constraint: Constraint) -> list[str]:
    if constraint.values is None:
        raise ValueError(f"the SDK fails where {constraint.operator} has no values")
    return [value.strip(js.SPACE) for value in constraint.values if value]


def _tested(read: Reader, matches: Matcher, *, inverted: bool) -> Test:
    def test(context: Context, now: float | None) -> bool:
        found = read(context, now)
        return (found is not None and matches(found)) is not inverted

    return test


def _listed(read: Reader, values: list[str], *, is_in: bool) -> Test:
    known = frozenset(values)
    if is_in:
        return lambda context, now: read(context, now) in known
    return lambda context, now: read(context, now) not in known


def _numbered(read: Reader, limit: float, order: Callable[[Any, Any], bool], *, inverted: bool) -> Test:
    # NaN, on either side, is neither less nor more than anything, nor itself.
    return lambda context, now: order(js.number(read(context, now)), limit) is not inverted


_TEXTS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "STR_CONTAINS": lambda text, value: value in text,
        "STR_STARTS_WITH": lambda text, value: text.startswith(value),
        "STR_ENDS_WITH": lambda text, value: text.endswith(value),
    }
)


def _text(constraint: Constraint, holds: Callable[[str, str], bool]) -> Matcher:
    values = _clean(constraint)
    if not constraint.ignores_case:
        return lambda text: any(holds(text, value) for value in values)
    lowered = [value.lower() for value in values]

    def matches(text: str) -> bool:
        low = text.lower()
        return any(holds(low, value) for value in lowered)

    return matches


def _found(constraint: Constraint) -> Matcher:
    if constraint.value is None:
        return lambda _text: False
    return node_search(constraint.value, ignore_case=constraint.ignores_case) or (lambda _text: False)


def _versioned(value: str | None, order: Callable[[Any, Any], bool]) -> Matcher:
    limit = None if value is None else _version(value, is_bare=False)

    def matches(text: str) -> bool:
        found = _version(text, is_bare=True)
        return found is not None and limit is not None and order(found, limit)

    return matches


def _version(text: str, *, is_bare: bool) -> Any:
    """Read a version as npm's semver does, which trims, and takes a `v` that the SDK refuses where it *is_bare*."""
    if len(text.encode("utf-16-le", "surrogatepass")) > 2 * _LONGEST_VERSION or (is_bare and text.startswith("v")):
        return None
    return version(text.strip(js.SPACE).removeprefix("v"), _SAFE)


def _within(written: list[str]) -> Matcher:
    networks4 = [found for each in written if (found := node_4(each)) is not None]
    networks6 = [found for each in written if (found := node_6(each)) is not None]

    def matches(text: str) -> bool:
        address = node_4(text)
        networks = networks6 if address is None else networks4
        address = node_6(text) if address is None else address
        return address is not None and any(
            address.address == network.address or _is_in(address, network) for network in networks
        )

    return matches


def _dated(constraint: Constraint) -> Test:
    """Compare the current time, whatever the field."""
    order, inverted = _ORDERS[constraint.operator.rpartition("_")[2]], constraint.inverted
    limit = js.milliseconds(constraint.value) if constraint.value is not None else float("nan")

    def test(context: Context, now: float | None) -> bool:
        given = context.get("currentTime")
        if js.is_true(given):
            return order(js.milliseconds(given), limit) is not inverted
        return now is not None and order(float(int(now * 1000)), limit) is not inverted

    return test
