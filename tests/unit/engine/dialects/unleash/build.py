"""Conditions of Unleash's, prepared and asked."""

from typing import Any

from pennon.engine.dialects.unleash import DIALECTS
from pennon.model import Compat, Condition, Flag, Serve

NOW = 1_700_000_000.0
OWNER = Flag(key="f", variations=(), on=True, fallthrough=Serve(), salt="f", compat=Compat("unleash", "python"))


def constraint(operator: str, value: str | list[str] | None = None, *, field: str = "x", **more: Any) -> Condition:
    """Return an expression with a constraint in Unleash's own words."""
    document: dict[str, Any] = {"contextName": field, "operator": operator, **more}
    if value is not None:
        document["values" if isinstance(value, list) else "value"] = value
    return Condition("expression", value=document)


def holds(dialect: str, condition: Condition, context: dict[str, Any], now: float | None = NOW) -> bool:
    """Whether a condition holds for a context, to a dialect."""
    return DIALECTS[dialect].condition(condition, OWNER)(context, now)
