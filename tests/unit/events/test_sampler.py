"""The sample of contexts that whoever evaluates takes."""

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from pennon.engine import RuleSet, compile_snapshot
from pennon.events import CONTEXT_BYTES, Pace, SampledContext, Sampler, priority
from pennon.events.sampler import MOST
from pennon.model import Condition, Item, Rule, Serve, Snapshot
from pennon.testing import flag

HOUR_S = 3600.0


class Taking:
    """A sampler over one flag that looks at `country`, and what it would send."""

    def __init__(self, *private: str, attribute: str = "country") -> None:
        self.now = 100 * HOUR_S
        pace = Pace(chance=random.Random(1).random)
        self.sampler = Sampler(time=lambda: self.now, pace=pace, private=private)
        self.snapshot = _snapshot(attribute)
        self.sampler.follow(self.snapshot, None)
        self.rules: RuleSet = compile_snapshot(self.snapshot, counted=True, sampled=self.sampler.sampled)

    def evaluate(self, context: Mapping[str, Any]) -> None:
        self.rules.evaluate("f", context, False)

    def sent(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while taken := self.sampler.taken(lambda _: True):
            found += [each.context for each in taken]
        return found


def _snapshot(attribute: str) -> Snapshot:
    rules = (
        Rule(
            id="r", conditions=(Condition(op="in", attribute=attribute, values=("DE",)),), serve=Serve(variation="on")
        ),
    )
    built = msgspec.structs.replace(flag("f").on().build(), rules=rules)
    return Snapshot.of({"flag": {"f": Item.of(built)}})


def test_a_context_is_sent_once_with_what_rules_look_at() -> None:
    taking = Taking()
    for _ in range(3):
        taking.evaluate({"targetingKey": "u1", "country": "DE", "email": "u1@example.org"})
    assert taking.sent() == [{"targetingKey": "u1", "country": "DE"}]
    taking.evaluate({"targetingKey": "u1", "country": "DE"})
    assert taking.sent() == []


def test_what_is_private_is_not_kept() -> None:
    taking = Taking("country")
    taking.evaluate({"targetingKey": "u1", "country": "DE"})
    assert taking.sent() == [{"targetingKey": "u1"}]


def test_rules_that_change_are_followed() -> None:
    taking = Taking()
    taking.sampler.follow(_snapshot("plan"), [("flag", "f")])
    taking.evaluate({"targetingKey": "u1", "country": "DE", "plan": "pro"})
    assert taking.sent() == [{"targetingKey": "u1", "plan": "pro"}]
    taking.sampler.follow(Snapshot.of({}), [("flag", "f")])
    taking.evaluate({"targetingKey": "u2", "country": "DE", "plan": "pro"})
    assert taking.sent() == [{"targetingKey": "u2"}]


def test_each_hour_has_a_sample_of_its_own() -> None:
    taking = Taking()
    taking.evaluate({"targetingKey": "u1"})
    assert taking.sent()
    taking.now += HOUR_S
    taking.sampler.tick()
    taking.evaluate({"targetingKey": "u1"})
    assert taking.sent() == [{"targetingKey": "u1"}]


def test_the_sample_is_bounded_and_few_are_looked_at_where_there_are_many() -> None:
    taking = Taking()
    for number in range(20_000):
        taking.evaluate({"targetingKey": f"u{number}"})
    assert 0 < len(taking.sent()) <= MOST
    assert taking.sampler.sampled.pace[0] > 0
    for _ in range(40):
        taking.sampler.pace.tick()
    assert taking.sampler.sampled.pace[0] == 0


def test_all_contexts_are_kept_of_a_quiet_process() -> None:
    taking = Taking()
    for number in range(99):
        taking.evaluate({"targetingKey": f"u{number}"})
    assert len(taking.sent()) == 99


def test_a_context_that_is_no_json_or_too_large_is_left_out_and_harms_nobody() -> None:
    class Plan(StrEnum):
        DE = "DE"

    taking = Taking()
    taking.evaluate({"targetingKey": "u1", "country": object()})
    taking.evaluate({"targetingKey": "u2", "country": "x" * CONTEXT_BYTES})
    taking.evaluate({"targetingKey": "\ud800"})
    taking.evaluate({"targetingKey": "u3", "country": Plan.DE})
    assert taking.rules.evaluate("f", {"targetingKey": "u4", "country": object()}, False).error_code is None
    assert taking.sent() == [{"targetingKey": "u3", "country": "DE"}]


def test_nobody_is_sampled_who_is_not_served() -> None:
    taking = Taking()
    taking.rules.uncounted().evaluate("f", {"targetingKey": "u1"}, False)
    taking.rules.explain("f", {"targetingKey": "u1"}, False)
    assert taking.sent() == []


def test_what_does_not_fit_into_a_batch_goes_with_the_next() -> None:
    taking = Taking()
    for number in range(3):
        taking.evaluate({"targetingKey": f"u{number}"})
    room = iter([True, False])
    first: tuple[SampledContext, ...] = taking.sampler.taken(lambda _: next(room))
    assert len(first) == 1
    assert len(taking.sent()) == 2


def test_a_child_begins_anew() -> None:
    taking = Taking()
    taking.evaluate({"targetingKey": "u1"})
    taking.sampler.after_fork_in_child()
    assert taking.sent() == []


def test_who_asks_may_hide_more_than_the_sampler_does() -> None:
    taking = Taking("email")
    taking.sampler.look({"targetingKey": "u1", "country": "DE"}, private=["country"])
    taking.sampler.look({"targetingKey": "u2", "country": "DE"})
    assert taking.sent() == [{"targetingKey": "u1"}, {"targetingKey": "u2", "country": "DE"}]


def test_two_processes_take_the_sample_that_one_would() -> None:
    users: list[dict[str, Any]] = [{"targetingKey": f"u{number}", "country": "DE"} for number in range(3 * MOST)]
    one, first, second = Taking(), Taking(), Taking()
    for user in users:
        one.sampler.look(user)
    for user in users[: 2 * MOST]:
        first.sampler.look(user)
    for user in users[MOST:]:
        second.sampler.look(user)
    assert _sample([*first.sent(), *second.sent()]) == _sample(one.sent()) == _sample(users)


def _sample(contexts: list[dict[str, Any]]) -> list[int]:
    """Return what is sampled of *contexts* by who is given all of them."""
    return sorted({priority(100, msgspec.json.encode(each, order="sorted")) for each in contexts})[:MOST]
