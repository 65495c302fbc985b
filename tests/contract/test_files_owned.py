"""What files own is changed by them only, on every storage."""

from collections.abc import Mapping

import pytest

from pennon.control.access.credentials import NewToken
from pennon.control.access.service import TokenService
from pennon.control.changes.service import ChangeService
from pennon.control.clock import Clock
from pennon.control.environments.gate import Gate
from pennon.control.environments.ownership import FilesOwner, Origin
from pennon.control.environments.protection import Leave, Protection
from pennon.control.environments.views import Environment
from pennon.control.errors import Forbidden, Protected, TurnedOffSince
from pennon.control.files.service import FileService
from pennon.control.files.work import Orders
from pennon.control.log import SYSTEM, Actor
from pennon.control.requests.service import Draft, RequestService
from pennon.control.storage import Storage
from tests.contract.repository import ORIGIN, Repository
from tests.contract.shop import ANNA, BERT, PRODUCTION, STAGING, Shop
from tests.editing import read_edits


@pytest.fixture
def gated(shop: Shop, clock: Clock, storage: Storage) -> Repository:
    """A shop whose production belongs to its files."""
    shop.create()
    owned = Environment(key="production", files=FilesOwner(source=ORIGIN.source))
    shop.environments.describe_environment("shop", owned, by=SYSTEM)
    permit = Gate(clock).permit
    shop.changes = ChangeService(shop.log, new_salt=shop.salt, permit=permit)
    return Repository(shop, FileService(shop.log, new_salt=shop.salt, permit=permit))


@pytest.fixture
def holders(shop: Shop, clock: Clock, storage: Storage) -> Mapping[str, Actor]:
    """Somebody of each role."""
    tokens = TokenService(shop.log, clock, storage.last_used)
    roles = ("reader", "developer", "releaseManager", "administrator")
    issued = {role: tokens.create_token(NewToken(name=role, role=role), by=SYSTEM).token for role in roles}
    return {role: Actor("token", token.key, role) for role, token in issued.items()}


def test_what_files_own_is_changed_by_them_only(shop: Shop, gated: Repository, holders: Mapping[str, Actor]) -> None:
    manager = holders["releaseManager"]
    with pytest.raises(Protected) as refused:
        shop.edit({"do": "turnOn", "flag": "checkout"}, by=manager)
    assert "change flags/checkout.yaml there and merge" in str(refused.value)
    shop.edit({"do": "turnOn", "flag": "checkout"}, by=manager, on=STAGING)
    gated.pull()
    gated.write("flags/checkout.yaml", 'production:\n    "on": false', 'production:\n    "on": true')
    with pytest.raises(Forbidden):
        gated.apply(by=holders["reader"])
    with pytest.raises(Protected, match="these are of git@host:team/other"):
        gated.apply(by=manager, origin=Origin(source="git@host:team/other"))
    gated.apply(by=manager)
    shop.edit({"do": "turnOff", "flag": "checkout"}, by=manager)
    assert not shop.flag().on


def test_the_files_own_what_flags_are_once_they_own_an_environment(
    shop: Shop, gated: Repository, holders: Mapping[str, Actor]
) -> None:
    manager = holders["releaseManager"]
    definition = {"do": "putFlag", "definition": {"key": "checkout", "owner": "team-pay"}}
    with pytest.raises(Protected, match=r"change flags/checkout\.yaml"):
        shop.edit(definition, by=manager, on=STAGING)
    shop.edit({"do": "putFlag", "definition": {"key": "new"}}, by=manager, on=STAGING)
    assert [each.key for each in shop.definitions()] == ["checkout", "new"]


def test_nobody_keeps_that_files_were_applied_who_could_not_apply_them(
    gated: Repository, holders: Mapping[str, Actor]
) -> None:
    with pytest.raises(Forbidden):
        gated.apply(by=holders["reader"])
    assert gated.service.standing(PRODUCTION).applied is None
    gated.apply(by=holders["releaseManager"])
    assert gated.service.standing(PRODUCTION).applied is not None


def test_breaking_the_glass_takes_a_reason(shop: Shop, gated: Repository, holders: Mapping[str, Actor]) -> None:
    leave, on = Leave(is_break_glass=True), {"do": "turnOn", "flag": "checkout"}
    with pytest.raises(Protected, match="breaking the glass takes a reason"):
        shop.edit(on, by=holders["releaseManager"], leave=leave)
    with pytest.raises(Forbidden, match=r"change\.bypass"):
        shop.edit(on, by=holders["developer"], leave=leave, on=STAGING)
    shop.edit(on, by=holders["releaseManager"], leave=leave, why="it burns")
    assert shop.flag().on


