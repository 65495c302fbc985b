"""Signing keys, and the heads that an origin puts on what its stream node reads."""

import asyncio
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pennon.control.changes.edits import AnyEdit, PutSegment
from pennon.control.changes.flag_edits import TurnOff, TurnOn
from pennon.control.changes.service import ChangeService
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import Conflict, Invalid, NotFound, Unavailable
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge
from pennon.control.flags.service import FlagService
from pennon.control.log import INSTALLATION, SYSTEM, EnvironmentName, Idempotency
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.publishing import PublishedLog
from pennon.control.signing.keys import SigningKey, signing_keys
from pennon.control.signing.reader import SignedLog
from pennon.control.signing.sealing import Secret
from pennon.control.signing.service import SigningService
from pennon.control.signing.signer import Signer
from pennon.control.storage import Storage
from pennon.model import Head, Position, Segment, Snapshot
from pennon.protocol import PROJECTIONS, Hub, Lines
from pennon.protocol.state import items_of
from tests.clock import HandClock
from tests.storages import sqlite_storage
from tests.unit.protocol.signing import Clock, trust

PRODUCTION = EnvironmentName("shop", "production")
NAME = str(PRODUCTION)
SECRET = "a secret of more than thirty-two characters"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(tmp_path: Path, clock: HandClock) -> Iterator[Storage]:
    with sqlite_storage(tmp_path, clock) as storage:
        ProjectService(storage.log).create_project(Project(key="shop"), by=SYSTEM)
        environments = EnvironmentService(
            storage.log, lambda stored: merge(read := stored.read(FlagDefinition), initial_configuration(read, "s"))
        )
        environments.create_environment("shop", Environment(key="production"), by=SYSTEM)
        flags = FlagService(storage.log)
        flags.create_flag("shop", FlagDefinition(key="f", client_side=True), by=SYSTEM)
        flags.create_flag("shop", FlagDefinition(key="g"), by=SYSTEM)
        yield storage


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    return Secret(SECRET, tmp_path / "signing-secret")


@pytest.fixture
def service(storage: Storage, clock: HandClock, secret: Secret) -> SigningService:
    return SigningService(storage.log, clock, storage.safe, secret)


@pytest.fixture
def signer(storage: Storage, clock: HandClock, secret: Secret) -> Signer:
    return Signer(storage.log, clock, storage.safe, secret)


@pytest.fixture
def reader(storage: Storage, clock: HandClock, signer: Signer) -> Iterator[SignedLog]:
    published = PublishedLog(storage.log)
    yield SignedLog(published, signer, clock)
    published.close()


def keys(storage: Storage) -> list[SigningKey]:
    with storage.log.reading() as reading:
        return signing_keys(reading)


def change(storage: Storage, *edits: AnyEdit) -> None:
    ChangeService(storage.log).apply(PRODUCTION, list(edits), by=SYSTEM)


def read(reader: SignedLog) -> Snapshot:
    return asyncio.run(reader.snapshot(NAME))


def proved(snapshot: Snapshot, heads: tuple[Head, ...], *keys: str) -> bool:
    """Whether the heads prove each projection of an edge projection, as a hub makes it of it."""
    hub = Hub()
    hub.load(snapshot, known_at=0)
    hub.endorse(heads)
    verdicts = []
    for projection in PROJECTIONS:
        shown = hub.snapshot(projection)
        judge = trust(*keys, clock=Clock(), projections=(projection,))
        verdicts.append(judge.judged(shown, Lines.of(items_of(shown))))
    return all(isinstance(verdict, Head) for verdict in verdicts)


def test_nothing_is_signed_before_there_is_a_key(reader: SignedLog) -> None:
    assert read(reader).heads == ()
    assert not reader.signs()
    assert reader.heads(NAME) == ()


def test_a_snapshot_has_heads_that_prove_all_three_projections(
    storage: Storage, service: SigningService, reader: SignedLog
) -> None:
    key = service.create_key(name="first", by=SYSTEM).key
    change(storage, TurnOn(flag="f"), PutSegment(segment=Segment("beta", included=("u1",))))
    snapshot = read(reader)
    assert [head.projection for head in snapshot.heads] == ["client", "edge", "server"]
    assert proved(snapshot, snapshot.heads, key.key)
    assert reader.signs()


def test_the_last_of_several_steps_has_the_heads_of_where_they_lead(
    storage: Storage, service: SigningService, reader: SignedLog
) -> None:
    key = service.create_key(by=SYSTEM).key
    first = read(reader)
    hub = Hub()
    hub.load(first, known_at=0)
    for on in (True, False, True):
        change(storage, TurnOn(flag="f") if on else TurnOff(flag="f"))
    deltas = asyncio.run(reader.since(NAME, first.position))
    assert deltas is not None
    assert [bool(delta.heads) for delta in deltas] == [False, False, True]
    for delta in deltas:
        hub.advance(delta, known_at=0)
    assert proved(hub.snapshot("edge"), deltas[-1].heads, key.key)
    assert asyncio.run(reader.since(NAME, hub.snapshot("edge").position)) == []


