from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog.testing
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from pennon.control.access import views
from pennon.control.access.accounts import AccountService
from pennon.control.access.people import (
    SESSION_IDLE,
    SESSION_LONGEST,
    Account,
    csrf_token,
    is_csrf_token,
    masked,
    new_session_secret,
    session_key,
)
from pennon.control.access.permissions import Grant
from pennon.control.access.signing_in import FREE_FAILURES, FREE_OF_AN_ADDRESS, SignIns, nobodys
from pennon.control.errors import (
    AlreadyExists,
    Conflict,
    Invalid,
    NotFound,
    PreconditionFailed,
    TooManyAttempts,
    Unauthenticated,
)
from pennon.control.log import INSTALLATION, SYSTEM
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.storages import sqlite_storage

PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(tmp_path: Path, clock: HandClock) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, clock) as storage:
        yield storage


@pytest.fixture
def accounts(storage: Storage) -> AccountService:
    return AccountService(storage.log, storage.doors)


@pytest.fixture
def door(storage: Storage, clock: HandClock, accounts: AccountService) -> SignIns:
    accounts.create_account(Account(key="anne", name="Anne", grants=(Grant(role="developer"),)), by=SYSTEM)
    door = SignIns(storage.log, clock, storage.doors, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    door.set_password("anne", PASSWORD)
    return door


def enter(door: SignIns, password: str = PASSWORD, *, account: str = "anne", address: str = "::1") -> str:
    return door.sign_in(account, password, address=address)


def test_who_signs_in_is_known_by_the_secret_and_the_secret_is_stored_nowhere(door: SignIns, storage: Storage) -> None:
    secret = enter(door)
    session, account = door.session(secret)
    assert (account.name, session.key) == ("Anne", session_key(secret))
    assert secret != session.key
    assert enter(door) != secret
    with storage.log.reading() as reading:
        rows = reading.latest(INSTALLATION, limit=10)
    assert all(b"argon2" not in (edit.after or b"") for row in rows for edit in row.edits)


def test_whatever_is_wrong_is_said_with_the_same_words(door: SignIns, accounts: AccountService) -> None:
    accounts.create_account(Account(key="ben"), by=SYSTEM)
    accounts.create_account(Account(key="cleo", disabled=True), by=SYSTEM)
    door.set_password("cleo", PASSWORD)
    said = set()
    for account, password in [("anne", "wrong"), ("ben", PASSWORD), ("cleo", PASSWORD), ("nobody", PASSWORD)]:
        with pytest.raises(Unauthenticated) as refused:
            enter(door, password, account=account)
        said.add(str(refused.value))
    assert len(said) == 1


def test_who_guesses_waits_longer_and_longer(door: SignIns, clock: HandClock) -> None:
    with structlog.testing.capture_logs() as logged:
        for _ in range(FREE_FAILURES):
            with pytest.raises(Unauthenticated):
                enter(door, "wrong")
    assert [entry["times"] for entry in logged] == [FREE_FAILURES]
    for wait in (1, 2, 4, 8):
        with pytest.raises(TooManyAttempts) as slowed:
            enter(door)
        assert slowed.value.wait == timedelta(seconds=wait)
        clock.move(timedelta(seconds=wait))
        with pytest.raises(Unauthenticated):
            enter(door, "wrong")
    assert enter(door, address="10.0.0.1"), "a stranger keeps nobody out"
    clock.move(timedelta(minutes=16))
    assert enter(door)
    with pytest.raises(Unauthenticated):
        enter(door, "wrong")


def test_an_address_that_guesses_at_many_accounts_waits_too(door: SignIns) -> None:
    for number in range(FREE_OF_AN_ADDRESS):
        with pytest.raises(Unauthenticated):
            enter(door, account=f"guess-{number}")
    with pytest.raises(TooManyAttempts):
        enter(door)
    assert enter(door, address="10.0.0.1")


def test_a_session_ends_when_it_is_not_used_and_after_a_week_anyway(door: SignIns, clock: HandClock) -> None:
    idle, used = enter(door), enter(door)
    start = clock.now()
    while clock.now() - start < SESSION_LONGEST - SESSION_IDLE / 2:
        door.session(used)
        clock.move(SESSION_IDLE / 2)
    with pytest.raises(Unauthenticated, match="the session is over"):
        door.session(idle)
    door.session(used)
    clock.move(SESSION_IDLE / 2)
    with pytest.raises(Unauthenticated):
        door.session(used)


def test_signing_out_disabling_and_another_password_end_sessions(door: SignIns, accounts: AccountService) -> None:
    secret, other = enter(door), enter(door)
    door.sign_out(secret)
    with pytest.raises(Unauthenticated):
        door.session(secret)
    door.session(other)
    door.set_password("anne", "battery staple correct")
    with pytest.raises(Unauthenticated):
        door.session(other)
    third = enter(door, "battery staple correct")
    accounts.change_account(Account(key="anne", disabled=True), by=SYSTEM)
    with pytest.raises(Unauthenticated):
        door.session(third)


def test_an_account_of_the_same_name_is_not_entered_with_the_old_password(
    door: SignIns, accounts: AccountService
) -> None:
    secret = enter(door)
    accounts.delete_account("anne", by=SYSTEM)
    accounts.create_account(Account(key="anne"), by=SYSTEM)
    with pytest.raises(Unauthenticated):
        door.session(secret)
    with pytest.raises(Unauthenticated):
        enter(door)


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "my name is anne"])
def test_a_bad_password_is_refused_with_its_path(door: SignIns, password: str) -> None:
    with pytest.raises(Invalid) as refused:
        door.set_password("anne", password)
    assert [problem.path for problem in refused.value.problems] == ["/password"]
    with pytest.raises(NotFound):
        door.set_password("nobody", PASSWORD)
    assert enter(door)


