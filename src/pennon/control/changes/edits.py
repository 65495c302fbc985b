"""All semantic edits, as one tagged union, and how they are read: strictly, with a path for each fault."""

import difflib
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias, get_args

import msgspec

from pennon.control.changes.editing import Edit, inside
from pennon.control.changes.flag_edits import (
    AddPrerequisite,
    AddTarget,
    ClearTargets,
    RemovePrerequisite,
    RemoveTarget,
    SetConfiguration,
    SetCritical,
    SetExposures,
    SetFallthrough,
    SetOffVariation,
    SetPrerequisites,
    SetStaleness,
    TurnOff,
    TurnOn,
)
from pennon.control.changes.layer_edits import SetSlots
from pennon.control.changes.rule_edits import (
    AddCondition,
    AddConditionValues,
    AddRule,
    DescribeRule,
    MoveRule,
    RemoveCondition,
    RemoveConditionValues,
    RemoveRule,
    ReplaceCondition,
    ReplaceRule,
    SetRuleServe,
)
from pennon.control.changes.segment_edits import AddToSegment, RemoveFromSegment
from pennon.control.changes.split_edits import NewSaltForSplit, SetSplit, SetWeights
from pennon.control.errors import Invalid
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition
from pennon.control.working.state import ItemName
from pennon.model import DECODE_ERRORS, Json, Layer, Problem, Segment, decoding_problem, pointer
from pennon.model.strict import shape_problems


class PutFlag(Edit, frozen=True, kw_only=True, tag="putFlag"):
    """Create a flag or replace it: its definition in the whole project, and its configuration in this environment.

    Without a configuration, a flag that is there keeps it and a new one is off. In other environments a new one is
    off. Version, changedAt and hash of the definition are ignored.
    """

    definition: FlagDefinition
    configuration: FlagConfiguration | None = None

    says: ClassVar[Mapping[str, str]] = {
        **inside("configuration", FlagConfiguration),
        **inside("definition", FlagDefinition),
    }

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "flag", self.definition.key


class DeleteFlag(Edit, frozen=True, kw_only=True, tag="deleteFlag"):
    """Delete a flag, in every environment of the project."""

    flag: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "flag", self.flag


class PutSegment(Edit, frozen=True, kw_only=True, tag="putSegment"):
    """Create a segment or replace it. Without a salt it keeps the one it has; version, changedAt, hash are ignored."""

    segment: Segment

    says: ClassVar[Mapping[str, str]] = inside("segment", Segment)

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "segment", self.segment.key


class DeleteSegment(Edit, frozen=True, kw_only=True, tag="deleteSegment"):
    """Delete a segment."""

    segment: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "segment", self.segment


class PutLayer(Edit, frozen=True, kw_only=True, tag="putLayer"):
    """Create a layer or replace it. Without a salt it keeps the one it has; version, changedAt, hash are ignored."""

    layer: Layer

    says: ClassVar[Mapping[str, str]] = inside("layer", Layer)

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "layer", self.layer.key


class DeleteLayer(Edit, frozen=True, kw_only=True, tag="deleteLayer"):
    """Delete a layer."""

    layer: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "layer", self.layer


AnyEdit: TypeAlias = (
    TurnOn
    | TurnOff
    | SetFallthrough
    | SetOffVariation
    | AddTarget
    | RemoveTarget
    | ClearTargets
    | AddRule
    | ReplaceRule
    | RemoveRule
    | MoveRule
    | DescribeRule
    | SetRuleServe
    | AddCondition
    | ReplaceCondition
    | RemoveCondition
    | AddConditionValues
    | RemoveConditionValues
    | SetPrerequisites
    | AddPrerequisite
    | RemovePrerequisite
    | SetWeights
    | SetSplit
    | NewSaltForSplit
    | SetStaleness
    | SetCritical
    | SetExposures
    | SetConfiguration
    | PutFlag
    | DeleteFlag
    | PutSegment
    | DeleteSegment
    | AddToSegment
    | RemoveFromSegment
    | PutLayer
    | DeleteLayer
    | SetSlots
)
"""One edit. In JSON its member `do` says which: `{"do": "turnOn", "flag": "new-checkout"}`."""

EDITS: Mapping[str, type[AnyEdit]] = {str(edit.__struct_config__.tag): edit for edit in get_args(AnyEdit)}
"""Every edit by its word."""


def read_edits(values: Sequence[Json]) -> list[AnyEdit]:
    """Return decoded JSON as edits. Raises `Invalid` with every problem found, also unknown fields at any depth."""
    problems = [
        problem.under(pointer("edits", index))
        for index, value in enumerate(values)
        for problem in _shape_problems(value)
    ]
    if problems:
        raise Invalid(problems)
    try:
        return msgspec.convert(list(values), list[AnyEdit])
    except DECODE_ERRORS as error:
        raise Invalid([decoding_problem(error, pointer("edits"))]) from error


def _shape_problems(value: Json) -> list[Problem]:
    if not isinstance(value, dict):
        return [Problem("", "an edit is a JSON object", 'write {"do": "turnOn", "flag": …}')]
    word = value.get("do")
    if not isinstance(word, str) or word not in EDITS:
        alike = difflib.get_close_matches(str(word), EDITS, n=3)
        mend = f"did you mean {' or '.join(alike)}?" if alike else f"write one of {', '.join(sorted(EDITS))}"
        return [Problem(pointer("do"), "there is no such edit" if word else "it does not say which edit it is", mend)]
    return shape_problems({name: said for name, said in value.items() if name != "do"}, EDITS[word])
