"""What is read off a log: lists of changes, differences, the past. Over every storage."""

from datetime import timedelta
from itertools import pairwise, product
from typing import Any

import pytest

from pennon.control.changes.diff import FieldChange, diff_all, differing
from pennon.control.changes.views import SERVED_KINDS
from pennon.control.errors import NotFound
from pennon.control.log import EnvironmentName
from pennon.control.working.state import ARCHIVED
from pennon.model import Flag, KeyRecord, Snapshot
from pennon.protocol import digest
from tests.clock import HandClock
from tests.contract.shop import ANNA, PRODUCTION, STAGING, Shop

ON = {"do": "turnOn", "flag": "checkout"}
BETA = {"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}}


def weights(on: int) -> dict[str, Any]:
    return {"do": "setWeights", "flag": "checkout", "weights": {"on": on, "off": 100_000 - on}}


def test_changes_are_listed_newest_first_by_page_and_by_flag(shop: Shop) -> None:
    shop.create()
    shop.edit(ON)
    shop.edit(BETA)
    shop.edit(weights(10_000))
    page = shop.change_views.changes(PRODUCTION, limit=2)
    assert [report.change.action for report in page.items] == ["setWeights", "putSegment"]
    assert page.next == str(page.items[-1].change.revision)
    later = shop.change_views.changes(PRODUCTION, before=int(page.next), limit=50)
    assert [report.change.action for report in later.items][:2] == ["turnOn", "createFlag"]
    assert later.next is None
    of_flag = shop.change_views.changes(PRODUCTION, item=("flag", "checkout"))
    assert [report.change.action for report in of_flag.items] == ["setWeights", "turnOn", "createFlag"]


def test_the_history_of_a_flag_shows_nothing_of_others(shop: Shop) -> None:
    shop.create()
    shop.edit(ON, BETA)
    report = shop.change_views.changes(PRODUCTION, item=("flag", "checkout")).items[0]
    assert [item.sentences for item in report.items] == [("flag checkout: turned on",)]


def test_definitions_have_their_history_in_the_project(shop: Shop) -> None:
    shop.create(name="Checkout")
    shop.create("other")
    page = shop.change_views.project_changes("shop", flag="checkout")
    assert [report.change.action for report in page.items] == ["createFlag"]
    assert page.items[0].items[0].sentences == ("definition of flag checkout created",)
    assert len(shop.change_views.project_changes("shop", limit=3).items) == 3


def test_the_difference_of_two_revisions_is_told_item_by_item(shop: Shop) -> None:
    shop.create()
    before = shop.revision()
    shop.edit(ON, BETA)
    shop.edit({"do": "addToSegment", "segment": "beta", "keys": ["u2"]})
    shop.edit({"do": "setCritical", "flag": "checkout", "critical": True})
    difference = shop.change_views.difference(PRODUCTION, before, shop.revision())
    assert (difference.before.revision, difference.after.revision) == (before, shop.revision())
    flag, segment = difference.items
    assert (flag.kind, flag.key, flag.what) == ("flag", "checkout", "changed")
    assert flag.fields == (FieldChange("/on", before=False, after=True), FieldChange("/critical", after=True))
    assert (segment.what, segment.sentences) == ("created", ("segment beta created",))
    back = shop.change_views.difference(PRODUCTION, shop.revision(), before)
    assert [item.what for item in back.items] == ["changed", "deleted"]


def test_differences_are_those_of_the_states_whichever_way_they_are_found(shop: Shop) -> None:
    shop.create()
    shop.edit(ON, BETA)
    shop.edit({"do": "addToSegment", "segment": "beta", "keys": ["u2"]})
    shop.edit({"do": "deleteSegment", "segment": "beta"}, {"do": "turnOff", "flag": "checkout"})
    shop.flags.archive_flag("shop", "checkout", by=ANNA)
    shop.edit(BETA)
    with shop.log.reading() as reading:
        states = [reading.state_at(PRODUCTION.log, revision=each) for each in range(shop.revision() + 1)]
    for before, after in product(range(len(states)), repeat=2):
        found = shop.change_views.difference(PRODUCTION, before, after)
        kinds = (*SERVED_KINDS, ARCHIVED)
        shown = ({kind: states[at].of(kind) for kind in kinds} for at in (before, after))
        assert found.items == diff_all(differing(*shown)), (before, after)
        assert (found.before.revision, found.after.revision) == (before, after)


def test_equal_states_do_not_differ(shop: Shop) -> None:
    shop.create()
    before = shop.revision()
    shop.edit(ON)
    shop.edit({"do": "turnOff", "flag": "checkout"})
    assert shop.change_views.difference(PRODUCTION, before, shop.revision()).items == ()
    assert shop.change_views.difference(PRODUCTION, before, before).items == ()


def test_what_is_not_in_the_log_is_not_there(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.change_views.difference(PRODUCTION, 0, 99)
    with pytest.raises(NotFound):
        shop.change_views.change(PRODUCTION, 99)
    with pytest.raises(NotFound):
        shop.change_views.snapshot(PRODUCTION, revision=99)
    for ask in (shop.change_views.changes, shop.change_views.snapshot):
        with pytest.raises(NotFound, match="no environment 'gone'"):
            ask(EnvironmentName("shop", "gone"))
    with pytest.raises(NotFound, match="no project 'gone'"):
        shop.change_views.project_changes("gone")


def test_the_state_of_the_past_is_a_snapshot_as_it_was_sent_then(shop: Shop, clock: HandClock) -> None:
    shop.create()
    then = {}
    for edit in (ON, BETA, weights(10_000), {"do": "deleteSegment", "segment": "beta"}, weights(20_000)):
        clock.move(timedelta(minutes=1))
        shop.edit(edit)
        then[clock.now()] = shop.change_views.snapshot(PRODUCTION)
    for time, snapshot in then.items():
        for asked in (
            shop.change_views.snapshot(PRODUCTION, revision=snapshot.revision),
            shop.change_views.snapshot(PRODUCTION, time=time),
            shop.change_views.snapshot(PRODUCTION, time=time + timedelta(seconds=59)),
        ):
            assert asked.to_json() == snapshot.to_json()
    assert len({snapshot.digest for snapshot in then.values()}) == len(then)


def test_a_snapshot_has_the_digest_of_its_items_and_no_keys(shop: Shop) -> None:
    shop.create()
    shop.edit(ON, BETA)
    with shop.log.writing(PRODUCTION.log, by=ANNA, action="createKey") as writing:
        writing.put(PRODUCTION.log, "key", KeyRecord("0" * 64, "server"))
    snapshot = shop.change_views.snapshot(PRODUCTION)
    assert snapshot.environment == "shop/production"
    assert snapshot.digest == digest.combined({kind: snapshot.items(kind) for kind in ("flag", "segment", "layer")})
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    assert b'"keys"' not in snapshot.to_json()
    assert shop.change_views.snapshot(STAGING).digest != snapshot.digest


def test_the_log_folded_is_the_current_state(shop: Shop) -> None:
    shop.create()
    shop.edit(ON, BETA, weights(5_000))
    shop.edit({"do": "deleteFlag", "flag": "checkout"})
    shop.create()
    now = shop.change_views.snapshot(PRODUCTION)
    assert shop.change_views.snapshot(PRODUCTION, revision=now.revision) == now
    with shop.log.reading() as reading:
        changes = reading.changes(PRODUCTION.log, limit=100)
    texts: dict[tuple[str, str], bytes] = {}
    for change in changes:
        for edit in change.edits:
            assert texts.pop((edit.kind, edit.key), None) == edit.before
            if edit.after is not None:
                texts[edit.kind, edit.key] = edit.after
    assert texts == {(kind, key): item.text for kind in ("flag", "segment") for key, item in now.items(kind).items()}
    assert all(later.revision == earlier.revision + 1 for earlier, later in pairwise(changes))


def test_the_history_of_versions_has_no_gap_and_no_repetition(shop: Shop) -> None:
    shop.create()
    for on in (10_000, 20_000, 30_000):
        shop.edit(weights(on))
    reports = shop.change_views.changes(PRODUCTION, item=("flag", "checkout")).items
    lefts = [edit.left for report in reports for edit in report.change.edits if edit.key == "checkout"]
    assert [left.read(Flag).version for left in lefts if left is not None] == [4, 3, 2, 1]
