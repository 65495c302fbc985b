"""Who looks at some of the contexts that flags are evaluated for."""

from collections.abc import Mapping
from typing import Any

from pennon.engine import RuleSet, Sampled, compile_snapshot
from pennon.model import Item, Reason, Snapshot
from pennon.testing import flag


class Looking:
    def __init__(self, pace: int = 0) -> None:
        self.pace = [pace]
        self.seen: list[str] = []
        flags = (
            flag("f").on().split(on=50, off=50),
            flag("off").off("off"),
            flag("needs").on().prerequisite("f", "on", "off"),
        )
        items = {each.build().key: Item.of(each.build()) for each in flags}
        self.snapshot = Snapshot.of({"flag": items})
        self.rules: RuleSet = compile_snapshot(self.snapshot, counted=True, sampled=Sampled(self.pace, self._look))

    def _look(self, context: Mapping[str, Any]) -> None:
        self.seen.append(context["targetingKey"])

    def evaluate(self, key: str, *users: str) -> None:
        for user in users:
            self.rules.evaluate(key, {"targetingKey": user}, False)


def test_with_pace_zero_every_context_is_looked_at_once() -> None:
    looking = Looking()
    looking.evaluate("f", "u1", "u2")
    looking.evaluate("off", "u3")
    looking.evaluate("needs", "u4")  # and the flag that it needs asks again for nobody
    assert looking.seen == ["u1", "u2", "u3", "u4"]


def test_with_n_bits_one_in_two_to_the_n_is_looked_at() -> None:
    looking = Looking(pace=0b1010)
    looking.evaluate("off", *(f"u{at}" for at in range(64)))
    assert len(looking.seen) == 16
    assert looking.seen[:4] == ["u0", "u1", "u4", "u5"]


def test_the_pace_may_be_changed_at_any_time() -> None:
    looking = Looking(pace=0b1)
    looking.evaluate("off", "u0", "u1")
    looking.pace[0] = 0
    looking.evaluate("off", "u2", "u3")
    assert looking.seen == ["u0", "u2", "u3"]


def test_counts_are_what_they_are_without_a_sample() -> None:
    looking = Looking(pace=0b111)
    looking.evaluate("off", *(f"u{at}" for at in range(20)))
    [count] = looking.rules.counts()
    assert (count.flag, count.reason, count.count) == ("off", Reason.OFF, 20)


def test_later_rules_go_on_and_uncounted_ones_look_at_nobody() -> None:
    looking = Looking()
    looking.rules.uncounted().evaluate("f", {"targetingKey": "u1"}, False)
    looking.rules.explain("f", {"targetingKey": "u2"}, False)
    looking.rules = looking.rules.advanced(looking.snapshot)
    looking.evaluate("f", "u3")
    assert looking.seen == ["u3"]
    unsampled = compile_snapshot(looking.snapshot, sampled=Sampled([0], looking._look))
    unsampled.evaluate("f", {"targetingKey": "u4"}, False)  # nothing is counted, so nothing says which is the nth
    assert looking.seen == ["u3"]
