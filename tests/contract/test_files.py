"""Files are planned and applied as one change, on every storage."""

import threading

import pytest

from pennon.control.access.credentials import NewKey
from pennon.control.access.keys import KeyService
from pennon.control.clock import Clock
from pennon.control.environments.ownership import Origin
from pennon.control.environments.views import Environment
from pennon.control.errors import (
    FilesOutdated,
    FlagStillRequired,
    Invalid,
    PennonError,
    TurnedOffSince,
    VariationStillServed,
)
from pennon.control.files.plan import Revisions
from pennon.control.files.service import Standing
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.log import Outcome
from tests.contract.repository import ORIGIN, Repository, heads, said
from tests.contract.shop import ANNA, BERT, PRODUCTION, STAGING, Shop, paths


@pytest.fixture
def repository(shop: Shop) -> Repository:
    shop.create("checkout", owner="team-shop")
    shop.edit({"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}})
    shop.edit({"do": "turnOn", "flag": "checkout"})
    repository = Repository(shop)
    repository.apply()
    return repository


def test_a_plan_tells_what_would_become_of_what(shop: Shop, repository: Repository) -> None:
    repository.write("flags/checkout.yaml", "owner: team-shop", "owner: team-pay")
    repository.write("segments/production/beta.yaml", "[u1]", "[u1, u2]")
    repository.files["flags/search.yaml"] = (
        'key: search\nenvironments:\n  production:\n    "on": true\n    fallthrough: {variation: "on"}\n'
    )
    before = heads(shop)
    plan = repository.plan()
    assert said(plan) == [
        "definition of flag checkout: owner is team-pay (was team-shop)",
        "definition of flag search created",
        "flag search created, on",
        "flag search: off variation is the caller's default (was off)",
        "segment beta: u2 included",
        "flag search created, off",
    ]
    assert heads(shop) == before
    assert repository.apply(why="faster").changed
    assert shop.flag("search").on
    assert not shop.flag("search", STAGING).on
    (change,) = [shop.change_views.changes(PRODUCTION, limit=1).items[0].change]
    assert (change.action, change.why) == ("applyFiles", "commit 1a2b3c4d5e6f of git@host:team/flags: faster")
    assert change.change_id == shop.change_views.changes(STAGING, limit=1).items[0].change.change_id


def test_what_is_not_in_the_files_stays_unless_they_prune(shop: Shop, repository: Repository) -> None:
    shop.create("other")
    shop.edit({"do": "putSegment", "segment": {"key": "old"}}, on=STAGING)
    assert not repository.plan().changed
    assert repository.plan().absent == ((None, ("flag", "other")), ("staging", ("segment", "old")))
    assert said(repository.plan(prune=True)) == [
        "definition of flag other deleted",
        "flag other deleted",
        "flag other deleted",
        "segment old deleted",
    ]
    repository.apply(prune=True)
    assert [each.key for each in shop.definitions()] == ["checkout"]


def test_an_archived_flag_is_in_no_files_and_cannot_be_in_them(shop: Shop, repository: Repository) -> None:
    shop.edit({"do": "archiveFlag", "flag": "checkout"})
    with pytest.raises(Invalid) as refused:
        repository.plan()
    assert paths(refused) == ["/flags/checkout"]
    repository.pull()
    assert "flags/checkout.yaml" not in repository.files
    assert not repository.plan(prune=True).changed


def test_files_of_some_environments_leave_the_others_alone(shop: Shop, repository: Repository) -> None:
    repository.pull("production")
    assert "staging" not in repository.files["flags/checkout.yaml"]
    shop.edit({"do": "turnOn", "flag": "checkout"}, on=STAGING)
    shop.edit({"do": "putSegment", "segment": {"key": "theirs"}}, on=STAGING)
    assert not repository.plan(prune=True).changed
    assert repository.plan().absent == ()


def test_files_of_some_environments_prune_no_flags(shop: Shop, repository: Repository) -> None:
    repository.pull("production")
    del repository.files["flags/checkout.yaml"], repository.files["segments/production/beta.yaml"]
    assert said(repository.plan(prune=True)) == ["segment beta deleted"]
    assert repository.plan(prune=True).absent == ((None, ("flag", "checkout")),)


def test_what_was_applied_goes_with_its_environment(shop: Shop, repository: Repository) -> None:
    shop.environments.delete_environment(PRODUCTION, confirm="production", by=ANNA)
    shop.environments.create_environment("shop", Environment(key="production"), by=ANNA)
    assert repository.service.standing(PRODUCTION) == Standing(owner=None, applied=None, drift=())


def test_a_flag_whose_environment_is_left_out_stays_as_it_is(shop: Shop, repository: Repository) -> None:
    repository.files["flags/checkout.yaml"] = "key: checkout\nowner: team-shop\n"
    plan = repository.plan()
    assert not plan.changed
    assert plan.unsaid == (("production", "checkout"), ("staging", "checkout"))


def test_everything_that_is_wrong_is_told_with_its_path(repository: Repository) -> None:
    repository.write("flags/checkout.yaml", 'offVariation: "off"', 'offVariation: "gone"')
    repository.write("segments/production/beta.yaml", "key: beta", "key: beta\nrules: [{conditions: [{op: what}]}]")
    with pytest.raises(Invalid) as refused:
        repository.plan()
    assert paths(refused) == [
        "/flags/checkout/environments/production/offVariation",
        "/segments/production/beta/rules/0/conditions/0/op",
        "/flags/checkout/environments/staging/offVariation",
    ]
    repository.pull()
    repository.write("flags/checkout.yaml", "key: checkout", "key: checkout\ntags: [a, a]")
    with pytest.raises(Invalid) as refused:
        repository.apply()
    assert paths(refused) == ["/flags/checkout/definition/tags/1"]
    repository.files["pennon.yaml"] = "format: 1\nproject: shop\nenvironments: [production, staging, gone]\n"
    with pytest.raises(Invalid) as refused:
        repository.apply()
    assert paths(refused) == ["/environments/2"]


def test_what_is_in_use_is_not_deleted(shop: Shop, repository: Repository) -> None:
    shop.create("needs", kind="boolean")
    shop.edit({"do": "addPrerequisite", "flag": "needs", "prerequisite": {"flag": "checkout", "variations": ["on"]}})
    repository.pull()
    del repository.files["flags/checkout.yaml"]
    with pytest.raises(FlagStillRequired):
        repository.plan(prune=True)
    repository.pull("staging")
    repository.write("flags/checkout.yaml", '- {key: "on", value: true}', '- {key: "new", value: true}')
    repository.write("flags/checkout.yaml", 'variation: "on"', 'variation: "new"')
    with pytest.raises(VariationStillServed):
        repository.apply()


def test_a_plan_that_others_overtook_is_refused_naming_them(shop: Shop, repository: Repository) -> None:
    repository.write("segments/production/beta.yaml", "[u1]", "[u2]")
    expected = repository.plan().revisions
    shop.edit({"do": "setCritical", "flag": "checkout", "critical": True}, why="it burns")
    before = heads(shop)
    with pytest.raises(FilesOutdated) as refused:
        repository.apply(expected=expected)
    (problem,) = refused.value.problems
    revision = before["environments/shop/production"]
    assert problem.message.startswith(
        f"Anna changed production in revision {revision}: flag checkout: critical is true"
    )
    assert heads(shop) == before


def test_nobody_is_told_of_environments_that_his_files_do_not_speak_of(shop: Shop, repository: Repository) -> None:
    repository.pull("staging")
    everything = Revisions(project=repository.plan().revisions.project, environments={"production": 0})
    repository.write("flags/checkout.yaml", '"on": false', '"on": true')
    assert repository.apply(expected=everything).changed


def test_a_key_that_was_made_meanwhile_overtakes_no_plan(shop: Shop, repository: Repository, clock: Clock) -> None:
    repository.write("segments/production/beta.yaml", "[u1]", "[u2]")
    expected = repository.plan().revisions
    KeyService(shop.log, clock).create_key([PRODUCTION], NewKey(kind="server"), by=ANNA)
    assert repository.apply(expected=expected).changed


def test_of_two_applies_at_once_one_is_told(shop: Shop, repository: Repository) -> None:
    repository.write("segments/production/beta.yaml", "[u1]", "[u2]")
    expected = repository.plan().revisions
    told: list[Outcome | PennonError] = []

    def apply() -> None:
        try:
            told.append(repository.apply(expected=expected))
        except PennonError as error:
            told.append(error)

    threads = [threading.Thread(target=apply) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(each).__name__ for each in told) == ["FilesOutdated", "Outcome"]


def test_a_command_that_breaks_off_changes_nothing(
    shop: Shop, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("flags/checkout.yaml", "owner: team-shop", "owner: team-pay")
    repository.write("segments/production/beta.yaml", "[u1]", "[u2]")
    before = heads(shop)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pennon.control.files.work.note_applied", broken)
    with pytest.raises(KeyboardInterrupt):
        repository.apply()
    assert heads(shop) == before
    assert len(said(repository.plan())) == 3


def test_what_somebody_turned_off_is_not_turned_on_without_a_word(shop: Shop, repository: Repository) -> None:
    shop.edit({"do": "turnOff", "flag": "checkout"}, why="errors")
    (kill,) = repository.plan().kills
    assert kill.change is not None
    assert (kill.flag, kill.environment, kill.change.actor.name) == ("checkout", "production", "Anna")
    with pytest.raises(TurnedOffSince) as refused:
        repository.apply()
    (problem,) = refused.value.problems
    assert problem.path == "/flags/checkout/environments/production/on"
    assert "was turned off in production by Anna (errors)" in problem.message
    with pytest.raises(TurnedOffSince):
        repository.apply(turn_on=("other",))
    repository.write("segments/production/beta.yaml", "[u1]", "[u2]")
    repository.apply(keep_off=True)
    assert not shop.flag().on
    with pytest.raises(TurnedOffSince, match=r"by Anna \(errors\)"):
        repository.apply()
    repository.apply(turn_on=("checkout",))
    assert shop.flag().on
    assert repository.plan().kills == ()


def test_what_was_archived_and_restored_is_not_turned_on_without_a_word(shop: Shop, repository: Repository) -> None:
    shop.edit({"do": "archiveFlag", "flag": "checkout"})
    shop.edit({"do": "restoreFlag", "flag": "checkout"})
    assert not shop.flag().on
    with pytest.raises(TurnedOffSince):
        repository.apply()


def test_the_end_of_an_archived_flag_is_drift(shop: Shop, repository: Repository) -> None:
    shop.edit({"do": "archiveFlag", "flag": "checkout"})
    repository.pull()
    repository.apply()
    shop.edit({"do": "deleteFlag", "flag": "checkout"})
    drifted = repository.service.standing(PRODUCTION).drift
    assert [each.changes[0].actor.name for each in drifted] == ["Anna"] * len(drifted)
    assert ("definition", "deleted") in [(each.item.kind, each.item.what) for each in drifted]


def test_what_the_files_turn_off_they_turn_on_again(shop: Shop, repository: Repository) -> None:
    repository.write("flags/checkout.yaml", '"on": true', '"on": false')
    repository.apply()
    assert not shop.flag().on
    repository.write("flags/checkout.yaml", '"on": false', '"on": true')
    repository.apply()
    assert shop.flag("checkout", STAGING).on


def test_what_was_turned_off_and_is_off_in_the_files_may_be_turned_on_by_them(
    shop: Shop, repository: Repository
) -> None:
    shop.edit({"do": "turnOff", "flag": "checkout"})
    repository.pull()
    repository.apply(origin=Origin(source=ORIGIN.source, commit="2"))
    repository.write("flags/checkout.yaml", '"on": false', '"on": true')
    repository.apply()
    assert shop.flag().on


def test_what_was_off_before_any_files_takes_a_word_too(shop: Shop) -> None:
    shop.create()
    shop.edit({"do": "turnOn", "flag": "checkout"})
    shop.edit({"do": "turnOff", "flag": "checkout"})
    repository = Repository(shop)
    repository.write("flags/checkout.yaml", '"on": false', '"on": true')
    with pytest.raises(TurnedOffSince):
        repository.apply()


def test_drift_is_what_others_changed_since(shop: Shop, repository: Repository) -> None:
    assert repository.service.standing(PRODUCTION).drift == ()
    shop.edit({"do": "setCritical", "flag": "checkout", "critical": True})
    shop.flags.change_definition("shop", FlagDefinition(key="checkout", owner="team-pay"), by=BERT)
    standing = repository.service.standing(PRODUCTION)
    assert standing.applied is not None
    assert (standing.applied.source, standing.applied.commit) == (ORIGIN.source, ORIGIN.commit)
    assert [(each.item.sentences[0], each.changes[0].actor.name) for each in standing.drift] == [
        ("definition of flag checkout: owner is team-pay (was team-shop)", "Bert"),
        ("flag checkout: critical is true", "Anna"),
    ]
    assert set(repository.plan().drift) == {"production", "staging"}
    shop.edit({"do": "setCritical", "flag": "checkout", "critical": False})
    assert [each.item.kind for each in repository.service.standing(PRODUCTION).drift] == ["definition"]
    repository.apply()
    assert repository.plan().drift == {}


def test_files_that_caught_up_with_drift_end_it(shop: Shop, repository: Repository) -> None:
    shop.edit({"do": "setCritical", "flag": "checkout", "critical": True})
    repository.pull()
    assert not repository.plan().changed
    assert repository.plan().drift
    repository.apply()
    assert repository.plan().drift == {}


def test_files_of_two_environments_share_the_flags_without_drift(shop: Shop, repository: Repository) -> None:
    repository.pull("staging")
    repository.write("flags/checkout.yaml", "owner: team-shop", "owner: team-pay")
    repository.apply()
    assert repository.service.standing(PRODUCTION).drift == ()
