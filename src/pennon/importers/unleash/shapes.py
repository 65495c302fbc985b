"""Unleash's features and segments as its SDKs receive them. Null is as good as not there, but for a payload."""

import msgspec

from pennon.engine.dialects.unleash.constraints import Constraint


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """Base of all parts."""


class Test(Part, frozen=True):
    """A constraint."""

    context_name: str
    operator: str
    values: list[str] | None = None
    value: str | None = None
    case_insensitive: bool | None = None
    inverted: bool | None = None

    @property
    def constraint(self) -> Constraint:
        """Return it as the dialects know it."""
        values = None if self.values is None else tuple(self.values)
        ignores_case, inverted = bool(self.case_insensitive), bool(self.inverted)
        return Constraint(self.context_name, self.operator, values, self.value, ignores_case, inverted)


class Payload(Part, frozen=True):
    """What a variant carries: a text, and what kind of text."""

    type: str
    value: str


class Override(Part, frozen=True):
    """Values of a field that get one variant."""

    context_name: str
    values: list[str]


class Variant(Part, frozen=True):
    """One of the named values of a feature, or of a strategy."""

    name: str
    weight: int
    weight_type: str | None = None
    stickiness: str | None = None
    payload: Payload | msgspec.UnsetType | None = msgspec.UNSET
    overrides: list[Override] | None = None


class Strategy(Part, frozen=True):
    """One way for a feature to be on; any of them will do."""

    name: str
    parameters: dict[str, str] | None = None
    constraints: list[Test] | None = None
    segments: list[int] | None = None
    variants: list[Variant] | None = None
    id: str | None = None
    title: str | None = None
    disabled: bool | None = None
    sort_order: int | float | None = None
    feature_name: str | None = None


class Dependency(Part, frozen=True):
    """What a parent must be for a feature to be on."""

    feature: str
    enabled: bool | None = None
    variants: list[str] | None = None


class Feature(Part, frozen=True):
    """A feature: what `is_enabled` and `get_variant` are asked about."""

    name: str
    enabled: bool
    strategies: list[Strategy] | None = None
    variants: list[Variant] | None = None
    dependencies: list[Dependency] | None = None
    description: str | None = None
    type: str | None = None
    project: str | None = None
    stale: bool | None = None
    impression_data: bool | None = None
    created_at: str | None = None
    last_seen_at: str | None = None


class Segment(Part, frozen=True):
    """Constraints that strategies share, by their number."""

    id: int
    constraints: list[Test]
    name: str | None = None
    description: str | None = None


class Export(Part, frozen=True):
    """A feature as an export has it: of no environment."""

    name: str
    description: str | None = None
    stale: bool | None = None
    impression_data: bool | None = None
    archived: bool | None = None


class ExportEnvironment(Part, frozen=True):
    """What one environment makes of an exported feature."""

    enabled: bool
    name: str | None = None
    feature_name: str | None = None
    environment: str | None = None
    variants: list[Variant] | None = None


class ExportTag(Part, frozen=True):
    """A tag of an exported feature."""

    feature_name: str
    tag_value: str


class ExportDependencies(Part, frozen=True):
    """The parents of an exported feature."""

    feature: str
    dependencies: list[Dependency]
