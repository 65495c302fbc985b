"""A replica that checks signatures: around one that does not, which follows the upstream and may run ahead of it.

What the inner replica holds is the front. Strictly, it is adopted once a signed head proves it, and forgotten when a
head refutes it; what was proved before stays. Not strictly, everything is adopted, and what is wrong is reported.
"""

from collections.abc import Callable, Mapping

import msgspec

from pennon.model import ITEM_KINDS, Head, Position, Snapshot
from pennon.protocol import heads
from pennon.protocol.actions import Action, Adopted, AskSince, AskSnapshot, Endorsed, Reported, ReportKind
from pennon.protocol.frames import DELTA, Frame
from pennon.protocol.replica import Replica
from pennon.protocol.roots import Lines
from pennon.protocol.state import difference, items_of
from pennon.protocol.trust import Trust

GRACE_S = 5.0
"""How long deltas may come without a head before their sender counts as one that has none."""


class _Proved(msgspec.Struct, frozen=True):
    """A state that a head proves: strictly, what is held."""

    snapshot: Snapshot
    lines: Lines
    head: Head
    known_at: float | None
    inner: object


class VerifyingReplica:
    """Does as `Replica`, and adopts only what *trust* lets it.

    Strictly, a stored *snapshot* that is not proved is not held; `refused` then says why.
    """

    def __init__(
        self,
        trust: Trust,
        *,
        snapshot: Snapshot | None = None,
        known_at: float | None = None,
        read: Callable[[bytes], Snapshot] = Snapshot.from_json,
    ) -> None:
        """*read* does as `Snapshot.from_json`, and may keep the items elsewhere, where nobody else can change them.

        Then whoever gives whole snapshots has put their items there, too, and they are not copied.
        """
        self._trust = trust
        self._copies = trust.terms.is_strict and read == Snapshot.from_json
        self._read = read
        self._is_strict = trust.terms.is_strict
        self._proved: _Proved | None = None
        self._lines: tuple[Snapshot, Lines] | None = None
        self._runs_ahead = False
        self._unproved_since: float | None = None
        self._is_stale = False
        self._inner = Replica(read=read)
        self.refused: Reported | None = None
        if snapshot is not None:
            self._start(in_memory(snapshot) if self._copies else snapshot, known_at)

    @property
    def snapshot(self) -> Snapshot | None:
        """The environment as it is known; None before anything is."""
        if not self._is_strict:
            return self._inner.snapshot
        return None if self._proved is None else self._proved.snapshot

    @property
    def position(self) -> Position | None:
        """Where the snapshot stands."""
        return None if (snapshot := self.snapshot) is None else snapshot.position

    @property
    def head(self) -> Head | None:
        """The head that proves the snapshot; None where none does."""
        proved = self._proved
        return None if proved is None or proved.snapshot.position != self.position else proved.head

    @property
    def known_at(self) -> float | None:
        """When the snapshot was last known to be current at the origin; None if never."""
        if not self._is_strict:
            return self._inner.known_at
        return None if self._proved is None else self._proved.known_at

    def age(self, now: float) -> float | None:
        """Return for how many seconds the snapshot has not been known to be current at the origin; None if never."""
        known_at = self.known_at
        return None if known_at is None else max(0.0, now - known_at)

    def receive(self, frame: Frame, now: float) -> list[Action]:
        """Take one frame of a stream."""
        return self._judge(lambda: self._inner.receive(frame, now), now, is_step=frame.event == DELTA)

    def receive_document(self, data: bytes, *, age: float, now: float) -> list[Action]:
        """Take the body that the snapshot endpoint answered."""
        return self._judge(lambda: self._inner.receive_document(data, age=age, now=now), now)

    def receive_snapshot(self, snapshot: Snapshot, *, age: float, now: float) -> list[Action]:
        """Take a snapshot that the shell read from elsewhere. Strictly, its items are copied before they are checked.

        They may be in a file, which somebody could change afterwards.
        """
        if self._copies:
            snapshot = in_memory(snapshot)
        return self._judge(lambda: self._inner.receive_snapshot(snapshot, age=age, now=now), now)

    def receive_unchanged(self, *, age: float, now: float, said: tuple[Head, ...] = ()) -> list[Action]:
        """Take a 304: what is known was current *age* seconds ago at the origin, whose heads were *said* with it."""
        return self._judge(lambda: self._inner.receive_unchanged(age=age, now=now, said=said), now)

    def rehouse(self, snapshot: Snapshot) -> bool:
        """Hold *snapshot* in place of what is held, if it says the same; strictly, keep what was checked.

        Return whether it does say the same. Where nobody else can change it, it is checked and held strictly, too.
        """
        if not self._is_strict:
            return self._inner.rehouse(snapshot)
        if not self._copies:
            return self._rehouse_proved(snapshot)
        held = self.snapshot
        return held is not None and (held.environment, held.position, held.digest) == (
            snapshot.environment,
            snapshot.position,
            snapshot.digest,
        )

    def _rehouse_proved(self, snapshot: Snapshot) -> bool:
        proved = self._proved
        if proved is None or self._runs_ahead:
            return False
        if Lines.of(items_of(snapshot)).root() != proved.lines.root() or not self._inner.rehouse(snapshot):
            return False
        snapshot = msgspec.structs.replace(snapshot, heads=proved.snapshot.heads)
        self._proved = msgspec.structs.replace(proved, snapshot=snapshot, inner=self._inner.standing())
        self._lines = snapshot, proved.lines
        return True

    def _start(self, snapshot: Snapshot, known_at: float | None) -> None:
        inner = Replica(snapshot=snapshot, known_at=known_at, read=self._read)
        lines = Lines.of(items_of(snapshot))
        verdict = self._trust.judged(snapshot, lines)
        if isinstance(verdict, Head):
            self._inner = inner
            self._prove(snapshot, lines, verdict, known_at)
            return
        self.refused = verdict if self._is_strict or verdict.kind is not ReportKind.UNSIGNED else None
        if not self._is_strict:
            self._inner = inner

    def _judge(self, receive: Callable[[], list[Action]], now: float, *, is_step: bool = False) -> list[Action]:
        actions: list[Action] = []
        for action in receive():
            match action:
                case Adopted():
                    actions += self._weigh(action, now)
                case Endorsed():
                    actions += self._weigh_heads(action, now)
                case _:
                    actions.append(action)
        if any(isinstance(action, Reported) and action.is_refusal for action in actions):
            return [action for action in actions if isinstance(action, Reported)]
        if self._is_strict and not any(isinstance(action, AskSince | AskSnapshot) for action in actions):
            actions += self._look_for_a_head(now, is_step=is_step)
        return [*actions, *self._confirm()]

    def _weigh(self, adopted: Adopted, now: float) -> list[Action]:
        """Say what becomes of a state that the inner replica adopted."""
        if not self._is_strict:
            return [adopted, *self._note(adopted)]
        lines = self._lines_of(adopted)
        is_next = not self._runs_ahead and (self._proved is None) == (adopted.previous is None)
        self._runs_ahead = True
        return self._weigh_front(adopted if is_next else None, adopted.snapshot, lines, now)

    def _weigh_heads(self, endorsed: Endorsed, now: float) -> list[Action]:
        """Say what becomes of heads that came after their state."""
        front = self._inner.snapshot
        assert front is not None  # heads are of what is held
        if not self._is_strict:
            return [endorsed, *self._note(Adopted(front, (), front.position))]
        if self._runs_ahead or self._proved is None:
            return self._weigh_front(None, front, self._lines_of(Adopted(front, (), front.position)), now)
        return self._renew(front, self._proved)

    def _weigh_front(self, adopted: Adopted | None, front: Snapshot, lines: Lines, now: float) -> list[Action]:
        """Adopt the front if a head proves it, as *adopted* says if that is the step from what was proved before."""
        before = self._proved
        verdict = self._trust.judged(front, lines, environment="" if before is None else before.snapshot.environment)
        if isinstance(verdict, Reported):
            if verdict.kind is not ReportKind.UNSIGNED:
                return [self._refuse(verdict)]
            self._unproved_since = now if self._unproved_since is None else self._unproved_since
            return []
        if not self._trust.is_fresh(verdict):
            self._unproved_since = None
            return self._note_stale(verdict)
        good, faults = self._good(front.heads)
        snapshot = msgspec.structs.replace(front, heads=good)
        self._prove(snapshot, lines, verdict, self._inner.known_at)
        if adopted is not None:
            return [msgspec.structs.replace(adopted, snapshot=snapshot), *faults]
        touched = None if before is None else difference(before.snapshot, snapshot)
        return [Adopted(snapshot, touched, None if before is None else before.snapshot.position), *faults]

    def _renew(self, front: Snapshot, proved: _Proved) -> list[Action]:
        """Take younger heads of the state that is proved already."""
        verdict = self._trust.judged(front, proved.lines)
        if isinstance(verdict, Reported):
            return [self._refuse(verdict)]
        good, faults = self._good(front.heads)
        kept = _newest(proved.snapshot.heads, good)
        if kept == proved.snapshot.heads:
            return faults
        snapshot = msgspec.structs.replace(proved.snapshot, heads=kept)
        newest = max(proved.head, verdict, key=lambda head: head.time)
        self._proved = msgspec.structs.replace(proved, snapshot=snapshot, head=newest)
        return [Endorsed(kept), *faults]

    def _note(self, adopted: Adopted) -> list[Action]:
        """Return what is wrong with a state that is adopted anyway; nothing where nobody signs."""
        if not adopted.snapshot.heads:
            self._lines = None
            return []
        lines = self._lines_of(adopted)
        verdict = self._trust.judged(adopted.snapshot, lines)
        if isinstance(verdict, Head):
            self._prove(adopted.snapshot, lines, verdict, None)
            return []
        return [verdict] if verdict.kind is not ReportKind.UNSIGNED else []

    def _prove(self, snapshot: Snapshot, lines: Lines, head: Head, known_at: float | None) -> None:
        self._proved = _Proved(snapshot, lines, head, known_at, self._inner.standing())
        self._lines = snapshot, lines
        self._runs_ahead = False
        self._unproved_since = None
        self._is_stale = False

    def _refuse(self, why: Reported) -> Reported:
        """Forget what ran ahead of what is proved."""
        proved = self._proved
        self._inner = Replica(read=self._read)
        self._lines = None
        if proved is not None:
            self._inner.go_back(proved.inner)
            self._lines = proved.snapshot, proved.lines
        self._runs_ahead = False
        self._unproved_since = None
        return msgspec.structs.replace(why, is_refusal=True)

    def _look_for_a_head(self, now: float, *, is_step: bool) -> list[Action]:
        """Refuse a sender that has no head for what it sent. A delta may be followed by others, the last with one."""
        since, front = self._unproved_since, self._inner.position
        if since is None or front is None or (is_step and now - since <= GRACE_S):
            return []
        return [self._refuse(self._trust.unsigned(front))]

    def _confirm(self) -> list[Action]:
        """Take over from the inner replica when the proved state was current last, while its head is young enough."""
        proved = self._proved
        if not self._is_strict or proved is None or self._runs_ahead:
            return []
        if not self._trust.is_fresh(proved.head):
            return self._note_stale(proved.head)
        self._is_stale = False
        self._proved = msgspec.structs.replace(proved, known_at=self._inner.known_at, inner=self._inner.standing())
        return []

    def _note_stale(self, head: Head) -> list[Action]:
        if self._is_stale:
            return []
        self._is_stale = True
        return [self._trust.stale(head)]

    def _lines_of(self, adopted: Adopted) -> Lines:
        """Return the lines of what the inner replica adopted: those before, with what changed, where they are known."""
        snapshot, known = adopted.snapshot, self._lines
        if known is not None and adopted.touched is not None:
            changes: dict[str, dict[str, object]] = {}
            for kind, key in adopted.touched:
                changes.setdefault(kind, {})[key] = snapshot.items(kind).get(key)
            lines = known[1].after(items_of(known[0]), changes)  # type: ignore[arg-type]
        else:
            lines = Lines.of(items_of(snapshot))
        self._lines = snapshot, lines
        return lines

    def _good(self, found: tuple[Head, ...]) -> tuple[tuple[Head, ...], list[Action]]:
        """Return those heads whose signature counts, for a hub below to pass on; and what to say of the others."""
        faults = {head: self._trust.fault(head) for head in found}
        bad = {head.projection: fault for head, fault in faults.items() if fault}
        said = [f"the head for {projection}: {fault}" for projection, fault in bad.items()]
        report: list[Action] = [Reported("; ".join(said), ReportKind.UNTRUSTED)] if said else []
        return tuple(head for head, fault in faults.items() if not fault), report


def in_memory(snapshot: Snapshot) -> Snapshot:
    """Return *snapshot* with its items copied from wherever they are."""
    return Snapshot.of(
        {kind: dict(snapshot.items(kind)) for kind in ITEM_KINDS},
        environment=snapshot.environment,
        position=snapshot.position,
        digest=snapshot.digest,
        heads=snapshot.heads,
    )


def _newest(known: tuple[Head, ...], later: tuple[Head, ...]) -> tuple[Head, ...]:
    """Return one head a projection, the youngest of each."""
    times: Mapping[str, int] = {head.projection: head.time for head in known}
    return heads.merged(known, (head for head in later if head.time >= times.get(head.projection, 0)))
