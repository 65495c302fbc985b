"""Environments in a key-value store: cut in parts that are named by their content, and a manifest written last.

The manifest, under `state/<environment>`, says position, digest, times and the parts; each part, under
`part/<environment>/<hash>`, is compressed and checked when it is read. A change rewrites the part that it is in and the
manifest. A state never takes the place of a later one, whoever wrote that.
"""

import asyncio
import contextlib
import hashlib
import time
import zlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from pennon.edge.kv.base import LARGEST, KeyValueStore, KvError, KvSpoiled, KvUnavailable
from pennon.model import DECODE_ERRORS, InvalidJson, Position, Snapshot

FORMAT = 1
_STATE, _PART = "state/", "part/"
_MARK = b"pennon-state "
_SHORT, _LONG = 64 * 1024, LARGEST - 1024  # what cannot be compressed becomes a little longer
_CUTS = 128
_TRIES = 3
ORPHANED_S = 600.0
"""A part that no manifest has named for so long is of a writer that did not live to write one."""
_encode = msgspec.json.Encoder().encode

Reader: TypeAlias = Callable[[bytes], Snapshot]
"""Reads a snapshot as it travels. Raises `InvalidJson`."""


class SpoiledState(KvError):
    """What is kept of an environment is of no use: fetch it from the upstream. `problem` says what is wrong."""

    def __init__(self, environment: str, problem: str) -> None:
        super().__init__(f"the stored state of {environment} is not usable: {problem}")
        self.environment = environment
        self.problem = problem


class StoredState(msgspec.Struct, frozen=True):
    """An environment as it was known. Times are seconds since 1970.

    At `known_at` it was last known to be current at the origin; at `confirmed_at` the upstream last said anything.
    """

    environment: str
    snapshot: Snapshot
    known_at: float
    confirmed_at: float


class Standing(msgspec.Struct, frozen=True):
    """What is kept of an environment, without its items."""

    position: Position
    digest: str
    known_at: float


class _Part(msgspec.Struct, frozen=True, array_like=True):
    hash: str
    bytes: int


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    environment: str
    epoch: int
    revision: int
    digest: str
    known_at: float
    confirmed_at: float
    parts: tuple[_Part, ...]

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.revision)


class _Slice(msgspec.Struct, frozen=True):
    part: _Part
    data: bytes


_MANIFESTS = msgspec.json.Decoder(_Manifest)


