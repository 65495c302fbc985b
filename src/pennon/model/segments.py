"""Segments (reusable sets of contexts) and layers (experiments that share units without meeting)."""

import msgspec

from pennon.model.flags import Compat, Condition, Wire


class SegmentRule(Wire, frozen=True):
    """Conditions, all of which must hold for a context to be in the segment."""

    conditions: tuple[Condition, ...]
    id: str = ""
    description: str = ""


class Segment(Wire, frozen=True):
    """A reusable set of contexts. `included` beats `excluded` beats `rules`.

    Both lists hold targeting keys or, where `hashed`, the SHA-256 hex of `{salt}.{targeting key}`.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    salt: str = ""
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    hashed: bool = False
    rules: tuple[SegmentRule, ...] = ()
    compat: Compat | None = None


class Slot(Wire, frozen=True):
    """The places [from, to) of a layer, out of 100000, and the experiment that owns them."""

    from_: int = msgspec.field(name="from")
    to: int
    experiment: str


class Layer(Wire, frozen=True):
    """Experiments that share units: each owns places, and a unit's place is its bucket in the layer."""

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    salt: str = ""
    by: str = "targetingKey"
    slots: tuple[Slot, ...] = ()
