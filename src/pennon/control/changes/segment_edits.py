"""Edits of a segment's lists. Each is a pure function from segment to segment."""

from typing import Literal, TypeAlias

from msgspec.structs import replace

from pennon.control.changes.editing import SegmentEdit
from pennon.model import Segment

SegmentList: TypeAlias = Literal["included", "excluded"]


class AddToSegment(SegmentEdit, frozen=True, kw_only=True, tag="addToSegment"):
    """List targeting keys (of a hashed segment: their hashes) as included or excluded, and not as the other."""

    keys: tuple[str, ...]
    list: SegmentList = "included"

    def apply(self, segment: Segment) -> Segment:
        """Return *segment* as edited."""
        added = dict.fromkeys(self.keys)
        included, excluded = segment.included, segment.excluded
        if self.list == "included":
            return replace(segment, included=_with(included, added), excluded=_without(excluded, added))
        return replace(segment, included=_without(included, added), excluded=_with(excluded, added))


class RemoveFromSegment(SegmentEdit, frozen=True, kw_only=True, tag="removeFromSegment"):
    """List targeting keys no longer; `list` null takes them off both lists. Keys that are not listed do not matter."""

    keys: tuple[str, ...]
    list: SegmentList | None = None

    def apply(self, segment: Segment) -> Segment:
        """Return *segment* as edited."""
        gone = dict.fromkeys(self.keys)
        included = segment.included if self.list == "excluded" else _without(segment.included, gone)
        excluded = segment.excluded if self.list == "included" else _without(segment.excluded, gone)
        return replace(segment, included=included, excluded=excluded)


def _with(listed: tuple[str, ...], keys: dict[str, None]) -> tuple[str, ...]:
    known = frozenset(listed)
    return (*listed, *(key for key in keys if key not in known))


def _without(listed: tuple[str, ...], keys: dict[str, None]) -> tuple[str, ...]:
    return tuple(key for key in listed if key not in keys)
