"""What a condition must satisfy to be accepted, as far as it can be told without compiling it.

An operator that is not known here is the engine's to refuse; whether a pattern, version, date or network can be read,
too.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pennon.model.flags import WEIGHT_TOTAL, Condition, Json
from pennon.model.problems import Problem, pointer

_STRING, _NUMBER, _BOOLEAN = "a string", "a number", "a boolean"


class _Shape(msgspec.Struct, frozen=True):
    """Which of a condition's members an operator reads, besides `op` and `negate`."""

    takes: tuple[str, ...] = ()
    attribute: bool = True
    ignores_case: bool = False


_VALUES = _Shape((_STRING, _NUMBER, _BOOLEAN), ignores_case=True)
_TEXTS = _Shape((_STRING,), ignores_case=True)
_NUMBERS = _Shape((_NUMBER,))
_DATES = _Shape((_STRING, _NUMBER))
_STRINGS = _Shape((_STRING,))
_SHAPES: Mapping[str, _Shape] = {
    **dict.fromkeys(("in", "equals"), _VALUES),
    **dict.fromkeys(("startsWith", "endsWith", "contains", "matches"), _TEXTS),
    **dict.fromkeys(("lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"), _NUMBERS),
    **dict.fromkeys(("before", "after"), _DATES),
    **dict.fromkeys(("versionEqual", "versionLess", "versionLessOrEqual"), _STRINGS),
    **dict.fromkeys(("versionGreater", "versionGreaterOrEqual", "inCidr"), _STRINGS),
    "exists": _Shape(),
    "inSegment": _Shape((_STRING,), attribute=False),
    "inBucket": _Shape(attribute=False),
}

_IMPORTED: Mapping[str, str] = {"expression": "write conditions", "serves": "use prerequisites"}
"""What only imported flags have, and what others do instead."""


def condition_problems(conditions: Sequence[Condition], path: str, *, foreign: bool, most: int) -> Iterator[Problem]:
    """Yield what is wrong with the conditions of the rule at *path*. *foreign*: a vendor's dialect reads them."""
    if len(conditions) > most:
        yield Problem(path + "/conditions", f"{len(conditions)} conditions, over the limit of {most}", "merge some")
    for index, condition in enumerate(conditions):
        here = path + pointer("conditions", index)
        shape = _SHAPES.get(condition.op)
        if condition.op in _IMPORTED and not foreign:
            yield Problem(here + "/op", f"only an imported flag has {condition.op}", _IMPORTED[condition.op])
        elif shape is not None and not foreign:
            yield from (problem.under(here) for problem in _own_problems(condition, shape))


def _own_problems(condition: Condition, shape: _Shape) -> Iterator[Problem]:
    yield from _attribute_problems(condition, shape)
    yield from _value_problems(condition, shape)
    if condition.ignore_case and not shape.ignores_case:
        yield Problem("/ignoreCase", f"{condition.op} does not compare letters", "leave it out")
    if condition.value is not None:
        yield Problem("/value", f"{condition.op} takes values", "write values, an array")
    if condition.op == "inBucket":
        yield from _bucket_problems(condition)
        return
    for name, given in (("by", condition.by), ("salt", condition.salt), ("hash", condition.hash)):
        if given is not None:
            yield Problem(pointer(name), f"{condition.op} has no {name}", "leave it out")
    for name, bound in (("from", condition.from_), ("to", condition.to)):
        if bound is not None:
            yield Problem(pointer(name), f"{condition.op} has no {name}", "leave it out")


def _attribute_problems(condition: Condition, shape: _Shape) -> Iterator[Problem]:
    if shape.attribute and not condition.attribute:
        yield Problem(
            "/attribute", f"{condition.op} asks about no attribute", 'name one, as in "country" or "/org/plan"'
        )
    if not shape.attribute and condition.attribute is not None:
        instead = "it names its unit with by" if condition.op == "inBucket" else "it names segments only"
        yield Problem("/attribute", f"{condition.op} reads no attribute: {instead}", "leave it out")


def _value_problems(condition: Condition, shape: _Shape) -> Iterator[Problem]:
    if not shape.takes:
        if condition.values:
            yield Problem("/values", f"{condition.op} takes no values", "leave them out")
        return
    if not condition.values:
        yield Problem("/values", f"there is none, and so {condition.op} is never true", "give one at least")
    for index, value in enumerate(condition.values):
        if _kind(value) not in shape.takes:
            expected = " or ".join(shape.takes)
            yield Problem(
                pointer("values", index), f"{condition.op} takes {expected}, not {_kind(value)}", f"write {expected}"
            )


def _bucket_problems(condition: Condition) -> Iterator[Problem]:
    start, end = condition.from_, condition.to
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= WEIGHT_TOTAL):
        yield Problem("/from", f"[{start}, {end}) is no range of buckets", f"integers, 0 ≤ from < to ≤ {WEIGHT_TOTAL}")
    if condition.hash not in {None, "sha256"}:
        yield Problem("/hash", f"only an imported flag has the hash {condition.hash!r}", "leave it out")
    if condition.by == "":
        yield Problem("/by", "no attribute is named", "name one, or leave it out for targetingKey")


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, str):
        return _STRING
    if isinstance(value, (int, float)):
        return _NUMBER
    return "null" if value is None else "an object or array"
