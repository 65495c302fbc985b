"""Several edits as one change, over every storage."""

from typing import Any

import pytest

from pennon.control.errors import (
    FlagStillRequired,
    Invalid,
    NotFound,
    PreconditionFailed,
    SegmentStillUsed,
    VariationStillServed,
)
from pennon.control.log import EnvironmentName, Head, Idempotency, Stored, project_log
from pennon.control.working.commands import Expectation
from pennon.model import Condition, Flag, Prerequisite, Rule, Serve, Split, Weight
from tests.contract.shop import ANNA, PRODUCTION, STAGING, Shop, colours, paths, rows
from tests.editing import read_edits

LOGS = (project_log("shop"), PRODUCTION.log, STAGING.log)
ON = {"do": "turnOn", "flag": "checkout"}
BETA = {"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}}
IN_BETA = {"op": "inSegment", "values": ["beta"]}


def rule(rule_id: str = "r1", *conditions: dict[str, Any], serve: str = "on") -> dict[str, Any]:
    return {"id": rule_id, "conditions": list(conditions), "serve": {"variation": serve}}


def add_rule(*conditions: dict[str, Any], rule_id: str = "r1", **fields: Any) -> dict[str, Any]:
    return {"do": "addRule", "flag": "checkout", "rule": rule(rule_id, *conditions, **fields)}


def require(flag: str, required: str, *variations: str) -> dict[str, Any]:
    prerequisite = {"flag": required, "variations": list(variations) or ["on"]}
    return {"do": "addPrerequisite", "flag": flag, "prerequisite": prerequisite}


def test_several_edits_are_one_change_one_row_and_one_revision(shop: Shop) -> None:
    shop.create()
    before = rows(shop, *LOGS)
    outcome = shop.edit(BETA, add_rule(IN_BETA), ON, why="the beta begins")
    assert rows(shop, *LOGS) == [before[0], before[1] + 1, before[2]]
    assert (outcome.changed, outcome.position.revision) == (True, before[1] + 1)
    flag = shop.flag()
    assert (flag.on, flag.rules) == (True, (Rule("r1", (Condition("inSegment", values=("beta",)),), Serve("on")),))
    assert flag.changed_at == outcome.position.revision
    change = shop.change_views.change(PRODUCTION, outcome.position.revision).change
    assert (change.why, change.actor, change.action) == ("the beta begins", ANNA, "edit")
    assert [(edit.kind, edit.key) for edit in change.edits] == [("flag", "checkout"), ("segment", "beta")]


def test_an_edit_may_use_what_a_later_one_creates(shop: Shop) -> None:
    shop.create()
    shop.edit(
        add_rule(IN_BETA),
        require("checkout", "payments"),
        {"do": "putFlag", "definition": {"key": "payments"}},
        BETA,
    )
    assert shop.flag().prerequisites == (Prerequisite("payments", ("on",)),)
    assert shop.flag("payments", STAGING).on is False


def test_edits_without_effect_write_nothing(shop: Shop) -> None:
    shop.create()
    before = rows(shop, *LOGS)
    outcome = shop.edit(
        ON,
        {"do": "turnOff", "flag": "checkout"},
        {"do": "addTarget", "flag": "checkout", "variation": "on", "values": []},
    )
    assert (outcome.changed, outcome.change_id, outcome.position.revision) == (False, None, before[1])
    assert outcome.item is not None
    assert outcome.item.read(Flag) == shop.flag()
    assert rows(shop, *LOGS) == before


def test_no_edits_at_all_are_refused(shop: Shop) -> None:
    with pytest.raises(Invalid) as refused:
        shop.edit()
    assert paths(refused) == ["/edits"]


def test_a_changed_percentage_moves_only_the_users_it_must(shop: Shop) -> None:
    shop.create()
    for on in (10_000, 30_000, 20_000):
        shop.edit({"do": "setWeights", "flag": "checkout", "weights": {"on": on, "off": 100_000 - on}})
    by_steps = shop.flag()
    split = by_steps.fallthrough.split
    assert split is not None
    assert sum(weight.weight for weight in split.weights if weight.variation == "on") == 20_000
    shop.edit({"do": "setWeights", "flag": "checkout", "weights": {"on": 10_000, "off": 90_000}})
    shop.edit({"do": "setWeights", "flag": "checkout", "weights": {"on": 20_000, "off": 80_000}})
    assert shop.flag().fallthrough == by_steps.fallthrough
    assert shop.flag().salt == by_steps.salt


def test_a_flag_is_put_with_definition_and_configuration_in_one(shop: Shop) -> None:
    before = rows(shop, *LOGS)
    put = {
        "do": "putFlag",
        "definition": {"key": "checkout", "name": "Checkout", "clientSide": True},
        "configuration": {"on": True, "fallthrough": {"split": {"weights": [{"variation": "on", "weight": 100_000}]}}},
    }
    outcome = shop.edit(put)
    assert rows(shop, *LOGS) == [number + 1 for number in before]
    production, staging = shop.flag(), shop.flag(on=STAGING)
    assert (production.on, production.client_side) == (True, True)
    assert production.fallthrough == Serve(split=Split((Weight("on", 100_000),)))
    assert (staging.on, staging.client_side, staging.fallthrough) == (False, True, Serve("on"))
    assert outcome.item is not None
    assert outcome.item.read(Flag) == production
    configured = {**put, "configuration": {"fallthrough": {"variation": "off"}}}
    shop.edit(configured)
    assert rows(shop, *LOGS) == [before[0] + 1, before[1] + 2, before[2] + 1]
    assert shop.flag().salt == production.salt
    assert shop.edit(configured).changed is False


def test_a_flag_is_deleted_everywhere(shop: Shop) -> None:
    shop.create()
    shop.edit({"do": "deleteFlag", "flag": "checkout"})
    for environment in (PRODUCTION, STAGING):
        with pytest.raises(NotFound):
            shop.flag(on=environment)
    with pytest.raises(NotFound):
        shop.flag_views.definition("shop", "checkout")


FAULTS: list[tuple[list[dict[str, Any]], str, str]] = [
    ([{"do": "turnOn", "flag": "gone"}], "/edits/0/flag", "there is no flag 'gone'"),
    ([ON, {"do": "deleteFlag", "flag": "gone"}], "/edits/1/flag", "there is no flag 'gone'"),
    ([{"do": "deleteSegment", "segment": "gone"}], "/edits/0/segment", "there is no segment 'gone'"),
    ([{"do": "addToSegment", "segment": "gone", "keys": []}], "/edits/0/segment", "there is no segment 'gone'"),
    ([{"do": "setSlots", "layer": "gone", "slots": []}], "/edits/0/layer", "there is no layer 'gone'"),
    ([{"do": "deleteLayer", "layer": "gone"}], "/edits/0/layer", "there is no layer 'gone'"),
    ([{"do": "removeRule", "flag": "checkout", "rule": "r9"}], "/edits/0/rule", "no rule 'r9'"),
    ([ON, add_rule(IN_BETA)], "/edits/1/rule/conditions/0/values/0", "no segment 'beta'"),
    (
        [ON, add_rule({"op": "exists", "attribute": "plan"}, {"op": "in", "attribute": "plan", "values": []})],
        "/edits/1/rule/conditions/1/values",
        "",
    ),
    (
        [add_rule({"op": "matches", "attribute": "a", "values": ["ok", "(?=x)"]})],
        "/edits/0/rule/conditions/0/values/1",
        "",
    ),
    ([add_rule(serve="maybe")], "/edits/0/rule/serve/variation", "no variation 'maybe'"),
    (
        [
            add_rule(rule_id="a"),
            add_rule(rule_id="b", serve="maybe"),
            {"do": "moveRule", "flag": "checkout", "rule": "b", "position": 0},
        ],
        "/edits/1/rule/serve/variation",
        "no variation 'maybe'",
    ),
    (
        [
            add_rule(),
            {"do": "addCondition", "flag": "checkout", "rule": "r1", "condition": {"op": "nope", "attribute": "x"}},
        ],
        "/edits/1/condition/op",
        "",
    ),
    (
        [
            {
                "do": "setFallthrough",
                "flag": "checkout",
                "serve": {"split": {"weights": [{"variation": "on", "weight": 1}]}},
            }
        ],
        "/edits/0/serve/split/weights",
        "",
    ),
    ([{"do": "setOffVariation", "flag": "checkout", "variation": "maybe"}], "/edits/0/variation", ""),
    ([ON, {"do": "setOffVariation", "flag": "checkout", "variation": "maybe"}, ON], "/edits/1/variation", ""),
    (
        [{"do": "setStaleness", "flag": "checkout", "staleness": {"maxAgeS": -1, "serve": {"variation": "on"}}}],
        "/edits/0/staleness/maxAgeS",
        "",
    ),
    ([require("checkout", "gone")], "/edits/0/prerequisite/flag", "no flag 'gone'"),
    ([require("checkout", "other", "maybe")], "/edits/0/prerequisite/variations/0", "no variation 'maybe'"),
    ([{"do": "newSalt", "flag": "checkout", "salt": "a.b"}], "/edits/0", "'a.b' is no salt"),
    ([{"do": "putSegment", "segment": {"key": "be ta"}}], "/edits/0/segment/key", ""),
    (
        [{"do": "putSegment", "segment": {"key": "beta", "rules": [{"conditions": [IN_BETA]}]}}],
        "/edits/0/segment/rules/0/conditions/0/values",
        "",
    ),
    ([BETA, {"do": "addToSegment", "segment": "beta", "keys": ["a\0b"]}], "/edits/0/segment/included/1", "NUL"),
    (
        [{"do": "putLayer", "layer": {"key": "l", "slots": [{"from": 5, "to": 1, "experiment": "e"}]}}],
        "/edits/0/layer/slots/0",
        "",
    ),
    ([{"do": "putFlag", "definition": {"key": "new", "kind": "string"}}], "/edits/0/definition/variations", ""),
    (
        [ON, {"do": "putFlag", "definition": {"key": "new", "variations": [{"key": "a", "value": 1}]}}],
        "/edits/1/definition/variations/0/value",
        "",
    ),
    (
        [
            {
                "do": "putFlag",
                "definition": {
                    "key": "new",
                    "kind": "object",
                    "variations": [{"key": "a", "value": {"x": {"y": 1}}}],
                    "valueSchema": {"additionalProperties": {"additionalProperties": {"type": "string"}}},
                },
            }
        ],
        "/edits/0/definition/variations/0/value/x/y",
        "",
    ),
    (
        [{"do": "putFlag", "definition": {"key": "new"}, "configuration": {"fallthrough": {"variation": "maybe"}}}],
        "/edits/0/configuration/fallthrough/variation",
        "",
    ),
    (
        [
            {
                "do": "putFlag",
                "definition": {"key": "new"},
                "configuration": {"fallthrough": {"variation": "on"}, "offVariation": "x"},
            }
        ],
        "/edits/0/configuration/offVariation",
        "",
    ),
    (
        [
            {
                "do": "setConfiguration",
                "flag": "checkout",
                "configuration": {"fallthrough": {"variation": "on"}, "salt": "a.b"},
            }
        ],
        "/edits/0/configuration/salt",
        "",
    ),
]


def test_a_fault_is_told_with_its_path_in_the_edits(shop: Shop, subtests: pytest.Subtests) -> None:
    shop.create()
    shop.create("other")
    before = rows(shop, *LOGS)
    for edits, path, message in FAULTS:
        with subtests.test(f"{edits[-1]['do']} {path}"):
            with pytest.raises(Invalid) as refused:
                shop.edit(*edits)
            assert paths(refused) == [path]
            assert message in refused.value.problems[0].message
            assert refused.value.problems[0].mend
            assert rows(shop, *LOGS) == before


def test_a_cycle_made_by_two_edits_is_told_of_both(shop: Shop) -> None:
    shop.create()
    shop.create("other")
    with pytest.raises(Invalid, match="checkout → other → checkout") as refused:
        shop.edit(require("other", "checkout"), require("checkout", "other"))
    assert sorted(paths(refused)) == ["/edits/0", "/edits/1"]


def test_faults_of_several_edits_are_told_together(shop: Shop) -> None:
    shop.create()
    with pytest.raises(Invalid) as refused:
        shop.edit({"do": "turnOn", "flag": "a"}, ON, {"do": "removeRule", "flag": "checkout", "rule": "x"})
    assert paths(refused) == ["/edits/0/flag", "/edits/2/rule"]
    with pytest.raises(Invalid) as refused:
        shop.edit(add_rule(IN_BETA, serve="maybe"), {"do": "putSegment", "segment": {"key": "be ta"}})
    assert paths(refused) == ["/edits/0/rule/serve/variation", "/edits/1/segment/key"]


def test_what_is_in_use_is_not_deleted(shop: Shop) -> None:
    shop.create()
    shop.create("payments")
    shop.edit(BETA, add_rule(IN_BETA), require("checkout", "payments"))
    with pytest.raises(SegmentStillUsed):
        shop.edit({"do": "deleteSegment", "segment": "beta"})
    with pytest.raises(FlagStillRequired):
        shop.edit({"do": "deleteFlag", "flag": "payments"}, on=STAGING)
    shop.edit(
        {"do": "deleteSegment", "segment": "beta"},
        {"do": "deleteFlag", "flag": "payments"},
        {"do": "removeRule", "flag": "checkout", "rule": "r1"},
        {"do": "removePrerequisite", "flag": "checkout", "prerequisite": "payments"},
    )
    assert shop.flag().rules == ()
    assert shop.flag().prerequisites == ()


def test_a_definition_put_from_one_environment_is_checked_in_the_others(shop: Shop) -> None:
    shop.create("colour", kind="string", variations=colours("a", "b"))
    shop.edit({"do": "addTarget", "flag": "colour", "variation": "b", "values": ["u1"]}, on=STAGING)
    without_b = {
        "do": "putFlag",
        "definition": {"key": "colour", "kind": "string", "variations": [{"key": "a", "value": "a"}]},
        "configuration": {"fallthrough": {"variation": "a"}},
    }
    with pytest.raises(VariationStillServed) as refused:
        shop.edit(without_b)
    assert set(refused.value.where) == {"staging/flags/colour/targets/0/variation", "staging/flags/colour/offVariation"}


def test_a_writer_who_saw_something_else_learns_the_current_state(shop: Shop) -> None:
    shop.create()
    revision = shop.revision()
    shop.edit(ON, expected=Expectation(revision=revision, flags={"checkout": 1}, segments={"beta": 0}))
    with pytest.raises(PreconditionFailed) as refused:
        shop.edit(BETA, expected=Expectation(revision=revision))
    assert isinstance(refused.value.current, Head)
    assert refused.value.current.revision == revision + 1
    with pytest.raises(PreconditionFailed) as refused:
        shop.edit(BETA, expected=Expectation(flags={"checkout": 1}))
    assert isinstance(refused.value.current, Stored)
    assert refused.value.current.read(Flag).on is True
    with pytest.raises(PreconditionFailed) as refused:
        shop.edit(BETA, expected=Expectation(segments={"beta": 3}))
    assert refused.value.current is None


def test_edits_sent_twice_are_one_change(shop: Shop) -> None:
    shop.create()
    once = Idempotency("k1", "f1")
    first = shop.edit(ON, add_rule({"op": "exists", "attribute": "plan"}), idempotency=once)
    shop.edit({"do": "turnOff", "flag": "checkout"})
    before = rows(shop, *LOGS)
    again = shop.edit(ON, add_rule({"op": "exists", "attribute": "plan"}), idempotency=once)
    assert (again.change_id, again.position, again.item) == (first.change_id, first.position, first.item)
    assert rows(shop, *LOGS) == before
    assert shop.flag().on is False


def test_a_preview_says_what_would_change_and_changes_nothing(shop: Shop) -> None:
    shop.create()
    before = rows(shop, *LOGS)
    edits = read_edits([ON, BETA, {"do": "putFlag", "definition": {"key": "new"}}])
    preview = shop.changes.preview(PRODUCTION, edits)
    assert [(item.kind, item.key, item.what) for item in preview.items] == [
        ("definition", "new", "created"),
        ("flag", "checkout", "changed"),
        ("flag", "new", "created"),
        ("segment", "beta", "created"),
    ]
    assert [(name, [item.key for item in items]) for name, items in preview.elsewhere] == [(STAGING, ["new"])]
    assert preview.items[1].sentences == ("flag checkout: turned on",)
    assert rows(shop, *LOGS) == before
    assert shop.changes.preview(PRODUCTION, read_edits([{"do": "turnOff", "flag": "checkout"}])).changed is False
    with pytest.raises(Invalid):
        shop.changes.preview(PRODUCTION, read_edits([{"do": "turnOn", "flag": "gone"}]))


def test_turning_a_required_flag_off_warns_of_those_that_go_with_it(shop: Shop) -> None:
    shop.create()
    shop.create("payments")
    shop.edit(ON, {"do": "turnOn", "flag": "payments"}, require("checkout", "payments"))
    outcome = shop.edit({"do": "turnOff", "flag": "payments"})
    (warning,) = outcome.warnings
    assert (warning.code, warning.path) == ("prerequisite-turned-off", "/flags/payments/on")
    assert (
        warning.message
        == "flag 'payments' is a prerequisite: while it is off, these serve their off variation: checkout"
    )
    assert shop.edit({"do": "turnOn", "flag": "payments"}).warnings == ()


def test_a_new_salt_that_nobody_asked_for_is_warned_of(shop: Shop) -> None:
    shop.create()
    shop.edit(ON)
    configuration = {"on": True, "fallthrough": {"variation": "on"}, "offVariation": "off", "salt": "other"}
    outcome = shop.edit({"do": "setConfiguration", "flag": "checkout", "configuration": configuration})
    assert [warning.code for warning in outcome.warnings] == ["salt-changed"]
    assert "chooses its users anew" in outcome.warnings[0].message
    assert shop.edit({"do": "newSalt", "flag": "checkout"}).warnings == ()


def test_editing_a_flag_that_is_off_says_so(shop: Shop) -> None:
    shop.create()
    outcome = shop.edit(add_rule({"op": "exists", "attribute": "plan"}))
    (warning,) = outcome.warnings
    assert (warning.code, warning.path) == ("flag-off", "/flags/checkout/on")
    assert warning.message == "flag 'checkout' is off: nobody sees this change before it is turned on"


def test_a_flag_that_is_no_longer_accepted_can_still_be_turned_off(shop: Shop) -> None:
    shop.create()
    shop.edit(ON)
    broken = Flag(**{**{name: getattr(shop.flag(), name) for name in Flag.__struct_fields__}, "salt": "no salt"})
    with shop.log.writing(PRODUCTION.log, by=ANNA, action="import") as writing:
        writing.put(PRODUCTION.log, "flag", broken)
    with pytest.raises(Invalid):
        shop.edit({"do": "setCritical", "flag": "checkout", "critical": True})
    assert shop.edit({"do": "turnOff", "flag": "checkout"}).changed
    assert shop.flag().on is False


def test_there_must_be_such_an_environment(shop: Shop) -> None:
    nowhere = EnvironmentName("shop", "nowhere")
    for edits in ([ON], [{"do": "putFlag", "definition": {"key": "x"}}]):
        with pytest.raises(NotFound, match="no environment 'nowhere'"):
            shop.edit(*edits, on=nowhere)
    with pytest.raises(NotFound, match="no project 'gone'"):
        shop.edit(ON, on=EnvironmentName("gone", "production"))


def test_a_large_change_is_one_revision(shop: Shop) -> None:
    edits = [{"do": "putFlag", "definition": {"key": f"flag-{number}"}} for number in range(300)]
    before = shop.revision()
    outcome = shop.edit(*edits)
    assert outcome.position.revision == before + 1
    assert len(shop.contents()["flag"]) == 300
