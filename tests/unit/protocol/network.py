"""A network of hubs and replicas for the convergence test: what a shell would do with the machines' actions."""

import re
from collections import deque
from collections.abc import Callable, Iterable

from pennon.model import Head, Position, Snapshot
from pennon.protocol import (
    Action,
    Adopted,
    AskSince,
    AskSnapshot,
    Draining,
    Endorsed,
    Frame,
    Hub,
    Projection,
    Replica,
    Reported,
    ReportKind,
    VerifyingReplica,
    sse,
)
from tests.unit.protocol.origin import Log, Texts, texts_of


class Node:
    """A hub with the streams that are open at it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hub = Hub()
        self.streams: list[Link] = []

    def start(self, snapshot: Snapshot, *, known_at: float, now: float) -> None:
        """Load a whole environment; whoever listens is told all of it."""
        self.hub.load(snapshot, known_at=known_at)
        for link in self.streams:
            link.send(self.hub.opening(link.projection, None, now), now)

    def restart(self, snapshot: Snapshot, *, known_at: float) -> None:
        """Die, with all connections, and come back with *snapshot*."""
        for link in list(self.streams):
            link.disconnect()
        self.hub = Hub()
        self.hub.load(snapshot, known_at=known_at)

    def follow(self, log: Log, steps: int, now: float) -> None:
        """Read the next *steps* of the log as one delta, as much as there is."""
        position = self.hub.position
        if position is None or position.epoch != log.epoch:
            self.start(log.snapshot(), known_at=now, now=now)
            return
        to = min(position.revision + steps, log.head.revision)
        if to > position.revision:
            delta = log.delta(position.revision, to)
            known_at = log.current_until(Position(log.epoch, to), now)
            self.broadcast(self.hub.advance(delta, known_at=known_at), now)
        elif position == log.head:
            self.hub.confirm(now)

    def broadcast(self, deltas: object, now: float) -> None:
        assert isinstance(deltas, dict)
        for link in self.streams:
            link.send(self.hub.delta_frame(link.projection, deltas[link.projection], now), now)

    def endorse(self, heads: Iterable[Head], now: float) -> None:
        """Take heads that came after their state, and tell at once who was sent the state without them."""
        if self.hub.endorse(heads):
            self.heartbeat(now)

    def heartbeat(self, now: float) -> None:
        for link in self.streams:
            link.send(self.hub.heartbeat(now, link.projection), now)


class Link:
    """A replica, what is on its way to it, what it asked for, and what its shell keeps."""

    def __init__(
        self,
        projection: Projection,
        *,
        below: Node | None = None,
        make: Callable[[Snapshot | None], Replica | VerifyingReplica] = lambda snapshot: Replica(snapshot=snapshot),
    ) -> None:
        self.projection = projection
        self.make = make
        self.below = below
        self.upstream: Node | None = None
        self.wire: deque[tuple[float, Frame]] = deque()
        self.asks: list[AskSince | AskSnapshot] = []
        self.stored: list[bytes] = []
        self.longest_way = 0.0
        self.refusals = 0
        self.replica = make(None)
        self.mirror: Texts = {}
        self.reports: set[ReportKind] = set()

    def send(self, frame: Frame, now: float) -> None:
        [arrives] = sse.Decoder().feed(sse.encode(frame))
        assert arrives == frame
        self.wire.append((now, frame))

    def connect(self, node: Node, now: float) -> None:
        self.disconnect()
        self.upstream = node
        node.streams.append(self)
        self.send(node.hub.opening(self.projection, self.replica.position, now), now)

    def disconnect(self) -> None:
        if self.upstream is not None:
            self.upstream.streams.remove(self)
        self.upstream = None
        self.wire.clear()

    def restart(self, stored: bytes | None) -> None:
        """Die and come back with what the store has."""
        self.disconnect()
        self.asks.clear()
        snapshot = None if stored is None else Snapshot.from_json(stored)
        self.replica = self.make(snapshot)
        known = self.replica.snapshot
        self.mirror = {} if known is None else texts_of(known)

    def deliver(self, now: float) -> None:
        sent, frame = self.wire.popleft()
        self.longest_way = max(self.longest_way, now - sent)
        self._receive(frame.data, lambda: self.replica.receive(frame, now), now)

    def answer(self, node: Node, now: float) -> None:
        """Perform what was asked first, at *node*."""
        ask = self.asks.pop(0)
        since = ask.position if isinstance(ask, AskSince) else None
        data, age = node.hub.document(self.projection, since), node.hub.age(now)
        if data is None:
            self._receive(b"", lambda: self.replica.receive_unchanged(age=age, now=now), now)
        else:
            self._receive(data, lambda: self.replica.receive_document(data, age=age, now=now), now)

    def _receive(self, data: bytes, receive: Callable[[], list[Action]], now: float) -> None:
        before = self.replica.position
        for action in receive():
            match action:
                case AskSince() | AskSnapshot():
                    self.asks.append(action)
                case Adopted():
                    assert action.previous == before
                    assert before is None or action.snapshot.position >= before
                    self._adopt(action, now)
                case Reported(is_refusal=True):
                    self.refuse()
                case Endorsed(heads):
                    if self.below is not None and self.below.hub.position == self.replica.position:
                        self.below.endorse(heads, now)
                case Reported():
                    if not _may_differ(data, before):
                        self.reports.add(action.kind)
                case Draining():
                    raise AssertionError("nobody here says goodbye")
        if self.below is not None and self.replica.known_at is not None and self.below.hub.position is not None:
            self.below.hub.confirm(self.replica.known_at)

    def refuse(self) -> None:
        """Believe nothing more of what this sender has on its way, and come back asking for the whole."""
        self.refusals += 1
        self.disconnect()
        self.asks = [AskSnapshot()]

    def _adopt(self, adopted: Adopted, now: float) -> None:
        self.stored.append(adopted.snapshot.to_json())
        self._check_touched(adopted)
        known_at = self.replica.known_at
        if self.below is None or known_at is None:
            return
        delta = adopted.as_delta()
        if delta is None or self.below.hub.position != adopted.previous:
            self.below.start(adopted.snapshot, known_at=known_at, now=now)
        else:
            self.below.broadcast(self.below.hub.advance(delta, known_at=known_at), now)

    def _check_touched(self, adopted: Adopted) -> None:
        """Keep a copy up to date by nothing but what is said to be touched: no more, no less."""
        texts = texts_of(adopted.snapshot)
        touched = tuple(texts) if adopted.touched is None else adopted.touched
        assert len(set(touched)) == len(touched)
        for reference in touched:
            assert self.mirror.get(reference) != texts.get(reference)
            self.mirror.pop(reference, None)
            if reference in texts:
                self.mirror[reference] = texts[reference]
        assert self.mirror == texts


def _may_differ(data: bytes, known: Position | None) -> bool:
    """Whether this is a delta from before *known*: its sender may not know what came and went in between."""
    start = re.search(rb'"from":(\d+)', data)
    return start is not None and known is not None and int(start[1]) < known.revision
