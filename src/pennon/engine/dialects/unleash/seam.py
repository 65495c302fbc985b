"""What the two SDKs have of their own, as the dialect asks for it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from pennon.engine.dialects.seam import Test
from pennon.engine.dialects.unleash.constraints import Constraint

Context: TypeAlias = dict[Any, Any]
Reader: TypeAlias = Callable[[Context, float | None], str | None]
"""Takes a context and the time; returns a field as the SDK's text of it, None where it is missing."""

BUILT_IN = frozenset({"userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime"})
"""The fields that are not properties."""
NOT_PROPERTIES = BUILT_IN | {"targetingKey"}
DEFAULT = "default"
"""The stickiness that looks for several ids in turn."""
RANDOM = "random"


class Readings(Protocol):
    """How one SDK reads what the other reads differently. All raise `ValueError` for what they do not take."""

    def field(self, name: str) -> Reader:
        """Prepare the reading of a context's field."""

    def constraint(self, constraint: Constraint) -> Test:
        """Prepare a constraint, inversion included."""

    def strategy(self, name: str, parameters: Mapping[str, str]) -> Test:
        """Prepare a strategy that only Unleash's own words say."""

    def override(self, field: str, values: frozenset[str]) -> Test:
        """Prepare a variant's override: the field is one of the values, to the letter."""

    def rollout_unit(self, by: str) -> Reader:
        """Prepare the reading of what a rollout hashes."""

    def variant_unit(self, by: str) -> Reader:
        """Prepare the reading of what a choice of variants hashes."""


def never(_context: Context, _now: float | None) -> bool:
    """Hold for nobody."""
    return False


def always(_context: Context, _now: float | None) -> bool:
    """Hold for everybody."""
    return True


def property_of(context: Context, name: str) -> Any:
    """Return a property of *context*, `MISSING` where it has none: those in `properties` come first."""
    inner = context.get("properties")
    if isinstance(inner, Mapping):
        if name in inner:
            return inner[name]
        if name == "properties":
            return MISSING
    return MISSING if name in NOT_PROPERTIES else context.get(name, MISSING)


class Missing:
    """Not even null."""


MISSING = Missing()
