"""What a node needs from outside: the log, and the time. The bus is in `bus.base`, the sink in `ingest.accept`."""

from collections.abc import Mapping
from typing import Protocol

from pennon.model import Delta, Head, Position, Snapshot


class NotKnownYet(LookupError):
    """The source of a log knows nothing of what was asked yet. That is nobody's fault: it is asked again."""


class Clock(Protocol):
    """The time of day, and a time that only goes forward. The standard module `time` is one."""

    def time(self) -> float:
        """Return seconds since 1970."""

    def monotonic(self) -> float:
        """Return seconds since some moment, never less than before."""


class LogReader(Protocol):
    """Reads the environments' logs: an origin's from its storage, an edge's from its replicas.

    Any method may raise whatever its source raises: the node goes on with what it has, and asks again.
    """

    async def environments(self) -> list[str]:
        """Return every environment to serve, as `project/environment`."""

    async def standing(self) -> Mapping[str, Position | None] | None:
        """Return every environment to serve and where its log stands, in one look; None: ask for each by itself.

        An environment without a position is to be asked for by itself, too.
        """
        return None

    async def snapshot(self, environment: str) -> Snapshot:
        """Return all items of *environment*, key records too, at one position."""

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        """Return what came after *position*, oldest first; None where only a snapshot can tell."""

    def age(self, environment: str) -> float:
        """Return for how many seconds the source itself has not been confirmed by the origin.

        0 where the source is the origin's log: an answer from there is current when it is given.
        """
        return 0.0

    def heads(self, environment: str) -> tuple[Head, ...]:
        """Return the newest signed heads of *environment*; none where nobody signs. Others than the node's are left."""
        return ()

    def signs(self) -> bool:
        """Return whether what is read has heads. Notices of the bus have none: they only say when to read, then."""
        return False

    async def look(self) -> bool:
        """Look for environments that are new, for somebody wants to know. Return whether that was done."""
        return False

    def knows_all(self) -> bool:
        """Return whether what it says is all that there is, as far as anybody can tell now.

        A key that is not in it is wrong then; else its holder is asked to come back.
        """
        return True

    def doubts(self, environment: str) -> str | None:
        """Return why nobody may be admitted by the key records of *environment* now; None where all is well."""
        return None

    def overridden(self, environment: str) -> str:
        """Return which flags of *environment* are not served as the origin says, as a header; empty for none."""
        return ""

    async def allows_client_rules(self, environment: str) -> bool:
        """Return whether browsers may have the rules of *environment*'s client-side flags, to evaluate themselves."""
        return False
