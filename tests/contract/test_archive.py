"""Archiving flags and restoring them, over every storage."""

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pennon.control.environments.views import Environment
from pennon.control.errors import (
    ChangedSince,
    FlagArchived,
    FlagStillRequired,
    Invalid,
    NotConfirmed,
    NotFound,
    PreconditionFailed,
)
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition, configuration_of
from pennon.control.flags.project import HowRestored
from pennon.control.lifecycle.views import LifecycleViews
from pennon.control.log import EnvironmentName, Outcome, project_log
from pennon.control.storage import Storage
from pennon.model import Flag, Serve
from tests.contract.shop import ANNA, BERT, PRODUCTION, STAGING, Shop, paths

_NUMBERS = count(1)
BETA = {"id": "r1", "conditions": [{"op": "inSegment", "values": ["beta"]}], "serve": {"variation": "on"}}


@pytest.fixture
def rolled(shop: Shop) -> Shop:
    """A shop whose flag is on in production, for a segment, and off in staging."""
    shop.create(owner="payments")
    shop.edit(
        {"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}},
        {"do": "turnOn", "flag": "checkout"},
        {"do": "addRule", "flag": "checkout", "rule": BETA},
        {"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}},
    )
    return shop


def archive(shop: Shop, key: str = "checkout") -> Outcome:
    return shop.flags.archive_flag("shop", key, by=BERT, why="rolled out")


def restore(shop: Shop, how: HowRestored = "off") -> Outcome:
    return shop.flags.restore_flag("shop", "checkout", how=how, by=ANNA)


def kept_in(shop: Shop, environment: EnvironmentName = PRODUCTION) -> Flag | None:
    with shop.log.reading() as reading:
        stored = reading.item(environment.log, "archivedFlag", "checkout")
    return None if stored is None else stored.read(Flag)


def sentences(shop: Shop, revision: int) -> tuple[str, ...]:
    return tuple(each for item in shop.change_views.change(PRODUCTION, revision).items for each in item.sentences)


def check_logs(shop: Shop) -> None:
    for log in (project_log("shop"), PRODUCTION.log, STAGING.log):
        assert shop.log.check(log).problem is None


def test_archived_flag_is_in_no_snapshot_and_environments_keep_what_they_did_with_it(rolled: Shop) -> None:
    before = rolled.flag()
    archive(rolled)
    for environment in (PRODUCTION, STAGING):
        assert "flag" not in rolled.contents(environment)
    kept = kept_in(rolled)
    assert kept is not None
    assert configuration_of(kept) == configuration_of(before)
    assert rolled.flag_views.definition("shop", "checkout").read(FlagDefinition).archived
    assert rolled.flag_views.definitions("shop").items == ()
    with pytest.raises(NotFound, match="archived"):
        rolled.flag()
    check_logs(rolled)


def test_it_is_told_when_and_by_whom_a_flag_was_archived(rolled: Shop) -> None:
    rolled.create("other")
    archive(rolled)
    (found,) = LifecycleViews(rolled.log, rolled.flag_views).archived("shop").items
    assert (found.definition.key, found.definition.owner) == ("checkout", "payments")
    assert (found.change.actor, found.change.why) == (BERT, "rolled out")


@pytest.mark.parametrize("how", ["off", "asItWas"])
def test_restored_flag_is_as_it_was_and_off_unless_told_otherwise(rolled: Shop, how: HowRestored) -> None:
    before = {name: rolled.flag(on=name) for name in (PRODUCTION, STAGING)}
    archive(rolled)
    restore(rolled, how)
    for name, flag in before.items():
        now = rolled.flag(on=name)
        wanted = flag if how == "asItWas" else replace(flag, on=False)
        assert configuration_of(now) == configuration_of(wanted)
        assert now.version == flag.version + 1  # no version names two texts
        assert kept_in(rolled, name) is None
    check_logs(rolled)


def test_flag_restored_as_new_needs_nothing_that_is_gone(rolled: Shop) -> None:
    salt = rolled.flag().salt
    archive(rolled)
    rolled.edit({"do": "deleteSegment", "segment": "beta"})
    with pytest.raises(Invalid) as refused:
        restore(rolled)
    assert paths(refused) == ["/environments/production/flags/checkout/rules/0/conditions/0/values/0"]
    restore(rolled, "new")
    flag = rolled.flag()
    assert (flag.on, flag.rules, flag.fallthrough) == (False, (), Serve("on"))
    assert flag.salt != salt


def test_archiving_and_restoring_twice_change_nothing_the_second_time(rolled: Shop) -> None:
    assert archive(rolled).changed
    assert not archive(rolled).changed
    assert restore(rolled).changed
    assert not restore(rolled, "asItWas").changed
    assert not rolled.flag().on


def test_key_of_an_archived_flag_is_reserved(rolled: Shop) -> None:
    archive(rolled)
    with pytest.raises(FlagArchived, match="restore it, or choose another key"):
        rolled.create()
    with pytest.raises(Invalid) as refused:
        rolled.edit({"do": "putFlag", "definition": {"key": "checkout"}})
    assert paths(refused) == ["/edits/0/definition/key"]


def test_nothing_of_an_archived_flag_is_changed(rolled: Shop) -> None:
    archive(rolled)
    with pytest.raises(FlagArchived):
        rolled.flags.change_definition("shop", FlagDefinition(key="checkout", name="New"), by=ANNA)
    with pytest.raises(FlagArchived):
        rolled.flags.set_configuration(PRODUCTION, "checkout", FlagConfiguration(fallthrough=Serve("on")), by=ANNA)
    with pytest.raises(Invalid, match="restoreFlag") as refused:
        rolled.edit({"do": "turnOn", "flag": "checkout"})
    assert paths(refused) == ["/edits/0/flag"]


def test_definition_does_not_archive_by_saying_so(rolled: Shop) -> None:
    with pytest.raises(Invalid) as refused:
        rolled.flags.change_definition("shop", FlagDefinition(key="checkout", archived=True), by=ANNA)
    assert paths(refused) == ["/archived"]
    with pytest.raises(Invalid) as refused:
        rolled.edit({"do": "putFlag", "definition": {"key": "checkout", "archived": True}})
    assert paths(refused) == ["/edits/0/definition/archived"]


def test_flag_that_others_require_is_not_archived(rolled: Shop) -> None:
    rolled.create("pay")
    rolled.edit(
        {"do": "setPrerequisites", "flag": "pay", "prerequisites": [{"flag": "checkout", "variations": ["on"]}]}
    )
    with pytest.raises(FlagStillRequired, match="pay"):
        archive(rolled)
    archive(rolled, "pay")  # what is archived requires nothing any more
    archive(rolled)


def test_archiving_takes_the_version_that_was_seen(rolled: Shop) -> None:
    with pytest.raises(PreconditionFailed):
        rolled.flags.archive_flag("shop", "checkout", expected=7, by=ANNA)
    with pytest.raises(NotFound):
        archive(rolled, "none")


def test_archiving_is_an_edit_beside_others(rolled: Shop) -> None:
    outcome = rolled.edit({"do": "archiveFlag", "flag": "checkout"}, {"do": "deleteSegment", "segment": "beta"})
    assert sentences(rolled, outcome.position.revision) == ("flag checkout archived", "segment beta deleted")
    rolled.edit(
        {"do": "putSegment", "segment": {"key": "beta"}}, {"do": "restoreFlag", "flag": "checkout", "how": "asItWas"}
    )
    assert rolled.flag().on
    with pytest.raises(Invalid) as refused:
        rolled.edit({"do": "archiveFlag", "flag": "none"})
    assert paths(refused) == ["/edits/0/flag"]


def test_preview_and_log_tell_of_archiving_in_one_sentence(rolled: Shop) -> None:
    before = rolled.revision()
    edits: list[Any] = [{"do": "archiveFlag", "flag": "checkout"}]
    preview = rolled.preview(*edits)
    assert [(item.kind, item.what) for item in preview.items] == [("definition", "changed"), ("flag", "archived")]
    assert [item.sentences for item in preview.items] == [
        ("definition of flag checkout: archived",),
        ("flag checkout archived",),
    ]
    archive(rolled)
    restore(rolled)
    assert sentences(rolled, before + 1) == ("flag checkout archived",)
    assert sentences(rolled, before + 2) == ("flag checkout restored", "flag checkout: turned off")
    (item,) = rolled.change_views.difference(PRODUCTION, before, before + 1).items
    assert (item.what, item.sentences) == ("archived", ("flag checkout archived",))
    history = rolled.change_views.changes(PRODUCTION, item=("flag", "checkout")).items
    assert [report.items[0].what for report in history[:2]] == ["restored", "archived"]
    assert set(rolled.change_views.snapshot(PRODUCTION, revision=before).flags) == {"checkout"}
    assert set(rolled.change_views.snapshot(PRODUCTION, revision=before + 1).flags) == set()


def test_reverting_archiving_brings_the_flag_back_as_it_was(rolled: Shop) -> None:
    before = {name: rolled.contents(name) for name in (PRODUCTION, STAGING)}
    archive(rolled)
    rolled.changes.revert(PRODUCTION, rolled.revision(), by=ANNA)
    assert {name: rolled.contents(name) for name in before} == before
    assert not rolled.flag_views.definition("shop", "checkout").read(FlagDefinition).archived
    check_logs(rolled)


def test_reverting_a_restore_archives_again_with_what_was_kept(rolled: Shop) -> None:
    archive(rolled)
    kept = kept_in(rolled)
    restore(rolled)
    rolled.changes.revert(PRODUCTION, rolled.revision(), by=ANNA)
    now = kept_in(rolled)
    assert now is not None
    assert kept is not None
    assert now.on
    assert configuration_of(now) == configuration_of(kept)
    assert "flag" not in rolled.contents(STAGING)
    check_logs(rolled)


def test_restore_on_which_later_changes_stand_is_not_reverted(rolled: Shop) -> None:
    archive(rolled)
    restored = restore(rolled)
    revision = rolled.revision()
    assert restored.changed
    rolled.edit({"do": "turnOn", "flag": "checkout"})
    with pytest.raises(ChangedSince):
        rolled.changes.revert(PRODUCTION, revision, by=ANNA)


def test_environment_made_meanwhile_has_the_flag_after_it_is_restored(rolled: Shop) -> None:
    archive(rolled)
    canary = EnvironmentName("shop", "canary")
    rolled.environments.create_environment("shop", Environment(key="canary"), by=ANNA)
    assert rolled.contents(canary) == {}
    restore(rolled, "asItWas")
    assert not rolled.flag(on=canary).on
    assert rolled.flag().on


def test_deleting_takes_the_key_once_more_and_frees_it(rolled: Shop) -> None:
    for confirm in (None, "", "chekout"):
        with pytest.raises(NotConfirmed, match="confirm with the key 'checkout', or archive it"):
            rolled.flags.delete_flag("shop", "checkout", confirm=confirm, by=ANNA)
    archive(rolled)
    rolled.flags.delete_flag("shop", "checkout", confirm="checkout", by=ANNA)
    assert kept_in(rolled) is None
    rolled.create()
    assert not rolled.flag().on
    check_logs(rolled)


def test_deletion_of_an_archived_flag_is_reverted_to_an_archived_flag(rolled: Shop) -> None:
    archive(rolled)
    kept = kept_in(rolled)
    rolled.flags.delete_flag("shop", "checkout", confirm="checkout", by=ANNA)
    assert sentences(rolled, rolled.revision()) == ("archived flag checkout deleted",)
    rolled.changes.revert(PRODUCTION, rolled.revision(), by=ANNA)
    now = kept_in(rolled)
    assert now is not None
    assert kept is not None
    assert configuration_of(now) == configuration_of(kept)
    assert "flag" not in rolled.contents()
    restore(rolled)


SERVES = st.one_of(
    st.sampled_from([{"variation": "on"}, {"variation": "off"}]),
    st.integers(0, 10).map(
        lambda n: {
            "split": {
                "weights": [
                    {"variation": "on", "weight": n * 10_000},
                    {"variation": "off", "weight": 100_000 - n * 10_000},
                ]
            }
        }
    ),
)
EDITS = st.lists(
    st.one_of(
        st.sampled_from(["turnOn", "turnOff", "newSalt"]).map(lambda word: {"do": word}),
        st.builds(lambda serve: {"do": "setFallthrough", "serve": serve}, SERVES),
        st.builds(lambda value: {"do": "addTarget", "variation": "on", "values": [value]}, st.sampled_from("abc")),
        st.builds(lambda is_critical: {"do": "setCritical", "critical": is_critical}, st.booleans()),
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=settings().max_examples // 6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(production=EDITS, staging=EDITS)
def test_archiving_and_restoring_keeps_whatever_environments_did(
    storage: Storage, production: list[dict[str, Any]], staging: list[dict[str, Any]]
) -> None:
    shop = Shop(storage.log, f"shop{next(_NUMBERS)}")
    shop.open()
    shop.flags.create_flag(shop.project, FlagDefinition(key="f"), by=ANNA)
    for name, edits in ((shop.production, production), (shop.staging, staging)):
        shop.edit(*(edit | {"flag": "f"} for edit in edits), on=name)
    before = {name: shop.contents(name) for name in (shop.production, shop.staging)}
    shop.flags.archive_flag(shop.project, "f", by=ANNA)
    assert all("flag" not in shop.contents(name) for name in before)
    shop.flags.restore_flag(shop.project, "f", how="asItWas", by=ANNA)
    assert {name: shop.contents(name) for name in before} == before
    for name in before:
        assert shop.log.check(name.log).problem is None
        at = [shop.change_views.snapshot(name, revision=revision).flags for revision in range(1, shop.revision(name))]
        assert [set(flags) for flags in at[-1:]] == [set()]
