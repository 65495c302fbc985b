"""The change log as stream nodes read it: whole, by steps that add up to the whole, and told of at once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.control.access.credentials import NewKey
from pennon.control.access.keys import KeyService
from pennon.control.changes.edits import AnyEdit, PutSegment
from pennon.control.changes.flag_edits import TurnOff, TurnOn
from pennon.control.changes.service import ChangeService
from pennon.control.clock import SystemClock
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import NotFound
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge
from pennon.control.flags.service import FlagService
from pennon.control.log import SYSTEM, ChangeLog, EnvironmentName
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.publishing import PublishedLog, announce_changes
from pennon.control.publishing.reader import FURTHEST
from pennon.model import Delta, Position, Segment
from pennon.protocol import Hub
from tests.storages import sqlite_storage

PRODUCTION = EnvironmentName("shop", "production")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ChangeLog]:
    with sqlite_storage(tmp_path, SystemClock()) as storage:
        ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
        environments = EnvironmentService(
            storage.log, lambda stored: merge(read := stored.read(FlagDefinition), initial_configuration(read, "s"))
        )
        for key in ("production", "staging"):
            environments.create_environment("shop", Environment(key=key, client_rules=key == "staging"), by=SYSTEM)
        FlagService(storage.log).create_flag("shop", FlagDefinition(key="f"), by=SYSTEM)
        yield storage.log


@pytest.fixture
def published(log: ChangeLog) -> Iterator[PublishedLog]:
    reader = PublishedLog(log)
    yield reader
    reader.close()


def turn(log: ChangeLog, *, on: bool) -> int:
    edit = TurnOn(flag="f") if on else TurnOff(flag="f")
    return ChangeService(log).apply(PRODUCTION, [edit], by=SYSTEM).position.revision


def test_every_environment_is_listed_until_it_is_deleted(log: ChangeLog, published: PublishedLog) -> None:
    assert asyncio.run(published.environments()) == ["shop/production", "shop/staging"]
    environments = EnvironmentService(log, lambda _: pytest.fail("no flag is to be made"))
    environments.delete_environment(EnvironmentName("shop", "staging"), confirm="staging", by=SYSTEM)
    assert asyncio.run(published.environments()) == ["shop/production"]


def test_one_look_says_where_every_environment_stands(log: ChangeLog, published: PublishedLog) -> None:
    def standing() -> dict[str, Position | None]:
        found = dict(asyncio.run(published.standing()))
        for name, position in found.items():
            assert asyncio.run(published.snapshot(name)).position == position
        return found

    before = standing()
    assert list(before) == ["shop/production", "shop/staging"]
    assert standing() == before
    revision = turn(log, on=True)
    assert standing() == before | {"shop/production": Position(1, revision)}
    environments = EnvironmentService(log, lambda _: pytest.fail("no flag is to be made"))
    environments.delete_environment(EnvironmentName("shop", "staging"), confirm="staging", by=SYSTEM)
    assert list(standing()) == ["shop/production"]


def test_the_steps_since_a_position_lead_to_the_whole(log: ChangeLog, published: PublishedLog) -> None:
    hub = Hub()
    before = asyncio.run(published.snapshot("shop/production"))
    hub.load(before, known_at=0)
    turn(log, on=True)
    KeyService(log, SystemClock()).create_key([PRODUCTION], NewKey(kind="server"), by=SYSTEM)
    edits: list[AnyEdit] = [PutSegment(segment=Segment("beta")), TurnOff(flag="f")]
    ChangeService(log).apply(PRODUCTION, edits, by=SYSTEM)
    FlagService(log).archive_flag("shop", "f", by=SYSTEM)
    FlagService(log).restore_flag("shop", "f", how="asItWas", by=SYSTEM)
    FlagService(log).delete_flag("shop", "f", confirm="f", by=SYSTEM)
    deltas = asyncio.run(published.since("shop/production", before.position))
    assert deltas is not None
    assert [(delta.from_, delta.to) for delta in deltas] == [
        (before.revision + step, before.revision + step + 1) for step in range(6)
    ]
    for delta in deltas:
        hub.advance(delta, known_at=0)
    after = asyncio.run(published.snapshot("shop/production"))
    assert hub.snapshot("edge").to_json() == after.to_json()
    assert (set(after.flags), set(after.segments), len(after.keys)) == (set(), {"beta"}, 1)


def test_nothing_came_after_the_head(published: PublishedLog) -> None:
    position = asyncio.run(published.snapshot("shop/production")).position
    assert asyncio.run(published.since("shop/production", position)) == []


def test_another_epoch_and_too_many_steps_take_a_snapshot(log: ChangeLog, published: PublishedLog) -> None:
    position = asyncio.run(published.snapshot("shop/production")).position
    assert asyncio.run(published.since("shop/production", Position(position.epoch + 1, position.revision))) is None
    assert asyncio.run(published.since("shop/none", position)) is None
    for step in range(FURTHEST + 1):
        turn(log, on=step % 2 == 0)
    assert asyncio.run(published.since("shop/production", position)) is None
    nearer = Position(position.epoch, position.revision + 1)
    deltas = asyncio.run(published.since("shop/production", nearer))
    assert deltas is not None
    assert len(deltas) == FURTHEST


def test_an_environment_that_is_not_there_cannot_be_read(published: PublishedLog) -> None:
    with pytest.raises(NotFound):
        asyncio.run(published.snapshot("shop/none"))


def test_each_environment_that_a_command_changes_is_announced(log: ChangeLog, published: PublishedLog) -> None:
    told: list[tuple[str, Position]] = []

    class Listener:
        def announce(self, environment: str, position: Position, *, delta: bytes | None) -> None:
            assert delta is not None
            told.append((environment, position))

    announce_changes(log, Listener(), digest_at=lambda _environment, _position: None)
    revision = turn(log, on=True)
    assert told == [("shop/production", Position(1, revision))]
    FlagService(log).delete_flag("shop", "f", confirm="f", by=SYSTEM)
    assert [environment for environment, _ in told[1:]] == ["shop/production", "shop/staging"]


@pytest.mark.parametrize("is_known", [True, False], ids=["with a digest", "without"])
def test_what_is_announced_leads_a_hub_to_where_the_log_is(
    log: ChangeLog, published: PublishedLog, is_known: bool
) -> None:
    hub = Hub()
    hub.load(asyncio.run(published.snapshot("shop/production")), known_at=0)
    told: list[Delta] = []

    class Listener:
        def announce(self, environment: str, position: Position, *, delta: bytes | None) -> None:
            if environment == "shop/production" and delta is not None:
                told.append(Delta.from_json(delta))
                assert hub.advance(told[-1], known_at=0)
                assert hub.position == position

    def digest_at(environment: str, position: Position) -> str | None:
        is_there = is_known and (environment, position) == ("shop/production", hub.position)
        return hub.digest("edge") if is_there else None

    announce_changes(log, Listener(), digest_at=digest_at)
    turn(log, on=True)
    KeyService(log, SystemClock()).create_key([PRODUCTION], NewKey(kind="server"), by=SYSTEM)
    ChangeService(log).apply(PRODUCTION, [PutSegment(segment=Segment("beta")), TurnOff(flag="f")], by=SYSTEM)
    FlagService(log).archive_flag("shop", "f", by=SYSTEM)
    FlagService(log).restore_flag("shop", "f", how="asItWas", by=SYSTEM)
    FlagService(log).delete_flag("shop", "f", confirm="f", by=SYSTEM)
    assert hub.snapshot("edge").to_json() == asyncio.run(published.snapshot("shop/production")).to_json()
    assert [bool(delta.digest) for delta in told] == [is_known] * 6


def test_a_change_of_very_much_is_announced_without_its_step(log: ChangeLog) -> None:
    told: list[bytes | None] = []

    class Listener:
        def announce(self, environment: str, position: Position, *, delta: bytes | None) -> None:
            told.append(delta)

    announce_changes(log, Listener(), digest_at=lambda _environment, _position: None)
    much = Segment("many", included=tuple(f"{number:032}" for number in range(10_000)))
    ChangeService(log).apply(PRODUCTION, [PutSegment(segment=much)], by=SYSTEM)
    assert told == [None]


def test_client_rules_are_allowed_where_the_environment_allows_them(published: PublishedLog) -> None:
    assert asyncio.run(published.allows_client_rules("shop/staging")) is True
    assert asyncio.run(published.allows_client_rules("shop/production")) is False
    assert published.age("shop/production") == 0.0
