"""Phrases for explanations. Reads only plain values, so that no object in a context can act up while it is shown."""

from collections.abc import Mapping, Sequence

from pennon.model import Condition

_LONGEST = 60


def shown(value: object) -> str | int | float | bool | None:
    """Return what an explanation shows of a context's value: scalars, shortened; of the rest what kind it is."""
    if value is None or type(value) is bool or type(value) is float:
        return value
    if type(value) is int:
        return value if abs(value) <= 2**53 else "a huge integer"
    kind = type(value)
    if issubclass(kind, str):
        return _short(str.__str__(value))
    if issubclass(kind, (list, tuple)):
        return "an array"
    return "an object" if issubclass(kind, Mapping) else "something that is not JSON"


def quoted(value: object) -> str:
    """Return a value as a sentence shows it: a string in quotes."""
    found = shown(value)
    if isinstance(value, str):
        return f'"{found}"'
    if isinstance(found, bool):
        return "true" if found else "false"
    return "null" if found is None else str(found)


def variation(key: str | None) -> str:
    """Return a variation as a sentence shows it."""
    return "the caller's default" if key is None else quoted(key)


def any_of(values: Sequence[object]) -> str:
    """Return a few alternatives, and how many more there are."""
    some = ", ".join(quoted(value) for value in values[:3])
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    return f"{some}{more}" if values else "nothing, for it has no values"


def _short(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_SAYS: Mapping[str, tuple[str, str]] = {
    "in": ("is among", "is not among"),
    "equals": ("equals", "does not equal"),
    "startsWith": ("starts with", "does not start with"),
    "endsWith": ("ends with", "does not end with"),
    "contains": ("contains", "does not contain"),
    "matches": ("matches", "does not match"),
    "lessThan": ("is less than", "is not less than"),
    "lessOrEqual": ("is at most", "is not at most"),
    "greaterThan": ("is greater than", "is not greater than"),
    "greaterOrEqual": ("is at least", "is not at least"),
    "before": ("is before", "is not before"),
    "after": ("is after", "is not after"),
    "versionEqual": ("is the version", "is not the version"),
    "versionLess": ("is a version below", "is not a version below"),
    "versionLessOrEqual": ("is at most version", "is not at most version"),
    "versionGreater": ("is a version above", "is not a version above"),
    "versionGreaterOrEqual": ("is at least version", "is not at least version"),
    "inCidr": ("is in", "is not in"),
}

_TAKES: Mapping[str, str] = {
    "in": "strings, numbers and booleans",
    "equals": "strings, numbers and booleans",
    "startsWith": "strings",
    "endsWith": "strings",
    "contains": "strings",
    "matches": "strings",
    "lessThan": "numbers",
    "lessOrEqual": "numbers",
    "greaterThan": "numbers",
    "greaterOrEqual": "numbers",
    "before": "dates with a zone and epoch milliseconds",
    "after": "dates with a zone and epoch milliseconds",
    "inCidr": "IP addresses",
}


def asked(condition: Condition) -> str:
    """Say what a condition asks, as in `country is among "DE", "FR"`."""
    negation = "not " if condition.negate else ""
    if condition.op == "inSegment":
        return f"the context is {negation}in the segment {any_of(condition.values)}"
    if condition.op == "inBucket":
        return f"the bucket of {condition.by or 'targetingKey'} is {negation}in [{condition.from_}, {condition.to})"
    if condition.op == "exists":
        return f"{condition.attribute or condition.by} {'is missing' if condition.negate else 'exists'}"
    if condition.op not in _SAYS:  # a vendor's own
        what = f"{condition.op} of {condition.attribute}" if condition.attribute else condition.op
        return f"{what} {'does not hold' if condition.negate else 'holds'}"
    name = condition.attribute or condition.by
    return f"{name} {_SAYS[condition.op][condition.negate]} {any_of(condition.values)}"


def compared(condition: Condition, found: object, *, answer: bool | None) -> str:
    """Say how a value compares: *answer* is what the test said before negation, None for a type it does not take."""
    what = f"{condition.attribute} {quoted(found)}"
    if found is None:
        return f"{condition.attribute} is missing"
    if answer is None:
        return f"{what} is of a type that {condition.op} does not take: it takes {_TAKES.get(condition.op, 'versions')}"
    return f"{what} {_SAYS[condition.op][0 if answer else 1]} {any_of(condition.values)}"


def existing(condition: Condition, found: object) -> str:
    """Say whether an attribute is there."""
    return f"{condition.attribute} is missing" if found is None else f"{condition.attribute} is there: {quoted(found)}"


def share(condition: Condition, found: object, *, is_inside: bool) -> str:
    """Say whether a unit's bucket lies in a condition's share."""
    where = f"[{condition.from_}, {condition.to})"
    if found is None:
        return f"{condition.by or 'targetingKey'} is missing, so it has no bucket"
    return f"the bucket of {quoted(found)} is {'' if is_inside else 'not '}in {where}"
