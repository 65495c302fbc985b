"""The port for the local store."""

from typing import Protocol

import msgspec

from pennon.model import Snapshot


class Stored(msgspec.Struct, frozen=True):
    """A state as it was kept. `known_at` is when it was last known to be current, in seconds since 1970."""

    snapshot: Snapshot
    known_at: float


class Store(Protocol):
    """Keeps one environment's last known state."""

    def load(self) -> Stored | None:
        """Return what is kept, None if nothing is. Raises `CorruptStore`, or `OSError`."""

    def save(self, stored: Stored) -> None:
        """Keep *stored* in place of what was kept, whole or not at all. Raises `OSError`."""
