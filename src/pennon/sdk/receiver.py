"""The ports between the loop that follows a server and whoever wants what it brings: a client, an edge node."""

from collections.abc import Mapping
from typing import Protocol

from pennon.model import Head, Position
from pennon.protocol import Action, Frame
from pennon.sdk.ladder import Failure, Level


class Receiver(Protocol):
    """Takes what an upstream sends. What it cannot do itself, ask the upstream, it returns."""

    @property
    def position(self) -> Position | None:
        """Where it stands, None if it knows nothing."""

    def receive(self, frame: Frame, now: float) -> list[Action]:
        """Take a frame of a stream."""

    def receive_document(self, data: bytes, *, age: float, now: float) -> list[Action]:
        """Take what the snapshot endpoint answered."""

    def receive_unchanged(self, *, age: float, now: float, said: tuple[Head, ...] = ()) -> list[Action]:
        """Take the word of the snapshot endpoint that nothing changed, and the signed heads that it *said* with it."""

    def stand(self, best: Level, failure: Failure | None, now: float) -> None:
        """Take note of the best rung that can be stood on now, and of what went wrong, if something did.

        Called after each thing that was received, and each attempt that came to nothing.
        """


class Calls(Protocol):
    """Looks at each call of a transport: may forbid it, adds headers, and judges the answer by its own."""

    def begin(self, url: str) -> Mapping[str, str]:
        """Return the headers to add to a call of *url*. Raises `UpstreamFailed` where it must not be made."""

    def answered(self, url: str, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer, or of how a stream begins. Raises `UpstreamFailed` where it must not be used."""

    def failed(self, url: str) -> None:
        """Take note that there was no answer, or only the beginning of one."""


class AnyCall:
    """Lets every call pass as it is."""

    def begin(self, _url: str) -> Mapping[str, str]:
        """Return nothing."""
        return {}

    def answered(self, url: str, status: int, headers: Mapping[str, str]) -> None:
        """Do nothing."""

    def failed(self, url: str) -> None:
        """Do nothing."""
