"""How sampled contexts are kept: sealed, within bounds, for a week; and the ports of who seals and who keeps them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

import msgspec

from pennon.events import first_bits

MOST = 1000
"""So many contexts are kept of an hour of an environment."""
KEPT = timedelta(days=7)
HOUR_S = 3600
PURPOSE = b"pennon sampled contexts: 1"

Context: TypeAlias = Mapping[str, Any]


class Box(Protocol):
    """Seals what nobody is to read in the database."""

    def seal(self, text: bytes, about: bytes) -> bytes:
        """Return *text*, to be opened for what it is *about* only."""

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """Return what was sealed *about* that; None if it was not, or by another secret."""

    def digest(self, text: bytes) -> bytes:
        """Return a digest of *text* that nobody can make who has not the secret."""


OpenBox: TypeAlias = Callable[[], Box]
"""Returns the box of this installation. Raises `Unavailable` where its secret cannot be read."""


class SealedContext(msgspec.Struct, frozen=True, order=True):
    """A context of an hour, in seconds since 1970. Those with the lowest priorities are the sample.

    The priority is a digest under the secret: with a plain one, whoever has the database could try names out.
    """

    environment: str
    hour: int
    priority: int
    sealed: bytes


class ContextStore(Protocol):
    """Keeps sealed contexts, for all servers over one database."""

    def keep(self, contexts: Iterable[SealedContext]) -> None:
        """Keep them, and of each hour those with the lowest priorities, `MOST` at most. Raises `Unavailable`."""

    def find(self, environment: str, *, since: datetime, limit: int) -> list[SealedContext]:
        """Return those with the lowest priorities of an environment, of the hours from *since* on."""

    def environments(self) -> list[str]:
        """Return the environments of which something is kept."""

    def forget(self, *, before: datetime | None = None, environments: Collection[str] = ()) -> None:
        """Forget the hours before a time, and all of these *environments*."""


def sealed(box: Box, environment: str, hour: int, context: Context) -> SealedContext:
    """Return *context* as it is kept."""
    text = canonical(context)
    about = _about(environment, hour)
    priority = first_bits(box.digest(about + text))
    return SealedContext(environment, hour, priority, box.seal(text, about))


def opened(box: Box, kept: Sequence[SealedContext]) -> list[tuple[int, Context]]:
    """Return each context with its hour, those that are sealed by another secret left out."""
    found = []
    for each in kept:
        if (text := box.open(each.sealed, _about(each.environment, each.hour))) is not None:
            found.append((each.hour, msgspec.json.decode(text)))
    return found


def canonical(context: Context) -> bytes:
    """Return *context* as the same text, whatever order its members came in."""
    return msgspec.json.encode(context, order="sorted")


def hour_at(time: datetime) -> int:
    """Return the start of the hour of *time*, in seconds since 1970."""
    return int(time.timestamp()) // HOUR_S * HOUR_S


def time_of(hour: int) -> datetime:
    """Return the start of an hour as a time."""
    return datetime.fromtimestamp(hour, UTC)


def _about(environment: str, hour: int) -> bytes:
    return f"{environment}@{hour}:".encode()
