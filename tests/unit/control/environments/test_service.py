from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment, environment, environment_names, environments
from pennon.control.errors import AlreadyExists, Invalid, NotFound, PreconditionFailed, StillInUse
from pennon.control.log import SYSTEM, EnvironmentName, Idempotency, Stored, project_log
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.storage import Storage
from pennon.model import Flag, KeyRecord, Segment, Serve
from tests.clock import HandClock
from tests.storages import sqlite_storage

PRODUCTION = EnvironmentName("shop", "production")


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, HandClock()) as storage:
        ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
        yield storage


@pytest.fixture
def service(storage: Storage) -> EnvironmentService:
    return EnvironmentService(storage.log, _first_flag)


def define(storage: Storage, *keys: str) -> None:
    """Give the project definitions; what one is made of is no business of environments."""
    with storage.log.writing(project_log("shop"), by=SYSTEM, action="define") as writing:
        for key in keys:
            writing.put(project_log("shop"), "definition", Segment(key))


def read(storage: Storage, name: EnvironmentName = PRODUCTION) -> Environment:
    with storage.log.reading() as reading:
        return environment(reading, name)


def test_created_environment_has_every_flag_of_the_project_off(service: EnvironmentService, storage: Storage) -> None:
    define(storage, "a", "b")
    outcome = service.create_environment("shop", Environment(key="production", production=True), by=SYSTEM)
    with storage.log.reading() as reading:
        [change] = reading.changes(PRODUCTION.log, limit=9)
        flags = [stored.read(Flag) for stored in reading.items(PRODUCTION.log, "flag")]
    assert change.change_id == outcome.change_id
    assert [(flag.key, flag.on, flag.version, flag.changed_at) for flag in flags] == [
        ("a", False, 1, 1),
        ("b", False, 1, 1),
    ]
    assert read(storage).production
    assert not read(storage).client_rules


def test_environment_of_a_project_without_flags_begins_at_revision_zero(
    service: EnvironmentService, storage: Storage
) -> None:
    service.create_environment("shop", Environment(key="production"), by=SYSTEM)
    with storage.log.reading() as reading:
        head = reading.head(PRODUCTION.log)
    assert head is not None
    assert head.revision == 0


def test_environments_are_listed_by_project_and_in_all(service: EnvironmentService, storage: Storage) -> None:
    ProjectService(storage.log).create_project(Project(key="bank"), by=SYSTEM)
    for key in ("staging", "production", "development"):
        service.create_environment("shop", Environment(key=key), by=SYSTEM)
    service.create_environment("bank", Environment(key="production"), by=SYSTEM)
    with storage.log.reading() as reading:
        assert [each.key for each in environments(reading, "shop")] == ["development", "production", "staging"]
        assert [each.key for each in environments(reading, "shop", after="development", limit=1)] == ["production"]
        assert [str(name) for name in environment_names(reading)] == [
            "bank/production",
            "shop/development",
            "shop/production",
            "shop/staging",
        ]
        with pytest.raises(NotFound, match="no project 'none'"):
            environments(reading, "none")


def test_environment_is_created_once(service: EnvironmentService) -> None:
    once = Idempotency("k", "f")
    first = service.create_environment("shop", Environment(key="production"), by=SYSTEM, idempotency=once)
    again = service.create_environment("shop", Environment(key="production"), by=SYSTEM, idempotency=once)
    assert again == first
    with pytest.raises(AlreadyExists, match="there is environment 'production' already"):
        service.create_environment("shop", Environment(key="production"), by=SYSTEM)


def test_bad_environment_is_refused(service: EnvironmentService) -> None:
    with pytest.raises(Invalid) as refused:
        service.create_environment("shop", Environment(key="Production", name="a\nb"), by=SYSTEM)
    assert [problem.path for problem in refused.value.problems] == ["/key", "/name"]
    with pytest.raises(NotFound, match="no project 'none'"):
        service.create_environment("none", Environment(key="production"), by=SYSTEM)


def test_environment_is_described_anew(service: EnvironmentService, storage: Storage) -> None:
    service.create_environment("shop", Environment(key="production"), by=SYSTEM)
    described = Environment(key="production", name="Live", production=True, client_rules=True)
    outcome = service.describe_environment("shop", described, expected=1, by=SYSTEM)
    assert outcome.item is not None
    found = read(storage)
    assert (found.name, found.production, found.client_rules, found.version) == ("Live", True, True, 2)
    assert not service.describe_environment("shop", described, by=SYSTEM).changed
    with pytest.raises(PreconditionFailed) as refused:
        service.describe_environment("shop", described, expected=1, by=SYSTEM)
    assert refused.value.current == found
    with pytest.raises(NotFound, match="no environment 'none'"):
        service.describe_environment("shop", Environment(key="none"), by=SYSTEM)
    with pytest.raises(NotFound, match="no project 'none'"):
        service.describe_environment("none", Environment(key="production"), by=SYSTEM)


def test_environment_is_deleted_with_its_keys_only_when_confirmed(
    service: EnvironmentService, storage: Storage
) -> None:
    define(storage, "a")
    service.create_environment("shop", Environment(key="production"), by=SYSTEM)
    with storage.log.writing(PRODUCTION.log, by=SYSTEM, action="put") as writing:
        writing.put(PRODUCTION.log, "segment", Segment("beta"))
        writing.put(PRODUCTION.log, "key", KeyRecord("ab" * 32, "server"))
        writing.put(PRODUCTION.log, "key", KeyRecord("cd" * 32, "server"))
    with pytest.raises(StillInUse) as refused:
        service.delete_environment(PRODUCTION, by=SYSTEM)
    assert refused.value.contents == ("1 flag", "1 segment", "2 keys")
    outcome = service.delete_environment(PRODUCTION, confirm="production", by=SYSTEM)
    with storage.log.reading() as reading:
        assert reading.state(PRODUCTION.log).items == {}
        assert reading.latest(PRODUCTION.log, limit=1)[0].change_id == outcome.change_id
        assert len(reading.state_at(PRODUCTION.log, revision=2).of("key")) == 2
    with pytest.raises(NotFound):
        read(storage)
    with pytest.raises(NotFound):
        service.delete_environment(PRODUCTION, confirm="production", by=SYSTEM)


def test_environment_made_again_goes_on_with_its_log(service: EnvironmentService, storage: Storage) -> None:
    define(storage, "a")
    service.create_environment("shop", Environment(key="production"), by=SYSTEM)
    service.delete_environment(PRODUCTION, confirm="production", by=SYSTEM)
    service.create_environment("shop", Environment(key="production"), by=SYSTEM)
    with storage.log.reading() as reading:
        [flag] = reading.items(PRODUCTION.log, "flag")
    assert (flag.version, flag.changed_at) == (2, 3)
    assert storage.log.check(PRODUCTION.log).problem is None


def _first_flag(definition: Stored) -> Flag:
    return Flag(definition.key, (), False, Serve())
