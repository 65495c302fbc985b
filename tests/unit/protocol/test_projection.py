from hashlib import sha256
from time import perf_counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Condition, Experiment, Item, Rule, Segment, Serve, Snapshot, Split, Staleness, Weight
from pennon.protocol.projection import ClientProjection, hashed, is_client_side, needs_of
from pennon.protocol.state import Reference, State
from tests.unit.protocol.builders import by_kind, flag, layer, record, references, segment


class Environment:
    """An environment and its client projection, as they change together."""

    def __init__(self, *items: tuple[str, Item]) -> None:
        self.state = State.of(by_kind(*items))  # type: ignore[arg-type]
        self.client = ClientProjection(self.state.items)

    def change(self, *items: tuple[str, Item], deleted: tuple[Reference, ...] = ()) -> list[Reference]:
        """Change items; return what that changes in the client projection."""
        changes: dict[str, dict[str, Item | None]] = {}
        for kind, item in items:
            changes.setdefault(kind, {})[item.key] = item
        for kind, key in deleted:
            changes.setdefault(kind, {})[key] = None
        self.state, touched = self.state.after(changes)  # type: ignore[arg-type]
        told = self.client.advance(self.state.items, touched)
        for kind, edits in told.items():
            assert edits == {key: self.client.state.get((kind, key)) for key in edits}
        self.check()
        return sorted((kind, key) for kind, edits in told.items() for key in edits)

    def check(self) -> None:
        anew = ClientProjection(self.state.items).state
        assert {k: v for k, v in self.client.state.items.items() if v} == {k: v for k, v in anew.items.items() if v}
        assert self.client.state.digest == anew.digest

    def members(self) -> list[Reference]:
        return sorted((kind, key) for kind, records in self.client.state.items.items() for key in records)


def experiment(layer_key: str | None) -> Split:
    return Split((Weight("on", 100_000),), experiment=Experiment("e", layer_key, "off"))


def test_client_side_flags_come_with_all_that_they_need() -> None:
    environment = Environment(
        ("flag", flag("seen", client_side=True, needs=("first",), segments=("s1",))),
        ("flag", flag("first", needs=("second",))),
        ("flag", flag("second", segments=("s3",))),
        ("flag", flag("hidden", needs=("seen",), segments=("s4",))),
        ("segment", segment("s1", segments=("s2",))),
        ("segment", segment("s2")),
        ("segment", segment("s3")),
        ("segment", segment("s4")),
        ("layer", layer("unused")),
        ("key", record("k")),
    )
    flags, segments = references("flag", "first", "second", "seen"), references("segment", "s1", "s2", "s3")
    assert environment.members() == [*flags, *segments]


@pytest.mark.parametrize(
    "item",
    [
        flag("f", fallthrough=Serve(split=experiment("l"))),
        flag("f", rules=(Rule("r", (), Serve(split=experiment("l"))),)),
        flag("f", staleness=Staleness(60, Serve(split=experiment("l")))),
    ],
)
def test_layers_of_experiments_are_needed_wherever_they_stand(item: Item) -> None:
    assert needs_of("flag", item) == (("layer", "l"),)


def test_flag_needs_each_thing_once_and_nothing_that_is_no_name() -> None:
    rules = (
        Rule("r1", (Condition("inSegment", values=("s", 7, "s")), Condition("in", "country", ("t",))), Serve("on")),
        Rule("r2", (), Serve(split=experiment(None))),
        Rule("r3", (), Serve(split=Split((Weight("on", 100_000),)))),
    )
    item = flag("f", needs=("g", "g"), rules=rules)
    assert needs_of("flag", item) == (("flag", "g"), ("segment", "s"))


def test_layers_need_nothing_and_neither_does_what_cannot_be_read() -> None:
    assert needs_of("layer", layer("l")) == ()
    assert needs_of("flag", None) == ()
    assert needs_of("flag", Item.from_text("f", b'{"clientSide":true,"rules":7}')) == ()


def test_flag_that_cannot_be_read_is_not_client_side_unless_it_says_so() -> None:
    assert not is_client_side(Item.from_text("f", b"[]"))
    assert not is_client_side(Item.from_text("f", b'{"clientSide":"yes"}'))
    assert is_client_side(Item.from_text("f", b'{"clientSide": true,"rules":7}'))


def test_change_outside_changes_nothing() -> None:
    environment = Environment(("flag", flag("seen", client_side=True)), ("flag", flag("hidden")))
    assert environment.change(("flag", flag("hidden", 2)), ("segment", segment("s"))) == []


