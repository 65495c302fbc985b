"""All semantic edits, as one tagged union."""

from collections.abc import Mapping
from typing import ClassVar, TypeAlias

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
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition, OtherValues
from pennon.control.flags.project import HowRestored
from pennon.control.working.state import ItemName
from pennon.model import Json, Layer, Segment


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


class ArchiveFlag(Edit, frozen=True, kw_only=True, tag="archiveFlag"):
    """Archive a flag, in every environment of the project: it evaluates no more, and its key stays reserved."""

    flag: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "flag", self.flag


class RestoreFlag(Edit, frozen=True, kw_only=True, tag="restoreFlag"):
    """Put an archived flag back into every environment: as it was there but off, as it was, or as a new flag."""

    flag: str
    how: HowRestored = "off"

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "flag", self.flag


class PrepareSchema(Edit, frozen=True, kw_only=True, tag="prepareSchema"):
    """Put values under another schema beside those of a flag, in the whole project. They are served once activated.

    `values` are those that differ, by variation. `readBy` says from which version on applications or SDKs, by the names
    that they report, can read them: while others are heard of, the values are not activated.
    """

    flag: str
    schema: Json = None
    values: Mapping[str, Json] = {}
    read_by: Mapping[str, str] = {}
    gone_after_h: int = 24

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "flag", self.flag

    @property
    def prepared(self) -> OtherValues:
        """What it puts beside the flag's values."""
        return OtherValues(schema=self.schema, values=self.values, read_by=self.read_by, gone_after_h=self.gone_after_h)


class ActivateSchema(Edit, frozen=True, kw_only=True, tag="activateSchema"):
    """Serve the values that are prepared for a flag, in the whole project. The old ones are kept until cleaned up."""

    flag: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "flag", self.flag


class CleanUpSchema(Edit, frozen=True, kw_only=True, tag="cleanUpSchema"):
    """Drop the values of a flag that are not served: the old ones, or prepared ones that are given up."""

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
    | ArchiveFlag
    | RestoreFlag
    | PrepareSchema
    | ActivateSchema
    | CleanUpSchema
    | PutSegment
    | DeleteSegment
    | AddToSegment
    | RemoveFromSegment
    | PutLayer
    | DeleteLayer
    | SetSlots
)
"""One edit. In JSON its member `do` says which: `{"do": "turnOn", "flag": "new-checkout"}`."""
