"""Holds each finding against the engine: what one says of every context must be so of any that a test can make.

A finding is about one part of a flag. So that nothing else in the flag hides it, that part is looked at in a flag of
its own wherever it says something by itself: a rule that "never holds" is put where it would be the first to be asked.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pennon.engine import Code, Finding, RuleSet, compile_snapshot
from pennon.model import Evaluation, Reason, Snapshot
from tests.unit.engine.proofs.worlds import DIALECTS

Json = Any
PROBE = "the probe"
HIT = "the hit"
AGES = (0, 1e9)


class Bench:
    """A snapshot with a probe flag in it, and the contexts that it is asked with."""

    def __init__(self, known: dict[str, Json], contexts: Iterable[dict[str, Json]]) -> None:
        self.known = known
        self.contexts = list(contexts)

    def answers(self, flag: dict[str, Json], *, age: float = 0) -> list[tuple[dict[str, Json], Evaluation]]:
        """Return what *flag*, as a flag of the snapshot, answers to each context."""
        flags = {**self.known["flags"], flag["key"]: flag}
        rules = rules_of({**self.known, "flags": flags}).aged(age)
        return [(context, rules.evaluate(flag["key"], context)) for context in self.contexts]

    def rule_holds(self, owner: dict[str, Json], conditions: list[Json]) -> list[bool]:
        """Return for which contexts *conditions* of *owner*, a flag or segment, hold."""
        probe = {
            "key": owner["key"],
            "on": True,
            "salt": owner.get("salt", ""),
            "compat": owner.get("compat"),
            "variations": [{"key": "on", "value": True}],
            "fallthrough": {"variation": "on"},
            "rules": [{"id": HIT, "conditions": conditions, "serve": {"variation": "on"}}],
        }
        return [answer.rule_id == HIT for _, answer in self.answers(probe)]


def rules_of(known: dict[str, Json]) -> RuleSet:
    return compile_snapshot(Snapshot.from_json(json.dumps(known)), dialects=DIALECTS)


def part(item: Json, path: str) -> Json:
    """Return what the JSON pointer *path* leads to."""
    for step in path.split("/")[1:]:
        item = item[int(step)] if isinstance(item, list) else item[step]
    return item


def hold(finding: Finding, bench: Bench) -> None:
    """Assert that *finding* is so for every context of *bench*."""
    item = bench.known[f"{finding.kind}s"][finding.key]
    _HOLDS[finding.code](finding, item, bench)


def _index(finding: Finding) -> int:
    return int(finding.path.split("/")[2])


def _never(holds: list[bool], finding: Finding, bench: Bench) -> None:
    met = [context for context, held in zip(bench.contexts, holds, strict=True) if held]
    assert not met, (str(finding), met[0], bench.known[f"{finding.kind}s"][finding.key])


def _broken(finding: Finding, item: Json, bench: Bench) -> None:
    if finding.kind == "flag":
        assert all(answer.reason is Reason.ERROR for _, answer in bench.answers(item)), finding


def _condition_never(finding: Finding, item: Json, bench: Bench) -> None:
    _never(bench.rule_holds(item, [part(item, finding.path)]), finding, bench)


def _condition_always(finding: Finding, item: Json, bench: Bench) -> None:
    _never([not held for held in bench.rule_holds(item, [part(item, finding.path)])], finding, bench)


def _bucket_whole(finding: Finding, item: Json, bench: Bench) -> None:
    condition = part(item, finding.path)
    holds = bench.rule_holds(item, [condition])
    split = {"split": {"by": condition.get("by", "targetingKey"), "weights": [{"variation": "on", "weight": 100_000}]}}
    probe = _probe(fallthrough=split)
    has_unit = [answer.reason is Reason.SPLIT for _, answer in bench.answers(probe)]
    _never([unit and not held for unit, held in zip(has_unit, holds, strict=True)], finding, bench)


def _contradict(finding: Finding, item: Json, bench: Bench) -> None:
    conditions = item["rules"][_index(finding)]["conditions"]
    _never(bench.rule_holds(item, conditions), finding, bench)


def _need_array(finding: Finding, item: Json, bench: Bench) -> None:
    plain = Bench(bench.known, [context for context in bench.contexts if not _has_array(context)])
    _contradict(finding, item, plain)


def _has_array(value: Json) -> bool:
    if isinstance(value, dict):
        return any(map(_has_array, value.values()))
    return isinstance(value, list)


def _rule_unreachable(finding: Finding, item: Json, bench: Bench) -> None:
    index = _index(finding)
    if finding.kind == "segment":
        rules = item["rules"]
        with_it, without_it = (_members(item, bench, rules[: index + more], with_lists=False) for more in (1, 0))
        assert with_it == without_it, finding
        return
    open_ = {**_open(item), "staleness": None}
    rule = open_["rules"][index]["id"]
    _never([answer.rule_id == rule for _, answer in bench.answers(open_)], finding, bench)


def _members(item: Json, bench: Bench, rules: Json, *, with_lists: bool = True) -> list[bool]:
    bare = {**item, "rules": rules} if with_lists else {**item, "rules": rules, "included": [], "excluded": []}
    segments = {**bench.known["segments"], item["key"]: bare}
    asking = Bench({**bench.known, "segments": segments}, bench.contexts)
    return asking.rule_holds({"key": PROBE}, [{"op": "inSegment", "values": [item["key"]]}])


def _target_unreachable(finding: Finding, item: Json, bench: Bench) -> None:
    marked = copy.deepcopy({**_open(item), "staleness": None})
    marked["variations"].append({"key": HIT, "value": marked["variations"][0]["value"]})
    target = marked["targets"][_index(finding)]
    if "/values/" in finding.path:  # of the whole target, only that value
        target["values"] = [part(marked, finding.path)]
    target["variation"] = HIT
    _never([answer.variation == HIT for _, answer in bench.answers(marked)], finding, bench)


def _met(finding: Finding, bench: Bench, prerequisites: Json, *, age: float) -> list[bool]:
    probe = _probe(prerequisites=prerequisites)
    return [answer.reason is Reason.FALLTHROUGH for _, answer in bench.answers(probe, age=age)]


def _probe(**members: Json) -> dict[str, Json]:
    return {
        "key": PROBE,
        "on": True,
        "variations": [{"key": "on", "value": True}],
        "fallthrough": {"variation": "on"},
        **members,
    }


def _never_met(finding: Finding, item: Json, bench: Bench) -> None:
    for age in AGES:
        _never(_met(finding, bench, [part(item, finding.path)], age=age), finding, bench)


def _always_met(finding: Finding, item: Json, bench: Bench) -> None:
    for age in AGES:
        met = _met(finding, bench, [part(item, finding.path)], age=age)
        _never([not each for each in met], finding, bench)


def _prerequisites_contradict(finding: Finding, item: Json, bench: Bench) -> None:
    for age in AGES:
        _never(_met(finding, bench, item["prerequisites"], age=age), finding, bench)


def _open(item: Json) -> dict[str, Json]:
    return {**item, "on": True, "prerequisites": []}


def _never_served(finding: Finding, item: Json, bench: Bench) -> None:
    split, _, _ = finding.path.rpartition("/weights/")
    variation = part(item, finding.path)["variation"]
    for age in AGES:
        answers = [answer for _, answer in bench.answers(_open(item), age=age)]
        here = [_is_from(answer, item, split) and answer.variation == variation for answer in answers]
        _never(here, finding, bench)


def _is_from(answer: Evaluation, item: Json, split: str) -> bool:
    if split.startswith("/staleness"):
        experiment = part(item, split).get("experiment") or {}
        return answer.reason is Reason.STALE and not (experiment.get("layer") and answer.variation == "off")
    rule = item["rules"][int(split.split("/")[2])]["id"] if split.startswith("/rules") else None
    return answer.reason is Reason.SPLIT and answer.rule_id == rule


def _split_of_one(finding: Finding, item: Json, bench: Bench) -> None:
    for age in AGES:
        answers = [answer for _, answer in bench.answers(_open(item), age=age)]
        served = {answer.variation for answer in answers if _is_from(answer, item, finding.path)}
        owners = part(item, finding.path)["weights"]
        otherwise = (part(item, finding.path).get("experiment") or {}).get("otherwise")
        assert served <= {weight["variation"] for weight in owners if weight["weight"]} | {otherwise}, finding


def _split_unreachable(finding: Finding, item: Json, bench: Bench) -> None:
    here = [_is_from(answer, item, finding.path) for _, answer in bench.answers(item)]
    _never(here, finding, bench)


def _owns_nothing(finding: Finding, item: Json, bench: Bench) -> None:
    split = finding.path.removesuffix("/experiment")
    for age in AGES:
        answers = [answer for _, answer in bench.answers(_open(item), age=age)]
        if split.startswith("/staleness"):
            served = {answer.variation for answer in answers if answer.reason is Reason.STALE}
            assert served <= {part(item, finding.path)["otherwise"]}, finding
        else:
            _never([_is_from(answer, item, split) for answer in answers], finding, bench)


def _fallthrough(finding: Finding, item: Json, bench: Bench) -> None:
    marked = {**_open(item), "staleness": None}
    marked["variations"] = [*item["variations"], {"key": HIT, "value": item["variations"][0]["value"]}]
    marked["fallthrough"] = {"variation": HIT}
    _never([answer.variation == HIT for _, answer in bench.answers(marked)], finding, bench)


def _both_lists(finding: Finding, item: Json, bench: Bench) -> None:
    key = part(item, finding.path) if finding.path != "/excluded" else None
    less = [each for each in item["excluded"] if each != key] if key is not None else item["excluded"]
    assert _members({**item, "excluded": less}, bench, item["rules"]) == _members(item, bench, item["rules"]), finding


def _no_exclusion(finding: Finding, item: Json, bench: Bench) -> None:
    assert _members({**item, "excluded": []}, bench, item["rules"]) == _members(item, bench, item["rules"]), finding


def _empty(finding: Finding, item: Json, bench: Bench) -> None:
    _never(_members(item, bench, item["rules"]), finding, bench)


_HOLDS: Mapping[Code, Callable[[Finding, Json, Bench], None]] = {
    Code.BROKEN: _broken,
    Code.CONDITION_NEVER: _condition_never,
    Code.CONDITIONS_CONTRADICT: _contradict,
    Code.RULE_UNREACHABLE: _rule_unreachable,
    Code.TARGET_UNREACHABLE: _target_unreachable,
    Code.PREREQUISITE_NEVER_MET: _never_met,
    Code.PREREQUISITES_CONTRADICT: _prerequisites_contradict,
    Code.VARIATION_UNREACHABLE: _never_served,
    Code.EXPERIMENT_OWNS_NOTHING: _owns_nothing,
    Code.KEY_IN_BOTH_LISTS: _both_lists,
    Code.CONDITIONS_NEED_ARRAY: _need_array,
    Code.CONDITION_ALWAYS: _condition_always,
    Code.BUCKET_WHOLE: _bucket_whole,
    Code.FALLTHROUGH_UNREACHABLE: _fallthrough,
    Code.PREREQUISITE_ALWAYS_MET: _always_met,
    Code.SPLIT_UNREACHABLE: _split_unreachable,
    Code.SPLIT_OF_ONE: _split_of_one,
    Code.WEIGHT_ZERO: _never_served,
    Code.EXCLUSION_WITHOUT_EFFECT: _no_exclusion,
    Code.SEGMENT_EMPTY: _empty,
}
