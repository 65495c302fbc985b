from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pennon.control.access import views
from pennon.control.access.credentials import NewKey, NewToken, secret_hash
from pennon.control.access.keys import LONGEST_OVERLAP, MOST_ORIGINS, KeyService
from pennon.control.access.service import TokenService
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import Conflict, Forbidden, Invalid, NotFound
from pennon.control.log import SYSTEM, EnvironmentName, Idempotency, Stored
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.storage import Storage
from pennon.model import Flag, KeyRecord
from tests.clock import HandClock
from tests.storages import sqlite_storage

PRODUCTION = EnvironmentName("shop", "production")
STAGING = EnvironmentName("shop", "staging")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(tmp_path: Path, clock: HandClock) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, clock) as storage:
        ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
        environments = EnvironmentService(storage.log, _no_flags)
        for key in ("production", "staging"):
            environments.create_environment("shop", Environment(key=key), by=SYSTEM)
        yield storage


@pytest.fixture
def service(storage: Storage, clock: HandClock) -> KeyService:
    return KeyService(storage.log, clock)


def keys(storage: Storage, environment: EnvironmentName = PRODUCTION) -> dict[str, KeyRecord]:
    with storage.log.reading() as reading:
        return {record.key: record for record in views.keys(reading, environment)}


def new(kind: Any = "server", **fields: Any) -> NewKey:
    return NewKey(kind=kind, **fields)


def test_created_key_is_known_by_the_hash_of_its_secret(service: KeyService, storage: Storage) -> None:
    issued = service.create_key([PRODUCTION], new(name="checkout service"), by=SYSTEM)
    assert issued.secret is not None
    assert issued.secret.startswith("pennon_server_")
    assert issued.record == KeyRecord(
        secret_hash(issued.secret), "server", 1, 1, issued.record.hash, name="checkout service"
    )
    assert keys(storage) == {issued.record.key: issued.record}
    assert keys(storage, STAGING) == {}


def test_client_key_has_the_origins_of_its_pages(service: KeyService) -> None:
    origins = ("https://shop.example", "http://localhost:3000")
    assert service.create_key([PRODUCTION], new("client", origins=origins), by=SYSTEM).record.origins == origins


def test_client_key_that_demands_signatures_has_a_secret_for_them_and_another_when_it_is_rotated(
    service: KeyService, storage: Storage
) -> None:
    issued = service.create_key([PRODUCTION], new("client", require_signature=True), by=SYSTEM)
    assert issued.record.signing_secret.startswith("pennon_signing_")
    assert service.create_key([PRODUCTION], new("client"), by=SYSTEM).record.signing_secret == ""
    rotated = service.rotate_key(PRODUCTION, issued.record.key, overlap=timedelta(hours=1), by=SYSTEM)
    assert rotated.record.signing_secret.startswith("pennon_signing_")
    assert rotated.record.signing_secret != issued.record.signing_secret
    assert keys(storage)[issued.record.key].signing_secret == issued.record.signing_secret


def test_edge_key_opens_several_environments_by_one_change(service: KeyService, storage: Storage) -> None:
    issued = service.create_key([PRODUCTION, STAGING], new("edge"), by=SYSTEM)
    with storage.log.reading() as reading:
        changes = [reading.latest(name.log, limit=1)[0] for name in (PRODUCTION, STAGING)]
        assert views.environments_of_key(reading, issued.record.key) == [PRODUCTION, STAGING]
    assert {change.change_id for change in changes} == {issued.outcome.change_id}
    assert set(keys(storage)) == set(keys(storage, STAGING)) == {issued.record.key}


