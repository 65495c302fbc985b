"""Takes event batches: each once per (key, instance, sequence), and none before it is on disk.

Batches that come while the disk is busy share the next fsync, so the disk's latency bounds the delay of one and not the
rate of all. Errors:

    IngestError
    ├── BatchTooOld         the instance is far past this number, or it waited for weeks: was it taken? nobody can say
    └── IngestUnavailable   nothing can be kept now: send it again later
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

import msgspec
import structlog

from pennon.events import DIRECT, EventBatch, Source, Standing, Taken, Way
from pennon.ingest.spool import Place, Record, Spool, SpoolFull, SpoolSettings, replace_file

_log = structlog.get_logger(__name__)
_Id: TypeAlias = tuple[Source, int]
T = TypeVar("T")
LONGEST_WAIT_MS = 21 * 24 * 3_600_000
"""What waited on other nodes for longer is refused: the mark that it was counted by another way may be forgotten."""


class IngestError(Exception):
    """Base of what ingest raises."""


class BatchTooOld(IngestError):
    """The sequence number is so far behind the instance's newest that it cannot be told from a repetition."""


class IngestUnavailable(IngestError):
    """The batch could not be made durable. Nothing of it is counted; the same batch may be sent again."""


class Accepted(msgspec.Struct, frozen=True):
    """How many entries were taken. `duplicate`: the batch had been taken before, and counts only that once."""

    accepted: int
    duplicate: bool = False


class EventSink(Protocol):
    """Where a node's event batches go. What it has answered for is never lost."""

    @property
    def passes_on(self) -> bool:
        """Whether what it takes goes on to another node, which counts it and may know more flags and keys than this."""

    async def accept(self, environment: str, key_hash: str, batch: EventBatch, way: Way = DIRECT) -> Accepted:
        """Take *batch* from the holder of the key, once. Raises `IngestError`."""


