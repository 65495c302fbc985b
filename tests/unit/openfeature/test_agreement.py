import json
import threading

import pytest

from pennon.openfeature import Conditions, FlagReport, Sample
from pennon.openfeature import agreement as module
from pennon.openfeature.agreement import OTHERS, Agreement, Outcome, decide


def sample(flag: str = "a", outcome: Outcome = Outcome.VALUE, old: object = 1) -> Sample:
    return Sample(flag, outcome, {"targetingKey": "#1"}, old, 2)


def report(flag: str, same: int, *, differing: int = 0, both_failed: int = 0) -> FlagReport:
    return FlagReport(flag, same + differing, same, both_failed, {Outcome.VALUE: differing} if differing else {}, ())


ANY = Conditions(evaluations=0, per_flag=0)


def test_agreements_and_differences_are_counted_for_each_flag() -> None:
    agreement = Agreement(samples=2)
    for _ in range(3):
        agreement.count_same("a")
    assert [agreement.count_difference(sample(old=number)) for number in range(3)] == [True, False, False]
    agreement.count_difference(sample("b", Outcome.PENNON_FAILED))
    agreement.count_both_failed("c")
    agreement.count_skipped()
    agreement.count_served("old", fell_back=False)
    agreement.count_served("pennon", fell_back=True)
    found = agreement.report(ANY)
    assert [(each.flag, each.compared, each.same, each.differing) for each in found.flags] == [
        ("a", 6, 3, 3),
        ("b", 1, 0, 1),
        ("c", 0, 0, 0),
    ]
    assert [each.old for each in found.flags[0].samples] == [0, 1]
    assert (found.compared, found.same, found.differing, found.skipped) == (7, 3, 4, 1)
    assert (found.served_by_old, found.served_by_pennon, found.fell_back) == (1, 1, 1)
    assert json.loads(found.to_json())["flags"][1]["differences"] == {"pennonFailed": 1}
    assert str(found).startswith("7 evaluations of 3 flags compared, 4 differ: no-go: flag 'a' differs in 3 of 6")


@pytest.mark.parametrize(
    ("flags", "conditions", "in_the_way"),
    [
        ((report("a", 100),), Conditions(evaluations=100), ()),
        ((report("a", 100),), Conditions(), ("100 of 10000 evaluations were compared",)),
        ((), Conditions(), ("0 of 10000 evaluations were compared",)),
        ((report("a", 99),), Conditions(evaluations=9), ("flag 'a' was compared 99 times, not 100",)),
        (
            (report("a", 0, both_failed=7),),
            Conditions(evaluations=0),
            ("flag 'a' was compared 0 times, not 100 (both failed 7 times)",),
        ),
        (
            (report("a", 999, differing=1),),
            Conditions(evaluations=9),
            ("flag 'a' differs in 1 of 1000 evaluations (1 value)",),
        ),
        ((report("a", 999, differing=1),), Conditions(evaluations=9, tolerance=0.001), ()),
        ((report("a", 100),), Conditions(evaluations=9, flags=("a", "b")), ("flag 'b' was not asked for",)),
    ],
    ids=["go", "too-few", "none", "too-few-of-a-flag", "both-fail", "differs", "tolerated", "flag-is-missing"],
)
def test_go_is_said_where_nothing_stands_in_the_way(
    flags: tuple[FlagReport, ...], conditions: Conditions, in_the_way: tuple[str, ...]
) -> None:
    decision = decide(flags, conditions)
    assert decision.in_the_way == in_the_way
    assert decision.go is not bool(in_the_way)


def test_a_go_is_told_as_such() -> None:
    agreement = Agreement()
    agreement.count_same("a")
    assert str(agreement.report(ANY)) == "1 evaluations of 1 flags compared, 0 differ: go"


def test_keys_that_a_program_makes_up_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FLAGS", 2)
    agreement = Agreement()
    for key in ("a", "b", "c", "d", "a"):
        agreement.count_same(key)
    assert {each.flag: each.same for each in agreement.report(ANY).flags} == {"a": 2, "b": 1, OTHERS: 2}


def test_no_count_is_lost_between_threads() -> None:
    agreement = Agreement()

    def count() -> None:
        for _ in range(2000):
            agreement.count_same("a")
            agreement.count_difference(sample())

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (found,) = agreement.report(ANY).flags
    assert (found.same, found.differing) == (8000, 8000)