def test_change_of_a_member_changes_only_it() -> None:
    environment = Environment(("flag", flag("seen", client_side=True, needs=("n",))), ("flag", flag("n")))
    assert environment.change(("flag", flag("n", 2))) == [("flag", "n")]


def test_flag_that_becomes_client_side_enters_with_what_it_needs_and_leaves_with_it() -> None:
    environment = Environment(("flag", flag("f", segments=("s",))), ("segment", segment("s")))
    both = [("flag", "f"), ("segment", "s")]
    assert environment.change(("flag", flag("f", 2, segments=("s",), client_side=True))) == both
    assert environment.members() == both
    assert environment.change(("flag", flag("f", 3, segments=("s",)))) == both
    assert environment.members() == []


def test_what_is_still_needed_by_another_stays() -> None:
    environment = Environment(
        ("flag", flag("f", client_side=True, needs=("n",))),
        ("flag", flag("g", client_side=True, needs=("n",))),
        ("flag", flag("n")),
    )
    assert environment.change(("flag", flag("f", 2, client_side=True))) == [("flag", "f")]
    assert environment.change(("flag", flag("g", 2, client_side=True))) == [("flag", "g"), ("flag", "n")]


def test_client_side_flag_stays_as_a_prerequisite_when_it_is_no_longer_client_side() -> None:
    environment = Environment(
        ("flag", flag("f", client_side=True, needs=("n",))), ("flag", flag("n", client_side=True))
    )
    assert environment.change(("flag", flag("n", 2))) == [("flag", "n")]
    assert environment.members() == references("flag", "f", "n")


def test_what_is_needed_but_missing_enters_when_it_is_created() -> None:
    environment = Environment(("flag", flag("f", client_side=True, segments=("s",))))
    assert environment.change(("segment", segment("s", segments=("t",)))) == [("segment", "s")]
    assert environment.change(("segment", segment("t"))) == [("segment", "t")]
    assert environment.change(deleted=(("segment", "s"),)) == [("segment", "s"), ("segment", "t")]


def test_deleted_flag_leaves_and_comes_back_when_it_is_created_again() -> None:
    environment = Environment(("flag", flag("f", client_side=True)))
    assert environment.change(deleted=(("flag", "f"),)) == [("flag", "f")]
    assert environment.change(("flag", flag("f", 3, client_side=True))) == [("flag", "f")]


def test_cycle_of_prerequisites_is_told_as_it_is() -> None:
    environment = Environment(("flag", flag("f", client_side=True, needs=("g",))), ("flag", flag("g", needs=("f",))))
    assert environment.members() == references("flag", "f", "g")
    assert environment.change(("flag", flag("f", 2, needs=("g",)))) == references("flag", "f", "g")


def test_chain_of_a_thousand_prerequisites_is_followed() -> None:
    chain = [("flag", flag(f"f{i}", needs=(f"f{i + 1}",), client_side=i == 0)) for i in range(1000)]
    assert len(Environment(*chain).members()) == 1000


KEYS = ("u1", "Łukasz", "")


def test_segment_lists_are_hashed_with_the_salt() -> None:
    source = segment("s", 3, salt="m2x8", included=KEYS, excluded=("u9",), segments=("t",), changed_at=7)
    told = hashed(source)
    assert told is not None
    assert told.is_intact
    read = Snapshot.of({"segment": {"s": told}}).segments["s"]
    assert read.included == tuple(sha256(f"m2x8.{key}".encode()).hexdigest() for key in KEYS)
    assert read.excluded == (sha256(b"m2x8.u9").hexdigest(),)
    assert read.hashed
    rest = Snapshot.of({"segment": {"s": source}}).segments["s"]
    apart = {"included": (), "excluded": (), "hashed": False, "hash": ""}
    assert msgspec.structs.replace(read, **apart) == msgspec.structs.replace(rest, **apart)
    assert (told.version, told.changed_at) == (3, 7)
    assert not any(key.encode() in told.text for key in ("u1", "u9"))


def test_hashed_segment_is_told_as_it_is() -> None:
    source = segment("s", included=("ab" * 32,), hashed=True)
    assert hashed(source) is source


def test_segment_without_lists_is_hashed_too_so_that_readers_need_not_ask() -> None:
    told = hashed(segment("s", 2))
    assert told is not None
    assert Snapshot.of({"segment": {"s": told}}).segments["s"] == Segment("s", 2, hash=told.hash, hashed=True)


