from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pennon.control.access import views
from pennon.control.access.credentials import NewToken
from pennon.control.access.permissions import BUILT_IN, Role
from pennon.control.access.roles import RoleService
from pennon.control.access.service import TokenService
from pennon.control.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound, PreconditionFailed, StillInUse
from pennon.control.log import SYSTEM, EnvironmentName
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.storages import sqlite_storage

SHOP = EnvironmentName("shop", "production")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(tmp_path: Path, clock: HandClock) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, clock) as storage:
        yield storage


@pytest.fixture
def service(storage: Storage) -> RoleService:
    return RoleService(storage.log)


@pytest.fixture
def tokens(storage: Storage, clock: HandClock) -> TokenService:
    return TokenService(storage.log, clock, storage.last_used)


def support(*permissions: str, **fields: Any) -> Role:
    return Role(key="support", permissions=permissions or ("read", "flag.turnOff"), **fields)


def test_a_role_is_listed_after_those_of_every_installation(service: RoleService, storage: Storage) -> None:
    service.create_role(support(description="On call."), by=SYSTEM, why="nights")
    with storage.log.reading() as reading:
        assert [role.key for role in views.roles(reading)] == [*BUILT_IN, "support"]
        assert views.role(reading, "support").description == "On call."
        assert views.role(reading, "reader") == BUILT_IN["reader"]
        with pytest.raises(NotFound):
            views.role(reading, "gone")


def test_who_holds_a_role_may_do_what_it_gives_now(
    service: RoleService, tokens: TokenService, storage: Storage, clock: HandClock
) -> None:
    service.create_role(support(), by=SYSTEM)
    actor = tokens.create_token(NewToken(name="Anne", role="support"), by=SYSTEM).token.actor

    def may_change() -> bool:
        with storage.log.reading() as reading:
            holder = views.principal(reading, actor, now=clock.now())
            assert holder is not None
            return holder.may("flag.change", views.place(reading, *str(SHOP).split("/")))

    assert not may_change()
    service.replace_role(support("read", "flag.change"), by=SYSTEM)
    assert may_change()


def test_a_bad_role_is_refused_with_every_problem(service: RoleService) -> None:
    bad = Role(key="a b", permissions=("read", "fly", "read"), in_production=("swim",))
    with pytest.raises(Invalid) as refused:
        service.create_role(bad, by=SYSTEM)
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["/key", "/permissions/1", "/permissions/2", "/inProduction/0"]


def test_built_in_roles_are_as_they_are(service: RoleService) -> None:
    mine = Role(key="developer", permissions=("read",))
    with pytest.raises(AlreadyExists):
        service.create_role(mine, by=SYSTEM)
    with pytest.raises(Conflict, match="built in"):
        service.replace_role(mine, by=SYSTEM)
    with pytest.raises(Conflict, match="built in"):
        service.delete_role("developer", by=SYSTEM)


def test_a_role_that_somebody_holds_stays(service: RoleService, tokens: TokenService) -> None:
    service.create_role(support(), by=SYSTEM)
    token = tokens.create_token(NewToken(name="Anne", role="support"), by=SYSTEM).token
    with pytest.raises(StillInUse, match="1 token"):
        service.delete_role("support", by=SYSTEM)
    tokens.revoke_token(token.key, by=SYSTEM)
    assert service.delete_role("support", by=SYSTEM).changed
    with pytest.raises(NotFound):
        service.delete_role("support", by=SYSTEM)


def test_a_role_that_changed_meanwhile_is_not_replaced(service: RoleService) -> None:
    first = service.create_role(support(), by=SYSTEM).item
    assert first is not None
    service.replace_role(support("read"), expected=first.version, by=SYSTEM)
    with pytest.raises(PreconditionFailed):
        service.replace_role(support("flag.change"), expected=first.version, by=SYSTEM)
    with pytest.raises(NotFound):
        service.replace_role(Role(key="gone", permissions=()), by=SYSTEM)


def test_a_token_names_a_role_and_permissions_that_there_are(service: RoleService, tokens: TokenService) -> None:
    new = NewToken(name="t", role="support", environments=("production",), scopes=("read", "fly"))
    with pytest.raises(Invalid) as refused:
        tokens.create_token(new, by=SYSTEM)
    assert [problem.path for problem in refused.value.problems] == ["/role", "/environments", "/scopes/1"]
    service.create_role(support(), by=SYSTEM)
    assert tokens.create_token(NewToken(name="t", role="support"), by=SYSTEM).token.role == "support"


def test_whose_token_is_revoked_may_do_nothing_later_that_it_asked_for(
    tokens: TokenService, storage: Storage, clock: HandClock
) -> None:
    tokens.ensure_first_token()
    past = int(clock.now().timestamp()) + 60
    expiring = tokens.create_token(NewToken(name="Anne", role="administrator", not_after=past), by=SYSTEM).token
    revoked = tokens.create_token(NewToken(name="Ben", role="administrator"), by=SYSTEM).token
    tokens.revoke_token(revoked.key, by=SYSTEM)
    clock.move(timedelta(minutes=1))
    for token in (expiring, revoked):
        with storage.log.reading() as reading, pytest.raises(Forbidden, match="revoked or past its time"):
            views.principal(reading, token.actor, now=clock.now())
