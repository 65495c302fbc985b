"""An environment in tiers says and answers exactly what one in memory does, and holds but a fraction of it."""

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pennon.edge.tiers import HousedRecords, Housing
from pennon.engine import RuleSet, compile_snapshot
from pennon.model import Flag, Item, ItemKind, Position, Prerequisite, Segment, Snapshot
from pennon.protocol import PROJECTIONS, Adopted, Hub, Replica, digest
from pennon.protocol.state import delta_of
from pennon.stream.known import KnownFlags
from pennon.testing import condition, flag, segment

FLAGS = [f"flag-{number}" for number in range(8)]
SEGMENTS = ["eu", "beta"]
MANY = 600
CONTEXTS: list[dict[str, Any]] = [
    {"targetingKey": f"u{at}", "country": land} for at in range(3) for land in ("DE", "US")
]


class Origin:
    """Writes changes of an environment, and what of it travels."""

    def __init__(self) -> None:
        self.items: dict[ItemKind, dict[str, Item]] = {"flag": {}, "segment": {}, "key": {}}
        self.position = Position(1, 0)
        self._versions: dict[str, int] = {}

    def write(self, *models: Flag | Segment, delete: tuple[str, ...] = ()) -> bytes:
        """Return the delta that puts *models* and deletes flags."""
        edits: dict[ItemKind, dict[str, Item | None]] = {"flag": dict.fromkeys(delete), "segment": {}}
        for model in models:
            kind: ItemKind = "flag" if isinstance(model, Flag) else "segment"
            edits[kind][model.key] = Item.of(self._next(model))
        for kind, of in edits.items():
            for key, item in of.items():
                self.items[kind] = {**self.items[kind], key: item} if item else _without(self.items[kind], key)
        since, self.position = self.position.revision, Position(1, self.position.revision + 1)
        value = digest.combined(self.items)
        return delta_of(edits, position=self.position, since=since, digest_after=value, environment="shop/p").to_json()

    def whole(self) -> Snapshot:
        return Snapshot.of(
            dict(self.items), environment="shop/p", position=self.position, digest=digest.combined(self.items)
        )

    def _next(self, model: Flag | Segment) -> Flag | Segment:
        version = self._versions[model.key] = self._versions.get(model.key, 0) + 1
        return replace(model, version=version)


def _without(items: dict[str, Item], key: str) -> dict[str, Item]:
    return {each: item for each, item in items.items() if each != key}


class Node:
    """What an edge does with an environment: a replica, a hub below it, rules, and what may be reported."""

    def __init__(self, read: Callable[[bytes], Snapshot], compiled_bytes: int | None) -> None:
        self.replica = Replica(read=read)
        self.hub = Hub(history_bytes=1000)
        self.known = KnownFlags()
        self._compiled_bytes = compiled_bytes
        self.rules: RuleSet | None = None

    def take(self, document: bytes) -> None:
        for action in self.replica.receive_document(document, age=0.0, now=0.0):
            assert isinstance(action, Adopted), action
            delta = action.as_delta()
            if delta is None or self.rules is None:
                self.hub.load(action.snapshot, known_at=0.0)
                rules = compile_snapshot(self.hub.snapshot("server"))
                self.rules = rules if self._compiled_bytes is None else rules.bounded(self._compiled_bytes)
                self.known.follow(self.hub.snapshot("server").flags.records)
            else:
                step = self.hub.advance(delta, known_at=0.0)["server"]
                touched = [(kind, key) for kind in ("flag", "segment") for key in step.items(kind)]
                self.rules = self.rules.advanced(self.hub.snapshot("server"), touched)  # type: ignore[arg-type]
                self.known.follow(self.hub.snapshot("server").flags.records, step.flags)

    def answers(self) -> list[Any]:
        assert self.rules is not None
        return [self.rules.evaluate(key, context, "d") for key in [*FLAGS, "gone"] for context in CONTEXTS]

    def says(self) -> list[Any]:
        said: list[Any] = [self.hub.snapshot_json(projection) for projection in PROJECTIONS]
        position = self.replica.position
        assert position is not None
        for back in (1, 3, 100):
            since = Position(1, max(0, position.revision - back))
            said += [self.hub.document(projection, since) for projection in PROJECTIONS]
        said += [self.hub.digest(projection) for projection in PROJECTIONS]
        said += [self.known.knows(key, variation) for key in FLAGS for variation in ("on", "off", "x")]
        assert self.rules is not None
        return [*said, self.rules.next_staleness(0.0), self.rules.next_staleness(50.0)]


