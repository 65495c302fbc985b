"""Unleash's Rust core, as its Python SDK asks it: constraints become a text of rules, which is compiled.

So what the grammar of those rules does not take switches the whole flag off, and what it takes otherwise than it was
meant (a version given to a number's operator) means that. All context values are texts first, as Python writes them.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from pennon.engine.dialects.seam import Test
from pennon.engine.dialects.unleash.addresses import Network, rust_address, rust_network
from pennon.engine.dialects.unleash.chrono import (
    RULE_DATE,
    RULE_NUMBER,
    RULE_VERSION,
    SPACE,
    Moment,
    at,
    moment,
    number,
)
from pennon.engine.dialects.unleash.constraints import Constraint, NotCompiled
from pennon.engine.dialects.unleash.patterns import rust_search
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
Order: TypeAlias = Callable[[Any, Any], bool]

_ORDERS: Mapping[str, Order] = MappingProxyType(
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
_EPSILON = 2.0**-52
_LARGEST = 2**64 - 1
_GOES_ON = re.compile(r"[ \t]*(?:and|or|\))")


def field(name: str) -> Reader:
    """Read a field: a built-in one where it is given, else the property of that name."""
    _check_quoted(name)
    if name == "userId":
        return _user
    if name == "currentTime":
        return _current_time
    return _built_in(name) if name in BUILT_IN else _property(name)


def _user(context: Context, _now: float | None) -> str | None:
    for key in ("userId", "targetingKey"):
        found = context.get(key)
        if found is not None:
            return found if type(found) is str else str(found)
    return _inner(context, "userId")


def _current_time(context: Context, now: float | None) -> str | None:
    found = context.get("currentTime", MISSING)
    if found is not MISSING:
        return str(found)
    return None if now is None else datetime.fromtimestamp(now, UTC).isoformat()


def _built_in(name: str) -> Reader:
    def read(context: Context, _now: float | None) -> str | None:
        found = context.get(name, MISSING)
        if found is MISSING:
            return _inner(context, name)
        return found if type(found) is str else str(found)

    return read


def _inner(context: Context, name: str) -> str | None:
    properties = context.get("properties")
    return str(properties[name]) if isinstance(properties, Mapping) and name in properties else None


def _property(name: str) -> Reader:
    def read(context: Context, _now: float | None) -> str | None:
        found = property_of(context, name)
        return None if found is MISSING else found if type(found) is str else str(found)

    return read


def rollout_unit(by: str) -> Reader:
    """Read the id that a rollout hashes: by default the user's, else the session's."""
    if by == RANDOM:
        return _nobody
    return _first_id if by == DEFAULT else field(by)


variant_unit = rollout_unit

_session = _built_in("sessionId")


def _nobody(_context: Context, _now: float | None) -> None:
    return None


def _first_id(context: Context, now: float | None) -> str | None:
    found = _user(context, now)
    return _session(context, now) if found is None else found


def override(name: str, values: frozenset[str]) -> Test:
    """Hold where a field is one of *values*, to the letter."""
    read = field(name)
    return lambda context, now: read(context, now) in values


def strategy(name: str, parameters: Mapping[str, str]) -> Test:
    """Prepare `remoteAddress`, and `applicationHostname`, which this SDK never finds to hold."""
    if name == "applicationHostname":
        return never
    if name != "remoteAddress":
        raise ValueError(f"the strategy {name!r} is not known here")
    listed = parameters.get("IPs")
    if listed is None:
        return never
    parts = [part.strip(SPACE) for part in listed.split(",")]
    for part in parts:
        _check_quoted(part)
    return _tested(field("remoteAddress"), _within(parts), inverted=False)


def constraint(constraint: Constraint) -> Test:
    """Prepare a constraint. Raises `NotCompiled` where the rules' grammar does not take it."""
    _check_quoted(constraint.field)
    name, kind = constraint.operator, constraint.operator.partition("_")[0]
    if kind in {"NUM", "DATE", "SEMVER"}:
        return _ordinal(constraint)
    read = field(constraint.field)
    if name in {"IN", "NOT_IN"}:
        return _listed(read, _quoted(constraint), is_in=(name == "IN") is not constraint.inverted)
    if name == "REGEX":
        return _tested(read, _found(constraint), inverted=constraint.inverted)
    if kind == "STR" and name in _TEXTS:
        return _tested(read, _text(constraint), inverted=constraint.inverted)
    if name == "IN_CIDR":
        return _tested(read, _within(_some(constraint)), inverted=constraint.inverted)
    raise NotCompiled(f"the operator {name!r} is not Unleash's")


def _check_quoted(text: str) -> None:
    """Refuse what would end the quotes that the SDK puts around it, unescaped."""
    if '"' in text or text.endswith("\\"):
        raise ValueError(f"the SDK reads {text[:100]!r}, with its quotes or last backslash, as a part of its rules")