def test_members_of_a_later_segment_are_passed_on() -> None:
    told = hashed(Item.from_text("s", b'{"key":"s","included":["u1"],"later":{"a":1.0}}'))
    assert told is not None
    assert b'"later":{"a":1.0}' in told.text
    assert told.is_intact


def test_segment_that_cannot_be_read_is_left_out_for_it_might_name_people() -> None:
    broken = Item.from_text("s", b'{"key":"s","included":["u1",7]}')
    environment = Environment(("flag", flag("f", client_side=True, segments=("s",))), ("segment", broken))
    assert environment.members() == [("flag", "f")]
    assert environment.change(("segment", segment("s", 2, included=("u1",)))) == [("segment", "s")]
    assert environment.change(("segment", broken)) == [("segment", "s")]


NAMES = st.sampled_from("abcd")
FLAGS = st.builds(
    lambda key, version, needs, segments, layer_key, client_side: flag(
        key,
        version,
        needs=tuple(needs),
        segments=tuple(segments),
        client_side=client_side,
        fallthrough=Serve(split=experiment(layer_key)),
    ),
    NAMES,
    st.integers(1, 99),
    st.sets(NAMES, max_size=2),
    st.sets(NAMES, max_size=2),
    st.none() | NAMES,
    st.booleans(),
)
SEGMENTS = st.builds(
    lambda key, version, segments, included: segment(key, version, segments=tuple(segments), included=tuple(included)),
    NAMES,
    st.integers(1, 99),
    st.sets(NAMES, max_size=2),
    st.sets(NAMES),
)
ITEMS = st.one_of(
    st.tuples(st.just("flag"), FLAGS),
    st.tuples(st.just("segment"), SEGMENTS),
    st.tuples(st.just("layer"), st.builds(layer, NAMES, st.integers(1, 99))),
)
DELETED = st.tuples(st.sampled_from(["flag", "segment", "layer"]), NAMES)


@given(st.lists(ITEMS), st.lists(st.tuples(st.lists(ITEMS, max_size=3), st.lists(DELETED, max_size=2))))
def test_projection_that_follows_equals_the_one_drawn_anew(
    items: list[tuple[str, Item]], changes: list[tuple[list[tuple[str, Item]], list[Reference]]]
) -> None:
    environment = Environment(*items)
    environment.check()
    for edits, deleted in changes:
        before = environment.client.state
        told = environment.change(*edits, deleted=tuple(deleted))
        assert told == sorted(set(told))
        assert all(before.get(reference) != environment.client.state.get(reference) for reference in told)


@pytest.mark.parametrize(("client_side_each", "members"), [(50, 400), (1, 10_000)])
def test_change_outside_a_large_client_projection_costs_little(client_side_each: int, members: int) -> None:
    flags = {
        f"f{i}": flag(f"f{i}", client_side=i % client_side_each == 0, needs=(f"f{i + 1}",) if i % 50 == 0 else ())
        for i in range(10_000)
    }
    client = ClientProjection({"flag": flags})
    assert len(client.state.items["flag"]) == members
    hidden = {**flags, "hidden": flag("hidden", 2)}

    def advance() -> float:
        start = perf_counter()
        assert client.advance({"flag": hidden}, [("flag", "hidden")]) == {}
        return perf_counter() - start

    assert min(advance() for _ in range(20)) < 0.0005


def test_change_of_a_member_that_needs_the_same_as_before_draws_no_closure() -> None:
    flags = {f"f{i}": flag(f"f{i}", client_side=True) for i in range(10_000)}
    client = ClientProjection({"flag": flags})

    def advance(version: int, needed: str) -> float:
        later = {**flags, "f7": flag("f7", version, client_side=True, needs=(needed,))}
        start = perf_counter()
        assert client.advance({"flag": later}, [("flag", "f7")]) == {"flag": {"f7": later["f7"]}}
        return perf_counter() - start

    redrawn = min(advance(version, "f8" if version % 2 else "f9") for version in range(2, 12))
    advance(20, "f9")
    assert min(advance(version, "f9") for version in range(21, 31)) < redrawn / 2


def test_flags_and_layers_are_those_of_the_environment_and_kept_once() -> None:
    environment = Environment(("flag", flag("a", client_side=True)), ("flag", flag("b")))
    shown = environment.client.state.items["flag"]
    assert shown["a"] is environment.state.items["flag"]["a"]
    assert ("b" in shown, shown.get("b"), len(shown)) == (False, None, 1)
    environment.change(("flag", flag("a", 2, client_side=True)))
    assert environment.client.state.items["flag"]["a"] is environment.state.items["flag"]["a"]
    assert shown["a"].version == 1, "a state that was taken before stays as it was"