@st.composite
def flags(draw: st.DrawFn) -> Flag:
    """A flag of any make; some name what is not there."""
    key = draw(st.sampled_from(FLAGS))
    made = flag(key)
    if draw(st.booleans()):
        made = made.on()
    if draw(st.booleans()):
        made = made.rule("on", condition("", "inSegment", draw(st.sampled_from(SEGMENTS))))
    if draw(st.booleans()):
        made = made.serving({"on": 50, "off": 50})
    if draw(st.booleans()):
        made = made.client_side()
    needed = (Prerequisite(draw(st.sampled_from(FLAGS)), ("on",)),) if draw(st.booleans()) else ()
    return replace(made.build(), prerequisites=needed, salt=draw(st.sampled_from(["a", "b", "c"])))


SEGMENT = st.builds(
    lambda key, land, users: segment(key, included=users, country=land),
    st.sampled_from(SEGMENTS),
    st.sampled_from(["DE", "US"]),
    st.lists(st.sampled_from(["u0", "u1"]), max_size=2),
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(flags() | SEGMENT, min_size=1, max_size=3)),
        st.tuples(st.just("delete"), st.sampled_from(FLAGS)),
        st.tuples(st.just("whole"), st.none()),
        st.tuples(st.just("house anew"), st.none()),
    ),
    max_size=12,
)


@given(CHANGES, st.sampled_from([1, 800, 10**6]))
def test_a_tiered_environment_is_exactly_one_in_memory(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Any], room: int
) -> None:
    housing = Housing(tmp_path_factory.getbasetemp() / "items")
    origin = Origin()
    origin.write(*(flag(key).on().client_side().build() for key in FLAGS[:4]), segment("eu", country="DE"))
    free, tiered = Node(Snapshot.from_json, None), Node(housing.read, room)
    for node in (free, tiered):
        node.take(origin.whole().to_json())
    for what, which in changes:
        if what == "house anew":
            assert tiered.replica.snapshot is not None
            assert tiered.replica.rehouse(housing.house(tiered.replica.snapshot))
            continue
        if what == "whole":
            origin.write()
            document = origin.whole().to_json()
        else:
            document = origin.write(*which) if what == "put" else origin.write(delete=(which,))
        for node in (free, tiered):
            node.take(document)
        assert tiered.answers() == free.answers()
        assert tiered.says() == free.says()
    assert tiered.answers() == free.answers()
    assert tiered.says() == free.says()
    assert isinstance(tiered.hub.snapshot("server").flags.records, HousedRecords)
    assert tiered.replica.snapshot == free.replica.snapshot


def _held(make: Callable[[], Node]) -> tuple[int, Node]:
    """Return how many bytes there are more with what *make* makes."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = make()
        made.hub.tidy()
        made.hub.tidy()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, made
    finally:
        tracemalloc.stop()


def _many(count: int) -> bytes:
    origin = Origin()
    users = tuple(f"user-{at:06}" for at in range(60))
    origin.write(*(flag(f"f{at}").on().client_side().target("on", *users).build() for at in range(count)))
    return origin.whole().to_json()


def test_a_tiered_environment_holds_a_fraction_of_its_text(tmp_path: Path) -> None:
    document = _many(MANY)

    def make(read: Callable[[bytes], Snapshot], room: int | None) -> Node:
        node = Node(read, room)
        node.take(document)
        assert node.rules is not None
        node.rules.aged(0.0)
        node.hub.snapshot_json("server")
        return node

    in_memory, _ = _held(lambda: make(Snapshot.from_json, None))
    in_tiers, node = _held(lambda: make(Housing(tmp_path).read, 10_000))
    assert in_memory > len(document)
    assert in_tiers < len(document) / 2
    assert in_tiers / MANY < 500
    assert node.hub.snapshot_json("edge") == document


def test_flags_that_are_evaluated_once_each_do_not_stay(tmp_path: Path) -> None:
    document = _many(MANY)

    def evaluated(read: Callable[[bytes], Snapshot], room: int | None) -> Node:
        node = Node(read, room)
        node.take(document)
        assert node.rules is not None
        for at in range(MANY):
            assert node.rules.evaluate(f"f{at}", {"targetingKey": "user-000007"}).value is True
        return node

    in_memory, _ = _held(lambda: evaluated(Snapshot.from_json, None))
    in_tiers, _ = _held(lambda: evaluated(Housing(tmp_path).read, 50_000))
    assert in_tiers < in_memory / 4
    assert in_tiers < len(document)


def test_a_change_costs_a_tiered_environment_a_place_and_not_a_text(tmp_path: Path) -> None:
    origin = Origin()
    long = "x" * 20_000
    origin.write(*(flag(f"f{at}").on().build() for at in range(20)))
    document = origin.whole().to_json()
    steps = [origin.write(flag(f"f{at}").on().target("on", long).build()) for at in range(20)]

    def changed() -> Node:
        node = Node(Housing(tmp_path).read, 10_000)
        node.take(document)
        for step in steps:
            node.take(step)
        return node

    held, node = _held(changed)
    assert held < 10 * len(long)  # of 20 texts
    assert node.hub.snapshot("edge").to_json() == origin.whole().to_json()
