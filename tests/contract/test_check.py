"""What a check of a log finds. Each test does to the tables what no command can."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Table, delete, select, update

from pennon.control.log import Head
from pennon.control.storage import Storage
from pennon.control.storage.rows import chained, read_row, write_row
from pennon.control.storage.tables import changes, heads, items, micros, touched
from tests.contract.logs import LOG, OTHER, flag, put, segment
from tests.contract.logs import delete as delete_item

Tamper = Callable[[Connection], object]


@pytest.fixture
def written(storage: Storage) -> Storage:
    put(storage.log, flag("a"), segment("beta", "u1"))
    put(storage.log, flag("a", on=False))
    put(storage.log, flag("b"))
    delete_item(storage.log, "flag", "b")
    put(storage.log, flag("c"))
    put(storage.log, flag("a"), on=OTHER)
    return storage


def test_log_as_it_was_written_is_in_order(written: Storage) -> None:
    verification = written.log.check(LOG)
    assert (verification.log, verification.rows, verification.problem) == (LOG, 5, None)


def test_log_that_is_not_there_is_a_problem(storage: Storage) -> None:
    assert storage.log.check(LOG).problem == "there is no such log"


TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "a row's bytes": (
        lambda c: _set(c, changes, 2, row=_row(c, 2).replace(b'"system"', b'"import"')),
        f"row 2 of {LOG}: its hash is not that of its bytes",
    ),
    "a row's bytes and hash": (
        lambda c: _set(c, changes, 2, row=b"{}", hash=chained(_previous(c, 2), b"{}")),
        f"row 2 of {LOG}: its bytes cannot be read",
    ),
    "a row's bytes and hash, well made": (
        lambda c: _rewrite(c, 3, why="another reason"),
        f"row 4 of {LOG}: its previous hash is not that of row 3",
    ),
    "a row's previous hash": (
        lambda c: _set(c, changes, 3, previous="1" * 64),
        f"row 3 of {LOG}: its previous hash is not that of row 2",
    ),
    "a row's column": (
        lambda c: _set(c, changes, 4, change_id="f" * 32),
        f"row 4 of {LOG}: its columns do not say what its bytes say",
    ),
    "a row in the middle gone": (
        lambda c: _drop(c, changes, 3),
        f"row 4 of {LOG}: row 3 is missing",
    ),
    "the last row gone": (
        lambda c: _drop(c, changes, 5),
        f"{LOG} ends at row 4, but its head is at revision 5",
    ),
    "the head": (
        lambda c: c.execute(update(heads).where(heads.c.log == LOG).values(revision=9)),
        f"{LOG} ends at row 5, but its head is at revision 9",
    ),
    "an item's text": (
        lambda c: c.execute(update(items).where(items.c.log == LOG, items.c.key == "c").values(text=b"{}")),
        f"flag 'c' of {LOG} is not what the log says",
    ),
    "an item's version": (
        lambda c: c.execute(update(items).where(items.c.log == LOG, items.c.key == "a").values(version=1)),
        f"flag 'a' of {LOG} is not what the log says",
    ),
    "an item gone": (
        lambda c: c.execute(delete(items).where(items.c.log == LOG, items.c.key == "a")),
        f"flag 'a' of {LOG} is in the log and not among the items",
    ),
    "the last item gone": (
        lambda c: c.execute(delete(items).where(items.c.log == LOG, items.c.kind == "segment")),
        f"segment 'beta' of {LOG} is in the log and not among the items",
    ),
    "an item too many": (
        lambda c: c.execute(update(items).where(items.c.log == OTHER, items.c.key == "a").values(log=LOG, key="aa")),
        f"flag 'aa' of {LOG} is among the items and not in the log",
    ),
    "the last item too many": (
        lambda c: c.execute(update(items).where(items.c.log == OTHER).values(log=LOG, kind="x")),
        f"x 'a' of {LOG} is among the items and not in the log",
    ),
    "a deleted item back": (
        lambda c: c.execute(update(items).where(items.c.log == LOG, items.c.key == "b").values(text=b"{}")),
        f"flag 'b' of {LOG} is not what the log says",
    ),
    "the index": (
        lambda c: c.execute(update(touched).where(touched.c.log == LOG, touched.c.revision == 5).values(key="z")),
        f"the index of {LOG} does not say which rows touched which items",
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_its_first_place_named(written: Storage, what: str) -> None:
    tamper, problem = TAMPERINGS[what]
    with written._database.writing() as connection:
        tamper(connection)
        connection.commit()
    assert (written.log.check(LOG).problem or "").startswith(problem)


REWRITINGS: dict[str, tuple[dict[str, Any], str]] = {
    "time": ({"time": "2001-01-01T00:00:00Z"}, "its time is before that of the row before it"),
    "epoch": ({"epoch": 0}, "its epoch is before that of the row before it"),
    "before": (
        {"edits": [{"kind": "flag", "key": "c", "before": {"key": "c"}, "after": None}]},
        "flag 'c' was something else before",
    ),
    "hash": (
        {"edits": [{"kind": "flag", "key": "c", "before": None, "after": {"hash": "0" * 16, "key": "c"}}]},
        "the hash of flag 'c' is not that of its text",
    ),
    "version": (
        {"edits": [{"kind": "flag", "key": "c", "before": None, "after": {"key": "c", "version": 7}}]},
        "flag 'c' is not version 1 of revision 5",
    ),
}


@pytest.mark.parametrize("what", REWRITINGS)
def test_last_row_rewritten_with_its_hash_must_still_follow_from_the_others(written: Storage, what: str) -> None:
    fields, problem = REWRITINGS[what]
    with written._database.writing() as connection:
        _rewrite(connection, 5, **fields)
        connection.commit()
    assert written.log.check(LOG).problem == f"row 5 of {LOG}: {problem}"


def test_rewritten_tail_shows_against_a_head_that_was_seen(written: Storage) -> None:
    with written.log.reading() as reading:
        seen = reading.head(LOG)
    assert seen is not None
    with written._database.writing() as connection:
        digest = _rewrite(connection, 5, why="that is not what I said")
        connection.execute(update(heads).where(heads.c.log == LOG).values(hash=digest))
        connection.commit()
    assert written.log.check(LOG).problem is None
    assert written.log.check(LOG, witnesses=[seen]).problem == (
        f"row 5 of {LOG}: it was seen with another hash, {seen.hash}"
    )


def test_heads_that_were_seen_before_are_still_there(written: Storage) -> None:
    with written.log.reading() as reading:
        seen = [reading.state_at(LOG, revision=revision).head for revision in (1, 3, 5)]
    assert written.log.check(LOG, witnesses=seen).problem is None


def test_row_that_was_seen_and_is_not_there_is_named(written: Storage) -> None:
    with written.log.reading() as reading:
        head = reading.head(LOG)
    assert head is not None
    later = Head(1, 8, "a" * 64, head.time)
    assert written.log.check(LOG, witnesses=[head, later]).problem == (
        f"row 8 of {LOG}: it was seen in epoch 1 and is not there"
    )


def _set(connection: Connection, table: Table, revision: int, **values: object) -> None:
    statement = update(table).where(table.c.log == LOG, table.c.revision == revision).values(**values)
    assert connection.execute(statement).rowcount == 1


def _drop(connection: Connection, table: Table, revision: int) -> None:
    assert connection.execute(delete(table).where(table.c.log == LOG, table.c.revision == revision)).rowcount == 1


def _row(connection: Connection, revision: int) -> bytes:
    query = select(changes.c.row).where(changes.c.log == LOG, changes.c.revision == revision)
    return bytes(connection.execute(query).scalar_one())


def _previous(connection: Connection, revision: int) -> str:
    query = select(changes.c.previous).where(changes.c.log == LOG, changes.c.revision == revision)
    return str(connection.execute(query).scalar_one())


def _rewrite(connection: Connection, revision: int, **fields: Any) -> str:
    """Write a row anew with other members, its columns and its hash right, and return the hash."""
    row = msgspec.json.encode({**msgspec.json.decode(_row(connection, revision)), **fields})
    change = read_row(row, _previous(connection, revision), "")
    row, change = write_row(change)
    columns = {"row": row, "size": len(row), "hash": change.hash, "at": micros(change.time), "epoch": change.epoch}
    _set(connection, changes, revision, **columns)
    return change.hash
