"""Whatever happens in whatever order, whoever has heard a node out holds what it serves, and no replica ever fights."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.edge.overrides import Applied, Override
from pennon.model import Delta, Flag, Item, Position, Serve, Snapshot, Variation
from pennon.protocol import Adopted, AskSince, AskSnapshot, DeltaDoesNotFit, Frame, Hub, Replica, digest
from pennon.protocol.state import delta_of

SHOP = "shop/production"
KEYS = ("a", "b", "c")
ASKS = 4
"""One word leads to a question, the answer at worst to another."""


def item(key: str, version: int, *, on: bool) -> Item:
    variations = (Variation("on", True), Variation("off", False))
    fallthrough = Serve(variation="on")
    fields = {"off_variation": "off", "fallthrough": fallthrough, "changed_at": version}
    return Item.of(Flag(key=key, version=version, on=on, variations=variations, **fields))  # type: ignore[arg-type]


class Origin:
    """The log, as a hub."""

    def __init__(self) -> None:
        self.items = {key: item(key, 1, on=True) for key in KEYS}
        self.revision = 1
        self.hub = Hub()
        self.hub.load(self.state(), known_at=0.0)

    def state(self) -> Snapshot:
        items = {"flag": self.items}
        at = Position(1, self.revision)
        return Snapshot.of(items, environment=SHOP, position=at, digest=digest.combined(items))  # type: ignore[arg-type]

    def change(self, key: str) -> None:
        self.revision += 1
        self.items = {**self.items, key: item(key, self.revision, on=self.revision % 2 == 0)}
        edits = {"flag": {key: self.items[key]}}
        at = Position(1, self.revision)
        step = delta_of(edits, position=at, since=self.revision - 1, digest_after="", environment=SHOP)  # type: ignore[arg-type]
        self.hub.advance(step, known_at=0.0)


class Node:
    """An edge node: a replica, overrides, and the hub that is given what is left of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.replica = Replica()
        self.hub = Hub()
        self.overridden: frozenset[str] = frozenset()

    @property
    def applied(self) -> Applied:
        return Applied(self.name, [Override(environment=SHOP, flag=key, at=1.0) for key in self.overridden])

    def toggle(self, key: str) -> None:
        self.overridden ^= {key}
        self._serve_anew()

    def hear(self, above: Hub, frame: Frame) -> None:
        """Take *frame*, and ask *above* what it takes."""
        actions = self.replica.receive(frame, 0.0)
        for _ in range(ASKS):
            asked = []
            for action in actions:
                if isinstance(action, Adopted):
                    self._take(action)
                elif isinstance(action, AskSince):
                    asked += self.replica.receive_document(above.document("edge", action.position), age=0.0, now=0.0)
                elif isinstance(action, AskSnapshot):
                    asked += self.replica.receive_document(above.document("edge", None), age=0.0, now=0.0)
            actions = asked
        assert not actions, "it asks without end"

    def follow(self, above: Hub) -> None:
        """Open a stream, and hear a heartbeat on it."""
        self.hear(above, above.opening("edge", self.replica.position, 0.0))
        self.hear(above, above.heartbeat(0.0, "edge"))

    def poll(self, above: Hub) -> None:
        """Ask for what is new, as who has no stream."""
        body = above.document("edge", self.replica.position)
        self.hear(above, Frame("snapshot" if b'"from"' not in body else "delta", b'{"age":0,' + body[1:]))

    def _take(self, adopted: Adopted) -> None:
        delta: Delta | None = adopted.as_delta()
        try:
            assert delta is not None
            self.hub.advance(self.applied.applied(delta), known_at=0.0)
        except (AssertionError, DeltaDoesNotFit):
            self._serve_anew()

    def _serve_anew(self) -> None:
        if self.replica.snapshot is not None:
            self.hub.load(self.applied.applied(self.replica.snapshot), known_at=0.0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from(KEYS)),
        st.tuples(st.sampled_from(["hub", "pop"]), st.sampled_from(KEYS)),
        st.tuples(st.sampled_from(["follow", "poll"]), st.sampled_from(["hub", "pop", "sdk by pop", "sdk by origin"])),
    ),
    max_size=25,
)


@settings(max_examples=settings().max_examples * 2)
@given(STEPS)
def test_overrides_changes_and_failovers_in_any_order_end_in_what_each_node_serves(
    steps: list[tuple[str, str]],
) -> None:
    origin, hub, pop, sdk = Origin(), Node("hub"), Node("pop"), Node("sdk")
    for node, above in ((hub, origin.hub), (pop, hub.hub), (sdk, pop.hub)):
        node.follow(above)
    ways: dict[str, tuple[Node, Origin | Node]] = {
        "hub": (hub, origin),
        "pop": (pop, hub),
        "sdk by pop": (sdk, pop),
        "sdk by origin": (sdk, origin),
    }
    for what, which in steps:
        if what == "change":
            origin.change(which)
        elif what in ("hub", "pop"):
            (hub if what == "hub" else pop).toggle(which)
        else:
            node, upstream = ways[which]
            (node.follow if what == "follow" else node.poll)(upstream.hub)
    tree: tuple[tuple[Node, Origin | Node], ...] = ((hub, origin), (pop, hub), (sdk, pop))
    for node, upstream in tree:
        node.follow(upstream.hub)
        assert node.replica.snapshot == upstream.hub.snapshot("edge")
        assert node.hub.digest("edge") == node.applied.applied(upstream.hub.snapshot("edge")).digest
    assert hub.replica.snapshot == origin.state(), "nothing of the origin's is lost by overrides"
    for node in (hub, pop):
        for key in tuple(node.overridden):
            node.toggle(key)
    for node, upstream in ((pop, hub), (sdk, pop)):
        node.poll(upstream.hub)
        assert node.replica.snapshot == origin.state(), "and when they are over, all is as it was"
