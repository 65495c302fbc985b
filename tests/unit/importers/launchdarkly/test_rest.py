"""The REST API's flags: names, one environment, no segments."""

from typing import Any

import pytest

from pennon.importers import Fidelity, ImportRefused, launchdarkly
from pennon.importers.verify import rules_of
from tests.unit.importers.launchdarkly.building import asks, clause, encoded, messages, of_plan, rule


def _block(**members: Any) -> dict[str, Any]:
    return {
        "on": True,
        "salt": "saltyA",
        "version": 3,
        "offVariation": 1,
        "rules": [],
        "targets": [],
        "prerequisites": [],
        "fallthrough": {"variation": 0},
        "_site": {},
        **members,
    }


def _flag(key: str = "f", *, environments: dict[str, Any] | None = None, **block: Any) -> dict[str, Any]:
    return {
        "key": key,
        "name": "A flag",
        "description": "What it is for",
        "tags": ["t", 5],
        "kind": "boolean",
        "variations": [{"_id": "1", "value": True, "name": "On"}, {"_id": "2", "value": False}],
        "clientSideAvailability": {"usingMobileKey": False, "usingEnvironmentId": True},
        "environments": {"production": _block(**block)} if environments is None else environments,
    }


def test_flags_have_their_names_and_those_of_their_variations() -> None:
    found = of_plan(launchdarkly.plan(encoded({"items": [_flag()]}), "python"))
    assert (found.name, found.description, found.tags) == ("A flag", "What it is for", ("t",))
    assert found.flag is not None
    assert [(variation.key, variation.value) for variation in found.flag.variations] == [("On", True), ("1", False)]
    assert found.identities == {"0": "On", "1": "1"}
    assert (found.flag.salt, found.flag.client_side, found.flag.off_variation) == ("saltyA", True, "1")


def test_one_flag_is_read_as_a_list_of_it() -> None:
    plan = launchdarkly.plan(encoded(_flag()), "python")
    assert rules_of(plan).evaluate("f", {"key": "u"}).value is True


def test_rules_are_read_without_what_is_for_people() -> None:
    of = {**clause("in", {"_id": "kept"}, "x"), "_id": "1"}
    made = {"_id": "r", "clauses": [of], "variation": 1, "ref": "1", "description": "why", "trackEvents": False}
    plan = launchdarkly.plan(encoded({"items": [_flag(rules=[made])]}), "python")
    found = of_plan(plan)
    assert found.flag is not None
    (told,) = found.flag.rules
    assert (told.id, told.conditions[0].values) == ("r", ({"_id": "kept"}, "x"))
    assert found.notes == ()
    assert rules_of(plan).evaluate("f", {"key": "u", "plan": "x"}).value is False


def test_segments_are_not_in_it_so_flags_that_ask_for_one_cannot_be_carried() -> None:
    plan = launchdarkly.plan(encoded({"items": [_flag(rules=[rule(asks("s"))]), _flag("g")]}), "python")
    found = of_plan(plan)
    assert (found.fidelity, found.flag) == (Fidelity.IMPOSSIBLE, None)
    assert "give an SDK's payload" in messages(found)
    assert of_plan(plan, "g").fidelity is Fidelity.EXACT
    assert "the REST API has no segments" in plan.notes[0].message


def test_an_experiments_allocation_cannot_be_carried() -> None:
    allocation = {"rollout": {"variations": [{"variation": 0, "weight": 1}], "experimentAllocation": {"default": 0}}}
    plan = launchdarkly.plan(encoded({"items": [_flag(fallthrough=allocation)]}), "python")
    assert of_plan(plan).fidelity is Fidelity.IMPOSSIBLE


def test_one_of_several_environments_is_named() -> None:
    both = {"production": _block(), "test": _block(on=False)}
    data = encoded({"items": [_flag(environments=both)]})
    with pytest.raises(ImportRefused, match="the environments production, test"):
        launchdarkly.plan(data, "python")
    for option, value in ((b"test\n", False), ("production", True)):
        plan = launchdarkly.plan(data, "python", {"environment": option})
        assert rules_of(plan).evaluate("f", {"key": "u"}).value is value
    assert launchdarkly.vocabulary(data, {"environment": "test"}) == {"targetingKey": []}


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        ({"items": [5]}, "/items/0", "a flag has a key"),
        ({"items": [{"name": "n"}]}, "/items/0", "a flag has a key"),
        ({"items": [_flag(environments={})]}, "/items/0/environments", "no environments"),
        ({"items": [{"key": "f"}]}, "/items/0/environments", "no environments"),
        ({"items": [_flag(environments={"p": {"on": True}})]}, "/items/0/environments/p", "the rules are left out"),
        ({"items": [_flag(environments={"p": 5})]}, "/items/0/environments", "no environment 'p'"),
        ({"items": [{**_flag(), "variations": 5}]}, "/items/0/environments/production", "no list of variations"),
        ({"items": [{**_flag(), "variations": [5]}]}, "/items/0/environments/production", "no list of variations"),
        ({"items": [_flag(rules=5)]}, "/items/0/environments/production/rules", "in 'f': Expected `array"),
    ],
)
def test_what_cannot_be_read_is_refused(document: Any, path: str, says: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        launchdarkly.plan(encoded(document), "python")
    (problem,) = refused.value.problems
    assert problem.path == path
    assert says in problem.message


def test_a_page_of_a_list_is_told_from_the_whole() -> None:
    notes = launchdarkly.plan(encoded({"items": [_flag()], "totalCount": 2}), "python").notes
    assert notes[0].path == "/totalCount"
    assert len(launchdarkly.plan(encoded({"items": [_flag()], "totalCount": 1}), "python").notes) == 1


def test_what_is_missing_or_of_another_type_has_no_name() -> None:
    item = {**_flag(), "name": 5, "tags": "t", "clientSideAvailability": None}
    found = of_plan(launchdarkly.plan(encoded({"items": [item]}), "python"))
    assert (found.name, found.tags) == ("", ())
    assert found.flag is not None
    assert found.flag.client_side is False
