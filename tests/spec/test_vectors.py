"""Runs every vector of spec/vectors against Pennon, and holds the files to their schema."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from pennon.bucketing import bucket, well_formed
from pennon.engine import RuleSet, compile_snapshot
from pennon.events import Pace, Sampler, priority
from pennon.model import Evaluation, Snapshot, Weight, reallocate
from pennon.protocol.bootstrap import embeddable
from pennon.sdk.flags import Flags, PinnedRules
from pennon.sdk.outdated import Seen, outdated, parse_seen, parse_version, write_seen
from pennon.sdk.rules import NoRules, Rules
from tests.cases import by_place, check_all
from tests.spec.vectors import SPEC, VECTORS, Case, cases, read, same, vector_files

LEAST_CASES = 300
ALL = list(cases())


@cache
def _rules(snapshot: str) -> RuleSet:
    return compile_snapshot(Snapshot.from_json(snapshot))


def _known(file: dict[str, Any], age: float = 0) -> Rules:
    known = file["snapshot"] is not None
    return _rules(json.dumps(file["snapshot"])).aged(age) if known else NoRules("not yet")


def _evaluate(file: dict[str, Any], case: dict[str, Any]) -> Evaluation:
    return Flags(_known(file, case.get("age", 0))).evaluation(
        case["flag"], case["context"], default=case.get("default"), kind=case.get("as")
    )


def test_every_case_has_an_id_of_its_own() -> None:
    ids = [case.id for case in ALL]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", vector_files(), ids=lambda path: path.relative_to(VECTORS).as_posix())
def test_a_file_is_what_the_schema_says(path: Path) -> None:
    schema = json.loads((SPEC / "schema" / "vectors.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(read(path))
    assert path.read_bytes().isascii(), "write other characters as escapes: editors change them unasked"


def _evaluation(case: Case) -> None:
    answer = _evaluate(case.file, case.case)
    expected = dict(case.case["expect"])
    assert same(answer.value, expected.pop("value")), answer
    found = {
        "variation": answer.variation,
        "reason": answer.reason,
        "ruleId": answer.rule_id,
        "flagVersion": answer.flag_version,
        "errorCode": answer.error_code,
    }
    assert {member: found[member] for member in expected} == expected, answer
    if answer.error_code is not None:
        assert answer.error_message


def _what_a_sample_has_of_a_context(case: Case) -> None:
    snapshot = Snapshot.from_json(json.dumps(case.file["snapshot"]))
    hour = case.case["hour"]
    pace = Pace(chance=lambda: 0.0)
    sampler = Sampler(time=lambda: hour * 3600.0, pace=pace, private=case.case.get("private", ()))
    sampler.follow(snapshot, None)
    sampler.sampled.look(case.case["sample"])
    (taken,) = sampler.taken(lambda _: True)
    assert same(taken.context, case.case["expect"]["context"])
    text = msgspec.json.encode(taken.context, order="sorted")
    assert str(priority(hour, text)) == case.case["expect"]["priority"]


def _bucket(case: Case) -> None:
    asked = case.case
    assert bucket(asked["salt"], asked["key"], asked["unit"]) == asked["expect"]["bucket"]


def _reallocation(case: Case) -> None:
    current = tuple(Weight(weight["variation"], weight["weight"]) for weight in case.case["current"])
    slices = reallocate(current, case.case["wanted"])
    found = [{"variation": weight.variation, "weight": weight.weight} for weight in slices]
    assert found == case.case["expect"]["weights"]


def _text_for_a_page(case: Case) -> None:
    text = embeddable(msgspec.json.encode(case.case["embed"])).decode()
    assert text == case.case["expect"]["text"]
    assert json.loads(text) == case.case["embed"]


def _reading_a_version(case: Case) -> None:
    assert parse_version(case.case["readVersion"]) == case.case["expect"]["revision"]


def _reading_what_was_seen(case: Case) -> None:
    assert parse_seen(case.case["readSeen"]) == case.case["expect"]["variations"]


def _writing_what_was_seen(case: Case) -> None:
    shown = dict(case.case["writeSeen"])
    header = write_seen(shown)
    assert header == case.case["expect"]["header"]
    assert parse_seen(header) == {well_formed(key): variation for key, variation in shown.items() if variation}


def _refusing_a_request_with_old_flags(case: Case) -> None:
    asked = case.case
    seen = Seen.of(asked.get("version"), asked.get("seen"))
    rules = PinnedRules(_known(case.file))
    found = outdated(rules, asked["requires"], asked["context"], seen, required=asked.get("required", False))
    assert list(found) == asked["expect"]["outdated"]


CHECKS: dict[str, Callable[[Case], None]] = {
    "flag": _evaluation,
    "sample": _what_a_sample_has_of_a_context,
    "unit": _bucket,
    "current": _reallocation,
    "embed": _text_for_a_page,
    "readVersion": _reading_a_version,
    "readSeen": _reading_what_was_seen,
    "writeSeen": _writing_what_was_seen,
    "requires": _refusing_a_request_with_old_flags,
}
"""What is asked of a case, by the member that only cases of its form have."""


def _check(case: Case) -> None:
    (form,) = CHECKS.keys() & case.case.keys()
    CHECKS[form](case)


@by_place(ALL, lambda case: case.place)
def test_every_case_of_a_file(some: list[Case], subtests: pytest.Subtests) -> None:
    check_all(some, _check, subtests)


def test_there_are_cases_of_every_form() -> None:
    assert len(ALL) >= LEAST_CASES
    assert set().union(*(case.case for case in ALL)) >= CHECKS.keys()
