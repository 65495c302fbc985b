"""A database that is gone, locked, full, or that breaks off in the middle: nothing is half done, and none is lost."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from pennon.control.errors import OutcomeUnknown, Unavailable
from pennon.control.log import SYSTEM, Idempotency
from pennon.control.storage import Storage, open_storage
from tests.contract.logs import LOG, flag, put
from tests.contract.wire import Cut, Wire
from tests.postgres import Postgres

ONCE = Idempotency("key-1", "print-1")


class TestSqlite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "pennon.db"

    @pytest.fixture
    def storage(self, file: Path) -> Iterator[Storage]:
        opened = open_storage(f"sqlite:///{file}", wait_s=0.2)
        yield opened
        opened.close()

    def test_commits_survive_a_power_failure(self, storage: Storage) -> None:
        with storage._database.writing() as connection:
            pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _PRAGMAS}
        assert pragmas == _PRAGMAS

    def test_readers_cannot_write(self, storage: Storage) -> None:
        with pytest.raises(Unavailable, match="readonly"), storage._database.reading() as connection:
            connection.exec_driver_sql("DELETE FROM heads")

    def test_database_locked_by_another_program_takes_no_writes_but_is_read(self, storage: Storage, file: Path) -> None:
        put(storage.log, flag())
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match=r"database is locked; try again"):
                put(storage.log, flag(on=False))
            with storage.log.reading() as reading:
                assert len(reading.items(LOG, "flag")) == 1
            other.execute("ROLLBACK")
        assert put(storage.log, flag(on=False)) is not None

    def test_writer_that_takes_too_long_keeps_no_other_waiting_for_ever(self, storage: Storage) -> None:
        with storage.log.writing(LOG, by=SYSTEM, action="slow"), pytest.raises(Unavailable, match="busy"):
            put(storage.log, flag())
        assert put(storage.log, flag()) is not None

    def test_full_disk_takes_no_change_and_loses_none(self, storage: Storage) -> None:
        put(storage.log, flag())
        with storage._database.writing() as connection:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {used + 4}")
        accepted = 1
        with pytest.raises(Unavailable, match=r"free space on its disk \(.*is full\)"):  # noqa: PT012  # which one it is, is not known
            while True:
                put(storage.log, flag(f"flag-{accepted}", salt="s" * 64))
                accepted += 1
        with storage._database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert put(storage.log, flag("after")) is not None
        verification = storage.log.check(LOG)
        assert (verification.rows, verification.problem) == (accepted + 1, None)

    def test_two_processes_share_a_database(self, storage: Storage, file: Path) -> None:
        patient = open_storage(f"sqlite:///{file}")
        context = multiprocessing.get_context("spawn")
        other = context.Process(target=_put_many, args=(f"sqlite:///{file}", 20))
        other.start()
        for number in range(20):
            put(patient.log, flag(f"here-{number}"))
        other.join(60)
        assert other.exitcode == 0
        assert (patient.log.check(LOG).rows, patient.log.check(LOG).problem) == (40, None)
        patient.close()


class TestPostgres:
    @pytest.fixture
    def wire(self, postgres: Postgres) -> Iterator[Wire]:
        """A database, and a wire to it that the test can cut."""
        url = make_url(postgres.database())
        with Wire(url) as wire:
            yield wire

    @pytest.fixture
    def storage(self, wire: Wire) -> Iterator[Storage]:
        opened = open_storage(wire.url, wait_s=2)
        put(opened.log, flag())
        yield opened
        opened.close()

    def test_connection_lost_in_the_middle_of_a_command_changes_nothing(self, storage: Storage, wire: Wire) -> None:
        with pytest.raises(Unavailable), storage.log.writing(LOG, by=SYSTEM, action="put") as writing:  # noqa: PT012
            writing.put(LOG, "flag", flag(on=False))
            wire.cut()
        assert put(storage.log, flag(on=False)) is not None
        assert _rows(storage) == 2

    def test_connections_that_died_while_idle_are_not_used(self, storage: Storage, wire: Wire) -> None:
        wire.cut()
        assert put(storage.log, flag(on=False)) is not None

    def test_server_that_is_away_is_unavailable_and_comes_back(self, storage: Storage, wire: Wire) -> None:
        with wire.away():
            with pytest.raises(Unavailable, match="try again"):
                put(storage.log, flag(on=False))
            with pytest.raises(Unavailable), storage.log.reading():
                pass
            with pytest.raises(Unavailable):
                storage.ping()
        assert put(storage.log, flag(on=False)) is not None

    def test_commit_whose_answer_was_lost_is_found_to_have_happened(self, storage: Storage, wire: Wire) -> None:
        told: list[object] = []
        storage.log.subscribe(told.append)
        wire.cut_at_commit(Cut.ANSWER)
        change = put(storage.log, flag(on=False))
        assert wire.was_cut
        assert change is not None
        assert told == [{LOG: change}]
        assert _rows(storage) == 2

    def test_commit_that_never_arrived_is_found_not_to_have_happened(self, storage: Storage, wire: Wire) -> None:
        wire.cut_at_commit(Cut.QUESTION)
        with pytest.raises(Unavailable, match="could not be committed; try again") as error:
            put(storage.log, flag(on=False))
        assert not isinstance(error.value, OutcomeUnknown)
        assert _rows(storage) == 1

    @pytest.mark.parametrize("cut", Cut)
    def test_same_key_makes_a_change_of_unknown_outcome_happen_once(
        self, storage: Storage, wire: Wire, cut: Cut
    ) -> None:
        wire.cut_at_commit(cut, stay_away=True)
        with pytest.raises(OutcomeUnknown, match="the same idempotency key"):
            put(storage.log, flag(on=False), idempotency=ONCE)
        wire.come_back()
        with storage.log.writing(LOG, by=SYSTEM, action="put", idempotency=ONCE) as again:
            if not again.replayed:
                again.put(LOG, "flag", flag(on=False))
        assert again.replayed == (cut is Cut.ANSWER)
        assert again.changes_made[LOG].revision == 2
        assert _rows(storage) == 2

    def test_head_locked_by_a_writer_that_hangs_keeps_no_other_waiting_for_ever(self, wire: Wire) -> None:
        storage = open_storage(wire.url, wait_s=0.2)
        put(storage.log, flag())
        with storage.log.writing(LOG, by=SYSTEM, action="slow"), pytest.raises(Unavailable, match="try again"):
            put(storage.log, flag(on=False))
        assert put(storage.log, flag(on=False)) is not None
        storage.close()

    def test_writers_of_different_environments_do_not_wait_for_each_other(self, storage: Storage) -> None:
        with storage.log.writing(LOG, by=SYSTEM, action="slow"):
            assert put(storage.log, flag(), on="environments/shop/other") is not None


_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def _rows(storage: Storage) -> int:
    verification = storage.log.check(LOG)
    assert verification.problem is None
    return verification.rows


def _put_many(url: str, number: int) -> None:
    storage = open_storage(url)
    for at in range(number):
        put(storage.log, flag(f"there-{at}"))
    storage.close()
