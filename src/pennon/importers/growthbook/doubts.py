"""Where a condition is read as the SDK reads it for nearly all contexts, and not for all."""

from collections.abc import Iterator

from pennon.engine.dialects.growthbook.conditions import LOGICAL, is_operators
from pennon.engine.dialects.growthbook.patterns import is_for_ascii
from pennon.importers.growthbook.vendor import JAVASCRIPT, PYTHON
from pennon.model import Json

_PATTERNS = frozenset({"$regex", "$regexi", "$notRegex", "$notRegexi"})
OF_ALL_OBJECTS = frozenset(
    (
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString"),
        *("valueOf", "__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"),
    )
)
"""What JavaScript finds in every object, whether somebody put it there or not."""


def doubts_of(condition: Json, dialect: str) -> Iterator[str]:
    """Yield under which conditions a condition, saved groups written out, is exact."""
    for key, value in condition.items() if isinstance(condition, dict) else ():
        if key == "$not":
            yield from doubts_of(value, dialect)
        elif key in LOGICAL:
            for each in value:
                yield from doubts_of(each, dialect)
        else:
            if dialect == JAVASCRIPT and not OF_ALL_OBJECTS.isdisjoint(key.split(".")):
                yield f"contexts have {key!r}: where it is missing, JavaScript finds what all objects have of that name"
            yield from _of_value(value, dialect)


def _of_value(value: Json, dialect: str) -> Iterator[str]:
    for name, operand in value.items() if is_operators(value) else ():
        if dialect == PYTHON and name in _PATTERNS and isinstance(operand, str) and is_for_ascii(operand):
            yield f"the texts that {operand!r:.80} is searched in are ASCII: \\d, \\w and \\b know no more here"
        elif name in {"$not", "$size"}:
            yield from _of_value(operand, dialect)
        elif name == "$elemMatch":
            yield from _of_value(operand, dialect)
            yield from doubts_of(operand, dialect) if not is_operators(operand) else ()
        elif name in {"$all", "$alli"} and isinstance(operand, list):
            for each in operand:
                yield from _of_value(each, dialect)
