"""Whatever a network does to frames, and whoever dies: in the end every replica holds the log folded.

And until then, what it holds is the log folded at its own position, or is known by its digest to be damaged.
"""

from collections.abc import Callable

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pennon.model import Snapshot
from pennon.protocol import PROJECTIONS, ReportKind
from tests.unit.protocol.network import Link, Node
from tests.unit.protocol.origin import Body, Log, Reference, digest_of, texts_of

KINDS = st.sampled_from(["flag", "flag", "flag", "segment", "segment", "layer", "key"])
EDITS = st.lists(st.tuples(KINDS, st.sampled_from("abc"), st.integers(-12, 63)), min_size=1, max_size=3)
HUBS, LINKS = range(3), range(5)
SOME_LINKS = st.sets(st.sampled_from(LINKS), max_size=3)
FOLLOWERS = st.sampled_from([(0, 1), (0,), (1,), ()])
TROUBLES = st.sampled_from(["lost", "repeated", "late"])
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda data: data[:-7],
    "other item": lambda data: data.replace(b'"on":true', b'"on":null', 1),
    "other hash": lambda data: data.replace(b'"hash":"', b'"hash":"f', 1),
    "other digest": lambda data: data.replace(b'"digest":"', b'"digest":"f', 1),
}
HARMS = st.sampled_from(["lost", *DAMAGES])


def body(kind: str, key: str, shape: int) -> Body | None:
    """An item whose fields follow from the bits of *shape*; a negative one is a deletion."""
    if shape < 0:
        return None
    needed = [other for bit, other in enumerate("abc") if shape >> bit & 1]
    conditions = [{"op": "inSegment", "values": needed}]
    match kind:
        case "flag":
            split = {"weights": [{"variation": "on", "weight": 100000}], "experiment": {"key": "e", "layer": "a"}}
            return {
                "key": key,
                "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}],
                "on": True,
                "fallthrough": {"split": split} if shape & 8 else {"variation": "on"},
                "prerequisites": [{"flag": other, "variations": ["on"]} for other in needed],
                "rules": [{"id": "r1", "conditions": conditions, "serve": {"variation": "on"}}] if shape & 16 else [],
                "clientSide": bool(shape & 32),
            }
        case "segment":
            return {"key": key, "salt": "m2", "included": needed, "rules": [{"conditions": conditions}]}
        case "layer":
            return {"key": key, "slots": [], "salt": "".join(needed)}
        case _:
            return {"key": key, "kind": "server", "name": "".join(needed)}


