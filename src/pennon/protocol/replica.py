"""The receiving side of one environment: frames and documents in, actions out.

Two rules hold everywhere. What is received is understood whole before anything changes, so there is no half of a
delta; and nothing that goes wrong takes away what is known.
"""

from collections.abc import Callable, Mapping

import msgspec

from pennon.model import Delta, Head, InvalidJson, Position, Problem, Snapshot
from pennon.protocol import digest, frames, heads
from pennon.protocol.actions import (
    Action,
    Adopted,
    AskSince,
    AskSnapshot,
    Draining,
    Endorsed,
    Reported,
    ReportKind,
)
from pennon.protocol.frames import Frame
from pennon.protocol.state import Reference, State, changes_of, difference, items_of

ASK_AGAIN_S = 60.0
"""How long a replica waits before it asks again for a snapshot that did not match its own digest."""


class _Held(msgspec.Struct, frozen=True):
    """What a replica knows. At `known_at`, by its shell's clock, it was last known to be current at the origin."""

    snapshot: Snapshot
    state: State
    known_at: float | None

    @property
    def is_sound(self) -> bool:
        return self.state.digest == self.snapshot.digest


class Replica:
    """Follows one environment. Start it with the snapshot of a store, if there is one, and when that was current.

    Times are seconds of any clock that the shell likes, as long as it is always the same one.
    """

    def __init__(
        self,
        *,
        snapshot: Snapshot | None = None,
        known_at: float | None = None,
        read: Callable[[bytes], Snapshot] = Snapshot.from_json,
    ) -> None:
        """*read* does as `Snapshot.from_json`, and may keep the items elsewhere than in memory."""
        self._read = read
        self._held: _Held | None = None
        if snapshot is not None:
            self._held = _Held(snapshot, State.of(items_of(snapshot)), known_at)
        self._asked_again_at: float | None = None
        self._receivers: Mapping[str, Callable[[bytes, float], list[Action]]] = {
            frames.SNAPSHOT: self._receive_snapshot,
            frames.DELTA: self._receive_delta,
            frames.HEARTBEAT: self._receive_heartbeat,
            frames.GOODBYE: self._receive_goodbye,
        }

    @property
    def snapshot(self) -> Snapshot | None:
        """The environment as it is known; None before anything is."""
        return None if self._held is None else self._held.snapshot

    @property
    def head(self) -> Head | None:
        """None: this replica believes its upstream, and verifies nothing."""
        return None

    @property
    def refused(self) -> Reported | None:
        """None: what a store has is believed, too."""
        return None

    @property
    def position(self) -> Position | None:
        """Where the snapshot stands."""
        return None if self._held is None else self._held.snapshot.position

    @property
    def known_at(self) -> float | None:
        """When the snapshot was last known to be current at the origin; None if never. A hub below takes it over."""
        return None if self._held is None else self._held.known_at

    def age(self, now: float) -> float | None:
        """Return for how many seconds the snapshot has not been known to be current at the origin; None if never."""
        known_at = self.known_at
        return None if known_at is None else max(0.0, now - known_at)

    def receive(self, frame: Frame, now: float) -> list[Action]:
        """Take one frame of a stream. Frames of a kind that is not known here are ignored."""
        receiver = self._receivers.get(frame.event)
        if receiver is None:
            return []
        try:
            return receiver(frame.data, now)
        except InvalidJson as error:
            return [Reported(f"a {frame.event} frame cannot be read: {error}", ReportKind.MALFORMED)]

    def receive_document(self, data: bytes, *, age: float, now: float) -> list[Action]:
        """Take the body that the snapshot endpoint answered: a snapshot, or a delta (which has `from`)."""
        try:
            known_at = now - frames.checked_age(age)
            if frames.is_delta(data):
                return self._take_delta(_read_delta(data), known_at, now)
            return self._take_snapshot(self._read_snapshot(data), known_at, now)
        except InvalidJson as error:
            return [Reported(f"the answer cannot be read: {error}", ReportKind.MALFORMED)]

    def receive_snapshot(self, snapshot: Snapshot, *, age: float, now: float) -> list[Action]:
        """Take a snapshot that the shell read from elsewhere, *age* seconds after it was current at the origin."""
        return self._take_snapshot(snapshot, now - age, now)

    def standing(self) -> object:
        """Return what is held, to `go_back` to."""
        return self._held

    def go_back(self, standing: object) -> None:
        """Hold again what was held at that *standing*, as if nothing had been received since."""
        assert standing is None or isinstance(standing, _Held)
        self._held = standing

    def rehouse(self, snapshot: Snapshot) -> bool:
        """Hold *snapshot* in place of what is held, if it says the same: its items may be kept elsewhere.

        Return whether it does.
        """
        held = self._held
        if held is None or _head(held.snapshot) != _head(snapshot):
            return False
        state = State.of(items_of(snapshot))
        if state.value != held.state.value:
            return False
        if snapshot.heads != held.snapshot.heads:
            snapshot = msgspec.structs.replace(snapshot, heads=held.snapshot.heads)
        self._held = _Held(snapshot, state, held.known_at)
        return True

    def receive_unchanged(self, *, age: float, now: float, said: tuple[Head, ...] = ()) -> list[Action]:
        """Take a 304: what is known was current *age* seconds ago at the origin, whose heads were *said* with it."""
        if self._held is None:
            return [AskSnapshot()]
        try:
            self._confirm(self._held, now - frames.checked_age(age))
        except InvalidJson as error:
            return [Reported(f"the answer's age cannot be believed: {error}", ReportKind.MALFORMED)]
        return self._endorse(said, self._held.snapshot.digest)

    def _read_snapshot(self, data: bytes) -> Snapshot:
        snapshot = self._read(data)
        frames.check_position(snapshot.position)
        if not snapshot.heads:
            return snapshot
        fitting = heads.fitting(snapshot.heads, snapshot.environment, snapshot.position)
        return msgspec.structs.replace(snapshot, heads=fitting)

    def _receive_snapshot(self, data: bytes, now: float) -> list[Action]:
        return self._take_snapshot(self._read_snapshot(data), now - frames.age_of(data), now)

    def _receive_delta(self, data: bytes, now: float) -> list[Action]:
        return self._take_delta(_read_delta(data), now - frames.age_of(data), now)

    def _receive_heartbeat(self, data: bytes, now: float) -> list[Action]:
        heartbeat, known_at = frames.heartbeat_of(data), now - frames.age_of(data)
        held = self._held
        if held is None:
            return [AskSnapshot()]
        if (actions := _elsewhere(held.snapshot, heartbeat.environment, heartbeat.epoch)) is not None:
            return actions
        if heartbeat.revision > held.snapshot.revision:
            return [AskSince(held.snapshot.position)]
        if heartbeat.revision < held.snapshot.revision:
            return [_behind(held.snapshot, heartbeat.position)]
        return [
            *self._compare(held, heartbeat.digest, known_at, now),
            *self._endorse(heartbeat.heads, heartbeat.digest),
        ]

    def _receive_goodbye(self, data: bytes, _now: float) -> list[Action]:
        return [Draining(frames.goodbye_of(data).retry_ms)]

    def _take_snapshot(self, snapshot: Snapshot, known_at: float, now: float) -> list[Action]:
        held = self._held
        actions: list[Action] = []
        if held is not None:
            if _is_other(held.snapshot.environment, snapshot.environment):
                actions.append(_other_environment(held.snapshot, snapshot.environment))
            elif snapshot.position < held.snapshot.position:
                return [_behind(held.snapshot, snapshot.position)]
        taken = _Held(snapshot, State.of(items_of(snapshot)), known_at)
        if not taken.is_sound:
            actions += [_mismatch(snapshot.digest, taken.state.digest), *self._ask_again(now)]
        if held is None:
            return [self._adopt(taken, touched=None), *actions]
        touched = difference(held.snapshot, snapshot)
        if not touched and _head(held.snapshot) == _head(snapshot):
            self._confirm(held, known_at)
            return [*actions, *self._endorse(snapshot.heads, snapshot.digest)]
        return [self._adopt(taken, touched=touched), *actions]

    def _take_delta(self, delta: Delta, known_at: float, now: float) -> list[Action]:
        held = self._held
        if held is None:
            return [AskSnapshot()]
        if (actions := _elsewhere(held.snapshot, delta.environment, delta.epoch)) is not None:
            return actions
        revision = held.snapshot.revision
        if delta.from_ > revision:
            return [AskSince(held.snapshot.position)]
        if delta.to < revision:
            return []
        if delta.to == revision:
            return [*self._compare(held, delta.digest, known_at, now), *self._endorse(delta.heads, delta.digest)]
        return self._apply(held, delta, known_at, now)

    def _apply(self, held: _Held, delta: Delta, known_at: float, now: float) -> list[Action]:
        state, touched = held.state.after(changes_of(delta))
        if not _follows(held, state, delta.digest):
            return [_mismatch(delta.digest, state.digest), *self._ask(held, now)]
        environment, position = held.snapshot.environment or delta.environment, Position(delta.epoch, delta.to)
        snapshot = Snapshot.of(
            state.items,
            environment=environment,
            position=position,
            digest=delta.digest,
            heads=heads.fitting(delta.heads, environment, position),
        )
        taken = _Held(snapshot, state, known_at)
        adopted = self._adopt(taken, touched=touched, step=delta)
        return [adopted] if taken.is_sound else [adopted, *self._ask_again(now)]

    def _adopt(self, taken: _Held, *, touched: tuple[Reference, ...] | None, step: Delta | None = None) -> Adopted:
        previous = self.position
        self._held = taken
        return Adopted(taken.snapshot, touched, previous, step)

    def _compare(self, held: _Held, said: str, known_at: float, now: float) -> list[Action]:
        """Take the word of a peer who stands where we stand: the digest says whether it means the same."""
        if said == held.state.digest:
            return self._mend(self._confirm(held, known_at), said)
        if said == held.snapshot.digest:
            # It sent us what did not match itself, and that was reported: we do hold what it has.
            self._confirm(held, known_at)
            return self._ask_again(now)
        return [_mismatch(said, held.state.digest), *self._ask(held, now)]

    def _mend(self, held: _Held, said: str) -> list[Action]:
        """Correct the digest of a snapshot that came with a wrong one, now that its items are known to be right."""
        if held.is_sound:
            return []
        snapshot = msgspec.structs.replace(held.snapshot, digest=said)
        return [self._adopt(_Held(snapshot, held.state, held.known_at), touched=())]

    def _confirm(self, held: _Held, known_at: float) -> _Held:
        """Note that what is held was current at *known_at*. An older confirmation, come late, takes nothing back."""
        if held.known_at is None or held.known_at < known_at:
            held = msgspec.structs.replace(held, known_at=known_at)
            self._held = held
        return held

    def _endorse(self, said: tuple[Head, ...], digest_said: str) -> list[Action]:
        """Take the heads that came with a word about the state that is held, if it was of the same items."""
        held = self._held
        if held is None or not said or digest_said not in (held.snapshot.digest, held.state.digest):
            return []
        snapshot = held.snapshot
        found = heads.merged(snapshot.heads, heads.fitting(said, snapshot.environment, snapshot.position))
        if found == snapshot.heads:
            return []
        self._held = msgspec.structs.replace(held, snapshot=msgspec.structs.replace(snapshot, heads=found))
        return [Endorsed(found)]

    def _ask(self, held: _Held, now: float) -> list[Action]:
        return [AskSnapshot()] if held.is_sound else self._ask_again(now)

    def _ask_again(self, now: float) -> list[Action]:
        """Ask for a snapshot because the last one was wrong in itself: the next may be too, so not in a loop."""
        if self._asked_again_at is not None and now - self._asked_again_at < ASK_AGAIN_S:
            return []
        self._asked_again_at = now
        return [AskSnapshot()]


