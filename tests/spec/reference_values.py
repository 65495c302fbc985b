"""What each operator means, written down a second time: slow, plain, and without a look at `pennon.engine`."""

import datetime
import ipaddress
import re
from typing import Any

import re2  # type: ignore[import-untyped]

LARGEST = 2**53 - 1


class Broken(Exception):
    """Something in a flag that cannot be made sense of."""


def text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int) and abs(value) > LARGEST:
        try:
            value = float(value)
        except OverflowError:
            return None
    return value if value - value == 0 else None


def integer(value: Any) -> int | None:
    found = number(value)
    if found is None or found != int(found) or abs(found) > LARGEST:
        return None
    return int(found)


def unit(value: Any) -> str | None:
    if isinstance(value, str):
        return text(value)
    found = integer(value)
    return None if found is None else str(found)


def attribute(context: dict[str, Any], name: str) -> Any:
    """Return what *name*, plain or a JSON pointer, leads to; None for nothing."""
    if not name.startswith("/"):
        return context.get(name)
    if re.search("~(?![01])", name):
        raise Broken(f"{name} is no JSON pointer")
    found: Any = context
    for step in (part.replace("~1", "/").replace("~0", "~") for part in name[1:].split("/")):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and re.fullmatch("0|[1-9][0-9]{0,8}", step) and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def version(value: Any) -> Any:
    """Return something that sorts as the version does, None for no version."""
    found = text(value)
    parts = "[0-9A-Za-z-]+([.][0-9A-Za-z-]+)*"
    if found is None or not re.fullmatch(f"v?[0-9]+([.][0-9]+)*(-{parts})?([+]{parts})?", found):
        return None
    core, _, pre = found.removeprefix("v").split("+")[0].partition("-")
    numbers = [int(part) for part in core.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    names = [(0, int(name), "") if name.isdigit() else (1, 0, name) for name in pre.split(".")] if pre else []
    return numbers, (0, names) if pre else (1, [])


def date(value: Any) -> int | None:
    """Return nanoseconds since 1970, None for no date."""
    if not isinstance(value, str):
        found = integer(value)
        return None if found is None else found * 1_000_000
    form = r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
    match = re.fullmatch(form, value.upper()) if value.isascii() else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    zone = "+00:00" if match[8] == "Z" else match[8]
    away = int(zone[1:3]) * 60 + int(zone[4:6])
    if hour > 23 or minute > 59 or second > 60 or int(zone[1:3]) > 23 or int(zone[4:6]) > 59:
        return None
    try:  # the calendar repeats every 400 years, which are 146,097 days; Python has no year 0
        days = datetime.date(2000 + year % 400, month, day).toordinal() - datetime.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    days += (year // 400 - 5) * 146_097
    minutes = days * 1440 + hour * 60 + minute - (away if zone[0] == "+" else -away)
    if second == 60 and (minutes + 1) % 1440:
        return None
    nanoseconds = int(((match[7] or ".0")[1:] + "000000000")[:9])
    return (minutes * 60 + second) * 1_000_000_000 + nanoseconds


def network(value: Any) -> Any:
    """Return the network of a CIDR or an address, IPv4 in IPv6 as the IPv4 that it is; None for none."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-fA-F:.]+(/(0|[1-9][0-9]*))?", value):
        return None
    try:
        found = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen >= 96 and found.network_address.ipv4_mapped:
        return ipaddress.ip_network((found.network_address.ipv4_mapped, found.prefixlen - 96))
    return found


def address(value: Any) -> Any:
    return network(value) if isinstance(value, str) and "/" not in value else None


def pattern(literal: Any, *, ignore_case: bool) -> Any:
    """Return a compiled pattern. What the subset refuses beyond RE2 is told by a few words that it does not know."""
    if not isinstance(literal, str) or re.search(r"\\[pPACzZQEu1-9]|\(\?[^:i]|\[\[:|.\(\?i", literal):
        raise Broken(f"{literal!r} is no pattern")
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(literal, options)
    except re2.error as error:
        raise Broken(str(error)) from error


def scalar(value: Any) -> Any:
    """Return (type, value) for a string, number or boolean; None for anything else."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, str):
        return ("string", text(value))
    found = number(value)
    return None if found is None else ("number", found)


def lowered(read: Any) -> Any:
    def lower(value: Any) -> Any:
        found = read(value)
        if isinstance(found, tuple) and found[0] == "string":
            return ("string", found[1].lower())
        return found.lower() if isinstance(found, str) else found

    return lower


READERS: dict[str, Any] = {
    **dict.fromkeys(("in", "equals"), scalar),
    **dict.fromkeys(("startsWith", "endsWith", "contains", "matches"), text),
    **dict.fromkeys(("lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"), number),
    **dict.fromkeys(("before", "after"), date),
    **dict.fromkeys(("versionEqual", "versionLess", "versionLessOrEqual"), version),
    **dict.fromkeys(("versionGreater", "versionGreaterOrEqual"), version),
    "inCidr": address,
}
COMPARE: dict[str, Any] = {
    **dict.fromkeys(("in", "equals", "versionEqual"), lambda found, literal: found == literal),
    "startsWith": lambda found, literal: found.startswith(literal),
    "endsWith": lambda found, literal: found.endswith(literal),
    "contains": lambda found, literal: literal in found,
    "matches": lambda found, literal: literal.search(found) is not None,
    **dict.fromkeys(("lessThan", "before", "versionLess"), lambda found, literal: found < literal),
    **dict.fromkeys(("lessOrEqual", "versionLessOrEqual"), lambda found, literal: found <= literal),
    **dict.fromkeys(("greaterThan", "after", "versionGreater"), lambda found, literal: found > literal),
    **dict.fromkeys(("greaterOrEqual", "versionGreaterOrEqual"), lambda found, literal: found >= literal),
    "inCidr": lambda found, literal: found.version == literal.version and found.subnet_of(literal),
}


def literals(condition: dict[str, Any]) -> list[Any]:
    """Return a condition's values as its operator reads them."""
    op, folded = condition["op"], condition.get("ignoreCase", False)
    if op == "matches":
        return [pattern(value, ignore_case=folded) for value in condition.get("values", [])]
    read = network if op == "inCidr" else lowered(READERS[op]) if folded else READERS[op]
    found = [read(value) for value in condition.get("values", [])]
    if None in found:
        raise Broken(f"{op} does not take {condition['values']!r}")
    return found


def holds(condition: dict[str, Any], value: Any) -> bool:
    """Return whether a condition about an attribute's value is true of *value*."""
    op, negated = condition["op"], condition.get("negate", False)
    known = literals(condition)
    read = READERS[op]
    if condition.get("ignoreCase") and op != "matches":
        read = lowered(read)

    def one(element: Any) -> bool | None:
        found = read(element)
        return None if found is None else any(COMPARE[op](found, literal) for literal in known)

    return joined([one(element) for element in (value if isinstance(value, list) else [value])], negated=negated)


def joined(answers: list[bool | None], *, negated: bool) -> bool:
    """Return what a condition makes of its elements' answers; None is of a type that the operator does not take."""
    if negated:
        return True not in answers and False in answers
    return True in answers
