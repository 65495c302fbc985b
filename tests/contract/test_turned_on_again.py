"""Who turns a flag off hears what would turn it on again by itself, over both storages; and so it comes."""

from datetime import timedelta

import pytest

from pennon.control.changes.service import ChangeService
from pennon.control.log import Outcome
from pennon.control.requests.foreseeing import turning_on as by_requests
from pennon.control.schedules.foreseeing import turning_on as by_schedules
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.contract.shop import PRODUCTION, STAGING, Shop
from tests.contract.test_schedules import CRITICAL, NIGHT, OFF, ON, Planned
from tests.contract.test_timed_requests import NOON, Proposed
from tests.editing import read_edits

SET = {"do": "setConfiguration", "flag": "checkout", "configuration": {"on": True, "fallthrough": {"variation": "on"}}}


@pytest.fixture
def watched(shop: Shop) -> Shop:
    """The shop, with a flag that is off, in which changes are told what is foreseen."""
    shop.changes = ChangeService(shop.log, new_salt=shop.salt, foreseeing=(by_schedules, by_requests))
    shop.create()
    return shop


@pytest.fixture
def planned(storage: Storage, clock: HandClock, watched: Shop) -> Planned:
    clock.time = NOON - timedelta(days=2)
    return Planned(storage, clock, watched)


def said(outcome: Outcome) -> list[str]:
    found = [warning for warning in outcome.warnings if warning.code == "turns-on-again"]
    assert all(warning.path == "/flags/checkout/on" for warning in found)
    return [f"{warning.message} → {warning.mend}" for warning in found]


@pytest.mark.parametrize("was_on", [False, True])
def test_a_schedule_that_will_turn_it_on_is_named_with_its_time_and_how_to_hold_it(
    planned: Planned, was_on: bool
) -> None:
    made = planned.once(ON)
    if was_on:
        planned.shop.edit(ON)
    outcome = planned.shop.edit(OFF)
    assert outcome.changed is was_on
    time = f"{planned.clock.now() + timedelta(hours=1):%Y-%m-%d %H:%M} UTC"
    assert said(outcome) == [
        f"schedule {made.key} (Launch) turns flag 'checkout' on at {time} → "
        f"pause it, if the flag is to stay off: pennon schedule pause {made.key} --env production"
    ]
    planned.tend(minutes=61)
    assert planned.shop.flag().on


def test_what_the_kill_switch_stops_by_itself_is_not_told(planned: Planned) -> None:
    planned.shop.edit(ON)
    made = planned.once(CRITICAL, OFF, ON)  # planned on a flag that is on
    assert said(planned.shop.edit(OFF)) == []
    planned.tend(minutes=61)
    assert planned.state(made) == ("failed", "failed")
    assert not planned.shop.flag().on


def test_a_window_that_opens_again_is_told_as_long_as_it_goes_on(planned: Planned) -> None:
    window = planned.make(NIGHT)
    assert [text.partition(" → ")[0] for text in said(planned.shop.edit(OFF))] == [
        f"schedule {window.key} (Launch) turns flag 'checkout' on at 2026-11-14 21:00 UTC"
    ]
    planned.service.pause_schedule(PRODUCTION, window.key, by=planned.anna)
    assert said(planned.shop.edit(OFF)) == []


@pytest.mark.parametrize("edits", [(SET,), (OFF, ON)])
def test_however_it_turns_it_on(planned: Planned, edits: tuple[dict[str, object], ...]) -> None:
    planned.once(*edits)
    assert len(said(planned.shop.edit(OFF))) == 1


def test_other_flags_other_edits_and_other_environments_are_not_told(planned: Planned) -> None:
    planned.shop.create("other")
    planned.once(CRITICAL)
    planned.once({"do": "turnOn", "flag": "other"})
    planned.once(ON, {"do": "setCritical", "flag": "checkout", "critical": True}, OFF)
    assert said(planned.shop.edit(OFF)) == []
    planned.once(ON)
    assert said(planned.shop.edit(OFF, on=STAGING)) == []
    assert said(planned.shop.edit(CRITICAL)) == []


def test_before_it_is_turned_off_the_same_is_foreseen(planned: Planned) -> None:
    planned.once(ON)
    planned.shop.edit(ON)
    foreseen = planned.shop.changes.foresee(PRODUCTION, "checkout")
    preview = planned.shop.changes.preview(PRODUCTION, read_edits([OFF]))
    assert planned.shop.flag().on
    assert foreseen == planned.shop.edit(OFF).warnings == preview.warnings
    assert len(foreseen) == 1


def test_a_request_with_a_time_is_told_too(storage: Storage, clock: HandClock, watched: Shop) -> None:
    clock.time = NOON - timedelta(days=2)
    proposed = Proposed(storage, clock, watched)
    made = proposed.propose(ON)
    proposed.propose(ON, on=(STAGING,))
    assert said(watched.edit(OFF)) == [
        f"request {made.key} (Launch) turns flag 'checkout' on at 2026-11-16 12:00 UTC → "
        f"withdraw it, if the flag is to stay off: pennon request withdraw {made.key}"
    ]
    proposed.approve(made)
    proposed.tend()
    assert watched.flag().on
    assert said(watched.edit(OFF)) == []