def _follows(held: _Held, state: State, said: str) -> bool:
    """Whether a delta that says the digest *said* led to *state* as it should.

    What is held may have come with a digest that was wrong already. Then a delta that moves both digests by the same
    is taken, or one bad checksum would stop all later changes.
    """
    if state.digest == said:
        return True
    before, after = digest.number(held.snapshot.digest), digest.number(said)
    if held.is_sound or before is None or after is None:
        return False
    return before ^ after == held.state.value ^ state.value


def _elsewhere(known: Snapshot, environment: str, epoch: int) -> list[Action] | None:
    """Return what to do about a step or a heartbeat in another environment or epoch; None in ours."""
    if _is_other(known.environment, environment):
        return [_other_environment(known, environment), AskSnapshot()]
    if epoch > known.epoch:
        return [AskSnapshot()]
    if epoch < known.epoch:
        return [_behind(known, Position(epoch, 0))]
    return None


def _is_other(known: str, said: str) -> bool:
    """Whether these are the names of two environments. Files and heartbeats may leave the name out."""
    return bool(known and said and known != said)


def _other_environment(known: Snapshot, said: str) -> Reported:
    problem = f"the upstream serves {said!r}, what is known is {known.environment!r}: positions do not compare"
    return Reported(problem, ReportKind.OTHER_ENVIRONMENT)


def _behind(known: Snapshot, position: Position) -> Reported:
    if position.epoch < known.epoch:
        return Reported(
            f"the upstream is in epoch {position.epoch}, we follow epoch {known.epoch}: it was restored elsewhere",
            ReportKind.OLD_EPOCH,
        )
    return Reported(f"the upstream is at {position}, behind {known.position}", ReportKind.LAGGING)


def _mismatch(said: str, computed: str) -> Reported:
    return Reported(f"the digest should be {said or 'given'}, the items give {computed}", ReportKind.DIGEST_MISMATCH)


def _head(snapshot: Snapshot) -> tuple[str, Position, str]:
    return snapshot.environment, snapshot.position, snapshot.digest


def _read_delta(data: bytes) -> Delta:
    delta = Delta.from_json(data)
    frames.check_position(Position(delta.epoch, delta.from_))
    frames.check_position(Position(delta.epoch, delta.to))
    if delta.to < delta.from_:
        raise InvalidJson([Problem("/to", "comes before from")])
    return delta
