"""What a semantic edit is: one intent, told by its word in `do`, that turns one model into another. Pure."""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from pennon.control.working.salts import NewSalt
from pennon.control.working.state import ItemName
from pennon.model import Flag, Layer, Problem, Segment


class EditRefused(Exception):
    """An edit that makes no sense of the state it meets. Paths are from the edit's root."""

    def __init__(self, path: str, message: str, mend: str) -> None:
        self.problem = Problem(path, message, mend)
        super().__init__(message)


def inside(prefix: str, struct: type[msgspec.Struct]) -> Mapping[str, str]:
    """Return where each field of *struct* stands in an edit that holds one as *prefix*."""
    names = (field.encode_name for field in msgspec.structs.fields(struct))
    return {name: f"{prefix}/{name}" for name in names}


class Edit(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="do",
):
    """Base of all edits."""

    says: ClassVar[Mapping[str, str]] = {}
    """Which field of the edit sets which field of the item, both as in JSON: a problem there is a problem here."""

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        raise NotImplementedError  # abstract: each kind of edit has its own


class FlagEdit(Edit, frozen=True, kw_only=True):
    """An edit of one flag, whose key is `flag`."""

    flag: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "flag", self.flag

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited. Raises `EditRefused`."""
        raise NotImplementedError  # abstract: each kind of edit has its own


class SegmentEdit(Edit, frozen=True, kw_only=True):
    """An edit of one segment, whose key is `segment`."""

    segment: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "segment", self.segment

    def apply(self, segment: Segment) -> Segment:
        """Return *segment* as edited. Raises `EditRefused`."""
        raise NotImplementedError  # abstract: each kind of edit has its own


class LayerEdit(Edit, frozen=True, kw_only=True):
    """An edit of one layer, whose key is `layer`."""

    layer: str

    @property
    def item(self) -> ItemName:
        """The item that it edits."""
        return "layer", self.layer

    def apply(self, layer: Layer) -> Layer:
        """Return *layer* as edited. Raises `EditRefused`."""
        raise NotImplementedError  # abstract: each kind of edit has its own
