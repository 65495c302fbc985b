from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from pennon.control.access import views
from pennon.control.access.credentials import NewToken, Token, secret_hash
from pennon.control.access.service import STAMP_EVERY, TokenService
from pennon.control.errors import Conflict, Invalid, NotFound, Unauthenticated, Unavailable
from pennon.control.log import INSTALLATION, SYSTEM, Idempotency
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.storages import sqlite_storage


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(tmp_path: Path, clock: HandClock) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, clock) as storage:
        yield storage


@pytest.fixture
def service(storage: Storage, clock: HandClock) -> TokenService:
    return TokenService(storage.log, clock, storage.last_used)


def new(name: str = "CI", **fields: Any) -> NewToken:
    return NewToken(**{"name": name, "role": "developer", **fields})


def tokens(storage: Storage) -> list[Token]:
    with storage.log.reading() as reading:
        return views.tokens(reading)


def test_first_start_makes_one_administrator_and_shows_the_secret_once(service: TokenService, storage: Storage) -> None:
    secret = service.ensure_first_token()
    assert secret is not None
    assert service.ensure_first_token() is None
    token = service.authenticate(secret)
    assert (token.role, token.project, token.not_after) == ("administrator", None, None)
    assert tokens(storage) == [token]


def test_servers_that_start_at_once_make_one_first_token(service: TokenService, storage: Storage) -> None:
    with ThreadPoolExecutor(4) as pool:
        secrets = list(pool.map(lambda _: service.ensure_first_token(), range(4)))
    assert sum(secret is not None for secret in secrets) == 1
    assert len(tokens(storage)) == 1


def test_first_token_is_not_made_again_when_it_was_revoked(service: TokenService) -> None:
    first = service.ensure_first_token()
    assert first is not None
    service.create_token(new(role="administrator"), by=SYSTEM)
    service.revoke_token(secret_hash(first), by=SYSTEM)
    assert service.ensure_first_token() is None


def test_created_token_is_found_by_its_secret_and_the_secret_is_stored_nowhere(
    service: TokenService, storage: Storage
) -> None:
    issued = service.create_token(new(), by=SYSTEM, why="for the build")
    assert issued.secret is not None
    assert service.authenticate(issued.secret) == issued.token
    with storage.log.reading() as reading:
        [change] = reading.latest(INSTALLATION, limit=1)
    assert (change.action, change.why) == ("createToken", "for the build")
    assert issued.secret.encode() not in (change.edits[0].after or b"")


def test_token_is_refused_when_unknown_expired_or_revoked(service: TokenService, clock: HandClock) -> None:
    expires = int((clock.now() + timedelta(minutes=1)).timestamp())
    short = service.create_token(new(not_after=expires), by=SYSTEM).secret
    revoked = service.create_token(new(), by=SYSTEM)
    assert short is not None
    assert revoked.secret is not None
    service.authenticate(short)
    service.authenticate(revoked.secret)
    clock.move(timedelta(minutes=1))
    service.revoke_token(revoked.token.key[:12], by=SYSTEM)
    messages = set()
    for secret in (short, revoked.secret, "pennon_token_x", "", "\ud800"):
        with pytest.raises(Unauthenticated) as refused:
            service.authenticate(secret)
        messages.add(str(refused.value))
    assert len(messages) == 1


def test_bad_token_is_refused_with_every_problem(service: TokenService, clock: HandClock) -> None:
    past = int(clock.now().timestamp())
    with pytest.raises(Invalid) as refused:
        service.create_token(new(" ", role="king", project="nowhere", not_after=past), by=SYSTEM)
    assert [problem.path for problem in refused.value.problems] == ["/name", "/role", "/project", "/notAfter"]


def test_token_for_a_project_needs_the_project(service: TokenService, storage: Storage) -> None:
    ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
    assert service.create_token(new(project="shop"), by=SYSTEM).token.project == "shop"


def test_command_sent_again_makes_no_second_token_and_shows_no_secret(service: TokenService, storage: Storage) -> None:
    once = Idempotency("k", "f")
    first = service.create_token(new(), by=SYSTEM, idempotency=once)
    again = service.create_token(new(), by=SYSTEM, idempotency=once)
    assert again.token == first.token
    assert again.secret is None
    assert again.outcome == first.outcome
    assert len(tokens(storage)) == 1


def test_last_administrator_cannot_be_revoked(service: TokenService, clock: HandClock, storage: Storage) -> None:
    first = service.create_token(new(role="administrator"), by=SYSTEM).token
    ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
    later = int((clock.now() + timedelta(days=1)).timestamp())
    service.create_token(new(role="administrator", project="shop"), by=SYSTEM)
    service.create_token(new(role="administrator", not_after=later), by=SYSTEM)
    developer = service.create_token(new(), by=SYSTEM).token
    with pytest.raises(Conflict, match="last administrator's token"):
        service.revoke_token(first.key, by=SYSTEM)
    service.revoke_token(developer.key, by=SYSTEM)
    service.create_token(new(role="administrator"), by=SYSTEM)
    assert service.revoke_token(first.key, by=SYSTEM).changed
    assert not service.revoke_token(first.key, by=SYSTEM).changed


def test_token_that_is_not_there_cannot_be_revoked(service: TokenService) -> None:
    service.ensure_first_token()
    for name in ("0" * 64, "no hash", ""):
        with pytest.raises(NotFound):
            service.revoke_token(name, by=SYSTEM)


def test_last_use_is_noted_once_a_minute(service: TokenService, storage: Storage, clock: HandClock) -> None:
    issued = service.create_token(new(), by=SYSTEM)
    assert issued.secret is not None
    start = clock.now()
    for _ in range(3):
        service.authenticate(issued.secret)
        clock.move(STAMP_EVERY / 2 - timedelta(seconds=1))
    assert storage.last_used.times([issued.token.key]) == {issued.token.key: start}
    clock.move(timedelta(seconds=5))
    service.authenticate(issued.secret)
    assert storage.last_used.times([issued.token.key]) == {issued.token.key: clock.now()}


def test_token_is_good_while_nothing_can_be_written(service: TokenService, storage: Storage) -> None:
    issued = service.create_token(new(), by=SYSTEM)
    assert issued.secret is not None
    with storage._database.writing() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with structlog.testing.capture_logs() as logged:
        assert service.authenticate(issued.secret) == issued.token
    assert [entry["log_level"] for entry in logged] == ["warning"]
    with pytest.raises(Unavailable):
        service.create_token(new(), by=SYSTEM)
