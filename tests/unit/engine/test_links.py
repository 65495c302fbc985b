"""Which items need which: cycles, depth, and what a delta reaches."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pennon.engine.links import DEEPEST, Links, Node
from pennon.model import Snapshot
from tests.unit.engine.build import flag, inside, layer, needs, rule, segment, snapshot, split


def _chain(length: int) -> Snapshot:
    """f0 needs f1 needs … needs the last."""
    last = flag(f"f{length}")
    return snapshot(*(flag(f"f{i}", prerequisites=[needs(f"f{i + 1}")]) for i in range(length)), last)


def _segment_chain(length: int, *flags: dict[str, Any]) -> Snapshot:
    """s1 asks for s2 asks for … the last."""
    chain = [segment(f"s{i}", inside(f"s{i + 1}")) for i in range(1, length)]
    return snapshot(*flags, segments=(*chain, segment(f"s{length}")))


def test_everything_that_a_flag_needs_is_found_through_all_that_it_needs() -> None:
    found = Links(
        snapshot(
            flag("a", prerequisites=[needs("b")], rules=[rule(inside("s"))]),
            flag("b", fallthrough=split(("on", 100_000), experiment={"key": "e", "layer": "l"})),
            segments=(segment("s", inside("t")), segment("t")),
            layers=(layer("l"),),
        )
    ).of("flag", "a")
    assert set(found.everything) == {("flag", "b"), ("segment", "s"), ("segment", "t"), ("layer", "l")}
    assert found.direct == (("segment", "s"), ("flag", "b"))
    assert found.problem is None


def test_a_layer_of_staleness_and_of_rules_is_needed() -> None:
    in_layer = split(("on", 100_000), experiment={"key": "e", "layer": "l"})
    stale = flag("a", staleness={"maxAgeS": 5, "serve": in_layer})
    ruled = flag("b", rules=[rule(serve=in_layer)])
    links = Links(snapshot(stale, ruled))
    assert links.of("flag", "a").everything == links.of("flag", "b").everything == (("layer", "l"),)


def test_what_is_missing_is_needed_all_the_same_and_needs_nothing() -> None:
    links = Links(snapshot(flag("a", prerequisites=[needs("gone")], rules=[rule(inside("gone"))])))
    assert set(links.of("flag", "a").everything) == {("flag", "gone"), ("segment", "gone")}
    assert links.of("flag", "gone").everything == ()


def test_a_chain_of_prerequisites_may_be_thirty_two_deep() -> None:
    links = Links(_chain(DEEPEST))
    assert links.of("flag", "f0").problem is None
    assert links.of("flag", "f0").deep == DEEPEST


def test_a_deeper_chain_is_a_problem_of_those_it_is_too_deep_for() -> None:
    links = Links(_chain(DEEPEST + 3))
    problems = [links.of("flag", f"f{i}").problem for i in range(DEEPEST + 4)]
    assert [problem is not None for problem in problems] == [True] * 3 + [False] * (DEEPEST + 1)
    assert problems[0] == "its chain of prerequisites is more than 32 deep"


def test_depth_is_the_same_whoever_is_asked_first() -> None:
    links = Links(_chain(DEEPEST + 3))
    problems = [links.of("flag", f"f{i}").problem for i in reversed(range(DEEPEST + 4))]
    assert [problem is not None for problem in problems] == [False] * (DEEPEST + 1) + [True] * 3


def test_a_chain_of_ten_thousand_is_refused_without_walking_it() -> None:
    links = Links(_chain(10_000))
    assert links.of("flag", "f0").problem == "its chain of prerequisites is more than 32 deep"


def test_a_chain_of_segments_may_be_thirty_two_deep() -> None:
    user = flag(rules=[rule(inside("s1"))])
    assert Links(_segment_chain(DEEPEST, user)).of("flag", "f").problem is None
    problem = Links(_segment_chain(DEEPEST + 1, user)).of("flag", "f").problem
    assert problem == "its chain of segments is more than 32 deep"


def test_a_known_segment_that_is_too_deep_is_a_problem_of_who_asks_for_it() -> None:
    links = Links(_segment_chain(DEEPEST + 1, flag(rules=[rule(inside("s1"))])))
    assert links.of("segment", "s1").problem == "its chain of segments is more than 32 deep"
    assert links.of("segment", "s2").problem is None
    assert links.of("flag", "f").problem == "its chain of segments is more than 32 deep"


def test_a_prerequisite_with_segments_too_deep_is_its_own_problem() -> None:
    links = Links(
        _segment_chain(DEEPEST + 1, flag("p", rules=[rule(inside("s1"))]), flag("f", prerequisites=[needs("p")]))
    )
    assert links.of("flag", "f").problem is None
    assert links.of("flag", "p").problem is not None


def test_a_cycle_is_a_problem_of_exactly_the_flags_in_it_and_above_it() -> None:
    links = Links(
        snapshot(
            flag("above", prerequisites=[needs("a"), needs("fine")]),
            flag("a", prerequisites=[needs("b")]),
            flag("b", prerequisites=[needs("below"), needs("a")]),
            flag("below"),
            flag("fine", prerequisites=[needs("below")]),
            flag("self", prerequisites=[needs("self")]),
        )
    )
    broken = {key for key in ("above", "a", "b", "below", "fine", "self") if links.of("flag", key).problem}
    assert broken == {"above", "a", "b", "self"}
    assert links.of("flag", "self").problem == "it needs itself, or what does: self → self"


def test_a_cycle_of_segments_is_a_problem_of_flags_that_ask_for_them_however_far_above() -> None:
    links = Links(
        snapshot(
            flag("user", rules=[rule(inside("s"))]),
            flag("above", prerequisites=[needs("user")]),
            segments=(segment("s", inside("t")), segment("t", inside("s"))),
        )
    )
    assert links.of("segment", "t").problem == "it needs itself, or what does: t → s → t"
    assert links.of("flag", "above").problem == "it needs itself, or what does: t → s → t"


def test_what_two_ways_lead_to_is_shared() -> None:
    links = Links(
        snapshot(
            flag("diamond", prerequisites=[needs("left"), needs("right")]),
            flag("left", prerequisites=[needs("bottom")]),
            flag("right", prerequisites=[needs("bottom")]),
            flag("bottom"),
            flag("tree", prerequisites=[needs("left")], rules=[rule(inside("s"))]),
            flag("twice", rules=[rule(inside("s")), rule(inside("s"))]),
            segments=(segment("s"),),
        )
    )
    shared = {key: links.is_shared(links.of("flag", key)) for key in ("diamond", "tree", "twice", "bottom")}
    assert shared == {"diamond": True, "tree": False, "twice": True, "bottom": False}


def test_a_delta_reaches_what_it_touches_and_all_above() -> None:
    before = snapshot(
        flag("top", prerequisites=[needs("middle")]),
        flag("middle", rules=[rule(inside("s"))]),
        flag("aside"),
        segments=(segment("s", inside("t")), segment("t")),
    )
    links = Links(before)
    for key in before.flags:
        links.of("flag", key)
    later, affected = links.after(before, [("segment", "t")])
    assert set(affected) == {("segment", "t"), ("segment", "s"), ("flag", "middle"), ("flag", "top")}
    assert later.of("flag", "top") == links.of("flag", "top")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_problems_are_those_that_a_plain_search_finds(edges: list[tuple[int, int]]) -> None:
    needed = {i: [b for a, b in edges if a == i] for i in range(10)}
    model = snapshot(*(flag(f"f{i}", prerequisites=[needs(f"f{j}") for j in needed[i]]) for i in range(10)))

    def reached(start: int) -> set[int]:
        seen: set[int] = set()
        todo = list(needed[start])
        while todo:
            if (node := todo.pop()) not in seen:
                seen.add(node)
                todo += needed[node]
        return seen

    in_cycle = {i for i in range(10) if i in reached(i)}
    expected = {i for i in range(10) if ({i} | reached(i)) & in_cycle}
    links = Links(model)
    assert {i for i in range(10) if links.of("flag", f"f{i}").problem} == expected


def _needy(*extra: dict[str, Any], needed: str = "s") -> Snapshot:
    return snapshot(
        flag("a", prerequisites=[needs("b")]),
        flag("b", rules=[rule(inside(needed))]),
        flag("alone"),
        *extra,
        segments=(segment("s", inside("t")), segment("t")),
    )


def test_flags_are_found_by_what_they_need_however_deep() -> None:
    links = Links(_needy())
    assert links.flags_using([("segment", "t")]) == {"a", "b"}
    assert links.flags_using([("flag", "b")]) == {"a"}
    assert links.flags_using([("flag", "alone"), ("segment", "gone")]) == frozenset()


def test_flags_that_came_later_are_found_and_those_that_need_it_no_more_are_not() -> None:
    links = Links(_needy())
    assert links.flags_using([("segment", "s")]) == {"a", "b"}
    links, _ = links.after(_needy(flag("new", rules=[rule(inside("s"))]), needed="t"), [("flag", "b"), ("flag", "new")])
    assert links.flags_using([("segment", "s")]) == {"new"}
    assert links.flags_using([("segment", "t")]) == {"a", "b", "new"}
    links, _ = links.after(snapshot(flag("alone")), [("flag", "a"), ("flag", "b"), ("flag", "new")])
    assert links.flags_using([("segment", "t")]) == frozenset()


def test_finding_users_again_reads_only_what_was_touched() -> None:
    links = Links(_needy())
    links.flags_using([("segment", "s")])
    links, _ = links.after(snapshot(flag("alone", rules=[rule(inside("s"))])), [("flag", "alone")])
    assert links.flags_using([("segment", "s")]) == {"alone"}
    unread = snapshot(flag("new", rules=[rule(inside("s"))]), flag("alone"))
    links, _ = links.after(unread, [("flag", "alone")])
    assert links.flags_using([("segment", "s")]) == frozenset()


_PAIRS = st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdest")).filter(lambda pair: pair[0] < pair[1])


@given(st.lists(_PAIRS, max_size=8), st.sampled_from("abcdest"))
def test_users_found_are_those_whose_needs_name_it(needed: list[tuple[str, str]], wanted: str) -> None:
    def flags(pairs: list[tuple[str, str]]) -> Snapshot:
        made = {}
        for key in "abcde":
            names = [other for user, other in pairs if user == key]
            prerequisites = [needs(name) for name in names if name in "abcde"]
            made[key] = flag(key, prerequisites=prerequisites, rules=[rule(inside(n)) for n in names if n in "st"])
        return snapshot(*made.values(), segments=(segment("s", inside("t")), segment("t")))

    node: Node = ("segment" if wanted in "st" else "flag", wanted)
    links = Links(flags([]))
    assert links.flags_using([node]) == frozenset()
    links, _ = links.after(flags(needed), [("flag", user) for user, _ in needed])
    fresh = Links(flags(needed))
    expected = {key for key in "abcde" if node in fresh.of("flag", key).everything}
    assert links.flags_using([node]) == expected