def test_steps_that_were_read_but_never_arrived_are_read_again_with_their_heads(
    storage: Storage, service: SigningService, reader: SignedLog
) -> None:
    service.create_key(by=SYSTEM)
    start = read(reader).position
    change(storage, TurnOn(flag="f"))
    once = asyncio.run(reader.since(NAME, start))
    change(storage, TurnOn(flag="g"))
    again = asyncio.run(reader.since(NAME, start))
    assert once is not None
    assert again is not None
    assert (len(once), len(again)) == (1, 2)
    assert {head.revision for head in again[-1].heads} == {again[-1].to}


def test_signing_that_begins_while_a_node_follows_gives_heads_for_where_it_stands(
    storage: Storage, clock: HandClock, service: SigningService, reader: SignedLog
) -> None:
    snapshot = read(reader)
    key = service.create_key(by=SYSTEM).key
    assert asyncio.run(reader.since(NAME, snapshot.position)) == []
    assert proved(snapshot, reader.heads(NAME), key.key)


def test_a_state_that_does_not_change_is_signed_anew_each_minute(
    clock: HandClock, service: SigningService, reader: SignedLog
) -> None:
    service.create_key(by=SYSTEM)
    snapshot = read(reader)
    clock.move(timedelta(seconds=59))
    asyncio.run(reader.since(NAME, snapshot.position))
    assert reader.heads(NAME) == snapshot.heads
    clock.move(timedelta(seconds=1))
    asyncio.run(reader.since(NAME, snapshot.position))
    renewed = reader.heads(NAME)
    assert [head.time - old.time for head, old in zip(renewed, snapshot.heads, strict=True)] == [60_000] * 3
    assert [head.root for head in renewed] == [head.root for head in snapshot.heads]


def test_one_look_leaves_out_what_is_to_be_signed(clock: HandClock, service: SigningService, reader: SignedLog) -> None:
    def position() -> Position | None:
        found = asyncio.run(reader.standing())
        assert found is not None
        return found[NAME]

    snapshot = read(reader)
    assert position() == snapshot.position
    service.create_key(by=SYSTEM)
    assert position() is None
    asyncio.run(reader.since(NAME, snapshot.position))
    assert position() == snapshot.position
    clock.move(timedelta(seconds=60))
    assert position() is None


def test_who_looks_at_all_logs_spares_the_signer_its_own_look(
    storage: Storage, clock: HandClock, service: SigningService, signer: Signer
) -> None:
    published = PublishedLog(storage.log, saw=signer.saw)
    asyncio.run(published.standing())
    assert not signer.is_informed  # it has not looked once
    signer.look()
    clock.move(timedelta(seconds=2))
    assert not signer.is_informed
    asyncio.run(published.standing())
    assert signer.is_informed
    service.create_key(by=SYSTEM)
    asyncio.run(published.standing())
    assert not signer.is_informed
    assert signer.look() is not None
    published.close()


def test_a_rotation_is_signed_by_the_old_key_and_followed_by_who_trusts_it(
    storage: Storage, service: SigningService, reader: SignedLog, clock: HandClock
) -> None:
    first = service.create_key(by=SYSTEM).key
    snapshot = read(reader)
    second = service.rotate_key(name="second", by=SYSTEM).key
    third = service.rotate_key(by=SYSTEM).key
    asyncio.run(reader.since(NAME, snapshot.position))
    heads = reader.heads(NAME)
    assert {head.key for head in heads} == {third.key}
    assert [(each.from_, each.to) for each in heads[0].rotations] == [
        (first.key, second.key),
        (second.key, third.key),
    ]
    assert proved(snapshot, heads, first.key)
    assert proved(snapshot, heads, third.key)
    assert not proved(snapshot, heads, "ed25519:" + "A" * 43)
    assert [key.is_active for key in keys(storage)] == [False, False, True]


def test_the_private_part_of_a_replaced_key_is_destroyed(storage: Storage, service: SigningService) -> None:
    first = service.create_key(by=SYSTEM).key
    assert storage.safe.find(first.key) is not None
    second = service.rotate_key(by=SYSTEM).key
    assert storage.safe.find(first.key) is None
    assert storage.safe.find(second.key) is not None


def test_a_retired_keys_word_is_passed_on_no_more(
    storage: Storage, service: SigningService, reader: SignedLog, clock: HandClock
) -> None:
    first = service.create_key(by=SYSTEM).key
    second = service.rotate_key(by=SYSTEM).key
    service.retire_key(first.key[:20], by=SYSTEM)
    snapshot = read(reader)
    assert {head.rotations for head in snapshot.heads} == {()}
    assert proved(snapshot, snapshot.heads, second.key)
    assert not proved(snapshot, snapshot.heads, first.key)


