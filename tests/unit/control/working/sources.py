"""Where tests of working states read from."""

from pennon.control.working.state import MemoryItems, WorkingKind, WorkingModel
from pennon.model import Item


class CountedItems(MemoryItems):
    """Notes what is read."""

    def __init__(self, *models: WorkingModel) -> None:
        items: dict[str, dict[str, Item]] = {}
        for model in models:
            items.setdefault(type(model).__name__.lower(), {})[model.key] = Item.of(model)
        super().__init__(items)
        self.read: list[tuple[str, str] | str] = []
        """Single items, kinds listed whole, and parts looked for."""

    def item(self, kind: str, key: str) -> Item | None:
        self.read.append((kind, key))
        return super().item(kind, key)

    def items(self, kind: WorkingKind) -> list[Item]:
        self.read.append(kind)
        return super().items(kind)

    def items_with(self, kind: WorkingKind, part: bytes) -> list[Item]:
        self.read.append(part.decode())
        return super().items_with(kind, part)
