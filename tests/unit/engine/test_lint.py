"""Checks before a write: what the compiler would refuse, and what can never work."""

from typing import Any

import pytest

from pennon.engine import Checker, check_flag, check_segment
from pennon.model import Item, Snapshot
from tests.unit.engine.build import (
    flag,
    flag_model,
    inside,
    needs,
    rule,
    segment,
    segment_model,
    snapshot,
    split,
    when,
)

EMPTY = snapshot()


def _paths(problems: Any) -> list[str]:
    assert all(problem.message and problem.mend for problem in problems)
    return [problem.path for problem in problems]


def test_a_sound_flag_has_no_problems() -> None:
    model = flag_model(
        prerequisites=[needs("p")], rules=[rule(inside("s"), when("a", "matches", "^x"), serve=split(("on", 100_000)))]
    )
    assert check_flag(model, snapshot(flag("p"), segments=(segment("s"),))) == []


def test_every_problem_of_a_flag_has_its_path_and_mend() -> None:
    model = flag_model(
        on=False,
        needs=["magic"],
        rules=[
            rule(when("a", "matches", "(?=x)"), when("b", "versionLess", "x"), inside("gone")),
            rule(when("a", "soundsLike", "x"), serve={}),
        ],
        prerequisites=[needs("gone"), needs("p", "maybe", "on")],
    )
    assert _paths(check_flag(model, snapshot(flag("p")))) == [
        "/needs/0",
        "/rules/0/conditions/0/values/0",
        "/rules/0/conditions/1/values/0",
        "/rules/0/conditions/2/values/0",
        "/rules/1/conditions/0/op",
        "/rules/1/serve",
        "/prerequisites/0/flag",
        "/prerequisites/1/variations/0",
    ]


def test_a_cycle_is_found_before_it_is_written() -> None:
    existing = snapshot(flag("a", prerequisites=[needs("f")]), flag("f"))
    (problem,) = check_flag(flag_model(prerequisites=[needs("a")]), existing)
    assert problem.message == "it needs itself, or what does: f → a → f"


def test_a_prerequisite_that_cannot_be_read_is_named() -> None:
    (problem,) = check_flag(flag_model(prerequisites=[needs("p")]), snapshot({"key": "p"}))
    assert problem.path == "/prerequisites/0/flag"
    assert "cannot be read" in problem.message


def _chain(first: int, last: int) -> list[dict[str, Any]]:
    return [flag(f"f{i}", prerequisites=[needs(f"f{i + 1}")] if i < last else []) for i in range(first, last + 1)]


def test_a_chain_that_gets_too_deep_above_is_found() -> None:
    above, below = _chain(0, 16), _chain(17, 33)
    joining = flag_model(key="f16", prerequisites=[needs("f17")])
    (problem,) = check_flag(joining, snapshot(*above, *below, {"key": "unreadable", "prerequisites": 5}))
    assert problem.path == "/prerequisites"
    assert problem.message == "it would make the chain below 'f0' more than 32 deep"
    assert check_flag(joining, snapshot(*above[1:], *below)) == []


def test_a_chain_that_is_too_deep_below_is_found() -> None:
    (problem,) = check_flag(flag_model(key="f0", prerequisites=[needs("f1")]), snapshot(*_chain(1, 33)))
    assert problem.message == "its chain of prerequisites is more than 32 deep"


def test_a_prerequisite_that_is_spelled_with_escapes_counts() -> None:
    user = snapshot(flag("user", prerequisites=[needs("f")])).flags.records["user"]
    spelled = Item.from_text("user", user.text.replace(b'"prerequisites"', b'"prerequisite\\u0073"'))
    chain = {item.key: item for item in snapshot(*_chain(1, 32)).flags.records.values()}
    existing = Snapshot.of({"flag": {"user": spelled, **chain}})
    (problem,) = check_flag(flag_model(prerequisites=[needs("f1")]), existing)
    assert problem.message == "it would make the chain below 'user' more than 32 deep"


def test_a_sound_segment_has_no_problems() -> None:
    assert check_segment(segment_model("s", inside("t"), when("a", "exists")), snapshot(segments=(segment("t"),))) == []


def test_every_problem_of_a_segment_has_its_path() -> None:
    model = segment_model("s", when("a", "lessThan", "x"), inside("gone"), when("a", "soundsLike", "x"))
    assert _paths(check_segment(model, EMPTY)) == [
        "/rules/0/conditions/0/values/0",
        "/rules/0/conditions/1/values/0",
        "/rules/0/conditions/2/op",
    ]


def test_a_segment_must_not_need_itself() -> None:
    (problem,) = check_segment(segment_model("s", inside("t")), snapshot(segments=(segment("t", inside("s")),)))
    assert (problem.path, problem.message) == ("/rules", "it needs itself, or what does: s → t → s")


def test_a_chain_of_segments_that_gets_too_deep_above_is_found() -> None:
    def chain(first: int, last: int) -> list[dict[str, Any]]:
        return [segment(f"s{i}", inside(f"s{i + 1}")) if i < last else segment(f"s{i}") for i in range(first, last + 1)]

    joining = segment_model("s16", inside("s17"))
    (problem,) = check_segment(joining, snapshot(segments=(*chain(1, 16), *chain(17, 33))))
    assert problem.message == "it would make the chain below 's1' more than 32 deep"
    assert check_segment(joining, snapshot(segments=(*chain(2, 16), *chain(17, 33)))) == []


@pytest.mark.parametrize("key", ["s", "t"])
def test_a_broken_segment_below_is_a_problem_where_it_is_asked_for(key: str) -> None:
    broken = segment("t", when("a", "lessThan", "x"))
    problems = check_segment(segment_model("s", inside(key)), snapshot(segments=(broken,)))
    assert len(problems) == 1


def test_many_items_are_checked_with_one_look_at_the_others() -> None:
    flags = [flag(f"f{i}", prerequisites=[needs(f"f{i + 1}")] if i % 20 else []) for i in range(600)]
    state = snapshot(*flags, flag("f600"), flag("bad", prerequisites=[needs("gone")]), segments=(segment("s"),))
    decoded = CountedFlags(state.flags.records)
    checker = Checker(Snapshot.of({"flag": decoded, "segment": state.segments.records}))
    assert [checker.flag_problems(f"f{i}") for i in range(600)] == [[]] * 600
    assert _paths(checker.flag_problems("bad")) == ["/prerequisites/0/flag"]
    assert checker.segment_problems("s") == []
    assert decoded.walks == 1


class CountedFlags(dict[str, Item]):
    """Counts how often all of them are looked at."""

    walks = 0

    def items(self) -> Any:
        self.walks += 1
        return super().items()
