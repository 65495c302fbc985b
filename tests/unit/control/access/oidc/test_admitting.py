"""Who comes by the provider has one account, which says what the provider says of him now."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing
from msgspec.structs import replace

from pennon.control.access import views
from pennon.control.access.accounts import AccountService
from pennon.control.access.oidc.admitting import admitted
from pennon.control.access.oidc.claims import Person
from pennon.control.access.people import Account, Identity
from pennon.control.access.permissions import Grant, Role, Where
from pennon.control.access.roles import RoleService
from pennon.control.log import INSTALLATION, SYSTEM
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.storages import sqlite_storage

ANNE = Person(
    identity=Identity("https://id.shop.example", "1"),
    wish="anne",
    name="Anne",
    email="anne@shop.example",
    grants=(Grant(role="developer", project="shop"),),
)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, HandClock()) as storage:
        ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
        yield storage


def accounts(storage: Storage) -> list[Account]:
    with storage.log.reading() as reading:
        return views.accounts(reading)


def revision(storage: Storage) -> int:
    with storage.log.reading() as reading:
        head = reading.head(INSTALLATION)
    assert head is not None
    return head.revision


def test_who_comes_again_changes_nothing_unless_the_provider_says_something_else(storage: Storage) -> None:
    first = admitted(storage.log, ANNE)
    assert (first.key, first.name, first.email, first.provider_grants) == ("anne", "Anne", ANNE.email, ANNE.grants)
    before = revision(storage)
    assert admitted(storage.log, ANNE).identity == first.identity
    assert revision(storage) == before
    changed = admitted(storage.log, replace(ANNE, name="Anne B.", email="", grants=()))
    assert (changed.name, changed.email, changed.provider_grants) == ("Anne B.", ANNE.email, ())
    assert revision(storage) == before + 1
    assert [each.key for each in accounts(storage)] == ["anne"]


def test_the_same_subject_of_another_provider_is_another_person(storage: Storage) -> None:
    admitted(storage.log, ANNE)
    other = admitted(storage.log, replace(ANNE, identity=Identity("https://other.example", "1")))
    assert other.key.startswith("anne-")
    longer = admitted(storage.log, replace(ANNE, identity=Identity("https://id.shop.example", "11")))
    assert len({each.key for each in accounts(storage)} | {longer.key}) == 3


@pytest.mark.parametrize("subject", ['a"b\\c', "ж", "1%_", "x" * 255])
def test_subjects_are_found_whatever_is_in_them(storage: Storage, subject: str) -> None:
    person = replace(ANNE, identity=Identity("https://id.shop.example", subject))
    assert admitted(storage.log, person).key == admitted(storage.log, person).key == "anne"
    assert len(accounts(storage)) == 1


def test_two_that_come_at_once_are_one(storage: Storage) -> None:
    ready, found = threading.Barrier(4), []

    def come() -> None:
        ready.wait()
        found.append(admitted(storage.log, ANNE).key)

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["anne"] * 4
    assert len(accounts(storage)) == 1


def test_one_that_is_disabled_stays_as_it_is(storage: Storage) -> None:
    account = admitted(storage.log, ANNE)
    AccountService(storage.log, storage.doors).change_account(replace(account, disabled=True), by=SYSTEM)
    before = revision(storage)
    found = admitted(storage.log, replace(ANNE, name="Another", grants=()))
    assert (found.disabled, found.name, found.provider_grants) == (True, "Anne", ANNE.grants)
    assert revision(storage) == before


def test_a_grant_of_what_is_not_there_is_left_out_and_told(storage: Storage) -> None:
    grants = (Grant(role="king"), Grant(role="reader", project="gone"), *ANNE.grants)
    with structlog.testing.capture_logs() as logged:
        assert admitted(storage.log, replace(ANNE, grants=grants)).provider_grants == ANNE.grants
    assert {entry["fault"] for entry in logged} == {"there is no role 'king'", "there is no project 'gone'"}


def test_grants_of_a_project_go_with_it(storage: Storage) -> None:
    account = admitted(storage.log, ANNE)
    ProjectService(storage.log).delete_project("shop", confirm="shop", by=SYSTEM)
    ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
    with storage.log.reading() as reading:
        found = views.principal_of(reading, views.account(reading, account.key))
    assert not found.may("read", Where("shop"))


def test_a_role_that_only_the_provider_gives_can_be_deleted_and_gives_nothing(storage: Storage) -> None:
    roles = RoleService(storage.log)
    roles.create_role(Role(key="night", permissions=("read",)), by=SYSTEM)
    account = admitted(storage.log, replace(ANNE, grants=(Grant(role="night"),)))
    assert account.provider_grants
    roles.delete_role("night", by=SYSTEM)
    with storage.log.reading() as reading:
        assert views.principal_of(reading, views.account(reading, account.key)).holdings == ()
