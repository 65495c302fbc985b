"""Many writers and their followers."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread

import pytest
import structlog.testing

from pennon.control.errors import AlreadyExists
from pennon.control.log import SYSTEM, Change, ChangeLog
from pennon.control.storage import Storage
from pennon.model import Flag
from tests.contract.logs import LOG, OTHER, flag, open_logs, put

WRITERS, EACH = 6, 15


def test_no_change_of_many_writers_is_lost_and_revisions_have_no_gap(storage: Storage) -> None:
    log = storage.log
    put(log, flag(salt="s0"))

    def count_up(writer: int) -> list[int]:
        return [_count_up(log, LOG) for _ in range(EACH)]

    with ThreadPoolExecutor(WRITERS) as pool:
        revisions = [revision for made in pool.map(count_up, range(WRITERS)) for revision in made]
    assert sorted(revisions) == list(range(2, WRITERS * EACH + 2))
    with log.reading() as reading:
        stored = reading.item(LOG, "flag", "checkout")
    assert stored is not None
    assert stored.read(Flag).salt == f"s{WRITERS * EACH}"
    verification = log.check(LOG)
    assert (verification.problem, verification.rows) == (None, WRITERS * EACH + 1)


def test_commands_that_name_logs_in_any_order_do_not_wait_for_each_other_for_ever(storage: Storage) -> None:
    log = storage.log
    open_logs(log, LOG, OTHER)

    def swap(names: tuple[str, str]) -> None:
        for number in range(EACH):
            with log.writing(*names, by=SYSTEM, action="both") as writing:
                for name in names:
                    writing.put(name, "flag", flag(names[0][-1], salt=f"s{number}"))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(swap, [(LOG, OTHER), (OTHER, LOG)]))
    for name in (LOG, OTHER):
        assert log.check(name).problem is None
        assert log.check(name).rows == 2 * EACH


def test_readers_always_find_items_and_head_of_one_revision(storage: Storage) -> None:
    log, done = storage.log, Event()
    put(log, flag("a", salt="s0"), flag("b", salt="s0"))

    def write() -> None:
        for number in range(1, 40):
            put(log, flag("a", salt=f"s{number}"), flag("b", salt=f"s{number}"))
        done.set()

    writer = Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        with log.reading() as reading:
            state = reading.state(LOG)
        salts = {item.read(Flag).salt for item in state.of("flag").values()}
        assert salts == {f"s{state.head.revision - 1}"}
        seen.add(state.head.revision)
    writer.join()
    assert len(seen) > 1


def test_log_opened_by_two_at_once_is_opened_once(storage: Storage) -> None:
    log, barrier = storage.log, Barrier(4)

    def open_and_put(number: int) -> bool:
        barrier.wait(60)
        try:
            return put(log, flag(f"flag-{number}")) is not None
        except AlreadyExists:
            return False

    with ThreadPoolExecutor(4) as pool:
        accepted = list(pool.map(open_and_put, range(4)))
    assert any(accepted)
    with log.reading() as reading:
        assert len(reading.items(LOG, "flag")) == sum(accepted)
    assert log.check(LOG).rows == sum(accepted)


def test_followers_are_told_after_the_commit(storage: Storage) -> None:
    log = storage.log
    told: list[tuple[Mapping[str, int], int]] = []

    def follow(made: Mapping[str, Change]) -> None:
        with log.reading() as reading:
            head = reading.head(LOG)
        assert head is not None
        told.append(({log: change.revision for log, change in made.items()}, head.revision))

    log.subscribe(follow)
    put(log, flag())
    with log.writing(LOG, OTHER, by=SYSTEM, action="both") as writing:
        writing.open(OTHER)
        writing.put(LOG, "flag", flag(on=False))
        writing.put(OTHER, "flag", flag())
        assert len(told) == 1
    assert told == [({LOG: 1}, 1), ({LOG: 2, OTHER: 1}, 2)]


def test_followers_hear_nothing_of_what_was_not_committed(storage: Storage) -> None:
    log = storage.log
    put(log, flag())
    told: list[Mapping[str, Change]] = []
    log.subscribe(told.append)
    put(log, flag())
    with pytest.raises(ZeroDivisionError), log.writing(LOG, by=SYSTEM, action="fail") as writing:  # noqa: PT012
        writing.put(LOG, "flag", flag(on=False))
        raise ZeroDivisionError
    assert told == []


def test_follower_that_fails_harms_neither_the_change_nor_other_followers(storage: Storage) -> None:
    log = storage.log
    told: list[Mapping[str, Change]] = []

    def fail(_made: Mapping[str, Change]) -> None:
        raise ValueError("no")

    log.subscribe(fail)
    log.subscribe(told.append)
    with structlog.testing.capture_logs() as logged:
        made = put(log, flag())
    assert made is not None
    assert told == [{LOG: made}]
    assert [(entry["log_level"], entry["event"]) for entry in logged] == [
        ("error", "a follower of the change log failed")
    ]


def _count_up(log: ChangeLog, name: str) -> int:
    with log.writing(name, by=SYSTEM, action="count") as writing:
        stored = writing.item(name, "flag", "checkout")
        assert stored is not None
        number = int(stored.read(Flag).salt[1:]) + 1
        writing.put(name, "flag", flag(salt=f"s{number}"))
    return writing.changes_made[name].revision