def test_files_meet_what_the_environment_demands_too(
    shop: Shop, gated: Repository, holders: Mapping[str, Actor], clock: Clock
) -> None:
    owned = Environment(
        key="production", files=FilesOwner(source=ORIGIN.source), protection=Protection(approvals=1, why=True)
    )
    shop.environments.describe_environment("shop", owned, by=SYSTEM)
    gated.pull()
    gated.apply(by=holders["releaseManager"])  # nothing is changed, so nothing is demanded
    gated.write("flags/checkout.yaml", 'production:\n    "on": false', 'production:\n    "on": true')
    with pytest.raises(Protected, match="changes here take 1 approval"):
        gated.apply(by=holders["releaseManager"])
    permit = Gate(clock).permit
    requests = RequestService(shop.log, shop.changes, clock, new_salt=shop.salt, permit=permit)
    found = gated.service.proposal("shop", gated.document, Orders(origin=ORIGIN))
    draft = Draft(title="Launch", changes=found.changes, files=found.applied)
    made = requests.create_request("shop", draft, by=holders["developer"]).item
    assert made is not None
    requests.review_request("shop", made.key, "approved", by=holders["administrator"])
    requests.apply_request("shop", made.key, by=holders["releaseManager"])
    assert shop.flag().on
    assert shop.change_views.changes(PRODUCTION, limit=1).items[0].change.action == "applyFiles"
    standing = gated.service.standing(PRODUCTION)
    assert standing.drift == ()
    assert not gated.plan().changed


def test_a_request_of_files_that_was_edited_by_hand_is_none_any_more(
    shop: Shop, gated: Repository, holders: Mapping[str, Actor], clock: Clock
) -> None:
    gated.pull()
    gated.write("flags/checkout.yaml", 'production:\n    "on": false', 'production:\n    "on": true')
    requests = RequestService(shop.log, shop.changes, clock, new_salt=shop.salt, permit=Gate(clock).permit)
    found = gated.service.proposal("shop", gated.document, Orders(origin=ORIGIN))
    draft = Draft(title="Launch", changes=found.changes, files=found.applied)
    made = requests.create_request("shop", draft, by=holders["developer"]).item
    assert made is not None
    edits = read_edits([{"do": "setCritical", "flag": "checkout", "critical": True}])
    by_hand = Draft(title="Launch", changes=(("production", edits),))
    requests.edit_request("shop", made.key, by_hand, by=holders["developer"])
    with pytest.raises(Protected, match="it belongs to the files"):
        requests.apply_request("shop", made.key, by=holders["releaseManager"])


def test_a_request_of_files_changes_the_same_as_applying_them(shop: Shop, clock: Clock) -> None:
    for key in ("checkout", "old", "kept"):
        shop.create(key)
    for name in (PRODUCTION, STAGING):
        shop.edit({"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}}, on=name)
    repository = Repository(shop)
    repository.write("flags/checkout.yaml", "key: checkout", "key: checkout\nowner: team-pay")
    repository.write("flags/kept.yaml", "key: kept", "key: kept\ntags: [x]")
    repository.write("flags/checkout.yaml", '"on": false', '"on": true')
    repository.write("segments/production/beta.yaml", "[u1]", "[u2]")
    del repository.files["flags/old.yaml"], repository.files["segments/staging/beta.yaml"]
    repository.files["flags/new.yaml"] = (
        'key: new\nenvironments:\n  staging:\n    "on": true\n    salt: s\n    fallthrough: {variation: "on"}\n'
    )
    requests = RequestService(shop.log, shop.changes, clock, new_salt=shop.salt)
    found = repository.service.proposal("shop", repository.document, Orders(prune=True))
    draft = Draft(title="All of it", changes=found.changes, files=found.applied)
    made = requests.create_request("shop", draft, by=ANNA).item
    assert made is not None
    requests.apply_request("shop", made.key, by=BERT)
    assert not repository.plan(prune=True).changed
    assert [each.key for each in shop.definitions()] == ["checkout", "kept", "new"]


def test_what_files_keep_off_by_a_request_is_not_turned_on_by_the_next(shop: Shop, clock: Clock) -> None:
    shop.create()
    shop.edit({"do": "turnOn", "flag": "checkout"})
    repository = Repository(shop)
    repository.apply()
    shop.edit({"do": "turnOff", "flag": "checkout"})
    repository.write("flags/checkout.yaml", "key: checkout", "key: checkout\nowner: team-pay")
    with pytest.raises(TurnedOffSince):
        repository.service.proposal("shop", repository.document)
    found = repository.service.proposal("shop", repository.document, Orders(keep_off=True))
    requests = RequestService(shop.log, shop.changes, clock, new_salt=shop.salt)
    made = requests.create_request("shop", Draft(title="x", changes=found.changes, files=found.applied), by=ANNA).item
    assert made is not None
    requests.apply_request("shop", made.key, by=BERT)
    with pytest.raises(TurnedOffSince):
        repository.apply()