@pytest.mark.parametrize(
    ("environments", "key", "path"),
    [
        ([], new(), "/environments"),
        ([PRODUCTION, PRODUCTION], new("edge"), "/environments"),
        ([PRODUCTION, STAGING], new("server"), "/environments"),
        ([PRODUCTION], new("admin"), "/kind"),
        ([PRODUCTION], new(name="a\nb"), "/name"),
        ([PRODUCTION], new(not_after=1), "/notAfter"),
        ([PRODUCTION], new("server", require_signature=True), "/requireSignature"),
        ([PRODUCTION], new("server", origins=("https://shop.example",)), "/origins"),
        ([PRODUCTION], new("client", origins=("https://shop.example", "shop.example/")), "/origins/1"),
        ([PRODUCTION], new("client", origins=("https://shop.example",) * (MOST_ORIGINS + 1)), "/origins"),
    ],
)
def test_bad_key_is_refused_with_the_path(
    service: KeyService, storage: Storage, environments: list[EnvironmentName], key: NewKey, path: str
) -> None:
    with pytest.raises(Invalid) as refused:
        service.create_key(environments, key, by=SYSTEM)
    assert [problem.path for problem in refused.value.problems] == [path]
    assert keys(storage) == {}


@pytest.mark.parametrize("name", [EnvironmentName("shop", "none"), EnvironmentName("none", "production")])
def test_key_for_an_environment_that_is_not_there_is_refused(
    service: KeyService, storage: Storage, name: EnvironmentName
) -> None:
    with pytest.raises(NotFound):
        service.create_key([PRODUCTION, name], new("edge"), by=SYSTEM)
    assert keys(storage) == {}
    with pytest.raises(NotFound):
        service.revoke_key(name, "ab", by=SYSTEM)


def test_rotated_key_has_a_successor_and_ends_after_the_overlap(
    service: KeyService, storage: Storage, clock: HandClock
) -> None:
    old = service.create_key([PRODUCTION], new("client", name="web", origins=("https://shop.example",)), by=SYSTEM)
    issued = service.rotate_key(PRODUCTION, old.record.key[:8], overlap=timedelta(hours=2), by=SYSTEM)
    assert issued.secret is not None
    assert issued.secret != old.secret
    assert issued.record.key == secret_hash(issued.secret)
    assert (issued.record.kind, issued.record.name, issued.record.origins, issued.record.not_after) == (
        "client",
        "web",
        ("https://shop.example",),
        None,
    )
    ends = int((clock.now() + timedelta(hours=2)).timestamp())
    assert keys(storage)[old.record.key].not_after == ends
    assert set(keys(storage)) == {old.record.key, issued.record.key}


def test_rotation_makes_no_key_live_longer(service: KeyService, storage: Storage, clock: HandClock) -> None:
    ends = int((clock.now() + timedelta(minutes=1)).timestamp())
    old = service.create_key([PRODUCTION], new(not_after=ends), by=SYSTEM)
    issued = service.rotate_key(PRODUCTION, old.record.key, overlap=timedelta(days=1), by=SYSTEM)
    assert keys(storage)[old.record.key].not_after == ends
    assert issued.record.not_after == ends


def test_edge_key_is_rotated_and_revoked_wherever_it_opens(service: KeyService, storage: Storage) -> None:
    old = service.create_key([PRODUCTION, STAGING], new("edge"), by=SYSTEM)
    issued = service.rotate_key(STAGING, old.record.key, overlap=timedelta(0), by=SYSTEM)
    assert set(keys(storage)) == set(keys(storage, STAGING)) == {old.record.key, issued.record.key}
    service.revoke_key(STAGING, issued.record.key, by=SYSTEM)
    assert keys(storage)[issued.record.key].revoked
    assert keys(storage, STAGING)[issued.record.key].revoked


def test_token_of_one_project_gets_no_secret_that_opens_another(
    service: KeyService, storage: Storage, clock: HandClock
) -> None:
    ProjectService(storage.log).create_project(Project(key="bank"), by=SYSTEM)
    EnvironmentService(storage.log, _no_flags).create_environment("bank", Environment(key="live"), by=SYSTEM)
    tokens = TokenService(storage.log, clock, storage.last_used)
    scoped = tokens.create_token(NewToken(name="shop", role="administrator", project="shop"), by=SYSTEM).token
    free = tokens.create_token(NewToken(name="all", role="administrator"), by=SYSTEM).token
    old = service.create_key([PRODUCTION, EnvironmentName("bank", "live")], new("edge"), by=SYSTEM).record
    with pytest.raises(
        Forbidden, match=r"key.manage in bank/live, and your roles are held elsewhere: administrator in project 'shop'"
    ):
        service.rotate_key(PRODUCTION, old.key, overlap=timedelta(0), by=scoped.actor)
    assert set(keys(storage)) == {old.key}
    assert service.rotate_key(PRODUCTION, old.key, overlap=timedelta(0), by=free.actor).secret is not None
    within = service.create_key([PRODUCTION, STAGING], new("edge"), by=SYSTEM).record
    assert service.rotate_key(PRODUCTION, within.key, overlap=timedelta(0), by=scoped.actor).secret is not None


