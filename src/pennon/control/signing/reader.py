"""Puts signed heads on what is read off the log, before a stream node gets it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from pennon.control.clock import Clock
from pennon.control.errors import PennonError
from pennon.control.signing.signer import Signer
from pennon.model import Delta, Head, Position, Snapshot
from pennon.protocol import Ledger
from pennon.stream import LogReader

RENEW_EVERY = timedelta(seconds=60)
"""How often a state that does not change is signed anew, so that its receivers know that it is current."""

_log = structlog.get_logger(__name__)


class _Signed:
    """An environment as it was signed last."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.heads: tuple[Head, ...] = ()
        self.key: str | None = None
        self.at: datetime | None = None


class SignedLog(LogReader):
    """Reads by *published*, and signs what a read leads to. While nothing is to be signed it costs next to nothing.

    Roots are computed in threads: it takes milliseconds for 10,000 items, and nobody else need wait for it.
    """

    def __init__(self, published: LogReader, signer: Signer, clock: Clock) -> None:
        self._published = published
        self._signer = signer
        self._clock = clock
        self._signed: dict[str, _Signed] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def environments(self) -> list[str]:
        """Return every environment to serve."""
        return await self._published.environments()

    async def standing(self) -> Mapping[str, Position | None] | None:
        """Return where every environment stands; nothing of those whose heads are to be renewed."""
        standing = await self._published.standing()
        if standing is None or not await self._looks():
            return standing
        return {name: position if self._is_fresh(name, position) else None for name, position in standing.items()}

    async def snapshot(self, environment: str) -> Snapshot:
        """Return *environment* whole, with its heads."""
        async with self._lock(environment):
            snapshot = await self._published.snapshot(environment)
            self._signed.pop(environment, None)
            if await self._looks():
                found = await self._sign(environment, snapshot.position, [], snapshot)
                snapshot = msgspec.structs.replace(snapshot, heads=found)
        return snapshot

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        """Return the steps after *position*, the last of them with the heads of where it leads."""
        async with self._lock(environment):
            deltas = await self._published.since(environment, position)
            if deltas is None or not await self._looks():
                self._signed.pop(environment, None)
                return deltas
            found = await self._sign(environment, position, deltas, None)
        if not deltas:
            return deltas
        return [*deltas[:-1], msgspec.structs.replace(deltas[-1], heads=found)]

    def age(self, environment: str) -> float:
        """Return how long the source has not been confirmed."""
        return self._published.age(environment)

    def heads(self, environment: str) -> tuple[Head, ...]:
        """Return the newest heads, which may be of a state that was read before."""
        signed = self._signed.get(environment)
        return () if signed is None else signed.heads

    def signs(self) -> bool:
        """Return whether what is read has heads."""
        return self._signer.key is not None

    async def allows_client_rules(self, environment: str) -> bool:
        """Return whether browsers may have the rules of *environment*'s client-side flags."""
        return await self._published.allows_client_rules(environment)

    def _lock(self, environment: str) -> asyncio.Lock:
        return self._locks.setdefault(environment, asyncio.Lock())

    async def _looks(self) -> bool:
        if not self._signer.is_informed:
            try:
                await asyncio.to_thread(self._signer.look)
            except PennonError as error:
                _log.warning("the signing key cannot be looked up", problem=str(error))
        return self._signer.key is not None

    async def _sign(
        self, environment: str, position: Position, deltas: Sequence[Delta], snapshot: Snapshot | None
    ) -> tuple[Head, ...]:
        """Return the heads of where *deltas* lead from *position*, or of *snapshot*."""
        signed = self._signed.get(environment)
        if signed is None or not _fits(signed.ledger, position, deltas):
            if snapshot is None:
                snapshot = await self._published.snapshot(environment)
            signed = self._signed[environment] = _Signed(await asyncio.to_thread(Ledger, snapshot))
        missed = [delta for delta in deltas if delta.to > signed.ledger.position.revision]
        if missed or self._is_due(signed):
            try:
                await asyncio.to_thread(self._follow, signed, missed)
            except (
                BaseException
            ):  # nothing is swallowed: the thread may still be at it, and nobody shall use what it left
                self._signed.pop(environment, None)
                raise
        return signed.heads

    def _is_fresh(self, environment: str, position: Position | None) -> bool:
        signed = self._signed.get(environment)
        return signed is not None and signed.ledger.position == position and not self._is_due(signed)

    def _is_due(self, signed: _Signed) -> bool:
        """Whether what was signed is to be signed anew."""
        is_recent = signed.at is not None and timedelta(0) <= self._clock.now() - signed.at < RENEW_EVERY
        return not is_recent or signed.key != self._signer.key

    def _follow(self, signed: _Signed, missed: Sequence[Delta]) -> None:
        ledger = signed.ledger
        for delta in missed:
            ledger.advance(delta)
        signed.key, signed.at = self._signer.key, self._clock.now()
        signed.heads = self._signer.heads(ledger.environment, ledger.position, ledger.roots())


def _fits(ledger: Ledger, position: Position, deltas: Sequence[Delta]) -> bool:
    """Whether the *ledger* stands somewhere between *position* and where *deltas* lead."""
    end = deltas[-1].to if deltas else position.revision
    return ledger.position.epoch == position.epoch and position.revision <= ledger.position.revision <= end