def test_a_bad_account_is_refused_with_every_problem(accounts: AccountService) -> None:
    grants = (Grant(role="king"), Grant(role="reader", project="gone"), Grant(role="reader", environments=("x",)))
    with pytest.raises(Invalid) as refused:
        accounts.create_account(Account(key="anne", email="nobody", grants=grants), by=SYSTEM)
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["/email", "/grants/0/role", "/grants/1/project", "/grants/2/environments"]
    with pytest.raises(Invalid):
        accounts.create_account(Account(key="An ne"), by=SYSTEM)


def test_accounts_come_and_go(accounts: AccountService) -> None:
    first = accounts.create_account(Account(key="anne"), by=SYSTEM).item
    assert first is not None
    with pytest.raises(AlreadyExists):
        accounts.create_account(Account(key="anne"), by=SYSTEM)
    accounts.change_account(Account(key="anne", name="Anne"), expected=first.version, by=SYSTEM)
    with pytest.raises(PreconditionFailed):
        accounts.change_account(Account(key="anne"), expected=first.version, by=SYSTEM)
    accounts.delete_account("anne", by=SYSTEM)
    with pytest.raises(NotFound):
        accounts.delete_account("anne", by=SYSTEM)
    with pytest.raises(NotFound):
        accounts.change_account(Account(key="anne"), by=SYSTEM)


def test_a_page_of_another_site_does_not_know_the_token_of_a_session() -> None:
    secret, other = new_session_secret(), new_session_secret()
    assert is_csrf_token(secret, csrf_token(secret))
    for given in ("", csrf_token(other), secret, session_key(secret), "é"):
        assert not is_csrf_token(secret, given)


def test_a_token_that_pages_show_is_another_each_time_and_as_good() -> None:
    secret, other = new_session_secret(), new_session_secret()
    first, second = (masked(csrf_token(secret)) for _ in range(2))
    assert first != second
    assert is_csrf_token(secret, first)
    assert is_csrf_token(secret, second)
    for given in (masked(csrf_token(other)), first[:64] + second[64:], " " * 128, "é" * 128, first[:-2] + "  "):
        assert not is_csrf_token(secret, given)