class StateStore:
    """Keeps environments in *store*, which other nodes may share. *reader* reads what is loaded.

    *now* is a time that only goes forward.
    """

    def __init__(
        self,
        store: KeyValueStore,
        *,
        reader: Reader = Snapshot.from_json,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._read = reader
        self._now = now
        self._orphans: dict[str, tuple[float, set[str]]] = {}
        self._sound: dict[str, set[str]] = {}
        self._saving = asyncio.Lock()

    async def load(self, environment: str) -> StoredState | None:
        """Return what is kept of *environment*, None if that is nothing.

        Raises `SpoiledState` where it is not usable, `KvUnavailable`.
        """
        problem = ""
        for _ in range(_TRIES):  # a writer may clear parts away while they are read here
            manifest = await self._manifest(environment)
            if manifest is None:
                return None
            try:
                return await self._whole(manifest)
            except SpoiledState as error:
                if error.problem == problem:
                    raise
                problem = error.problem
        raise SpoiledState(environment, problem)

    async def standing(self, environment: str) -> Standing | None:
        """Return where what is kept of *environment* stands, None if that is nothing. Raises as `load` does."""
        manifest = await self._manifest(environment)
        return None if manifest is None else Standing(manifest.position, manifest.digest, manifest.known_at)

    async def save(self, state: StoredState) -> bool:
        """Keep *state* in place of an earlier one; return False where a later one is kept.

        Raises `KvUnavailable`, or `SpoiledState` where items of *state* cannot be read: then nothing has changed.
        """
        async with self._saving:
            before = await self._before(state.environment)
            if before is not None and not _follows(state, before):
                return False
            parts = await self._write_parts(state, before)
            written = await self._write_manifest(state, parts)
            if written:
                await self._tidy(state.environment, before, {part.hash for part in parts})
            return written

    async def environments(self) -> list[str]:
        """Return every environment of which something is kept. Raises `KvUnavailable`."""
        return sorted(name.removeprefix(_STATE) for name in await self.store.names() if name.startswith(_STATE))

    async def forget(self, environment: str) -> None:
        """Keep nothing of *environment* any more. Raises `KvUnavailable`."""
        async with self._saving:
            await self.store.delete(_STATE + environment)
            self._sound.pop(environment, None)
            for name in await self.store.names():
                if name.startswith(f"{_PART}{environment}/"):
                    await self.store.delete(name)

    async def close(self) -> None:
        """Let go of the store."""
        await self.store.close()

    async def _manifest(self, environment: str) -> _Manifest | None:
        try:
            value = await self.store.read(_STATE + environment)
        except KvSpoiled as error:
            raise SpoiledState(environment, str(error)) from error
        return None if value is None else _read_manifest(environment, value)

    async def _before(self, environment: str) -> _Manifest | None:
        try:
            return await self._manifest(environment)
        except SpoiledState:
            return None  # it is replaced

    async def _whole(self, manifest: _Manifest) -> StoredState:
        environment = manifest.environment
        self._sound.pop(environment, None)
        pieces = [await self._part(environment, part) for part in manifest.parts]
        body = b"".join(pieces)
        del pieces
        try:
            snapshot = await asyncio.to_thread(self._read, body)
        except InvalidJson as error:
            raise SpoiledState(environment, str(error)) from error
        said = snapshot.environment, snapshot.position, snapshot.digest
        if said != (environment, manifest.position, manifest.digest):
            raise SpoiledState(environment, f"its parts are of {said[0]} at {said[1]}, not at {manifest.position}")
        self._sound[environment] = {part.hash for part in manifest.parts}
        return StoredState(environment, snapshot, manifest.known_at, manifest.confirmed_at)

    async def _part(self, environment: str, part: _Part) -> bytes:
        try:
            value = await self.store.read(_name(environment, part))
        except KvSpoiled as error:
            raise SpoiledState(environment, str(error)) from error
        if value is None:
            raise SpoiledState(environment, f"its part {part.hash} is missing")
        return await asyncio.to_thread(_unpacked, environment, part, value)

    async def _write_parts(self, state: StoredState, before: _Manifest | None) -> tuple[_Part, ...]:
        """Write what is not there yet, as far as this node knows: what somebody else wrote may be damaged."""
        standing = set() if before is None else {part.hash for part in before.parts}
        sound = self._sound.get(state.environment, set()) & standing
        parts = []
        slices = _slices(state)
        while (piece := await asyncio.to_thread(next, slices, None)) is not None:
            if piece.part.hash not in sound:
                value = await asyncio.to_thread(zlib.compress, piece.data, 1)
                await self.store.write(_name(state.environment, piece.part), value)
            parts.append(piece.part)
        self._sound[state.environment] = {part.hash for part in parts}
        return tuple(parts)

    async def _write_manifest(self, state: StoredState, parts: tuple[_Part, ...]) -> bool:
        snapshot, environment = state.snapshot, state.environment
        manifest = _Manifest(
            environment,
            snapshot.epoch,
            snapshot.revision,
            snapshot.digest,
            state.known_at,
            state.confirmed_at,
            parts,
        )

        def allows(found: bytes | None) -> bool:
            try:
                return found is None or _follows(state, _read_manifest(environment, found))
            except SpoiledState:
                return True

        return await self.store.write_if(_STATE + environment, _written(manifest), allows)

    async def _tidy(self, environment: str, before: _Manifest | None, kept: set[str]) -> None:
        """Delete parts that the state before had, and those of nobody. Who reads them just now starts again."""
        with contextlib.suppress(KvUnavailable):  # the state is kept; what is left over does no harm
            known = {part.hash for part in before.parts} if before is not None else set()
            for hash_ in sorted((known | await self._orphaned(environment)) - kept):
                await self.store.delete(f"{_PART}{environment}/{hash_}")

    async def _orphaned(self, environment: str) -> set[str]:
        """Return the parts that were there a while ago, once in a while. Later ones may be of a save that goes on."""
        seen = self._orphans.get(environment)
        if seen is not None and self._now() - seen[0] < ORPHANED_S:
            return set()
        start = f"{_PART}{environment}/"
        there = {name.removeprefix(start) for name in await self.store.names() if name.startswith(start)}
        self._orphans[environment] = (self._now(), there)
        return set() if seen is None else seen[1] & there


def _follows(state: StoredState, before: _Manifest) -> bool:
    """Whether *state* may take the place of what *before* describes."""
    position = state.snapshot.position
    if position == before.position and state.snapshot.digest == before.digest:
        return state.known_at >= before.known_at
    return position >= before.position


def _name(environment: str, part: _Part) -> str:
    return f"{_PART}{environment}/{part.hash}"


def _written(manifest: _Manifest) -> bytes:
    text = _encode(manifest)
    return b"%b%d %b\n" % (_MARK, FORMAT, hashlib.sha256(text).hexdigest().encode()) + text


def _read_manifest(environment: str, value: bytes) -> _Manifest:
    line, _, text = value.partition(b"\n")
    words = line.removeprefix(_MARK).split(b" ")
    if not line.startswith(_MARK) or len(words) != 2:
        raise SpoiledState(environment, "what is there was not written by Pennon, or its beginning is damaged")
    if words[0] != b"%d" % FORMAT:
        raise SpoiledState(
            environment, f"it has format {words[0].decode(errors='replace')}, this Pennon reads {FORMAT}"
        )
    if hashlib.sha256(text).hexdigest().encode() != words[1]:
        raise SpoiledState(environment, "its manifest is damaged or was cut off")
    try:
        manifest = _MANIFESTS.decode(text)
    except DECODE_ERRORS as error:
        raise SpoiledState(environment, f"its manifest cannot be read: {error}") from error
    if manifest.environment != environment:
        raise SpoiledState(environment, f"it is the state of {manifest.environment}")
    return manifest


def _slices(state: StoredState) -> Iterator[_Slice]:
    """Cut the text of a state where keys say so, not at round places: a change moves no cut but those beside it.

    Raises `SpoiledState` for an item without text: it lies in a file, and is damaged there.
    """
    waiting: list[bytes] = []
    size = 0
    for piece in state.snapshot.pieces():
        is_item = piece.startswith(b'"')
        if is_item and piece.endswith(b":"):
            raise SpoiledState(state.environment, f"the item {piece[:-1].decode(errors='replace')} cannot be read")
        is_cut = is_item and size >= _SHORT and zlib.crc32(piece[: piece.find(b'":')]) % _CUTS == 0
        if waiting and (is_cut or size + len(piece) > _LONG):
            yield from _short(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(piece)
        size += len(piece)
    yield from _short(b"".join(waiting))


def _short(data: bytes) -> Iterator[_Slice]:
    for at in range(0, len(data), _LONG):
        short = data[at : at + _LONG]
        yield _Slice(_Part(hashlib.sha256(short).hexdigest()[:40], len(short)), short)


def _unpacked(environment: str, part: _Part, value: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(value, part.bytes + 1)
    except zlib.error as error:
        raise SpoiledState(environment, f"its part {part.hash} cannot be unpacked: {error}") from error
    if (
        not unpacking.eof
        or unpacking.unused_data
        or len(data) != part.bytes
        or hashlib.sha256(data).hexdigest()[:40] != part.hash
    ):
        raise SpoiledState(environment, f"its part {part.hash} is damaged or was cut off")
    return data
