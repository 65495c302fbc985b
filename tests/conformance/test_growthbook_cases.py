"""GrowthBook's own cases (corpus 0.8.0), which nobody here wrote, through importer and engine.

They lie beside the project. Those that are left out are named, each with its reason; a name that is no case fails.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from pennon.bucketing.fnv import PLACES_V1, PLACES_V2, place_v1, place_v2
from pennon.importers import ImportRefused
from pennon.importers.growthbook.places import Hashing, Slice, bucket_ranges, first_from, slices, within
from tests.cases import check_all
from tests.conformance.growthbook import flag_of, planned, rules_of
from tests.shared import SHARED

PATH = None if SHARED is None else SHARED / "conformance" / "growthbook-cases.json"
CORPUS: dict[str, Any] = {} if PATH is None or not PATH.is_file() else json.loads(PATH.read_bytes())
pytestmark = pytest.mark.skipif(not CORPUS, reason="GrowthBook's cases are not beside the project")

_FORCED = "a variation is forced by the program: that is not in a file"
_URL = "a variation is forced by the page's address: a flag knows no pages"
_QA = "QA mode is set by the program: that is not in a file"
_DISABLED = "experiments are switched off by the program: that is not in a file"
_INLINE = "force is of experiments that a program writes, not of features"
LEFT_OUT: dict[str, dict[str, str]] = {
    "evalCondition": {
        "unknown operator - pass": "a file with an operator that nobody knows is refused",
        "$regex invalid - pass": "a pattern that no RE2 takes cannot be carried",
        "$regex invalid - fail": "a pattern that no RE2 takes cannot be carried",
    },
    "feature": {
        "include experiments when forced": _FORCED,
        "CB rule with empty contexts is overridden by forced variation like a normal experiment": _FORCED,
        "Multiple references to same prerequisite, do not break": "its values are of two kinds: a flag has one",
    },
    "run": {
        "negative forced variation": _INLINE,
        "high forced variation": _INLINE,
        "globally disabled": _DISABLED,
        "querystring force": _URL,
        "querystring force with inactive": _URL,
        "skip inactive experiments": "active is of experiments that a program writes, not of features",
        "coverage take precendence over forced": _INLINE,
        "Force variation from context": _FORCED,
        "Skips experiments in QA mode": _QA,
        "Works in QA mode if forced in context": _FORCED,
        "Works in QA mode if forced in experiment": _INLINE,
    },
    "contextualBandit": {
        "forcedVariations from context overrides CB routing": _FORCED,
        "querystring force overrides CB routing": _URL,
        "CB skipped in QA mode": _QA,
        "CB in QA mode if forced in context": _FORCED,
        "CB rule when globally disabled": _DISABLED,
    },
}
WHOLE_SECTIONS: dict[str, str] = {
    "specVersion": "it is the version of the cases",
    "getQueryStringOverride": _URL,
    "decrypt": "there is no library for AES here: an encrypted file is refused, and says how to decrypt it",
    "urlRedirect": "experiments that redirect pages are no flags",
}
"""Sections that do not concern evaluation here, each with the reason."""
NOT_FOR_PYTHON = {
    "missing attribute with comparison operators": "Python's SDK compares null with nothing",
    "comparing numbers and strings": "Python's SDK compares values of one type only",
    "comparing numbers and strings - v2": "Python's SDK compares values of one type only",
}


class Case(NamedTuple):
    """A case of theirs, by its section and its place in it."""

    id: str
    members: list[Any]


def _cases(section: str, reasons: Mapping[str, str] | None = None) -> list[Case]:
    left_out = LEFT_OUT.get(section, {}) if reasons is None else reasons
    cases = enumerate(CORPUS.get(section, []))
    return [Case(f"{section}-{index}", case) for index, case in cases if case[0] not in left_out]


def test_every_section_is_run_or_left_out() -> None:
    run = {"evalCondition", "hash", "getBucketRange", "feature", "run", "chooseVariation", "inNamespace"}
    run |= {"getEqualWeights", "stickyBucket", "contextualBandit"}
    assert set(CORPUS) == run | set(WHOLE_SECTIONS)
    assert CORPUS["specVersion"] == "0.8.0"


def test_every_case_that_is_left_out_is_one() -> None:
    for section, reasons in LEFT_OUT.items():
        assert reasons.keys() <= {case[0] for case in CORPUS[section]}, section
        assert all(reasons.values())
    assert len(CORPUS["evalCondition"]) - len(LEFT_OUT["evalCondition"]) >= 240
    count = sum(len(reasons) for reasons in LEFT_OUT.values())
    assert count <= 25


def _rule_answers(case: list[Any], dialect: str) -> bool:
    """Ask whether a condition holds, as the condition of a feature's rule."""
    groups = case[4] if len(case) > 4 else {}
    document = {"features": {"f": {"defaultValue": False, "rules": [{"condition": case[1], "force": True}]}}}
    answer = rules_of(planned({**document, "savedGroups": groups}, dialect)).evaluate("f", case[2])
    assert answer.error_code is None, answer
    value = answer.value
    assert isinstance(value, bool)
    return value