class CountingHasher(PasswordHasher):
    """Counts how often it was asked. One such hash costs a thousand times what everything else does."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.asked = 0

    def verify(self, *given: Any, **named: Any) -> Literal[True]:
        self.asked += 1
        return super().verify(*given, **named)


@pytest.mark.parametrize("hasher", [PasswordHasher(), CountingHasher()])
def test_the_hash_that_no_password_has_is_checked_like_any_other(hasher: PasswordHasher) -> None:
    made = nobodys(hasher)
    assert extract_parameters(made) == extract_parameters(hasher.hash(PASSWORD))
    with pytest.raises(VerifyMismatchError):
        hasher.verify(made, PASSWORD)
    assert made != nobodys(hasher)


@pytest.mark.parametrize("provider", [None, "Shop ID"])
def test_whatever_is_wrong_costs_the_same_work(
    storage: Storage, clock: HandClock, accounts: AccountService, provider: str | None
) -> None:
    hasher = CountingHasher()
    door = SignIns(storage.log, clock, storage.doors, hasher=hasher, provider=provider)
    for key, disabled in (("anne", False), ("ben", False), ("cleo", True)):
        accounts.create_account(Account(key=key, disabled=disabled), by=SYSTEM)
    for key in ("anne", "cleo"):
        door.set_password(key, PASSWORD)
    said = set()
    for account, password in (("anne", "wrong"), ("ben", PASSWORD), ("cleo", PASSWORD), ("nobody", PASSWORD)):
        hasher.asked = 0
        with pytest.raises(Unauthenticated) as refused:
            enter(door, password, account=account)
        said.add((str(refused.value), hasher.asked))
    assert len(said) == 1
    assert {asked for _, asked in said} == {1}


def test_where_people_come_by_a_provider_a_password_is_for_emergencies(
    storage: Storage, clock: HandClock, accounts: AccountService, door: SignIns
) -> None:
    only = SignIns(storage.log, clock, storage.doors, hasher=CountingHasher(), provider="Shop ID")
    assert (only.takes_emergencies_only, door.takes_emergencies_only) == (True, False)
    for _ in range(FREE_FAILURES):
        with pytest.raises(Unauthenticated, match="sign in by Shop ID"):
            enter(only)
    with pytest.raises(TooManyAttempts):
        enter(only)
    accounts.change_account(Account(key="anne", emergency=True), by=SYSTEM)
    with structlog.testing.capture_logs() as logged:
        assert enter(only, address="10.0.0.1")
    (entry,) = logged
    assert (entry["log_level"], entry["account"], entry["address"]) == ("error", "anne", "10.0.0.1")
    with storage.log.reading() as reading:
        (change,) = reading.latest(INSTALLATION, limit=1)
        found = views.account(reading, "anne")
    assert (change.action, change.actor.id) == ("useEmergencyAccount", "anne")
    assert found.emergency_used_at == int(clock.now().timestamp())
    accounts.change_account(Account(key="anne", emergency=True, name="Anne"), by=SYSTEM)
    with storage.log.reading() as reading:
        assert views.account(reading, "anne").emergency_used_at == found.emergency_used_at, "nobody writes that"


def test_sessions_are_listed_and_ended_by_the_first_digits_of_their_hash(door: SignIns, clock: HandClock) -> None:
    first = enter(door)
    clock.move(timedelta(minutes=5))
    second = enter(door)
    assert [each.key for each in door.sessions()] == [session_key(second), session_key(first)]
    assert door.sessions("nobody") == []
    for prefix in ("", "x", "g0"):
        with pytest.raises((NotFound, Conflict)):
            door.end_session(prefix)
    door.end_session(session_key(first)[:12])
    assert [each.key for each in door.sessions("anne")] == [session_key(second)]
    clock.move(SESSION_IDLE)
    assert door.sessions() == []


def test_a_prefix_that_two_sessions_have_ends_neither(door: SignIns) -> None:
    found: dict[str, str] = {}
    while True:
        secret = enter(door)
        digit = session_key(secret)[0]
        if digit in found:
            break
        found[digit] = secret
    with pytest.raises(Conflict, match="several sessions"):
        door.end_session(digit)
    assert door.session(secret)
    assert door.session(found[digit])


def test_who_is_in_says_how_he_came_in(door: SignIns, storage: Storage) -> None:
    with storage.log.reading() as reading:
        anne = views.account(reading, "anne")
    door.let_in(anne, how="provider")
    enter(door)
    assert sorted(each.how for each in door.sessions()) == ["password", "provider"]
