"""Reads environments off the change log for a stream node, in threads of its own."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeAlias, TypeVar, cast

import msgspec

from pennon.control.environments.views import environment as find_environment
from pennon.control.environments.views import environment_names
from pennon.control.log import Change, ChangeLog, Edit, EnvironmentName, Head, State
from pennon.model import Delta, Item, ItemKind, Position, Snapshot
from pennon.protocol import digest
from pennon.stream.ports import LogReader

PREFIX = "environments/"
FURTHEST = 500
"""Further behind than so many changes, a snapshot is the shorter way."""
_MOST_BYTES = 32 * 2**20
_MOST_TOLD_BYTES = 256 * 1024
_KINDS: tuple[ItemKind, ...] = ("flag", "segment", "layer", "key")

T = TypeVar("T")


class Announcer(Protocol):
    """Who passes on that an environment stands at a position, from whatever thread."""

    def announce(self, environment: str, position: Position, *, delta: bytes | None) -> None:
        """Pass it on without waiting, with the step that leads there."""


DigestAt: TypeAlias = Callable[[str, Position], str | None]
"""Returns the digest of an environment's edge projection at a position; None where nobody knows it by heart."""


class PublishedLog(LogReader):
    """What `pennon.stream` needs to know of the log: its environments, whole or by the steps since a position.

    Readings run in threads of their own, so that an admin API that is busy writing does not delay the fan-out. *saw* is
    told, in one of them, whenever the heads of all logs were read.
    """

    def __init__(
        self, log: ChangeLog, *, threads: int = 2, saw: Callable[[Mapping[str, Head]], None] = lambda _: None
    ) -> None:
        self._log = log
        self._saw = saw
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pennon-publishing")
        self._named: tuple[Mapping[str, Head], list[str]] = {}, []
        """The environments, and where the logs stood that name them."""

    def close(self) -> None:
        """End the threads; readings under way end first."""
        self._threads.shutdown()

    def age(self, environment: str) -> float:
        """Return 0: what the log says is current when it says it."""
        return 0.0

    async def environments(self) -> list[str]:
        """Return every environment, as `project/environment`."""
        return await self._run(self._environments)

    async def standing(self) -> Mapping[str, Position | None]:
        """Return every environment and where its log stands, by one query while no environment comes or goes."""
        return await self._run(self._standing)

    async def snapshot(self, environment: str) -> Snapshot:
        """Return *environment* whole, key records too."""
        return await self._run(lambda: self._snapshot(environment))

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        """Return the steps after *position*, oldest first; None where there are too many, or the epoch is another."""
        return await self._run(lambda: self._since(environment, position))

    async def _run(self, read: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    async def allows_client_rules(self, environment: str) -> bool:
        """Return whether browsers may have the rules of *environment*'s client-side flags."""
        return await self._run(lambda: self._allows_client_rules(environment))

    def _environments(self) -> list[str]:
        with self._log.reading() as reading:
            return [str(name) for name in environment_names(reading)]

    def _standing(self) -> Mapping[str, Position | None]:
        with self._log.reading() as reading:
            heads = reading.heads()
            naming = {log: head for log, head in heads.items() if not log.startswith(PREFIX)}
            before, names = self._named
            if naming != before:
                names = [str(name) for name in environment_names(reading)]
                self._named = naming, names
        self._saw(heads)
        return {name: _position(heads.get(PREFIX + name)) for name in names}

    def _allows_client_rules(self, environment: str) -> bool:
        with self._log.reading() as reading:
            return find_environment(reading, _name(environment)).client_rules

    def _snapshot(self, environment: str) -> Snapshot:
        with self._log.reading() as reading:
            state = reading.state(PREFIX + environment)
        return snapshot_of(environment, state, kinds=_KINDS)

    def _since(self, environment: str, position: Position) -> list[Delta] | None:
        log = PREFIX + environment
        with self._log.reading() as reading:
            head = reading.head(log)
            if head is None or head.epoch != position.epoch or head.revision > position.revision + FURTHEST:
                return None
            changes = reading.changes(log, after=position.revision, limit=FURTHEST, max_bytes=_MOST_BYTES)
        return [_delta(environment, change) for change in changes]


def snapshot_of(environment: str, state: State, *, kinds: tuple[ItemKind, ...]) -> Snapshot:
    """Return *state* of an environment's log as a snapshot of the items of *kinds*, with their digest."""
    items = {kind: {key: stored.item for key, stored in state.of(kind).items()} for kind in kinds}
    position = Position(state.head.epoch, state.head.revision)
    return Snapshot.of(items, environment=environment, position=position, digest=digest.combined(items))


def announce_changes(log: ChangeLog, announcer: Announcer, *, digest_at: DigestAt) -> None:
    """Tell *announcer* of each environment that this process changes, as soon as the change is committed.

    With it goes what was changed, unless that is much; written once, for whoever hears of it.
    """

    def tell(changes: Mapping[str, Change]) -> None:
        for name, change in changes.items():
            if name.startswith(PREFIX):
                environment = name.removeprefix(PREFIX)
                position = Position(change.epoch, change.revision)
                announcer.announce(environment, position, delta=_told(environment, change, digest_at))

    log.subscribe(tell)


def _told(environment: str, change: Change, digest_at: DigestAt) -> bytes | None:
    if sum(len(edit.after or b"") for edit in change.edits) > _MOST_TOLD_BYTES:
        return None
    delta = _delta(environment, change)
    before = digest_at(environment, Position(change.epoch, change.revision - 1))
    if before is not None:
        delta = msgspec.structs.replace(delta, digest=_digest_after(before, change.edits))
    return delta.to_json()


def _digest_after(before: str, edits: Iterable[Edit]) -> str:
    for edit in _travelling(edits):
        was = None if edit.before is None else Item.from_text(edit.key, edit.before)
        before = digest.updated(before, cast("ItemKind", edit.kind), was, _item(edit))
    return before


def _position(head: Head | None) -> Position | None:
    return None if head is None else Position(head.epoch, head.revision)


def _name(environment: str) -> EnvironmentName:
    project, _, key = environment.partition("/")
    return EnvironmentName(project, key)


def _delta(environment: str, change: Change) -> Delta:
    items: dict[str, dict[str, Item | None]] = {kind: {} for kind in _KINDS}
    for edit in _travelling(change.edits):
        items[edit.kind][edit.key] = _item(edit)
    return Delta(
        environment=environment,
        epoch=change.epoch,
        from_=change.revision - 1,
        to=change.revision,
        digest="",  # the hub computes its own
        flags=items["flag"],
        segments=items["segment"],
        layers=items["layer"],
        keys=items["key"],
    )


def _travelling(edits: Iterable[Edit]) -> Iterator[Edit]:
    """Yield the edits of what snapshots hold: what is kept of archived flags goes nowhere."""
    return (edit for edit in edits if edit.kind in _KINDS)


def _item(edit: Edit) -> Item | None:
    return None if edit.after is None else Item.from_text(edit.key, edit.after)
