"""What holds of any snapshot and any context: evaluation never raises, and agrees with the reference and itself."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.engine import RuleSet, compile_snapshot
from pennon.model import ErrorCode, Evaluation, Reason, Snapshot
from tests.spec.reference import Reference
from tests.spec.strategies import FLAGS, Chance, any_json, contexts, likely_context, snapshot, snapshots
from tests.spec.vectors import same

Json = Any


def rules_of(snapshot: dict[str, Json], *, bucket_cache: int = 0) -> RuleSet:
    return compile_snapshot(Snapshot.from_json(json.dumps(snapshot)), bucket_cache=bucket_cache)


def seen(answer: Evaluation) -> dict[str, Json]:
    return {
        "variation": answer.variation,
        "value": answer.value,
        "reason": answer.reason,
        "ruleId": answer.rule_id,
        "errorCode": answer.error_code,
    }


@given(st.integers(0, 2**32 - 1), contexts(), st.sampled_from([0, 0, 30, 100]))
def test_the_compiled_evaluator_and_the_reference_agree(seed: int, odd: dict[str, Json], age: float) -> None:
    known, chance = snapshot(seed), Chance(seed)
    rules, reference = rules_of(known).aged(age), Reference(known, age)
    remembering = rules_of(known, bucket_cache=5).aged(age)
    for context in [odd, *(likely_context(chance) for _ in range(7))]:
        for flag in [*FLAGS, "gone"]:
            answer, expected = rules.evaluate(flag, context, "mine"), reference.evaluate(flag, context, "mine")
            assert same(seen(answer), expected), (known["flags"].get(flag), context, answer, expected)
            assert remembering.evaluate(flag, context, "mine") == answer


def test_random_snapshots_and_contexts_meet_every_reason() -> None:
    reasons: Counter[str] = Counter()
    for seed in range(150):
        chance, reference = Chance(seed), Reference(snapshot(seed), age=seed % 3 * 40)
        for context in [likely_context(chance) for _ in range(8)]:
            reasons.update(reference.evaluate(flag, context)["reason"] for flag in FLAGS)
    assert min(reasons[reason] for reason in Reason) > 100, reasons


@given(snapshots(), contexts())
def test_explaining_answers_as_evaluating_does(known: dict[str, Json], context: dict[str, Json]) -> None:
    rules = rules_of(known)
    for flag in FLAGS:
        assert rules.explain(flag, context, "mine").evaluation == rules.evaluate(flag, context, "mine")


@given(snapshots(), any_json())
def test_nothing_that_json_can_hold_makes_an_evaluation_raise(known: dict[str, Json], context: Json) -> None:
    rules = rules_of(known)
    for flag in FLAGS:
        answer = rules.evaluate(flag, context, "mine")
        assert answer.error_code is not ErrorCode.GENERAL
        assert (answer.reason is Reason.ERROR) == (answer.error_code is not None)


@settings(max_examples=settings().max_examples * 2)
@given(any_json())
def test_nothing_that_json_can_hold_makes_reading_a_flag_raise(flag: Json) -> None:
    text = json.dumps({"flags": {"flag-0": flag, "sound": SOUND}}).encode("utf-8", "replace")
    rules = compile_snapshot(Snapshot.from_json(text.replace(b"\\ud", b"\\ue")))
    assert rules.evaluate("flag-0", {}).reason is Reason.ERROR
    assert rules.evaluate("sound", {}).value is True


SOUND = {"key": "sound", "on": True, "variations": [{"key": "on", "value": True}], "fallthrough": {"variation": "on"}}


class Counting(Mapping[str, Json]):
    """An attribute that counts how often it is looked into."""

    def __init__(self, inside: dict[str, Json]) -> None:
        self._inside = inside
        self.looks = 0

    def __getitem__(self, key: str) -> Json:
        self.looks += 1
        return self._inside[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inside)

    def __len__(self) -> int:
        return len(self._inside)


def diamonds(levels: int) -> dict[str, Json]:
    """Return flags of which each of one level needs both of the next: 2 ** levels ways from top to bottom."""
    asking = [{"id": "r", "conditions": [{"op": "exists", "attribute": "/probe/x"}], "serve": {"variation": "on"}}]
    flags = {}
    for level in range(levels + 1):
        for side in "ab":
            below = [{"flag": f"{level + 1}{other}", "variations": ["on"]} for other in "ab"] if level < levels else []
            key = f"{level}{side}"
            flags[key] = {**SOUND, "key": key, "prerequisites": below, "rules": asking}
    return {"flags": flags}


def test_thirty_diamonds_of_prerequisites_cost_thirty_times_two_evaluations() -> None:
    rules = rules_of(diamonds(30))
    for _ in range(2):
        probe = Counting({"x": 1})
        assert rules.evaluate("0a", {"probe": probe}).reason is Reason.RULE_MATCH
        assert probe.looks == 1 + 30 * 2


def test_thirty_diamonds_of_segments_cost_thirty_times_two_questions() -> None:
    segments = {}
    for level in range(31):
        for side in "ab":
            below = [{"op": "inSegment", "values": [f"{level + 1}{other}"]} for other in "ab"] if level < 30 else []
            rule = {"conditions": [{"op": "exists", "attribute": "/probe/x"}, *below]}
            segments[f"{level}{side}"] = {"key": f"{level}{side}", "rules": [rule]}
    inside = [{"id": "r", "conditions": [{"op": "inSegment", "values": ["0a"]}], "serve": {"variation": "on"}}]
    rules = rules_of({"flags": {"sound": {**SOUND, "rules": inside}}, "segments": segments})
    probe = Counting({"x": 1})
    assert rules.evaluate("sound", {"probe": probe}).reason is Reason.RULE_MATCH
    assert probe.looks == 1 + 30 * 2