def test_a_condition_holds_as_the_javascript_sdk_has_it(subtests: pytest.Subtests) -> None:
    def check(case: Case) -> None:
        assert _rule_answers(case.members, "javascript") is case.members[3]

    check_all(_cases("evalCondition"), check, subtests)


def test_a_condition_holds_as_the_python_sdk_has_it(subtests: pytest.Subtests) -> None:
    def check(case: Case) -> None:
        assert _rule_answers(case.members, "python") is case.members[3]

    check_all(_cases("evalCondition", LEFT_OUT["evalCondition"] | NOT_FOR_PYTHON), check, subtests)


def test_what_is_left_out_of_python_is_what_the_sdks_differ_in(subtests: pytest.Subtests) -> None:
    def check(case: Case) -> None:
        assert _rule_answers(case.members, "python") is not case.members[3]

    check_all((case for case in _cases("evalCondition") if case.members[0] in NOT_FOR_PYTHON), check, subtests)


def test_an_operator_that_nobody_knows_is_refused() -> None:
    case = next(case for case in CORPUS["evalCondition"] if case[0] == "unknown operator - pass")
    with pytest.raises(ImportRefused, match=r"\$regx"):
        _rule_answers(case, "javascript")


def test_a_hash_is_theirs(subtests: pytest.Subtests) -> None:
    check_all(_cases("hash"), _check_hash, subtests)


def _check_hash(case: Case) -> None:
    seed, unit, version, expected = case.members
    places: dict[int, tuple[Callable[[str, str], int], int]] = {1: (place_v1, PLACES_V1), 2: (place_v2, PLACES_V2)}
    found = places.get(version)
    assert (None if found is None else found[0](seed, unit) / found[1]) == expected


def test_ranges_of_weights_are_theirs(subtests: pytest.Subtests) -> None:
    check_all(_cases("getBucketRange"), _check_ranges, subtests)


def _check_ranges(case: Case) -> None:
    _, (count, coverage, weights), expected = case.members
    found = bucket_ranges(count, coverage, weights, negative=True)
    assert [list(each) for each in found] == [[pytest.approx(start), pytest.approx(end)] for start, end in expected]


def test_a_place_gets_the_variation_that_it_has_there(subtests: pytest.Subtests) -> None:
    check_all(_cases("chooseVariation"), _check_place, subtests)


def _check_place(case: Case) -> None:
    _, place, ranges, expected = case.members
    found = slices(ranges, PLACES_V2)
    at = first_from(place, PLACES_V2)
    chosen = next(each.variation for each in found if each.start <= at < each.end)
    assert (-1 if chosen is None else chosen) == expected


