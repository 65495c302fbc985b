"""A flag as it is stored and sent: variations, targets, rules and what they serve.

Reading is lenient, so that an old SDK reads a newer snapshot: unknown fields are ignored, and an operator or a
serve form that is not known here is kept as it is and left to the engine to refuse. What a flag must satisfy to be
accepted is in `validation`.
"""

from typing import Any, Literal, TypeAlias

import msgspec

KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$(?!\n)"
"""Keys of flags, segments and layers made in Pennon; imported ones are any 1 to 256 characters without controls."""
SALT_PATTERN = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"
WEIGHT_TOTAL = 100_000
"""Weights are integers out of this many, and sum to it."""

Json: TypeAlias = Any
"""Any JSON value: None, bool, int, float, str, list or dict."""
FlagKind: TypeAlias = Literal["boolean", "string", "number", "object"]
Exposures: TypeAlias = Literal["none", "experiments", "all"]


class Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of everything that travels: immutable, camelCase, fields at their default left out."""


class Variation(Wire, frozen=True):
    """One of a flag's values, by its key."""

    key: str
    value: Json


class Prerequisite(Wire, frozen=True):
    """Another flag that must be on and serve one of these variations first."""

    flag: str
    variations: tuple[str, ...]


class Target(Wire, frozen=True):
    """Contexts listed by the value of one attribute, and the variation they get."""

    values: tuple[str, ...]
    variation: str
    attribute: str = "targetingKey"


class Condition(Wire, frozen=True):
    """One test within a rule.

    `attribute` is a name, or a JSON pointer (`/org/plan`) into a nested one. `values` are alternatives. `inSegment`
    has no attribute; `inBucket` has `by`, `salt`, `hash`, `from`, `to` instead of both; the `expression` of an
    imported flag has `value`.
    """

    op: str
    attribute: str | None = None
    values: tuple[Json, ...] = ()
    negate: bool = False
    ignore_case: bool = False
    by: str | None = None
    salt: str | None = None
    hash: str | None = None
    from_: int | float | None = msgspec.field(name="from", default=None)
    to: int | float | None = None
    value: Json = None


class Weight(Wire, frozen=True):
    """A slice of a split: a variation and its share, out of 100000 (or of the foreign hash's own scale)."""

    variation: str
    weight: int | float


class Experiment(Wire, frozen=True):
    """What makes a split an experiment: its key, and the layer that says which units it owns.

    In a fallthrough `otherwise` is the variation of the units that it does not own.
    """

    key: str
    layer: str | None = None
    otherwise: str | None = None


class Split(Wire, frozen=True):
    """A weighted choice by the bucket of a unit. A variation may own several slices (monotone exposure)."""

    weights: tuple[Weight, ...]
    by: str = "targetingKey"
    salt: str | None = None
    hash: str = "sha256"
    experiment: Experiment | None = None


class Serve(Wire, frozen=True):
    """What a rule or the fallthrough serves: a variation or a split. Neither is a form of a newer spec."""

    variation: str | None = None
    split: Split | None = None


class Rule(Wire, frozen=True):
    """Conditions, all of which must hold, and what is then served."""

    id: str
    conditions: tuple[Condition, ...]
    serve: Serve
    description: str = ""


class Staleness(Wire, frozen=True):
    """What to serve once the state is older than `max_age_s` seconds."""

    max_age_s: int | float = msgspec.field(name="maxAgeS")
    serve: Serve


class Compat(Wire, frozen=True):
    """The vendor, and the dialect of its SDK, that an imported flag or segment is read by."""

    vendor: str
    dialect: str


class Flag(Wire, frozen=True):
    """A named decision as one environment serves it: definition and configuration merged."""

    key: str
    variations: tuple[Variation, ...]
    on: bool
    fallthrough: Serve
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    kind: FlagKind = "boolean"
    salt: str = ""
    off_variation: str | None = None
    prerequisites: tuple[Prerequisite, ...] = ()
    targets: tuple[Target, ...] = ()
    rules: tuple[Rule, ...] = ()
    staleness: Staleness | None = None
    client_side: bool = False
    critical: bool = False
    exposures: Exposures = "experiments"
    needs: tuple[str, ...] = ()
    compat: Compat | None = None