def _quoted(constraint: Constraint) -> tuple[str, ...]:
    values = constraint.values or ()
    for value in values:
        if value.endswith("\\"):
            raise ValueError(f"the SDK reads {value[:100]!r}, with its last backslash, as a part of its rules")
    return values


def _some(constraint: Constraint) -> tuple[str, ...]:
    if not (values := _quoted(constraint)):
        raise NotCompiled(f"{constraint.operator} has no values")
    return values


def _tested(read: Reader, matches: Matcher, *, inverted: bool) -> Test:
    def test(context: Context, now: float | None) -> bool:
        found = read(context, now)
        return (found is not None and matches(found)) is not inverted

    return test


def _listed(read: Reader, values: tuple[str, ...], *, is_in: bool) -> Test:
    known = frozenset(values)
    if is_in:
        return lambda context, now: read(context, now) in known
    return lambda context, now: read(context, now) not in known


def _within(written: tuple[str, ...] | list[str]) -> Matcher:
    networks: list[Network] = [found for each in written if (found := rust_network(each)) is not None]

    def matches(text: str) -> bool:
        address = rust_address(text)
        return address is not None and any(network.contains(address) for network in networks)

    return matches


def _found(constraint: Constraint) -> Matcher:
    pattern = constraint.value or ""
    if pattern.endswith("\\"):
        raise ValueError(f"the SDK reads {pattern[:100]!r}, with its last backslash, as a part of its rules")
    return rust_search(pattern, ignore_case=constraint.ignores_case) or (lambda _text: False)


_TEXTS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "STR_CONTAINS": lambda text, value: value in text,
        "STR_STARTS_WITH": lambda text, value: text.startswith(value),
        "STR_ENDS_WITH": lambda text, value: text.endswith(value),
    }
)


def _text(constraint: Constraint) -> Matcher:
    values, holds = _some(constraint), _TEXTS[constraint.operator]
    if not constraint.ignores_case:
        return lambda text: any(holds(text, value) for value in values)
    lowered = [value.lower() for value in values]

    def matches(text: str) -> bool:
        low = text.lower()
        return any(holds(low, value) for value in lowered)

    return matches


def _ordinal(constraint: Constraint) -> Test:
    """Prepare a comparison. What the value looks like, not the operator, says what is compared."""
    order = _ORDERS.get(constraint.operator.rpartition("_")[2])
    if order is None:
        raise NotCompiled(f"the operator {constraint.operator!r} is not Unleash's")
    value = constraint.value
    if value is None:
        raise NotCompiled(f"{constraint.operator} has no value")
    if constraint.operator.startswith("SEMVER") and value.startswith("v"):
        return never
    written = value.strip(" \t")
    if RULE_DATE.fullmatch(written):
        return _dated(constraint, order, written)
    if RULE_VERSION.fullmatch(written):
        return _tested(field(constraint.field), _versioned(order, written), inverted=constraint.inverted)
    if RULE_NUMBER.fullmatch(written):
        return _tested(field(constraint.field), _numbered(order, float(written)), inverted=constraint.inverted)
    for known in (RULE_DATE, RULE_VERSION, RULE_NUMBER):
        if (match := known.match(written)) and _GOES_ON.match(written, match.end()):
            raise ValueError(f"the SDK reads {value[:100]!r} as a part of its rules, not as a value")
    raise NotCompiled(f"{constraint.operator} cannot compare with {value[:100]!r}")


def _numbered(order: Order, limit: float) -> Matcher:
    def matches(text: str) -> bool:
        found = number(text)
        if found is None:
            return False
        return abs(found - limit) < _EPSILON if order is operator.eq else order(found, limit)

    return matches


def _versioned(order: Order, written: str) -> Matcher:
    limit = version(written, _LARGEST)
    if limit is None:
        raise NotCompiled(f"{written[:100]!r} is no version")

    def matches(text: str) -> bool:
        found = version(text, _LARGEST)
        return found is not None and order(found, limit)

    return matches


def _dated(constraint: Constraint, order: Order, written: str) -> Test:
    limit, inverted = moment(written), constraint.inverted
    if limit is None:
        raise NotCompiled(f"{written!r} is no date")
    if constraint.field == "currentTime":
        return _timed(order, limit, inverted=inverted)

    def matches(text: str) -> bool:
        found = moment(text)
        return found is not None and order(found, limit)

    return _tested(field(constraint.field), matches, inverted=inverted)


def _timed(order: Order, limit: Moment, *, inverted: bool) -> Test:
    def test(context: Context, now: float | None) -> bool:
        given = context.get("currentTime", MISSING)
        if given is MISSING:
            return now is not None and order(at(now), limit) is not inverted
        found = moment(str(given))
        return (found is not None and order(found, limit)) is not inverted

    return test