def test_a_namespace_has_whom_it_has_there(subtests: pytest.Subtests) -> None:
    check_all(_cases("inNamespace"), _check_namespace, subtests)


def _check_namespace(case: Case) -> None:
    _, unit, (name, start, end), expected = case.members
    rule = {"variations": [True, True], "namespace": [name, start, end]}
    document = {"features": {"f": {"defaultValue": False, "rules": [rule]}}}
    assert rules_of(planned(document)).evaluate("f", {"targetingKey": unit}).value is expected
    owned: list[Slice] = slices([(start, end)], PLACES_V1)
    assert within(owned, Hashing("targetingKey", f"__{name}", "fnv1a-v1")) is not None


def test_equal_weights_are_theirs(subtests: pytest.Subtests) -> None:
    check_all(_cases("getEqualWeights"), _check_weights, subtests)


def _check_weights(case: Case) -> None:
    count, expected = case.members
    ranges = bucket_ranges(count, 1, None, negative=True) if count > 0 else []
    found = [end - start for start, end in ranges]
    assert all(math.isclose(one, other, abs_tol=1e-8) for one, other in zip(found, expected, strict=True))


def _document(settings: dict[str, Any]) -> dict[str, Any]:
    members = ("features", "savedGroups", "contextualBandits")
    return {"features": {}, **{name: settings[name] for name in members if name in settings}}


@pytest.mark.parametrize("dialect", ["javascript", "python"])
def test_a_feature_serves_what_it_serves_there(dialect: str, subtests: pytest.Subtests) -> None:
    check_all(
        [*_cases("feature"), *_cases("contextualBandit")],
        lambda case: _check_feature(case, dialect),
        subtests,
    )


def _check_feature(case: Case, dialect: str) -> None:
    _, settings, key, expected = case.members
    plan = planned(_document(settings), dialect)
    answer = rules_of(plan).evaluate(key, settings.get("attributes", {}), "default")
    if expected["source"] == "unknownFeature":
        assert answer.value == "default"
        return
    assert answer.error_code is None, flag_of(plan, key)
    assert answer.value == ("default" if expected["value"] is None else expected["value"])
    is_split = answer.reason.value == "SPLIT"
    assert is_split == (expected["source"] == "experiment")


_OUT = "not in the experiment"


@pytest.mark.parametrize("dialect", ["javascript", "python"])
def test_an_experiment_runs_as_there(dialect: str, subtests: pytest.Subtests) -> None:
    check_all(_cases("run"), lambda case: _check_experiment(case, dialect), subtests)


def _check_experiment(case: Case, dialect: str) -> None:
    _, settings, experiment, value, is_in, is_hashed = case.members
    # As the one rule of a feature. Who is not in gets the first variation there, and the feature's default here.
    rule = {name: member for name, member in experiment.items() if name != "active"}
    parents = settings.get("features", {})
    document = {**_document(settings), "features": {**parents, "f": {"rules": [rule]}}}
    answer = rules_of(planned(document, dialect)).evaluate("f", settings.get("attributes", {}), _OUT)
    assert is_in is is_hashed
    assert answer.value == (value if is_in else _OUT)


@pytest.mark.parametrize("dialect", ["javascript", "python"])
def test_a_stored_bucket_is_kept_as_there(dialect: str, subtests: pytest.Subtests) -> None:
    check_all(_cases("stickyBucket"), lambda case: _check_stored(case, dialect), subtests)


def _check_stored(case: Case, dialect: str) -> None:
    _, settings, documents, key, expected, _ = case.members
    plan = planned(_document(settings), dialect, sticky=json.dumps(documents))
    answer = rules_of(plan).evaluate(key, settings["attributes"])
    assert (answer.reason.value == "SPLIT") == (expected is not None)
    if expected is None:
        assert answer.value == settings["features"][key]["defaultValue"]
    else:
        assert answer.value == expected["value"]
        assert ("sticky" in (answer.rule_id or "")) == expected["stickyBucketUsed"]
