"""Unleash's client specification, which nobody here wrote, through importer and engine: every case of it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pennon.engine import RuleSet
from pennon.importers.unleash.variants import SUFFIX
from tests.conformance.unleash import FOLDER, NOW, SPECIFICATION, installed, planned, rules

CASES = 279
LEFT_OUT: dict[str, str] = {}
"""Cases that are not run, each with its reason. There is none."""


@cache
def _files() -> list[dict[str, Any]]:
    folder = Path(installed(SPECIFICATION)) / FOLDER
    names = json.loads((folder / "index.json").read_bytes())
    return [json.loads((folder / name).read_bytes()) for name in names]


def _cases(file: dict[str, Any]) -> list[dict[str, Any]]:
    return [*file.get("tests", ()), *file.get("variantTests", ())]


def _rules(file: dict[str, Any], dialect: str) -> RuleSet:
    # One of its features has an operator that is none, and the specification says what SDKs make of it.
    plan = planned(json.dumps(file["state"]), dialect, {"unknownOperators": "sdk"})
    assert [each.key for each in plan.flags if each.flag is None] == []
    return rules(plan)


def _variant(found: RuleSet, case: dict[str, Any]) -> Any:
    """Return what `get_variant` answers: a feature without variants has no second flag, and needs none."""
    if case["toggleName"] + SUFFIX in found.flag_keys():
        return found.evaluate(case["toggleName"] + SUFFIX, case["context"], now=NOW).value
    is_on = found.evaluate(case["toggleName"], case["context"], default=False, now=NOW).value
    return {"name": "disabled", "enabled": False, "feature_enabled": is_on}


def test_the_specification_is_whole() -> None:
    assert sum(len(_cases(file)) for file in _files()) == CASES
    assert len(_files()) == 22


@pytest.mark.parametrize("dialect", ["python", "node"])
def test_every_case_answers_as_specified(dialect: str) -> None:
    differences = []
    ran = 0
    for file in _files():
        found = _rules(file, dialect)
        for case in _cases(file):
            if case["description"] in LEFT_OUT:
                continue
            ran += 1
            expected = case["expectedResult"]
            if isinstance(expected, bool):
                answer = found.evaluate(case["toggleName"], case["context"], default=False, now=NOW).value
            else:
                answer = _variant(found, case)
                # An alias that the older SDKs had.
                expected = {name: value for name, value in expected.items() if name != "featureEnabled"}
            if answer != expected:
                differences.append((file["name"], case["description"], answer))
    assert differences == []
    assert ran == CASES - len(LEFT_OUT)
