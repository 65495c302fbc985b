"""Taking changes back, over every storage."""

from typing import Any

import pytest

from pennon.control.environments.views import Environment
from pennon.control.errors import ChangedSince, Conflict, FlagStillRequired, NotFound, SegmentStillUsed
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.log import Edit, EnvironmentName, Idempotency, project_log
from pennon.model import KeyRecord, Serve
from tests.contract.shop import ANNA, BERT, PRODUCTION, STAGING, Shop, colours, rows

LOGS = (project_log("shop"), PRODUCTION.log, STAGING.log)
ON = {"do": "turnOn", "flag": "checkout"}
OFF = {"do": "turnOff", "flag": "checkout"}
BETA = {"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}}


def revert(shop: Shop, revision: int, **about: Any) -> int:
    """Revert and return the revision that this made."""
    return shop.changes.revert(PRODUCTION, revision, **{"by": BERT, **about}).position.revision


def edit(shop: Shop, *edits: dict[str, Any]) -> int:
    return shop.edit(*edits).position.revision


def refusal(shop: Shop, revision: int) -> list[str]:
    before = rows(shop, *LOGS)
    with pytest.raises(ChangedSince) as refused:
        revert(shop, revision)
    assert rows(shop, *LOGS) == before
    return [problem.message for problem in refused.value.problems]


def test_a_reverted_change_gives_the_state_back_as_a_new_change(shop: Shop) -> None:
    shop.create()
    before = shop.contents()
    rule = {"id": "r1", "conditions": [{"op": "inSegment", "values": ["beta"]}], "serve": {"variation": "on"}}
    revision = edit(shop, ON, BETA, {"do": "addRule", "flag": "checkout", "rule": rule})
    assert revert(shop, revision) == revision + 1
    assert shop.contents() == before
    change = shop.change_views.change(PRODUCTION, revision + 1).change
    assert (change.action, change.actor, change.why) == ("revert", BERT, f"reverts revision {revision}")
    assert shop.flag().version == 3


def test_why_a_change_was_made_stands_in_its_reversal(shop: Shop) -> None:
    shop.create()
    revision = shop.edit(ON, why="launch").position.revision
    reverted = revert(shop, revision)
    assert shop.change_views.change(PRODUCTION, reverted).change.why == f"reverts revision {revision}: launch"
    again = revert(shop, reverted, why="it was not the cause")
    assert shop.change_views.change(PRODUCTION, again).change.why == "it was not the cause"
    assert shop.flag().on is True


def test_changes_of_other_items_do_not_stand_in_the_way(shop: Shop) -> None:
    shop.create()
    shop.create("other")
    revision = edit(shop, ON)
    edit(shop, {"do": "turnOn", "flag": "other"})
    revert(shop, revision)
    assert (shop.flag().on, shop.flag("other").on) == (False, True)


def test_an_item_changed_since_is_named_with_revision_and_actor(shop: Shop) -> None:
    shop.create()
    revision = edit(shop, ON, BETA)
    later = edit(shop, {"do": "setCritical", "flag": "checkout", "critical": True})
    edit(shop, {"do": "deleteSegment", "segment": "beta"})
    assert refusal(shop, revision) == [
        f"flag 'checkout' was changed since, in revision {later} by Anna",
        f"segment 'beta' was changed since, in revision {later + 1} by Anna",
    ]


def test_what_was_taken_back_already_is_told(shop: Shop) -> None:
    shop.create()
    revision = edit(shop, ON)
    reverted = revert(shop, revision)
    assert refusal(shop, revision) == [f"flag 'checkout' was changed since, in revision {reverted} by Bert"]


def test_later_changes_that_cancel_out_do_not_stand_in_the_way(shop: Shop) -> None:
    shop.create()
    revision = edit(shop, ON)
    edit(shop, OFF)
    edit(shop, ON)
    revert(shop, revision)
    assert shop.flag().on is False


def test_a_created_flag_goes_everywhere(shop: Shop) -> None:
    before = shop.contents(), shop.contents(STAGING), shop.definitions()
    revision = edit(shop, {"do": "putFlag", "definition": {"key": "new"}})
    count = rows(shop, *LOGS)
    revert(shop, revision)
    assert (shop.contents(), shop.contents(STAGING), shop.definitions()) == before
    assert rows(shop, *LOGS) == [number + 1 for number in count]


def test_a_created_flag_stays_where_somebody_configured_it(shop: Shop) -> None:
    revision = edit(shop, {"do": "putFlag", "definition": {"key": "new"}})
    later = shop.edit({"do": "turnOn", "flag": "new"}, on=STAGING).position.revision
    assert refusal(shop, revision) == [
        f"flag 'new' in environment 'staging' was changed since, in revision {later} by Anna"
    ]


def test_a_created_flag_stays_where_somebody_configured_it_in_a_later_environment(shop: Shop) -> None:
    revision = edit(shop, {"do": "putFlag", "definition": {"key": "new"}})
    canary = EnvironmentName("shop", "canary")
    shop.environments.create_environment("shop", Environment(key="canary"), by=ANNA)
    later = shop.edit({"do": "turnOn", "flag": "new"}, on=canary).position.revision
    assert refusal(shop, revision) == [
        f"flag 'new' in environment 'canary' was changed since, in revision {later} by Anna"
    ]
    shop.edit({"do": "turnOff", "flag": "new"}, on=canary)
    revert(shop, revision)
    with pytest.raises(NotFound):
        shop.flag("new", canary)


def test_a_deleted_flag_comes_back_as_it_was_everywhere(shop: Shop) -> None:
    shop.create(name="Checkout", tags=("shop",))
    shop.edit(ON, {"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}}, on=STAGING)
    edit(shop, ON)
    before = shop.contents(), shop.contents(STAGING), shop.definitions()
    revision = edit(shop, {"do": "deleteFlag", "flag": "checkout"})
    revert(shop, revision)
    assert (shop.contents(), shop.contents(STAGING), shop.definitions()) == before


def test_a_flag_deleted_and_made_anew_in_one_change_is_restored_everywhere(shop: Shop) -> None:
    shop.create()
    shop.edit(ON, {"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}}, on=STAGING)
    edit(shop, ON)
    before = shop.contents(), shop.contents(STAGING), shop.definitions()
    revision = edit(
        shop, {"do": "deleteFlag", "flag": "checkout"}, {"do": "putFlag", "definition": {"key": "checkout"}}
    )
    after = shop.contents(), shop.contents(STAGING), shop.definitions()
    assert after[1] != before[1]
    revert(shop, revision)
    assert (shop.contents(), shop.contents(STAGING), shop.definitions()) == before
    revert(shop, revision + 1)
    assert (shop.contents(), shop.contents(STAGING), shop.definitions()) == after


def test_a_changed_definition_is_taken_back_and_configurations_stay(shop: Shop) -> None:
    shop.create(kind="string", variations=colours("red", "green"))
    definition = FlagDefinition(key="checkout", kind="string", variations=colours("red", "green", "blue"), name="x")
    shop.flags.change_definition("shop", definition, by=ANNA)
    revision = shop.revision()
    edit(shop, ON)
    shop.edit(ON, on=STAGING)
    revert(shop, revision)
    for environment in (PRODUCTION, STAGING):
        assert [variation.key for variation in shop.flag(on=environment).variations] == ["red", "green"]
        assert shop.flag(on=environment).on is True
    assert shop.definitions()[0].name == ""


def test_a_definition_changed_since_is_named(shop: Shop) -> None:
    revision = edit(shop, {"do": "putFlag", "definition": {"key": "new", "clientSide": True}})
    shop.flags.change_definition("shop", FlagDefinition(key="new", client_side=True, name="New"), by=ANNA)
    (head,) = rows(shop, project_log("shop"))
    assert refusal(shop, revision) == [f"the definition of flag 'new' was changed since, in revision {head} by Anna"]


def test_a_configuration_can_be_taken_back_after_the_definition_changed(shop: Shop) -> None:
    shop.create()
    revision = edit(shop, ON)
    shop.flags.change_definition("shop", FlagDefinition(key="checkout", client_side=True), by=ANNA)
    revert(shop, revision)
    assert (shop.flag().on, shop.flag().client_side) == (False, True)


def test_what_is_used_by_now_is_not_taken_away(shop: Shop) -> None:
    shop.create()
    segment = edit(shop, BETA)
    flag = edit(shop, {"do": "putFlag", "definition": {"key": "payments"}})
    rule = {"id": "r1", "conditions": [{"op": "inSegment", "values": ["beta"]}], "serve": {"variation": "on"}}
    required = {"flag": "payments", "variations": ["on"]}
    edit(
        shop,
        {"do": "addRule", "flag": "checkout", "rule": rule},
        {"do": "addPrerequisite", "flag": "checkout", "prerequisite": required},
    )
    with pytest.raises(SegmentStillUsed):
        revert(shop, segment)
    with pytest.raises(FlagStillRequired):
        revert(shop, flag)


def test_some_changes_are_not_for_reverting(shop: Shop) -> None:
    shop.create()
    canary = EnvironmentName("shop", "canary")
    shop.environments.create_environment("shop", Environment(key="canary"), by=ANNA)
    with pytest.raises(Conflict, match="created or deleted the environment"):
        shop.changes.revert(canary, 1, by=BERT)
    with shop.log.writing(PRODUCTION.log, by=ANNA, action="createKey") as writing:
        writing.put(PRODUCTION.log, "key", KeyRecord("0" * 64, "server"))
    with pytest.raises(Conflict, match="changed keys"):
        revert(shop, shop.revision())
    for revision in (0, -1, 99):
        with pytest.raises(NotFound):
            revert(shop, revision)


def test_a_reversal_sent_twice_is_one_change(shop: Shop) -> None:
    shop.create()
    revision = edit(shop, ON)
    once = Idempotency("k1", "f1")
    first = shop.changes.revert(PRODUCTION, revision, by=BERT, idempotency=once)
    assert shop.changes.revert(PRODUCTION, revision, by=BERT, idempotency=once) == first
    assert shop.revision() == revision + 1


def test_a_reversal_reaches_the_environments_that_are_left(shop: Shop) -> None:
    revision = edit(shop, {"do": "putFlag", "definition": {"key": "new"}})
    shop.environments.delete_environment(STAGING, confirm="staging", by=ANNA)
    revert(shop, revision)
    assert shop.definitions() == []
    assert shop.contents() == {}


def test_a_rule_of_the_log_is_that_edits_say_before_and_after(shop: Shop) -> None:
    shop.create()
    revision = edit(shop, {"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}})
    (made,) = shop.change_views.change(PRODUCTION, revision).change.edits
    (undone,) = shop.change_views.change(PRODUCTION, revert(shop, revision)).change.edits
    assert isinstance(made, Edit)
    assert undone.before == made.after
    assert shop.flag().fallthrough == Serve("on")
