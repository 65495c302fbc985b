"""Opening a storage: the schema, two servers at once, and databases that cannot be used."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Timer

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from pennon.control.errors import StorageUnusable, Unavailable
from pennon.control.storage import Storage, open_storage
from pennon.control.storage.tables import metadata
from tests.contract.logs import LOG, flag, put


def test_migrated_schema_is_that_of_the_tables(storage: Storage) -> None:
    with storage._database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_two_servers_that_start_at_once_migrate_once(empty_url: str) -> None:
    barrier = Barrier(3)

    def start(number: int) -> str | None:
        barrier.wait(60)
        storage = open_storage(empty_url)
        with storage._database.reading() as connection:
            version = MigrationContext.configure(connection).get_current_revision()
        storage.close()
        return version

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(start, range(3))) == {"0005"}


def test_a_file_that_another_server_is_making_is_waited_for(tmp_path: Path) -> None:
    making = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    making.execute("BEGIN IMMEDIATE")
    done = Timer(0.2, making.execute, ("COMMIT",))
    done.start()
    storage = open_storage(f"sqlite:///{tmp_path / 'new.db'}")
    storage.ping()
    storage.close()
    done.join()
    making.close()


def test_what_was_written_is_there_when_opened_again(url: str) -> None:
    first = open_storage(url)
    put(first.log, flag())
    first.close()
    second = open_storage(url)
    second.ping()
    assert second.log.check(LOG).rows == 1
    second.close()


def test_database_of_a_newer_version_is_refused(empty_url: str) -> None:
    storage = open_storage(empty_url)
    with storage._database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    storage.close()
    with pytest.raises(StorageUnusable, match=r"newer Pennon \(schema 9999\); update Pennon"):
        open_storage(empty_url)


@pytest.mark.parametrize(("oldest", "opens"), [("0001", True), ("0005", True), ("0006", False)])
def test_database_of_a_newer_version_that_only_adds_is_used(empty_url: str, oldest: str, opens: bool) -> None:
    storage = open_storage(empty_url)
    with storage._database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("INSERT INTO schemas VALUES ('9999', :oldest)"), {"oldest": oldest})
        connection.commit()
    told = storage.schema()  # by a server that was there before, whom nobody stops
    assert (told.has, told.starts) == ("9999", opens)
    storage.close()
    if opens:
        again = open_storage(empty_url)
        put(again.log, flag())
        again.close()
    else:
        with pytest.raises(StorageUnusable, match="newer Pennon"):
            open_storage(empty_url)


def test_each_schema_says_which_servers_can_use_it(empty_url: str) -> None:
    storage = open_storage(empty_url)
    with storage._database.reading() as connection:
        version = MigrationContext.configure(connection).get_current_revision()
        assert connection.execute(text("SELECT schema FROM schemas ORDER BY schema DESC")).scalars().first() == version
    storage.close()


def test_database_with_tables_of_others_is_refused(empty_url: str) -> None:
    first = open_storage(empty_url)
    with first._database.writing() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        connection.commit()
    first.close()
    with pytest.raises(StorageUnusable, match="give Pennon a database of its own"):
        open_storage(empty_url)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("", "cannot be read; write sqlite:///"),
        ("pennon.db", "cannot be read; write sqlite:///"),
        ("mysql://root@localhost/pennon", "cannot store in mysql; write sqlite:///"),
        ("postgresql+asyncpg://localhost/pennon", r"cannot store in postgresql\+asyncpg; write"),
        ("sqlite://", "lost with the process"),
        ("sqlite:///:memory:", "lost with the process"),
    ],
)
def test_url_that_cannot_be_used_is_refused_with_the_forms_that_can(bad: str, says: str) -> None:
    with pytest.raises(StorageUnusable, match=says):
        open_storage(bad)


def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(StorageUnusable, match=r"letter\.txt is not a database; name another file"):
        open_storage(f"sqlite:///{file}")
    assert file.read_text().startswith("Dear Sir")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnusable, match=f"{tmp_path}/file/folder/pennon.db cannot be made"):
        open_storage(f"sqlite:///{tmp_path}/file/folder/pennon.db")


def test_file_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/new/pennon.db")
    put(storage.log, flag())
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "new").iterdir()}
    storage.close()
    assert modes == {"pennon.db": 0o600, "pennon.db-wal": 0o600, "pennon.db-shm": 0o600}


def test_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open database file"):
        open_storage(f"sqlite:///{tmp_path}")


def test_server_that_is_not_there_is_unavailable_and_no_password_is_shown() -> None:
    with pytest.raises(Unavailable, match="see that it runs and can be reached") as error:
        open_storage("postgresql://pennon:hunter2@127.0.0.1:1/pennon")
    assert "hunter2" not in str(error.value)
