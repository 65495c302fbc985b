"""The network of `test_convergence` with strict replicas, an edge among them, signing keys that rotate, and forgers.

Whatever happens, a strict replica holds nothing but what was signed; and in the end it holds what everybody else does.
"""

import json

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from pennon.model import Delta, Head, Position, Snapshot
from pennon.protocol import PROJECTIONS, Lines, Projection, VerifyingReplica, digest
from pennon.protocol.state import items_of
from tests.unit.protocol.network import Link, Node
from tests.unit.protocol.origin import ENVIRONMENT, Log, snapshot_of, text_of, texts_of
from tests.unit.protocol.signing import NOW, Signer, trust
from tests.unit.protocol.test_convergence import DAMAGES, HUBS, LINKS, Network


class SignedLog(Log):
    """A log whose positions are signed. While it is `late`, what it gives has no heads yet."""

    def __init__(self) -> None:
        super().__init__()
        self.signer = Signer("first")
        self.late = False
        self.signed_at = NOW

    def heads(self, position: Position) -> tuple[Head, ...]:
        return tuple(self._head(position, projection) for projection in sorted(PROJECTIONS))

    def snapshot(self) -> Snapshot:
        heads = () if self.late else self.heads(self.head)
        return msgspec.structs.replace(super().snapshot(), heads=heads)

    def delta(self, since: int, to: int) -> Delta:
        heads = () if self.late else self.heads(Position(self.epoch, to))
        return msgspec.structs.replace(super().delta(since, to), heads=heads)

    def _head(self, position: Position, projection: Projection) -> Head:
        root = Lines.of(items_of(snapshot_of(self.texts(position, projection)))).root()
        assert root is not None
        return self.signer.sign(ENVIRONMENT, position, projection, root, time=self.signed_at)


class SignedNetwork(Network):
    """As `Network`, strictly."""

    def __init__(self) -> None:
        super().__init__()
        self.log: SignedLog = SignedLog()
        first = self.log.signer.key
        self.edge_link = _strict("edge", first, below=self.edge)
        projections: tuple[Projection, ...] = ("server", "server", "client", "edge")
        self.links = [self.edge_link, *(_strict(projection, first) for projection in projections)]

    def _harm(self, index: int, first: int, harm: str) -> None:
        """Lose or damage what was sent, to the edge node too: it must not use what is not proved."""
        wire = self.links[index].wire
        for at in reversed(range(first, len(wire))):
            if harm in DAMAGES and self.damaging:
                sent, frame = wire[at]
                wire[at] = sent, msgspec.structs.replace(frame, data=DAMAGES[harm](frame.data))
            else:
                del wire[at]

    @rule(late=st.booleans(), seconds=st.sampled_from([0.0, 60.0]))
    def sign(self, late: bool, seconds: float) -> None:
        """Sign what the origins hold, anew after a while; and be late with the next ones, or not."""
        self.log.late = late
        self.log.signed_at += seconds
        for node in self.origins:
            assert node.hub.position is not None
            node.endorse(self.log.heads(node.hub.position), self.now)

    @rule(word=st.sampled_from("abc"))
    def rotate(self, word: str) -> None:
        if len(self.log.signer.rotations) < 5:
            self.log.signer = self.log.signer.rotated(f"{word}{len(self.log.signer.rotations)}", self.log.signed_at)

    @rule(link=st.sampled_from(LINKS), hub=st.sampled_from(HUBS), with_heads=st.booleans(), by_delta=st.booleans())
    def forge(self, link: int, hub: int, with_heads: bool, by_delta: bool) -> None:
        """Let a link listen to a hub that says another thing than was signed, under the heads of what was."""
        target, true = self.links[link], self._node(hub).hub.snapshot(self.links[link].projection)
        texts = texts_of(true)
        texts["flag", "forged"] = text_of({"key": "forged", "version": 1, "on": True, "clientSide": True})
        forged = snapshot_of(texts)
        position, heads = true.position, true.heads if with_heads else ()
        if by_delta and target.replica.position is not None:
            position = Position(position.epoch, position.revision + 1)
        evil = Node("evil")
        document = msgspec.structs.replace(
            Snapshot.of(items_of(forged), environment=ENVIRONMENT, position=position, heads=heads),
            digest=digest.combined(items_of(forged)),
        )
        evil.hub.load(
            document, known_at=self.now - 1e6
        )  # about ages it could lie: only `max_head_age_s` is proof there
        reports = set(target.reports)
        target.connect(evil, self.now)
        target.send(evil.hub.opening(target.projection, None, self.now), self.now)
        while target.wire:
            target.deliver(self.now)
        target.disconnect()
        target.reports = reports

    @invariant()
    def each_replica_holds_the_log_folded_at_its_position_or_knows_better(self) -> None:
        """Here there is no knowing better: nothing else is ever held."""
        for link in self.links:
            if (snapshot := link.replica.snapshot) is not None:
                assert texts_of(snapshot) == self.log.texts(snapshot.position, link.projection)

    def teardown(self) -> None:
        self.log.late = False
        for node in self.origins:
            node.follow(self.log, 100, self.now)
        self.sign(False, 60.0)
        super().teardown()
        for link in self.links:
            assert isinstance(link.replica, VerifyingReplica)
            assert link.replica.head is not None
            assert link.replica.head.key == self.log.signer.key


def _strict(projection: Projection, key: str, *, below: Node | None = None) -> Link:
    """A link that trusts the first key. What it learned of rotations is lost with it, and stands in its store."""
    return Link(
        projection,
        below=below,
        make=lambda known: VerifyingReplica(trust(key, projections=(projection,)), snapshot=known),
    )


def test_a_forged_flag_is_one() -> None:
    assert json.loads(text_of({"key": "forged", "version": 1, "on": True}))["on"] is True


TestSignedNetwork = SignedNetwork.TestCase
TestSignedNetwork.settings = settings(max_examples=settings().max_examples // 3, stateful_step_count=50)