def test_key_that_is_not_good_any_more_is_not_rotated(service: KeyService, clock: HandClock) -> None:
    ends = int((clock.now() + timedelta(minutes=1)).timestamp())
    expired = service.create_key([PRODUCTION], new(not_after=ends), by=SYSTEM).record
    revoked = service.create_key([PRODUCTION], new(), by=SYSTEM).record
    service.revoke_key(PRODUCTION, revoked.key, by=SYSTEM)
    clock.move(timedelta(minutes=1))
    for record in (expired, revoked):
        with pytest.raises(Conflict, match="revoked or expired; create a new one"):
            service.rotate_key(PRODUCTION, record.key, overlap=timedelta(0), by=SYSTEM)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), LONGEST_OVERLAP + timedelta(seconds=1)])
def test_overlap_has_bounds(service: KeyService, overlap: timedelta) -> None:
    old = service.create_key([PRODUCTION], new(), by=SYSTEM).record
    with pytest.raises(Invalid, match="/overlapSeconds"):
        service.rotate_key(PRODUCTION, old.key, overlap=overlap, by=SYSTEM)


def test_commands_sent_again_happen_once_and_show_no_secret(service: KeyService, storage: Storage) -> None:
    create, rotate, revoke = (Idempotency(name, name) for name in ("create", "rotate", "revoke"))
    first = service.create_key([PRODUCTION], new(), by=SYSTEM, idempotency=create)
    again = service.create_key([PRODUCTION], new(), by=SYSTEM, idempotency=create)
    assert (again.record, again.secret, again.outcome) == (first.record, None, first.outcome)
    turned = service.rotate_key(PRODUCTION, first.record.key, overlap=timedelta(0), by=SYSTEM, idempotency=rotate)
    again = service.rotate_key(PRODUCTION, first.record.key, overlap=timedelta(0), by=SYSTEM, idempotency=rotate)
    assert (again.record, again.secret, again.outcome) == (turned.record, None, turned.outcome)
    done = service.revoke_key(PRODUCTION, turned.record.key, by=SYSTEM, idempotency=revoke)
    assert service.revoke_key(PRODUCTION, turned.record.key, by=SYSTEM, idempotency=revoke) == done
    assert len(keys(storage)) == 2


def test_revoking_twice_is_one_change(service: KeyService, storage: Storage) -> None:
    record = service.create_key([PRODUCTION], new(), by=SYSTEM).record
    assert service.revoke_key(PRODUCTION, record.key, by=SYSTEM).changed
    again = service.revoke_key(PRODUCTION, record.key, by=SYSTEM)
    assert not again.changed
    assert again.item is not None
    assert again.item.read(KeyRecord).revoked


def test_key_is_named_by_the_first_digits_of_its_hash(service: KeyService, storage: Storage) -> None:
    made = sorted(service.create_key([PRODUCTION], new(), by=SYSTEM).record.key for _ in range(20))
    with storage.log.reading() as reading:
        for key in made:
            assert views.key(reading, PRODUCTION, key[:12]).key == key
            assert views.key(reading, PRODUCTION, key).key == key
        # Twenty hashes have sixteen first digits.
        shared = next(a[0] for a, b in pairwise(made) if a[0] == b[0])
        with pytest.raises(Conflict, match="give more digits"):
            views.key(reading, PRODUCTION, shared)
        for name in ("", "xyz", "0" * 64):
            with pytest.raises(NotFound):
                views.key(reading, PRODUCTION, name)
        assert [record.key for record in views.keys(reading, PRODUCTION, after=made[4], limit=3)] == made[5:8]


def _no_flags(_definition: Stored) -> Flag:
    raise AssertionError("there are no flags here")
