from typing import Any

import pytest

from examples.brave_studies.reading import eligible_arms
from examples.brave_studies.studies import NOT_ENROLLED, conditions_of, edits_of, flag_key, flag_of, flags_of
from pennon.model import Condition


def study(name: str = "Study", *, weights: tuple[int, ...] = (50, 50), **filters: Any) -> dict[str, Any]:
    arms = [{"name": f"Arm{index}", "probability_weight": weight} for index, weight in enumerate(weights)]
    return {"name": name, "experiment": arms, "filter": filters}


def browser(version: str = "120.1.62.100", **attributes: str) -> dict[str, str]:
    return {"version": version, "policyRestriction": "NONE", **attributes}


def test_highest_version_with_a_star_takes_in_its_whole_range() -> None:
    assert Condition("versionLess", "version", ("152",)) in conditions_of({"max_version": "151.*"})
    assert Condition("versionLess", "version", ("151.3",)) in conditions_of({"max_version": "151.2.*"})


def test_highest_version_without_a_star_is_itself_included() -> None:
    assert Condition("versionLessOrEqual", "version", ("137.1.79.51",)) in conditions_of({"max_version": "137.1.79.51"})


def test_unknown_filter_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="moon_phase"):
        list(conditions_of({"moon_phase": "full"}))


def test_studies_of_one_name_become_the_rules_of_one_flag() -> None:
    flags = list(flags_of([study("A", channel=["BETA"]), study("B"), study("A", channel=["RELEASE"])]))
    assert [(flag.key, len(flag.rules)) for flag in flags] == [("A", 2), ("B", 1)]


def test_arms_of_one_name_and_another_content_become_two_variations() -> None:
    first, second = study("A", weights=(100,)), study("A", weights=(100,))
    second["experiment"][0]["param"] = [{"name": "speed", "value": "2"}]
    flag = flag_of("A", [first, second])
    assert [variation.key for variation in flag.variations] == [NOT_ENROLLED, "Arm0", "Arm0.2"]


def test_arm_without_weight_is_a_variation_that_nobody_gets() -> None:
    flag = flag_of("A", [study("A", weights=(100, 0))])
    split = flag.rules[0].serve.split
    assert split is not None
    assert [(weight.variation, weight.weight) for weight in split.weights] == [("Arm0", 100_000)]
    assert {variation.key for variation in flag.variations} == {NOT_ENROLLED, "Arm0", "Arm1"}


def test_name_with_a_space_gets_a_key_without() -> None:
    assert flag_key("Speedreader TTS") == "Speedreader-TTS"


def test_name_that_leaves_a_file_and_file_that_goes_delete_their_flags() -> None:
    files: dict[str, list[str]] = {}
    list(edits_of({"set": {"a.json5": [study("A"), study("B")]}, "deleted": []}, files))
    assert dict(edits_of({"set": {"a.json5": [study("A")]}, "deleted": []}, files))["B"] is None
    assert dict(edits_of({"set": {}, "deleted": ["a.json5"]}, files)) == {"A": None}


@pytest.mark.parametrize(
    ("filters", "version", "admitted"),
    [
        ({"min_version": "139.*"}, "139.0.0.0", True),
        ({"min_version": "139.*"}, "138.9.9.9", False),
        ({"max_version": "139.*"}, "139.9.9.9", True),
        ({"max_version": "139.*"}, "140.0.0.0", False),
        ({"max_version": "139.1.2.3"}, "139.1.2.3", True),
        ({"max_version": "139.1.2.3"}, "139.1.2.4", False),
    ],
)
def test_independent_reading_of_version_bounds(filters: dict[str, Any], version: str, *, admitted: bool) -> None:
    assert bool(eligible_arms([study(**filters)], browser(version))) is admitted


def test_independent_reading_takes_the_first_study_that_admits() -> None:
    studies = [study(weights=(100,), channel=["BETA"]), study(weights=(0, 100))]
    assert [arm["name"] for arm in eligible_arms(studies, browser(channel="RELEASE"))] == ["Arm1"]
