"""The sending side of one environment: holds it whole, and says to each receiver what that one lacks."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from pennon.model import Delta, Head, Items, KeyRecord, Position, Snapshot
from pennon.protocol import digest, frames, heads
from pennon.protocol.errors import DeltaDoesNotFit, NotLoaded
from pennon.protocol.frames import Frame
from pennon.protocol.history import Entry, History
from pennon.protocol.projection import ClientProjection, Projection, Source
from pennon.protocol.state import Changes, Reference, State, changes_of, delta_of, items_of

HISTORY_BYTES = 8 * 2**20
DOCUMENTS_BYTES = 64 * 2**20
_KEPT_STEPS_BYTES = 8 * 2**20
"""How much is kept of deltas from earlier revisions to this one: a herd that reconnects asks for few different ones."""


class _Held(msgspec.Struct, frozen=True):
    """What the hub holds. `public` is the server projection; key records apart, the digests add up to the edge's."""

    environment: str
    position: Position
    public: State
    keys: State

    def items(self, projection: Projection) -> Source:
        return self.public.items if projection == "server" else {**self.public.items, **self.keys.items}

    @property
    def edge_digest(self) -> str:
        return digest.text(self.public.value ^ self.keys.value)


class Hub:
    """Sends one environment in three projections. Times are seconds of one clock of the shell's choice.

    It is given the edge projection, which is everything. Until `load` only `position` may be asked.
    *documents_bytes*: whole documents beyond that are not kept beside another one.
    """

    def __init__(self, *, history_bytes: int = HISTORY_BYTES, documents_bytes: int = DOCUMENTS_BYTES) -> None:
        self._documents_bytes = documents_bytes
        self._held: _Held | None = None
        self._client = ClientProjection({})
        self._heads: tuple[Head, ...] = ()
        self._known_at = 0.0
        self._history = History(history_bytes)
        self._snapshots: dict[Projection, bytes] = {}
        self._wanted: set[Projection] = set()
        self._steps: dict[tuple[Projection, int], bytes] = {}
        self._steps_size = 0
        self.path: tuple[str, ...] = ()
        """The names of the nodes that the state came by: the hub's own first, the origin's last."""

    @property
    def position(self) -> Position | None:
        """Where the environment stands; None before `load`."""
        return None if self._held is None else self._held.position

    @property
    def keys(self) -> Mapping[str, KeyRecord]:
        """The key records by the hash of the key, each decoded when it is looked up."""
        return Items("key", self._now_held().keys.items.get("key", {}))

    def load(self, snapshot: Snapshot, *, known_at: float) -> None:
        """Start, or start again, from a whole environment. What was sent before has no connection with it."""
        items = items_of(snapshot)
        public = State.of({kind: records for kind, records in items.items() if kind != "key"})
        client = ClientProjection(public.items)
        self._held = _Held(snapshot.environment, snapshot.position, public, State.of({"key": items["key"]}))
        self._client = client
        self._heads = heads.fitting(snapshot.heads, snapshot.environment, snapshot.position)
        self._known_at = known_at
        self._history.clear()
        self._forget_bytes()

    def advance(self, delta: Delta, *, known_at: float) -> Mapping[Projection, Delta]:
        """Apply *delta*, of the edge projection, and return what it is in each; where nothing shows it is empty.

        Raises `DeltaDoesNotFit`, and has then changed nothing. A delta without a digest is taken at its word.
        """
        held = self._now_held()
        edits = changes_of(delta)
        public, touched = held.public.after({kind: of for kind, of in edits.items() if kind != "key"})
        keys, touched_keys = held.keys.after({kind: of for kind, of in edits.items() if kind == "key"})
        after = _Held(held.environment, Position(delta.epoch, delta.to), public, keys)
        _check_fit(held, delta, after)
        told = _told(edits, {*touched, *touched_keys})
        changes: dict[Projection, Changes] = {
            "server": {kind: of for kind, of in told.items() if kind != "key"},
            "edge": told,
            "client": _as_told(self._client.advance(public.items, touched), told),
        }
        since = held.position.revision
        self._held = after
        self._heads = heads.fitting(delta.heads, after.environment, after.position)
        self._known_at = max(self._known_at, known_at)
        self._history.add(Entry(since, delta.to, changes))
        self._forget_bytes()
        return {projection: self._delta(projection, of, since) for projection, of in changes.items()}

    def endorse(self, said: Iterable[Head]) -> bool:
        """Take the signed heads that came after their state, or renew those there are. Others are left aside.

        Return whether a projection has one now that had none: then nobody has been sent it yet, and wants a heartbeat.
        """
        held, before = self._now_held(), self._heads
        self._heads = heads.merged(before, heads.fitting(said, held.environment, held.position))
        if self._heads != before:
            self._forget_bytes()
        return len(self._heads) > len(before)

    def heads(self, projection: Projection) -> tuple[Head, ...]:
        """Return the signed heads of the state as receivers of *projection* get them: edges all, others their own."""
        return tuple(head for head in self._heads if projection in ("edge", head.projection))

    def confirm(self, known_at: float) -> None:
        """Note that the environment was still current at the origin at *known_at*."""
        self._known_at = max(self._known_at, known_at)

    def age(self, now: float) -> float:
        """Return for how many seconds the environment has not been known to be current at the origin."""
        return max(0.0, now - self._known_at)

    def digest(self, projection: Projection) -> str:
        """Return the digest of a projection."""
        held = self._now_held()
        if projection == "edge":
            return held.edge_digest
        return (self._client.state if projection == "client" else held.public).digest

    def etag(self, projection: Projection) -> str:
        """Return the entity tag, quotes included, of `snapshot_json`."""
        return f'"{self._now_held().position}-{self.digest(projection)[:16]}"'

    def snapshot(self, projection: Projection) -> Snapshot:
        """Return a projection of the environment as it is now."""
        held = self._now_held()
        return Snapshot.of(
            self._client.state.items if projection == "client" else held.items(projection),
            environment=held.environment,
            position=held.position,
            digest=self.digest(projection),
            heads=self.heads(projection),
        )

    def snapshot_json(self, projection: Projection) -> bytes:
        """Return the snapshot as it travels, made once at a revision, and again when its heads were renewed."""
        self._wanted.add(projection)
        if projection not in self._snapshots:
            if sum(map(len, self._snapshots.values())) > self._documents_bytes:
                self._snapshots.clear()
            self._snapshots[projection] = self.snapshot(projection).to_json()
        return self._snapshots[projection]

    def is_whole(self, projection: Projection, document: bytes) -> bool:
        """Whether *document*, which `document` gave just now, is the snapshot and no step to it."""
        return document is self._snapshots.get(projection)

    def tidy(self) -> bool:
        """Let go of the large documents that nobody asked for since the last time: they are made again when wanted.

        Return whether there were any.
        """
        unwanted = self._snapshots.keys() - self._wanted
        for projection in unwanted:
            del self._snapshots[projection]
        self._wanted.clear()
        return bool(unwanted)

    def opening(self, projection: Projection, since: Position | None, now: float) -> Frame:
        """Return the first frame of a stream for a receiver who stands at *since*.

        It is a delta where the history has it, a heartbeat where nothing is missing, else the snapshot. A receiver
        ahead of us gets a heartbeat as well: it keeps what it has, and now knows that we lag.
        """
        if since is not None and since >= self._now_held().position:
            return self.heartbeat(now, projection)
        if (step := self._step(projection, since)) is not None:
            return self._frame(frames.DELTA, step, now)
        return self._frame(frames.SNAPSHOT, self.snapshot_json(projection), now)

    def document(self, projection: Projection, since: Position | None) -> bytes:
        """Return the body of the snapshot endpoint for a receiver who stands at *since*.

        A receiver at our position, or ahead, gets an empty delta there, which changes nothing and says our digest: a
        304 would say that its state is ours, and only its digest can tell, for a node may have overridden a flag.
        """
        position = self._now_held().position
        if since is not None and since >= position:
            return self._delta(projection, {}, position.revision).to_json()
        return self._step(projection, since) or self.snapshot_json(projection)

    def delta_frame(self, projection: Projection, delta: Delta, now: float) -> Frame:
        """Return the frame of a delta that `advance` gave for *projection*."""
        return self._frame(frames.DELTA, delta.to_json(), now)

    def heartbeat(self, now: float, projection: Projection) -> Frame:
        """Return a heartbeat."""
        held = self._now_held()
        heartbeat = frames.Heartbeat(
            epoch=held.position.epoch,
            revision=held.position.revision,
            digest=self.digest(projection),
            environment=held.environment,
            path=self.path if projection == "edge" else (),
            heads=self.heads(projection),
        )
        return self._frame(frames.HEARTBEAT, msgspec.json.encode(heartbeat), now)

    def goodbye(self, retry_ms: int, now: float) -> Frame:
        """Return the last frame of a stream that is closed on purpose, with the time after which to come back."""
        body = msgspec.json.encode(frames.Goodbye(retry_ms))
        return Frame(frames.GOODBYE, frames.aged(body, self.age(now)), None, retry_ms)

    def _now_held(self) -> _Held:
        if self._held is None:
            raise NotLoaded
        return self._held

    def _frame(self, event: str, body: bytes, now: float) -> Frame:
        return Frame(event, frames.aged(body, self.age(now)), str(self._now_held().position))

    def _step(self, projection: Projection, since: Position | None) -> bytes | None:
        """Return the delta from *since* to here as it travels, kept while there is room; None if it is gone."""
        if since is None or since.epoch != self._now_held().position.epoch:
            return None
        key = projection, since.revision
        if (step := self._steps.get(key)) is not None:
            return step
        if (found := self._history.since(projection, since.revision)) is None:
            return None
        start, changes = found
        step = self._delta(projection, changes, start).to_json()
        if self._steps_size + len(step) > _KEPT_STEPS_BYTES:
            self._forget_steps()
        self._steps[key] = step
        self._steps_size += len(step)
        return step

    def _delta(self, projection: Projection, changes: Changes, since: int) -> Delta:
        held = self._now_held()
        return delta_of(
            changes,
            environment=held.environment,
            position=held.position,
            since=since,
            digest_after=self.digest(projection),
            heads=self.heads(projection),
        )

    def _forget_bytes(self) -> None:
        self._snapshots.clear()
        self._forget_steps()

    def _forget_steps(self) -> None:
        self._steps.clear()
        self._steps_size = 0


