from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from pennon.control.access import views as access
from pennon.control.access.credentials import NewToken
from pennon.control.access.service import TokenService
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import AlreadyExists, Conflict, Invalid, NotFound, PreconditionFailed, StillInUse
from pennon.control.log import (
    INSTALLATION,
    SYSTEM,
    ChangeLog,
    EnvironmentName,
    Idempotency,
    Reading,
    Stored,
    project_log,
)
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project, project, projects
from pennon.control.storage import Storage
from pennon.model import Flag, Segment, Serve
from tests.clock import HandClock
from tests.storages import sqlite_storage


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, HandClock()) as storage:
        yield storage


@pytest.fixture
def service(storage: Storage) -> ProjectService:
    return ProjectService(storage.log)


def read(storage: Storage, key: str = "shop") -> Project:
    with storage.log.reading() as reading:
        return project(reading, key)


def test_created_project_has_a_log_and_is_listed(service: ProjectService, storage: Storage) -> None:
    for key in ("shop", "bank", "app"):
        outcome = service.create_project(Project(key=key, name=key.title()), by=SYSTEM)
    assert outcome.changed
    assert outcome.item is not None
    with storage.log.reading() as reading:
        assert [each.key for each in projects(reading)] == ["app", "bank", "shop"]
        assert [each.key for each in projects(reading, after="app", limit=1)] == ["bank"]
        assert reading.head(project_log("shop")) is not None
    assert (read(storage).name, read(storage).version, read(storage).changed_at) == ("Shop", 1, 1)


def test_project_is_created_once(service: ProjectService, storage: Storage) -> None:
    once = Idempotency("k", "f")
    first = service.create_project(Project(key="shop"), by=SYSTEM, idempotency=once)
    assert service.create_project(Project(key="shop"), by=SYSTEM, idempotency=once) == first
    with pytest.raises(AlreadyExists, match="there is project 'shop' already; choose another key"):
        service.create_project(Project(key="shop", name="Other"), by=SYSTEM)
    assert read(storage).name == ""


def test_bad_project_is_refused(service: ProjectService) -> None:
    with pytest.raises(Invalid) as refused:
        service.create_project(Project(key="a/b", name="x" * 201), by=SYSTEM)
    assert [problem.path for problem in refused.value.problems] == ["/key", "/name"]