class Spooled(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A batch as it lies in the spool: whose it is, and when a node first took it, in milliseconds since 1970."""

    environment: str
    key_hash: str
    received_at: int
    batch: EventBatch
    via: tuple[str, ...] = ()
    """The nodes that it came by."""


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`waiting_bytes`: what may wait for the disk before more is refused. `passes_on`: see `EventSink`."""

    spool: SpoolSettings = SpoolSettings()
    waiting_bytes: int = 32 * 1024 * 1024
    passes_on: bool = False


class _Waiting(msgspec.Struct):
    source: Source
    sequence: int
    payload: bytes
    written: asyncio.Future[str | None]
    """What went wrong, or None once it is on disk."""


class _Ledger(msgspec.Struct, frozen=True):
    """What was taken up to a place of the spool; the records after it tell the rest."""

    upto: Place
    taken: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_DECODER = msgspec.json.Decoder(Spooled)


def spooled(payload: bytes) -> Spooled | None:
    """Read a record of the spool; None where it is none of ours."""
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class Ingest:
    """An `EventSink` on a spool in *folder*. *now* gives seconds since 1970."""

    def __init__(self, folder: Path, now: Callable[[], float], settings: IngestSettings = IngestSettings()) -> None:  # noqa: B008  # immutable
        self._folder = folder
        self._now = now
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pennon-spool")
        self._spool: Spool | None = None
        self._taken = Taken()
        self._noted = 0
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._pending: dict[_Id, asyncio.Future[str | None]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._grown = asyncio.Event()
        self._is_refusing = False

    async def start(self) -> None:
        """Open the spool and learn what was taken before. Raises `SpoolError`."""
        self._spool, self._taken = await self._in_thread(self._opened)
        self._grown.set()

    async def stop(self) -> None:
        """Write what waits, and close the spool."""
        if self._writer is not None:
            await self._writer
        if self._spool is not None:
            await self._in_thread(self._spool.close)
            self._spool = None
        self._thread.shutdown()

    @property
    def passes_on(self) -> bool:
        """See `EventSink`."""
        return self._settings.passes_on

    @property
    def spool_bytes(self) -> int:
        """How many bytes lie in the spool."""
        return 0 if self._spool is None else self._spool.bytes

    async def accept(self, environment: str, key_hash: str, batch: EventBatch, way: Way = DIRECT) -> Accepted:
        """Take *batch*, once, and return when it is on disk. Raises `BatchTooOld` and `IngestUnavailable`."""
        source = self._source(key_hash, batch, way.via)
        if way.waited_ms > LONGEST_WAIT_MS and not self.passes_on:
            raise BatchTooOld("it waited for more than three weeks: nobody can say whether it came another way before")
        match self._taken.standing(source, batch.sequence):
            case Standing.TAKEN:
                return Accepted(batch.entries, duplicate=True)
            case Standing.TOO_OLD if not (self.passes_on and way.via):  # of what comes by others, who counts will say
                raise BatchTooOld(f"sequence {batch.sequence} is far behind: give the instance a new name")
        written = self._pending.get((source, batch.sequence))
        duplicate = written is not None
        if written is None:
            came_at = max(0, int(self._now() * 1000) - way.waited_ms)
            record = Spooled(environment, key_hash, came_at, batch, way.via)
            written = self._enqueue(source, batch.sequence, _encode(record))
        # Shielded: a client that leaves takes nothing back, and others may wait for the same batch.
        if (problem := await asyncio.shield(written)) is not None:
            raise IngestUnavailable(problem)
        return Accepted(batch.entries, duplicate=duplicate)

    async def wait_for_more(self) -> None:
        """Return when something was written since this was last called."""
        await self._grown.wait()
        self._grown.clear()

    async def read(self, limit: int, *, after: Place | None = None) -> list[Record]:
        """Return at most *limit* records that nobody has released yet, from the place *after* on if it is given."""
        return await self._in_thread(lambda: self._unread(limit, after))

    async def release(self, place: Place) -> None:
        """Note that everything before *place* is counted, and delete the segments that nobody reads any more."""
        taken = self._taken.to_json() if place.segment > self._noted else None
        await self._in_thread(lambda: self._release(place, taken))

    def _opened(self) -> tuple[Spool, Taken]:
        spool = Spool(self._folder, self._settings.spool)
        taken, upto = self._remembered()
        for record in spool.read(upto):
            found = None if record.payload is None else spooled(record.payload)
            if found is None:
                _log.error("spool record damaged", folder=str(self._folder), after=record.after)
                continue
            taken.add(self._source(found.key_hash, found.batch, found.via), found.batch.sequence)
        return spool, taken

    def _source(self, key_hash: str, batch: EventBatch, via: tuple[str, ...]) -> Source:
        """Return what the numbers of *batch* are told apart by.

        A node that passes batches on takes one again that came another way. It may have given the first to the very
        node that gives it the second: each would count on the other, and both forget it. One way has no way back.
        """
        way = "@" + ".".join(via) if via and self._settings.passes_on else ""
        return key_hash + way, batch.instance

    def _remembered(self) -> tuple[Taken, Place]:
        try:
            ledger = msgspec.json.decode((self._folder / "taken").read_bytes(), type=_Ledger)
            return Taken.from_json(bytes(ledger.taken)), ledger.upto
        except FileNotFoundError:
            return Taken(), Place(0, 0)
        except msgspec.DecodeError:
            _log.error(
                "the note of taken batches is damaged: counting still skips repetitions", folder=str(self._folder)
            )
            return Taken(), Place(0, 0)

    def _enqueue(self, source: Source, sequence: int, payload: bytes) -> asyncio.Future[str | None]:
        if self._spool is None:
            raise IngestUnavailable("not started, or stopping")
        if self._waiting_bytes + len(payload) > self._settings.waiting_bytes:
            raise IngestUnavailable("too much waits for the disk")
        written: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(source, sequence, payload, written))
        self._waiting_bytes += len(payload)
        self._pending[source, sequence] = written
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return written

    async def _write(self) -> None:
        """Write what waits until nothing does: one append, and so one fsync, for all that came during the last."""
        while self._waiting:
            group, self._waiting, self._waiting_bytes = self._waiting, [], 0
            problem = await self._append([waiting.payload for waiting in group])
            for waiting in group:
                if problem is None:
                    self._taken.add(waiting.source, waiting.sequence)
                del self._pending[waiting.source, waiting.sequence]
                waiting.written.set_result(problem)
            if problem is None:
                self._grown.set()
            elif not self._is_refusing:
                # Said after everybody was answered, and in vain perhaps: the log may lie on the same full disk. Once:
                # senders come again and again.
                with contextlib.suppress(OSError):
                    _log.error("events are refused: the spool takes nothing", problem=problem)
            self._is_refusing = problem is not None

    async def _append(self, payloads: list[bytes]) -> str | None:
        """Return what went wrong, whatever it was: those who wait must all be answered."""
        try:
            await self._in_thread(lambda: self._open_spool().append(payloads))
        except Exception as error:  # noqa: BLE001  # the writer's loop must survive, see above
            return str(error) if isinstance(error, SpoolFull) else repr(error)
        return None

    def _unread(self, limit: int, after: Place | None) -> list[Record]:
        spool = self._open_spool()
        return list(itertools.islice(spool.read(after or spool.consumed()), limit))

    def _release(self, place: Place, taken: bytes | None) -> None:
        spool = self._open_spool()
        unread = spool.consume(place)
        if taken is not None:
            # Noted before the records go that tell it.
            replace_file(self._folder / "taken", _encode(_Ledger(place, msgspec.Raw(taken))))
            self._noted = place.segment
            spool.delete(unread)

    def _open_spool(self) -> Spool:
        if self._spool is None:
            raise IngestUnavailable("not started, or stopping")
        return self._spool

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
