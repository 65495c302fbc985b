"""The port of the key-value store: small values by name, in a place that outlives the node and may be away.

KvError
├── KvUnavailable   the store cannot be reached or takes nothing: go on without it, and try again later
├── KvSpoiled       what is kept under a name is not what was written there: it is of no use, fetch it anew
└── KvUnusable      our operator's fault: no store speaks that address, or its library is not installed
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

LARGEST = 512 * 1024
"""The longest value that every store takes: NATS refuses messages above 1 MB, and a longer one holds up others."""

Allows: TypeAlias = Callable[[bytes | None], bool]
"""Says of what is kept under a name, None for nothing, whether it may be replaced."""


class KvError(Exception):
    """Base of what goes wrong with a store."""


class KvUnavailable(KvError):
    """The store cannot be reached, is too slow, or has no room."""


class KvSpoiled(KvError):
    """What is kept under a name was cut off, damaged or written by something else."""


class KvUnusable(KvError):
    """There is no store at that address. The message says what to do."""


class KeyValueStore(Protocol):
    """Keeps values of at most `LARGEST` bytes by name. A name is any text of 1 to 600 characters.

    Every method raises `KvUnavailable` after a few seconds where the store is away, and connects again when asked next.
    """

    async def read(self, name: str) -> bytes | None:
        """Return what is kept under *name*, None for nothing. Raises `KvSpoiled` if it is not what was written."""

    async def write(self, name: str, value: bytes) -> None:
        """Keep *value* under *name*. Whatever is killed meanwhile, a reader finds the old or the new one, whole."""

    async def write_if(self, name: str, value: bytes, allows: Allows) -> bool:
        """Write if *allows* says so of what is there; return whether it did. Nobody writes between the two.

        *allows* is asked anew where somebody else was faster. What is spoiled counts as nothing.
        """

    async def names(self) -> list[str]:
        """Return every name under which something is kept."""

    async def delete(self, name: str) -> None:
        """Keep nothing under *name* any more."""

    async def close(self) -> None:
        """Let go of connections. The store must not be asked any more."""


def check_size(value: bytes) -> None:
    """Raise `ValueError` for a value that is too long for some store, so that it shows with every one."""
    if len(value) > LARGEST:
        raise ValueError(f"a value has at most {LARGEST} bytes, this one {len(value)}: cut it in parts")