def test_project_gets_another_name(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    outcome = service.describe_project(Project(key="shop", name="Shop", description="Sells"), expected=1, by=SYSTEM)
    assert outcome.item is not None
    assert (read(storage).name, read(storage).description, read(storage).version) == ("Shop", "Sells", 2)
    again = service.describe_project(Project(key="shop", name="Shop", description="Sells"), by=SYSTEM)
    assert not again.changed
    assert again.item == outcome.item


def test_lost_race_is_told_what_is_there_now(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    service.describe_project(Project(key="shop", name="Theirs"), expected=1, by=SYSTEM)
    with pytest.raises(PreconditionFailed) as refused:
        service.describe_project(Project(key="shop", name="Mine"), expected=1, by=SYSTEM)
    assert refused.value.current == read(storage)


def test_project_that_is_not_there_is_not_found(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    with pytest.raises(NotFound, match="no project 'none'"):
        service.describe_project(Project(key="none"), by=SYSTEM)
    with pytest.raises(NotFound, match="no project 'none'"):
        service.delete_project("none", by=SYSTEM)
    with pytest.raises(NotFound, match="no project 'none'"):
        read(storage, "none")


def test_empty_project_is_deleted_without_asking(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    outcome = service.delete_project("shop", by=SYSTEM)
    assert outcome.changed
    assert outcome.item is None
    with pytest.raises(NotFound):
        read(storage)


def test_project_that_holds_something_is_deleted_only_when_confirmed(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    environments = EnvironmentService(storage.log, _flag)
    environments.create_environment("shop", Environment(key="production"), by=SYSTEM)
    environments.create_environment("shop", Environment(key="staging"), by=SYSTEM)
    production = EnvironmentName("shop", "production").log
    with storage.log.writing(production, by=SYSTEM, action="put") as writing:
        writing.put(production, "segment", Segment("beta"))
    for confirm in (None, "yes", "Shop"):
        with pytest.raises(StillInUse, match="holds 2 environments; to delete them too, confirm with the key 'shop'"):
            service.delete_project("shop", confirm=confirm, by=SYSTEM)
    outcome = service.delete_project("shop", confirm="shop", by=SYSTEM)
    with storage.log.reading() as reading:
        for log in (INSTALLATION, project_log("shop"), production):
            assert reading.latest(log, limit=1)[0].change_id == outcome.change_id
            assert reading.state(log).items == {}
        assert reading.state_at(production, revision=1).of("segment")
    for log in (INSTALLATION, project_log("shop"), production):
        assert storage.log.check(log).problem is None


def test_project_made_again_goes_on_with_its_log(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop", name="old"), by=SYSTEM)
    service.delete_project("shop", by=SYSTEM)
    service.create_project(Project(key="shop", name="new"), by=SYSTEM)
    assert (read(storage).name, read(storage).version) == ("new", 2)


def test_tokens_of_a_deleted_project_do_not_open_a_later_one(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    tokens = TokenService(storage.log, HandClock(), storage.last_used)
    scoped = tokens.create_token(NewToken(name="CI", role="reader", project="shop"), by=SYSTEM).token
    other = tokens.create_token(NewToken(name="CI", role="reader"), by=SYSTEM).token
    service.delete_project("shop", by=SYSTEM)
    with storage.log.reading() as reading:
        assert access.token(reading, scoped.key).revoked
        assert not access.token(reading, other.key).revoked


class Interrupted:
    """The log, in which something happens behind each of the first readings."""

    def __init__(self, log: ChangeLog, events: list[Callable[[], object]]) -> None:
        self._log = log
        self._events = events
        self.writing = log.writing
        self.carry_out = log.carry_out

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        with self._log.reading() as reading:
            yield reading
        if self._events:
            self._events.pop(0)()


def test_environment_made_while_its_project_is_deleted_goes_too(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    environments = EnvironmentService(storage.log, _flag)

    def create(key: str) -> Callable[[], object]:
        return lambda: environments.create_environment("shop", Environment(key=key), by=SYSTEM)

    log = cast("ChangeLog", Interrupted(storage.log, [create("a"), create("b")]))
    ProjectService(log).delete_project("shop", confirm="shop", by=SYSTEM)
    with storage.log.reading() as reading:
        assert reading.state(project_log("shop")).items == {}
        assert [change.action for change in reading.latest(project_log("shop"), limit=9)] == [
            "deleteProject",
            "createEnvironment",
            "createEnvironment",
        ]


def test_project_that_never_keeps_still_is_not_deleted(service: ProjectService, storage: Storage) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    environments = EnvironmentService(storage.log, _flag)
    keys = (f"e{number}" for number in range(20))

    def create() -> object:
        return environments.create_environment("shop", Environment(key=next(keys)), by=SYSTEM)

    log = cast("ChangeLog", Interrupted(storage.log, [create] * 20))
    with pytest.raises(Conflict, match="project 'shop' keeps changing; try again"):
        ProjectService(log).delete_project("shop", confirm="shop", by=SYSTEM)
    assert read(storage).key == "shop"


def test_deletion_sent_again_is_answered_by_the_first(service: ProjectService) -> None:
    service.create_project(Project(key="shop"), by=SYSTEM)
    once = Idempotency("k", "f")
    first = service.delete_project("shop", by=SYSTEM, idempotency=once)
    assert service.delete_project("shop", by=SYSTEM, idempotency=once) == first


def _flag(definition: Stored) -> Flag:
    return Flag(definition.key, (), False, Serve())