def test_the_key_that_signs_is_retired_only_if_it_is_confirmed(
    storage: Storage, service: SigningService, reader: SignedLog
) -> None:
    key = service.create_key(by=SYSTEM).key
    with pytest.raises(Conflict, match="signed by this key"):
        service.retire_key(key.key, by=SYSTEM)
    service.retire_key(key.key, confirm=key.key, by=SYSTEM)
    assert read(reader).heads == ()
    assert storage.safe.find(key.key) is None
    assert service.create_key(by=SYSTEM).key.key != key.key


def test_keys_that_cannot_be_made_change_nothing(storage: Storage, service: SigningService) -> None:
    with pytest.raises(NotFound, match="create one"):
        service.rotate_key(by=SYSTEM)
    with pytest.raises(Invalid, match="shorten"):
        service.create_key(name="x" * 201, by=SYSTEM)
    service.create_key(by=SYSTEM)
    with pytest.raises(Conflict, match="already"):
        service.create_key(by=SYSTEM)
    with pytest.raises(NotFound):
        service.retire_key("ed25519:", by=SYSTEM)
    assert len(keys(storage)) == 1


def test_a_command_that_is_sent_again_makes_one_key(storage: Storage, service: SigningService) -> None:
    sent = Idempotency("k1", "f1")
    first = service.create_key(by=SYSTEM, idempotency=sent)
    assert service.create_key(by=SYSTEM, idempotency=sent).key == first.key
    again = Idempotency("k2", "f2")
    second = service.rotate_key(by=SYSTEM, idempotency=again)
    assert service.rotate_key(by=SYSTEM, idempotency=again).key == second.key
    assert [key.key for key in keys(storage)] == [first.key.key, second.key.key]
    retired = Idempotency("k3", "f3")
    for _ in range(2):
        service.retire_key(first.key.key, by=SYSTEM, idempotency=retired)
    assert storage.safe.find(second.key.key) is not None


def test_the_log_has_no_private_part(storage: Storage, service: SigningService, secret: Secret) -> None:
    key = service.create_key(by=SYSTEM).key
    sealed = storage.safe.find(key.key)
    assert sealed is not None
    private = secret.open(key.key, sealed).private_bytes_raw()
    with storage.log.reading() as reading:
        rows = [edit.after or b"" for change in reading.changes(INSTALLATION, limit=100) for edit in change.edits]
    assert any(key.key.encode() in row for row in rows)
    assert not any(private in row or private.hex().encode() in row for row in rows)
    assert private not in sealed


def test_a_server_with_another_secret_signs_nothing_and_says_so(
    storage: Storage, clock: HandClock, service: SigningService, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    service.create_key(by=SYSTEM)
    other = Secret("another secret, of more than 32 characters", tmp_path / "none")
    signer = Signer(storage.log, clock, storage.safe, other)
    assert signer.look() is None
    assert signer.heads(NAME, Position(1, 1), {"server": "0" * 64}) == ()
    with pytest.raises(Conflict, match="PENNON_SECRET_KEY"):
        SigningService(storage.log, clock, storage.safe, other).rotate_key(by=SYSTEM)
    assert len(keys(storage)) == 1


def test_without_a_setting_the_secret_is_a_file_for_its_owner_only(
    storage: Storage, clock: HandClock, tmp_path: Path
) -> None:
    file = tmp_path / "data" / "signing-secret"
    assert Signer(storage.log, clock, storage.safe, Secret(None, file)).look() is None
    assert not file.exists()
    service = SigningService(storage.log, clock, storage.safe, Secret(None, file))
    key = service.create_key(by=SYSTEM).key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert Signer(storage.log, clock, storage.safe, Secret(None, file)).look() == key.key
    file.unlink()
    with pytest.raises(Unavailable, match="bring the file back"):
        Secret(None, file).open(key.key, b"")


def test_a_reading_that_was_given_up_is_begun_anew(
    storage: Storage, service: SigningService, reader: SignedLog, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = service.create_key(by=SYSTEM).key
    start = read(reader)
    change(storage, TurnOn(flag="f"))
    sign = signer.heads

    def fail(*_: object) -> tuple[Head, ...]:
        raise RuntimeError("no entropy")

    monkeypatch.setattr(signer, "heads", fail)
    with pytest.raises(RuntimeError, match="no entropy"):
        asyncio.run(reader.since(NAME, start.position))
    monkeypatch.setattr(signer, "heads", sign)
    deltas = asyncio.run(reader.since(NAME, start.position))
    assert deltas is not None
    assert proved(read(reader), deltas[-1].heads, key.key)


def test_two_origins_sign_alike_and_hear_of_each_others_keys(
    storage: Storage, clock: HandClock, service: SigningService, secret: Secret, reader: SignedLog
) -> None:
    service.create_key(by=SYSTEM)
    here = read(reader)
    published = PublishedLog(storage.log)
    there = asyncio.run(SignedLog(published, Signer(storage.log, clock, storage.safe, secret), clock).snapshot(NAME))
    published.close()
    assert here == there
