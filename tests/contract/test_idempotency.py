"""The same command sent twice is one change."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from pennon.control.errors import IdempotencyKeyReused, Invalid
from pennon.control.log import SYSTEM, Actor, Idempotency
from pennon.control.storage import Storage
from pennon.control.storage.commands import LIFETIME
from tests.clock import HandClock
from tests.contract.logs import LOG, OTHER, flag, open_logs, put

ONCE = Idempotency("key-1", "print-1")


def test_command_sent_again_is_answered_by_what_it_did(storage: Storage) -> None:
    log = storage.log
    open_logs(log, LOG, OTHER)
    with log.writing(LOG, OTHER, by=SYSTEM, action="define", idempotency=ONCE) as first:
        assert not first.replayed
        first.put(LOG, "flag", flag())
    put(log, flag(on=False))
    with log.writing(LOG, OTHER, by=SYSTEM, action="define", idempotency=ONCE) as second:
        assert second.replayed
    assert second.changes_made == first.changes_made
    assert second.heads_after == first.heads_after
    with log.reading() as reading:
        assert [change.revision for change in reading.changes(LOG, limit=9)] == [1, 2]


def test_command_that_was_accepted_cannot_write_again(storage: Storage) -> None:
    log = storage.log
    put(log, flag(), idempotency=ONCE)
    with log.writing(LOG, by=SYSTEM, action="put", idempotency=ONCE) as again:
        with pytest.raises(RuntimeError, match="replayed"):
            again.put(LOG, "flag", flag("other"))
        with pytest.raises(RuntimeError, match="replayed"):
            again.delete(LOG, "flag", "checkout")
        with pytest.raises(RuntimeError, match="replayed"):
            again.open(LOG)
    with log.reading() as reading:
        assert [item.key for item in reading.items(LOG, "flag")] == ["checkout"]


def test_command_without_effect_has_none_when_it_comes_again(storage: Storage) -> None:
    log = storage.log
    put(log, flag())
    assert put(log, flag(), idempotency=ONCE) is None
    put(log, flag(on=False))  # now the first command would have an effect
    with log.writing(LOG, by=SYSTEM, action="put", idempotency=ONCE) as again:
        assert again.replayed
    assert again.changes_made == {}
    assert again.heads_after[LOG].revision == 1


def test_key_with_another_request_is_refused(storage: Storage) -> None:
    log = storage.log
    put(log, flag(), idempotency=ONCE)
    with pytest.raises(IdempotencyKeyReused, match="key-1"):
        put(log, flag(on=False), idempotency=Idempotency("key-1", "print-2"))
    with pytest.raises(IdempotencyKeyReused):
        put(log, flag(on=False), on=OTHER, idempotency=Idempotency("key-1", "print-2"))
    with log.reading() as reading:
        assert len(reading.changes(LOG, limit=9)) == 1
        assert reading.head(OTHER) is None


@pytest.mark.parametrize("key", ["", "k" * 256, "k\0"])
def test_key_that_cannot_be_kept_is_refused(storage: Storage, key: str) -> None:
    with pytest.raises(Invalid, match="/idempotencyKey"):
        put(storage.log, flag(), idempotency=Idempotency(key, "print-1"))
    assert put(storage.log, flag(), idempotency=Idempotency("ä" * 255, "print-1")) is not None


def test_keys_of_different_actors_have_nothing_to_do_with_each_other(storage: Storage) -> None:
    log = storage.log
    put(log, flag(), by=Actor("token", "1", "Ada"), idempotency=ONCE)
    assert put(log, flag(on=False), by=Actor("token", "2", "Bob"), idempotency=ONCE) is not None


def test_command_that_failed_may_be_sent_again(storage: Storage) -> None:
    log = storage.log
    open_logs(log, LOG)
    with pytest.raises(ZeroDivisionError), log.writing(LOG, by=SYSTEM, action="fail", idempotency=ONCE):
        raise ZeroDivisionError
    assert put(log, flag(), idempotency=ONCE) is not None


def test_key_is_forgotten_after_its_lifetime(storage: Storage, clock: HandClock) -> None:
    log = storage.log
    put(log, flag(salt="s1"), idempotency=ONCE)
    clock.move(LIFETIME)
    with log.writing(LOG, by=SYSTEM, action="put", idempotency=ONCE) as writing:
        assert writing.replayed
    clock.move(timedelta(seconds=1))
    assert put(log, flag(salt="s2"), idempotency=Idempotency("key-1", "print-2")) is not None
    with log.writing(LOG, by=SYSTEM, action="put", idempotency=Idempotency("key-1", "print-2")) as writing:
        assert writing.replayed
        assert writing.changes_made[LOG].revision == 2


def test_command_sent_by_many_at_once_is_one_change(storage: Storage) -> None:
    log = storage.log
    open_logs(log, LOG)
    barrier = Barrier(6)

    def send() -> tuple[bool, int]:
        barrier.wait(60)
        with log.writing(LOG, by=SYSTEM, action="put", idempotency=ONCE) as writing:
            if not writing.replayed:
                writing.put(LOG, "flag", flag())
        return writing.replayed, writing.changes_made[LOG].revision

    with ThreadPoolExecutor(6) as pool:
        results = [future.result() for future in [pool.submit(send) for _ in range(6)]]
    assert sorted(results) == [(False, 1)] + [(True, 1)] * 5


def test_key_used_at_once_for_two_logs_is_one_command(storage: Storage) -> None:
    log = storage.log
    open_logs(log, LOG, OTHER)
    barrier = Barrier(2)

    def send(name: str) -> bool:
        barrier.wait(60)
        try:
            return put(log, flag(), on=name, idempotency=Idempotency("key-1", name)) is not None
        except IdempotencyKeyReused:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, (LOG, OTHER))) == [False, True]
    with log.reading() as reading:
        assert sorted(head.revision for head in reading.heads().values()) == [0, 1]
