"""A source that a test holds in its hands: what it puts is what the client serves, at once."""

import threading
from typing import TypeAlias

from msgspec.structs import replace

from pennon.model import Flag, Item, ItemKind, Layer, Position, Segment, Snapshot
from pennon.sdk.sources.base import Adopt
from pennon.testing.flags import FlagBuilder

Puttable: TypeAlias = FlagBuilder | Flag | Segment | Layer


class InMemorySource:
    """Serves flags, segments and layers to `Client(source=…)`, without a server.

    Each call is one change: the revision rises by one, and the version of each item that it puts.
    """

    def __init__(self, *items: Puttable, environment: str = "test") -> None:
        self._environment = environment
        self._items: dict[ItemKind, dict[str, Item]] = {"flag": {}, "segment": {}, "layer": {}}
        self._versions: dict[tuple[ItemKind, str], int] = {}
        self._revision = 0
        self._listeners: list[Adopt] = []
        self._lock = threading.RLock()
        if items:
            self.put(*items)

    @property
    def revision(self) -> int:
        """How many changes there were."""
        return self._revision

    @property
    def snapshot(self) -> Snapshot:
        """What is served now."""
        items = {kind: dict(records) for kind, records in self._items.items()}
        return Snapshot.of(items, environment=self._environment, position=Position(1, self._revision))

    @property
    def look_every_s(self) -> None:
        """Never: each change is handed over when it is made."""
        return

    def put(self, *items: Puttable) -> None:
        """Create these, or replace those of the same key. Whatever is read after this call reads them."""
        with self._lock:
            self._revision += 1
            for each in items:
                self._put(each.build() if isinstance(each, FlagBuilder) else each)
            self._hand_over()

    def delete(self, key: str, kind: ItemKind = "flag") -> None:
        """Delete an item. Raises `KeyError` if it is not there."""
        with self._lock:
            del self._items[kind][key]
            self._revision += 1
            self._hand_over()

    def advance(self) -> None:
        """Raise the revision without changing anything, as a change elsewhere in an environment does."""
        with self._lock:
            self._revision += 1
            self._hand_over()

    def attach(self, adopt: Adopt) -> None:
        """Begin to hand each state to *adopt*."""
        with self._lock:
            self._listeners.append(adopt)
            adopt(self.snapshot)

    def look(self) -> str:
        """Do nothing: there is nothing to look at."""
        return ""

    def detach(self, adopt: Adopt) -> None:
        """Stop handing anything to *adopt*."""
        with self._lock:
            self._listeners = [each for each in self._listeners if each != adopt]

    def _put(self, model: Flag | Segment | Layer) -> None:
        kind: ItemKind = "flag" if isinstance(model, Flag) else "segment" if isinstance(model, Segment) else "layer"
        version = self._versions[kind, model.key] = self._versions.get((kind, model.key), 0) + 1
        self._items[kind][model.key] = Item.of(replace(model, version=version, changed_at=self._revision))

    def _hand_over(self) -> None:
        snapshot = self.snapshot
        for adopt in list(self._listeners):
            adopt(snapshot)
