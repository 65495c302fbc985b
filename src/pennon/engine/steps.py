"""What an explanation consists of: plain structs that travel as JSON."""

from enum import StrEnum

import msgspec

from pennon.model import Evaluation
from pennon.model.flags import Wire


class StepKind(StrEnum):
    """What a step is about."""

    ERROR = "error"
    STALENESS = "staleness"
    OFF = "off"
    PREREQUISITE = "prerequisite"
    TARGET = "target"
    RULE = "rule"
    CONDITION = "condition"
    SEGMENT = "segment"
    LIST = "list"
    LAYER = "layer"
    SPLIT = "split"
    FALLTHROUGH = "fallthrough"


class Slice(Wire, frozen=True, kw_only=True):
    """The buckets [from, to) of a split, and the variation that they get."""

    from_: int | float = msgspec.field(name="from")
    to: int | float
    variation: str


class Step(Wire, frozen=True, kw_only=True):
    """One step of an evaluation.

    `matched` is None for a step that was not reached. `path` is the JSON pointer to the part of the flag or segment,
    `key` names the flag, segment, layer, list or rule that it is about. `found` is what the context has, shortened;
    `steps` are the steps within.
    """

    what: StepKind
    matched: bool | None
    why: str
    path: str = ""
    key: str | None = None
    attribute: str | None = None
    op: str | None = None
    found: str | int | float | bool | None = None
    variation: str | None = None
    unit: str | None = None
    bucket: int | None = None
    slices: tuple[Slice, ...] = ()
    steps: tuple["Step", ...] = ()


class Explanation(Wire, frozen=True, kw_only=True):
    """An evaluation, and every step that led to it."""

    flag: str
    evaluation: Evaluation
    steps: tuple[Step, ...]
