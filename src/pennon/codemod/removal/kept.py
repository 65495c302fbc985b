"""What is known where a flag was asked: the value of the variation that is kept, and how Python writes it."""

import math
from typing import Any

import libcst as cst
import msgspec

from pennon.codemod.conventions import Kind


class Kept(msgspec.Struct, frozen=True):
    """The variation of a flag that is kept, and its value."""

    flag: str
    variation: str
    value: Any


class Constant(msgspec.Struct, frozen=True):
    """What an expression is, now that the flag is gone: a value, or the whole evaluation of the flag.

    *quote* is that of the call, so that a string reads like the rest.
    """

    value: Any
    variation: str | None = None
    quote: str = '"'

    @property
    def is_evaluation(self) -> bool:
        """Whether it is the whole evaluation, of which only `value` and `variation` are known."""
        return self.variation is not None

    @property
    def is_plain(self) -> bool:
        """Whether it may stand in several places: a dict or a list is one thing that may be changed."""
        return not isinstance(self.value, dict | list)

    def member(self, name: str) -> "Constant | None":
        """Return the attribute *name* of the evaluation, None where it is not known."""
        if not self.is_evaluation:
            return None
        known = {"value": self.value, "variation": self.variation, "variant": self.variation}
        return Constant(known[name], quote=self.quote) if name in known else None


MISMATCH = object()
"""Says that a call answers its default, because the flag is of another kind."""


def answered(kind: Kind, value: Any) -> Any:
    """Return what a call for a *kind* answers where the flag has *value*; `MISMATCH` where it answers its default."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "any":
            return value
        case "boolean":
            return value if isinstance(value, bool) else MISMATCH
        case "string":
            return value if isinstance(value, str) else MISMATCH
        case "object":
            return value if isinstance(value, dict | list) else MISMATCH
        case "number":
            return value if is_number else MISMATCH
        case "integer":
            return int(value) if is_number and float(value).is_integer() else MISMATCH
        case "float":
            return float(value) if is_number else MISMATCH


def written(value: Any, quote: str = '"') -> cst.BaseExpression:
    """Return the expression that is *value*. Strings are between *quote*, where that needs no escapes."""
    text = _text(value, quote)
    expression = cst.parse_expression(text)
    if isinstance(expression, cst.UnaryOperation):  # -5 ** 2 is not (-5) ** 2
        return expression.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return expression


def _text(value: Any, quote: str) -> str:
    if isinstance(value, str):
        text = repr(value)
        is_free = quote not in value and "\\" not in text and text[0] != quote
        return quote + text[1:-1] + quote if is_free else text
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key, quote)}: {_text(each, quote)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(each, quote) for each in value) + "]"
    return repr(value)


def literal(expression: cst.BaseExpression) -> Constant | None:
    """Return what *expression* is where the source itself says so: a string, a number, True, False or None."""
    if isinstance(expression, cst.SimpleString):
        return Constant(expression.evaluated_value) if isinstance(expression.evaluated_value, str) else None
    if isinstance(expression, cst.Integer | cst.Float):
        return Constant(expression.evaluated_value)
    if isinstance(expression, cst.Name) and expression.value in _SINGLETONS:
        return Constant(_SINGLETONS[expression.value])
    if isinstance(expression, cst.UnaryOperation) and isinstance(expression.operator, cst.Minus):
        inner = literal(expression.expression)
        is_number = inner is not None and isinstance(inner.value, int | float)
        return Constant(-inner.value) if inner is not None and is_number else None
    return None


_SINGLETONS = {"True": True, "False": False, "None": None}
