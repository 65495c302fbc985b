"""The port for anything that gives a client its flags without a server."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from pennon.model import Snapshot

Adopt: TypeAlias = Callable[[Snapshot], None]
"""What a source hands each new state to. It may be called from any thread, and returns when the state is served."""


class Source(Protocol):
    """Gives a client its state, at once and whenever it changes."""

    @property
    def look_every_s(self) -> float | None:
        """How often the client should call `look`. None: never, the source speaks up by itself."""

    def attach(self, adopt: Adopt) -> None:
        """Begin: hand *adopt* the state, now if there is one, and then each new one."""

    def look(self) -> str:
        """Hand over what has changed since the last time. Return what is wrong, empty if nothing is."""

    def detach(self, adopt: Adopt) -> None:
        """Stop handing anything to *adopt*."""
