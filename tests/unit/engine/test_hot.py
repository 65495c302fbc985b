"""Bounded rule sets: they answer as unbounded ones do, and keep but a part of the flags compiled."""

import gc
import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pennon.engine import compile_snapshot
from pennon.engine.hot import Hot
from pennon.model import Snapshot
from tests.unit.engine.build import flag, inside, needs, rule, segment, snapshot, split, when

FLAGS = [f"flag-{number}" for number in range(12)]


def _function(name: str) -> Any:
    return lambda *_: name


def test_flags_asked_for_lately_stay_and_others_are_forgotten() -> None:
    hot = Hot(8)
    for key in ("a", "b", "c", "d", "e"):
        hot.keep(key, _function(key), 1)
    assert list(hot.functions) == ["e"]
    recalled = hot.recalled("a")
    assert recalled is not None
    hot.keep("a", recalled)
    for key in ("f", "g", "h"):
        hot.keep(key, _function(key), 1)
    assert list(hot.functions) == ["h"]
    assert [key for key in "abcdefgh" if hot.recalled(key)] == ["a", "e", "f", "g"]


def test_no_more_than_the_room_is_taken_whatever_is_asked_for() -> None:
    hot = Hot(100)
    sizes = {f"flag-{number}": 1 + number % 7 for number in range(37)}
    for number in range(1000):
        key = f"flag-{number * number % 37}"
        hot.keep(key, _function("x"), sizes[key])
        kept = [each for each in sizes if each in hot.functions or hot.recalled(each)]
        assert len(kept) == len(hot)
        assert sum(sizes[each] for each in kept) <= 100


def test_a_flag_larger_than_the_room_is_kept_alone() -> None:
    hot = Hot(10)
    assert not hot.keep("a", _function("a"), 500)
    assert hot.keep("b", _function("b"), 500)
    assert list(hot.functions) == ["b"]


def test_without_a_room_nothing_is_forgotten() -> None:
    hot = Hot()
    assert not any(hot.keep(str(number), _function("x"), 10**9) for number in range(100))
    assert len(hot) == len(hot.functions) == 100


def test_what_changed_is_forgotten_in_both_generations_and_stays_in_those_before() -> None:
    hot = Hot(8)
    for key in ("a", "b", "c", "d", "e"):
        hot.keep(key, _function(key), 1)
    later = hot.without(["a", "e", "gone"])
    assert (later.recalled("a"), dict(later.functions)) == (None, {})
    assert later.recalled("b") is not None
    assert hot.recalled("a") is not None
    assert list(hot.functions) == ["e"]


def _shop(salts: list[int], country: str = "DE", revision: int = 1) -> Snapshot:
    """Return flags of every make: splits, prerequisites and segments shared between them, one that is broken."""
    flags = [
        flag(
            key,
            salt=f"s{salts[number]}",
            version=salts[number] + 1,
            rules=[rule(inside("eu"))] if number % 3 == 0 else [rule(when("age", "lessThan", number), serve="on")],
            prerequisites=[needs(FLAGS[number - 1])] if number % 4 == 3 else [],
            fallthrough=split(("on", 50_000), ("off", 50_000)),
        )
        for number, key in enumerate(FLAGS)
    ]
    flags.append({"key": "broken", "on": True, "rules": 7})
    return snapshot(
        *flags, segments=(segment("eu", when("country", "in", country), included=["u1"]),), revision=revision
    )


CONTEXTS = [
    {"targetingKey": f"u{number}", "country": country, "age": number} for number in range(4) for country in ("DE", "US")
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from([*FLAGS, "broken", "gone"]), st.sampled_from(CONTEXTS)),
        st.tuples(st.just("change"), st.integers(0, len(FLAGS) - 1), st.none()),
        st.tuples(st.just("move"), st.sampled_from(["DE", "US"]), st.none()),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from([1, 600, 2500]))
def test_bounded_rules_answer_as_unbounded_ones_whatever_changes_meanwhile(steps: list[Any], room: int) -> None:
    salts, country = [0] * len(FLAGS), "DE"
    free = compile_snapshot(_shop(salts))
    bounded = compile_snapshot(_shop(salts)).bounded(room)
    for revision, (what, which, context) in enumerate(steps, 2):
        if what == "ask":
            assert bounded.evaluate(which, context, "default") == free.evaluate(which, context, "default")
            continue
        if what == "change":
            salts[which] += 1
            touched = [("flag", FLAGS[which])]
        else:
            country, touched = which, [("segment", "eu")]
        later = _shop(salts, country, revision)
        free, bounded = free.advanced(later, touched), bounded.advanced(later, touched)  # type: ignore[arg-type]
    for key in [*FLAGS, "broken", "gone"]:
        for context in CONTEXTS:
            assert bounded.evaluate(key, context) == free.evaluate(key, context)


def test_bounded_rules_keep_few_functions_and_only_the_segments_that_these_need() -> None:
    many = [flag(f"flag-{number}", rules=[rule(inside(f"list-{number}"))]) for number in range(200)]
    lists = tuple(segment(f"list-{number}", included=[f"user-{number}"]) for number in range(200))
    rules = compile_snapshot(snapshot(*many, segments=lists)).bounded(4000)
    for number in range(200):
        assert rules.evaluate(f"flag-{number}", {"targetingKey": f"user-{number}"}).variation == "on"
    gc.collect()
    assert 0 < len(rules._hot) < 40
    assert len(rules._compiler._segments) < 40


def test_a_segment_that_two_flags_share_is_compiled_once_while_one_of_them_is_hot() -> None:
    many = [flag(f"flag-{number}", rules=[rule(inside("shared"))]) for number in range(50)]
    rules = compile_snapshot(snapshot(*many, segments=(segment("shared", included=["u1"]),))).bounded(2000)
    rules.evaluate("flag-0", {"targetingKey": "u1"})
    first = rules._compiler._segments["shared"].test  # type: ignore[union-attr]
    for number in range(50):
        rules.evaluate(f"flag-{number}", {"targetingKey": "u1"})
        assert rules._compiler.segment("shared").test is first


def test_cooled_rules_answer_the_same_and_have_nothing_compiled() -> None:
    rules = compile_snapshot(_shop([0] * len(FLAGS))).bounded(10_000)
    before = [rules.evaluate(key, CONTEXTS[0]) for key in FLAGS]
    cooled = rules.cooled()
    assert (len(cooled._hot), cooled._compiler._segments, cooled._compiler._inner) == (0, {}, {})
    assert [cooled.evaluate(key, CONTEXTS[0]) for key in FLAGS] == before
    moved = cooled.advanced(_shop([0] * len(FLAGS), "US", 2), [("segment", "eu")])
    assert [moved.evaluate(key, CONTEXTS[1]) for key in FLAGS] == [
        compile_snapshot(_shop([0] * len(FLAGS), "US", 2)).evaluate(key, CONTEXTS[1]) for key in FLAGS
    ]


def test_threads_that_ask_bounded_rules_at_once_all_get_their_answers() -> None:
    rules = compile_snapshot(_shop([0] * len(FLAGS))).bounded(600)
    expected = {key: compile_snapshot(_shop([0] * len(FLAGS))).evaluate(key, CONTEXTS[0]) for key in FLAGS}
    wrong: list[str] = []

    def ask(start: int) -> None:
        wrong.extend(
            key
            for number in range(400)
            if rules.evaluate(key := FLAGS[(start + number) % len(FLAGS)], CONTEXTS[0]) != expected[key]
        )

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