class Network(RuleBasedStateMachine):
    """Two hubs follow the log, each at its pace; an edge node follows them; replicas follow any of the three."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.damaging = False
        self.log = Log()
        self.origins = [Node("first"), Node("second")]
        self.edge = Node("edge")
        self.edge_link = Link("edge", below=self.edge)
        self.links = [self.edge_link, Link("server"), Link("server"), Link("client"), Link("edge")]

    @initialize(edits=EDITS, damaging=st.booleans())
    def start(self, edits: list[tuple[str, str, int]], damaging: bool) -> None:
        self.damaging = damaging
        self._change(edits)
        for node in self.origins:
            node.restart(self.log.snapshot(), known_at=self.now)
        for index, link in enumerate(self.links):
            link.connect(self.origins[index % 2], self.now)
        self.edge_link.deliver(self.now)
        self.links[2].connect(self.edge, self.now)

    # The origin and its hubs

    @rule(changes=st.lists(st.tuples(EDITS, FOLLOWERS, SOME_LINKS, SOME_LINKS, HARMS), min_size=1, max_size=4))
    def change(
        self, changes: list[tuple[list[tuple[str, str, int]], tuple[int, ...], set[int], set[int], str]]
    ) -> None:
        """Accept changes; some hubs follow each at once, what they send is harmed on some links, some are slow."""
        for edits, hubs, harmed, slow, harm in changes:
            self._change(edits)
            sent = {index: len(self.links[index].wire) for index in harmed}
            for hub in hubs:
                self.origins[hub].follow(self.log, 1, self.now)
            for index, first in sent.items():
                self._harm(index, first, harm)
            self.deliver(set(LINKS) - slow, 5)

    def _harm(self, index: int, first: int, harm: str) -> None:
        """Lose or damage what was sent from *first* on.

        The edge node gets nothing damaged: what it uses, it hands on under a digest of its own.
        """
        wire = self.links[index].wire
        for at in reversed(range(first, len(wire))):
            if harm in DAMAGES and self.damaging and index > 0:
                sent, frame = wire[at]
                wire[at] = sent, msgspec.structs.replace(frame, data=DAMAGES[harm](frame.data))
            else:
                del wire[at]

    @rule(hub=st.sampled_from(HUBS[:2]), steps=st.integers(1, 4))
    def follow(self, hub: int, steps: int) -> None:
        self.origins[hub].follow(self.log, steps, self.now)

    # The network

    @rule(seconds=st.sampled_from([0.1, 2.0, 25.0, 61.0]), hubs=st.sets(st.sampled_from(HUBS)))
    def wait(self, seconds: float, hubs: set[int]) -> None:
        """Let time pass, after which some hubs send heartbeats."""
        self.now += seconds
        for hub in sorted(hubs):
            self._node(hub).heartbeat(self.now)

    @rule(links=st.sets(st.sampled_from(LINKS), min_size=1), frames=st.integers(1, 5))
    def deliver(self, links: set[int], frames: int) -> None:
        for index in sorted(links):
            for _ in range(min(frames, len(self.links[index].wire))):
                if self.links[index].wire:  # a receiver may have closed the connection
                    self.links[index].deliver(self.now)

    @rule(link=st.sampled_from(LINKS), at=st.integers(0, 3), trouble=TROUBLES)
    def disturb(self, link: int, at: int, trouble: str) -> None:
        wire = self.links[link].wire
        if at < len(wire):
            frame = wire[at]
            if trouble != "repeated":
                del wire[at]
            if trouble != "lost":
                wire.append(frame)

    @precondition(lambda self: any(link.wire for link in self.links))
    @rule(links=SOME_LINKS, at=st.integers(0, 2), harm=HARMS)
    def harm(self, links: set[int], at: int, harm: str) -> None:
        for index in sorted(links):
            self._harm(index, at, harm)

    @rule(links=st.sets(st.sampled_from(LINKS), min_size=1), hub=st.sampled_from(HUBS))
    def connect(self, links: set[int], hub: int) -> None:
        for index in links:
            if index > 0 or self._node(hub) is not self.edge:
                self.links[index].connect(self._node(hub), self.now)

    @precondition(lambda self: any(link.asks for link in self.links))
    @rule(hub=st.sampled_from(HUBS), lost=SOME_LINKS)
    def answer(self, hub: int, lost: set[int]) -> None:
        """Answer what was asked, but for some links, whose questions are lost."""
        for index, link in enumerate(self.links):
            if index in lost:
                link.asks.clear()
            elif link.asks and (index > 0 or self._node(hub) is not self.edge):
                link.answer(self._node(hub), self.now)

    # Disasters, rarely: after each, little is left that could go wrong in another way

    @rule(what=st.sampled_from(["disconnect", "replica", "hub", "edge", "restore"]), which=st.integers(0, 15))
    def fail(self, what: str, which: int) -> None:
        link = self.links[1 + which % 4]
        match what:
            case "disconnect":
                link.disconnect()
            case "replica":  # it comes back with what is stored, not always the latest, or with nothing
                back = which // 4
                link.restart(link.stored[-back] if 0 < back <= len(link.stored) else None)
            case "hub":
                self.origins[which % 2].restart(self.log.snapshot(), known_at=self.now)
            case "edge":  # it comes back from its store, or with a first snapshot from the origin
                kept = self.edge_link.stored[-1] if which % 2 else self.origins[0].hub.snapshot_json("edge")
                self.edge_link.restart(kept)
                self.edge.restart(Snapshot.from_json(kept), known_at=0.0)
            case _:
                self.log.restore(max(0, self.log.head.revision - which % 6), self.now)

    # Laws

    @invariant()
    def each_replica_holds_the_log_folded_at_its_position_or_knows_better(self) -> None:
        for link in self.links:
            snapshot = link.replica.snapshot
            if snapshot is not None and digest_of(texts_of(snapshot)) == snapshot.digest:
                assert texts_of(snapshot) == self.log.texts(snapshot.position, link.projection)

    @invariant()
    def each_hub_holds_the_log_folded_at_its_position(self) -> None:
        for node in (*self.origins, self.edge):
            assert node.hub.position is not None
            for projection in PROJECTIONS:
                snapshot = node.hub.snapshot(projection)
                assert texts_of(snapshot) == self.log.texts(node.hub.position, projection)
                assert snapshot.digest == digest_of(texts_of(snapshot))

    @invariant()
    def digests_differ_only_where_something_was_damaged(self) -> None:
        if not self.damaging:
            for link in self.links:
                assert not link.reports & {
                    ReportKind.DIGEST_MISMATCH,
                    ReportKind.MALFORMED,
                    ReportKind.OTHER_ENVIRONMENT,
                }

    @invariant()
    def nobody_takes_a_state_for_younger_than_it_is(self) -> None:
        for link in self.links:
            position, known_at = link.replica.position, link.replica.known_at
            if position is not None and known_at is not None:
                way = link.longest_way + self.edge_link.longest_way
                assert known_at <= self.log.current_until(position, self.now) + way + 1e-2

    def teardown(self) -> None:
        """Heal the network and see that everybody ends up with the same."""
        for _ in range(3):
            self.now += 61.0
            for node in self.origins:
                node.follow(self.log, 100, self.now)
            for index, link in enumerate(self.links):
                self._heal(link, self.origins[0] if index == 0 else self._node(index % 3))
        for index, link in enumerate(self.links):
            hub = self.origins[0].hub if index == 0 else self._node(index % 3).hub
            snapshot = link.replica.snapshot
            assert snapshot is not None
            assert texts_of(snapshot) == self.log.texts(self.log.head, link.projection)
            assert snapshot.position == self.log.head == hub.position
            assert snapshot.to_json() == hub.snapshot_json(link.projection)
            assert snapshot.digest == hub.digest(link.projection) == digest_of(texts_of(snapshot))
            assert link.replica.age(self.now) == 0.0

    def _heal(self, link: Link, node: Node) -> None:
        """Answer all that *link* asks; a stream that is open stays so, and its heartbeat shows what was lost."""
        if link.upstream is not node:
            link.connect(node, self.now)
        link.send(node.hub.heartbeat(self.now, link.projection), self.now)
        for _ in range(100):
            if link.wire:
                link.deliver(self.now)
            elif link.asks:
                link.answer(node, self.now)

    def _node(self, index: int) -> Node:
        return (*self.origins, self.edge)[index]

    def _change(self, edits: list[tuple[str, str, int]]) -> None:
        change: dict[Reference, Body | None] = {(kind, key): body(kind, key, shape) for kind, key, shape in edits}
        self.log.append(change, self.now)


TestNetwork = Network.TestCase
TestNetwork.settings = settings(max_examples=settings().max_examples, stateful_step_count=50)
