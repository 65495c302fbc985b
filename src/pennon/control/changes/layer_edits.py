"""Edits of a layer. Each is a pure function from layer to layer."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace

from pennon.control.changes.editing import LayerEdit
from pennon.model import Layer, Slot


class SetSlots(LayerEdit, frozen=True, kw_only=True, tag="setSlots"):
    """Say which experiment owns which places of a layer."""

    slots: tuple[Slot, ...]

    says: ClassVar[Mapping[str, str]] = {"slots": "slots"}

    def apply(self, layer: Layer) -> Layer:
        """Return *layer* as edited."""
        return replace(layer, slots=self.slots)