def _check_fit(held: _Held, delta: Delta, after: _Held) -> None:
    """Raise `DeltaDoesNotFit` unless *delta* leads from *held* to *after*."""
    here = held.position
    if delta.epoch != here.epoch or not delta.from_ <= here.revision < delta.to:
        step = f"{delta.epoch}.{delta.from_} to {delta.epoch}.{delta.to}"
        raise DeltaDoesNotFit(f"the delta goes from {step}, the hub is at {here}")
    if delta.digest and delta.digest != after.edge_digest:
        raise DeltaDoesNotFit(f"the digest should be {delta.digest}, the items give {after.edge_digest}")


def _as_told(changes: Changes, told: Changes) -> Changes:
    """Return the client projection's *changes* with the very items that are *told*: read anew, they would be copies."""
    flags = changes.get("flag", {})
    same = {key: item for key, item in told.get("flag", {}).items() if item is not None and flags.get(key) is not None}
    return {**changes, "flag": {**flags, **same}} if same else changes


def _told(edits: Changes, touched: Collection[Reference]) -> Changes:
    """Return the edits to pass on: what changes something here, and every deletion.

    What is deleted but not known here was created and deleted since the last delta; a receiver who stood in between,
    at another hub, does know it.
    """
    kept = {
        kind: {key: item for key, item in of.items() if item is None or (kind, key) in touched}
        for kind, of in edits.items()
    }
    return {kind: of for kind, of in kept.items() if of}
