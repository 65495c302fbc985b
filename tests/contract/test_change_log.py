"""What every storage of the change log does."""

import hashlib
from datetime import UTC, timedelta

import msgspec
import pytest
from sqlalchemy import select

from pennon.control.errors import Invalid, NotFound
from pennon.control.log import NO_HASH, SYSTEM, Actor, Change, ChangeLog, Head
from pennon.control.storage import Storage
from pennon.control.storage.tables import changes as changes_table
from pennon.model import Flag, Item
from tests.clock import HandClock
from tests.contract.logs import LOG, OTHER, delete, flag, open_logs, put, segment


@pytest.fixture
def log(storage: Storage) -> ChangeLog:
    return storage.log


def test_log_that_was_never_opened_has_no_head(log: ChangeLog) -> None:
    with log.reading() as reading:
        assert reading.head(LOG) is None
        assert reading.heads() == {}
        assert reading.items(LOG, "flag") == []
        with pytest.raises(NotFound):
            reading.state(LOG)


def test_opened_log_is_at_revision_zero(log: ChangeLog, clock: HandClock) -> None:
    open_logs(log, LOG)
    with log.reading() as reading:
        assert reading.head(LOG) == Head(1, 0, NO_HASH, clock.now())


def test_opening_a_log_again_lets_it_go_on(log: ChangeLog) -> None:
    put(log, flag())
    open_logs(log, LOG)
    with log.reading() as reading:
        head = reading.head(LOG)
    assert head is not None
    assert head.revision == 1


def test_put_item_gets_version_revision_and_hash(log: ChangeLog) -> None:
    put(log, flag("first"))
    with log.writing(LOG, by=SYSTEM, action="put") as writing:
        stored = writing.put(LOG, "flag", flag("second"))
    assert (stored.kind, stored.key, stored.version, stored.changed_at) == ("flag", "second", 1, 2)
    assert stored.item == Item.of(flag("second", version=1, changed_at=2))
    with log.reading() as reading:
        assert reading.item(LOG, "flag", "second") == stored
        assert reading.item(LOG, "segment", "second") is None


def test_version_in_what_is_put_is_not_believed(log: ChangeLog) -> None:
    put(log, flag(version=41, changed_at=17))
    with log.reading() as reading:
        stored = reading.item(LOG, "flag", "checkout")
    assert stored is not None
    assert (stored.version, stored.changed_at) == (1, 1)


def test_change_says_who_when_why_and_what(log: ChangeLog, clock: HandClock) -> None:
    put(log, flag())
    by = Actor("token", "abc", "Ada")
    clock.move(timedelta(minutes=5))
    change = put(log, flag(on=False), by=by, action="turnOff", why="it is on fire")
    assert change is not None
    with log.reading() as reading:
        assert reading.change(LOG, 2) == change
    assert (change.log, change.epoch, change.revision) == (LOG, 1, 2)
    assert (change.actor, change.action, change.why, change.time) == (by, "turnOff", "it is on fire", clock.now())
    assert change.time.tzinfo is UTC
    [edit] = change.edits
    assert msgspec.json.decode(edit.before or b"", type=Flag).on
    assert edit.after is not None
    assert edit.left is not None
    assert edit.left.version == 2
    assert not edit.left.read(Flag).on


def test_rows_are_chained_by_the_hashes_of_their_bytes(log: ChangeLog, storage: Storage) -> None:
    put(log, flag())
    put(log, flag(on=False))
    with storage._database.reading() as connection:
        first, second = connection.execute(select(changes_table).order_by(changes_table.c.revision)).all()
    assert first.previous == "0" * 64
    assert first.hash == hashlib.sha256(bytes(32) + first.row).hexdigest()
    assert second.previous == first.hash
    assert second.hash == hashlib.sha256(bytes.fromhex(first.hash) + second.row).hexdigest()
    with log.reading() as reading:
        head = reading.head(LOG)
    assert head is not None
    assert head.hash == second.hash


def test_several_items_are_one_row_and_one_revision(log: ChangeLog) -> None:
    change = put(log, flag("a"), flag("b"), segment("beta", "u1"))
    assert change is not None
    assert change.revision == 1
    assert [(edit.kind, edit.key) for edit in change.edits] == [("flag", "a"), ("flag", "b"), ("segment", "beta")]


def test_change_to_several_logs_has_one_id_and_one_time(log: ChangeLog) -> None:
    put(log, flag("earlier"), on=OTHER)
    with log.writing(OTHER, LOG, by=SYSTEM, action="define") as writing:
        writing.open(LOG)
        writing.put(OTHER, "flag", flag())
        writing.put(LOG, "flag", flag())
    made = writing.changes_made
    assert made[LOG].revision == 1
    assert made[OTHER].revision == 2
    assert made[LOG].change_id == made[OTHER].change_id
    assert made[LOG].time == made[OTHER].time
    assert {name: head.revision for name, head in writing.heads_after.items()} == {LOG: 1, OTHER: 2}


def test_row_is_written_only_in_logs_that_something_changed_in(log: ChangeLog) -> None:
    put(log, flag(), on=OTHER)
    with log.writing(OTHER, LOG, by=SYSTEM, action="define") as writing:
        writing.open(LOG)
        writing.put(OTHER, "flag", flag())
        writing.put(LOG, "flag", flag())
    assert set(writing.changes_made) == {LOG}
    assert writing.heads_after[OTHER].revision == 1


def test_put_of_what_is_there_writes_no_row(log: ChangeLog) -> None:
    put(log, flag(), segment("beta", "u1"))
    assert put(log, flag(version=9), segment("beta", "u1")) is None
    with log.reading() as reading:
        head, stored = reading.head(LOG), reading.item(LOG, "flag", "checkout")
    assert head is not None
    assert head.revision == 1
    assert stored is not None
    assert stored.version == 1


def test_command_that_takes_itself_back_writes_no_row(log: ChangeLog) -> None:
    put(log, flag())
    with log.writing(LOG, by=SYSTEM, action="dither") as writing:
        writing.put(LOG, "flag", flag(on=False))
        writing.put(LOG, "flag", flag())
        writing.put(LOG, "flag", flag("brief"))
        writing.delete(LOG, "flag", "brief")
        writing.delete(LOG, "flag", "checkout")
        writing.put(LOG, "flag", flag())
    assert writing.changes_made == {}
    with log.reading() as reading:
        assert [item.version for item in reading.items(LOG, "flag")] == [1]
    assert log.check(LOG).problem is None


def test_item_put_twice_in_a_command_is_one_edit_and_one_version(log: ChangeLog) -> None:
    put(log, flag())
    with log.writing(LOG, by=SYSTEM, action="twice") as writing:
        writing.put(LOG, "flag", flag(on=False))
        writing.put(LOG, "flag", flag(salt="s2"))
    [edit] = writing.changes_made[LOG].edits
    assert edit.left is not None
    assert edit.left.version == 2
    assert edit.left.read(Flag).salt == "s2"


def test_deleted_item_is_gone_and_its_versions_are_never_used_again(log: ChangeLog) -> None:
    put(log, flag())
    put(log, flag(on=False))
    change = delete(log, "flag", "checkout")
    assert change is not None
    assert change.edits[0].after is None
    assert change.edits[0].left is None
    with log.reading() as reading:
        assert reading.item(LOG, "flag", "checkout") is None
        assert reading.items(LOG, "flag") == []
        assert reading.count(LOG, "flag") == 0
        assert reading.state(LOG).items == {}
    put(log, flag())
    with log.reading() as reading:
        again = reading.item(LOG, "flag", "checkout")
    assert again is not None
    assert (again.version, again.changed_at) == (3, 4)
    assert log.check(LOG).problem is None


def test_deleting_what_is_not_there_is_refused(log: ChangeLog) -> None:
    put(log, flag())
    with pytest.raises(NotFound, match="no flag 'other'"):
        delete(log, "flag", "other")
    delete(log, "flag", "checkout")
    with pytest.raises(NotFound):
        delete(log, "flag", "checkout")


def test_exception_in_a_command_changes_nothing(log: ChangeLog) -> None:
    put(log, flag())
    with pytest.raises(ZeroDivisionError), log.writing(LOG, OTHER, by=SYSTEM, action="fail") as writing:  # noqa: PT012
        writing.open(OTHER)
        writing.put(OTHER, "flag", flag())
        writing.put(LOG, "flag", flag(on=False))
        raise ZeroDivisionError
    with log.reading() as reading:
        assert set(reading.heads()) == {LOG}
        [stored] = reading.items(LOG, "flag")
    assert stored.version == 1
    assert put(log, flag(on=False)) is not None


def test_items_are_found_by_a_part_of_their_text_byte_for_byte(log: ChangeLog) -> None:
    odd = flag("50%_\"ß😀'\\")
    put(log, flag("a"), flag("A"), flag("ab"), odd)
    with log.reading() as reading:

        def found(part: bytes, kind: str = "flag") -> list[str]:
            return [item.key for item in reading.items_with(LOG, kind, part)]

        named = reading.items_named(LOG, "flag", ["ab", "b", "a", odd.key])
        assert [item.key for item in named] == ["ab", "a", odd.key]
        assert found(b'"a"') == ["a"]
        assert found(b'"A"') == ["A"]
        assert found(b'"key":"a') == ["a", "ab"]
        assert found(msgspec.json.encode(odd.key)) == [odd.key]
        assert found(b"%") == found(b"_") == [odd.key]
        assert found(b'"a"', "segment") == found(b"\xff\x00") == []
        assert reading.items_with(OTHER, "flag", b'"a"') == []


def test_command_finds_by_a_part_what_it_has_put_and_deleted(log: ChangeLog) -> None:
    put(log, flag("a"), flag("c"), flag("e"))
    with log.writing(LOG, by=SYSTEM, action="edit") as writing:
        writing.put(LOG, "flag", flag("b"))
        writing.delete(LOG, "flag", "c")
        writing.put(LOG, "flag", flag("e", on=False))
        assert [item.key for item in writing.items_with(LOG, "flag", b'"key":')] == ["a", "b", "e"]
        assert [item.key for item in writing.items_with(LOG, "flag", b'"on":true')] == ["a", "b"]
        assert [item.key for item in writing.items_named(LOG, "flag", ["e", "a", "c", "none"])] == ["e", "a"]
        assert writing.items_with(LOG, "flag", b'"key":"c"') == []


def test_command_reads_what_it_has_put_and_deleted(log: ChangeLog) -> None:
    put(log, flag("a"), flag("c"), flag("e"))
    with log.writing(LOG, by=SYSTEM, action="edit") as writing:
        assert writing.count(LOG, "flag") == 3
        writing.put(LOG, "flag", flag("b"))
        writing.delete(LOG, "flag", "c")
        changed = writing.put(LOG, "flag", flag("e", on=False))
        assert [item.key for item in writing.items(LOG, "flag")] == ["a", "b", "e"]
        assert [item.key for item in writing.items(LOG, "flag", limit=2)] == ["a", "b"]
        assert [item.key for item in writing.items(LOG, "flag", after="a", limit=2)] == ["b", "e"]
        assert writing.items(LOG, "flag", after="b") == [changed]
        assert writing.count(LOG, "flag") == 3
        assert writing.item(LOG, "flag", "c") is None
        assert writing.item(LOG, "flag", "e") == changed
        head = writing.head(LOG)
        assert head is not None
        assert head.revision == 1
        assert {key: item.version for key, item in writing.state(LOG).of("flag").items()} == {"a": 1, "c": 1, "e": 1}


def test_items_come_in_the_order_of_code_points(log: ChangeLog) -> None:
    keys = ["Zebra", "a.b", "a-b", "a_b", "ab", "äb", "b", "B", "10", "9", "\U0001f600", "\uff5e"]
    put(log, *(flag(key) for key in keys))
    with log.reading() as reading:
        assert [item.key for item in reading.items(LOG, "flag")] == sorted(keys)
        assert [item.key for item in reading.items(LOG, "flag", after="a_b", limit=2)] == ["ab", "b"]
        assert list(reading.state(LOG).of("flag")) == sorted(keys)


def test_heads_are_found_by_the_beginning_of_their_name(log: ChangeLog) -> None:
    names = [
        "environments/Shop/a",
        "environments/shop/a",
        "environments/shop_2/a",
        "environments/shop2/a",
        "installation",
    ]
    open_logs(log, *names)
    with log.reading() as reading:
        assert list(reading.heads()) == sorted(names)
        assert list(reading.heads("environments/shop/")) == ["environments/shop/a"]
        assert list(reading.heads("environments/shop_")) == ["environments/shop_2/a"]


def test_changes_are_read_in_slices(log: ChangeLog) -> None:
    for number in range(1, 8):
        put(log, flag(salt=f"s{number}"))
    with log.reading() as reading:
        assert _revisions(reading.changes(LOG, limit=100)) == [1, 2, 3, 4, 5, 6, 7]
        assert _revisions(reading.changes(LOG, after=2, limit=3)) == [3, 4, 5]
        assert _revisions(reading.changes(LOG, after=2, until=4, limit=3)) == [3, 4]
        assert reading.changes(LOG, after=7, limit=3) == []
        assert _revisions(reading.latest(LOG, limit=3)) == [7, 6, 5]
        assert _revisions(reading.latest(LOG, before=3, limit=3)) == [2, 1]
        assert reading.change(LOG, 8) is None


def test_slice_of_changes_ends_where_it_holds_enough_bytes(log: ChangeLog) -> None:
    for number in range(6):
        put(log, segment("big", *(f"user-{number}-{n}" for n in range(100))))
    with log.reading() as reading:
        rows = [
            len(edit.after or b"") + len(edit.before or b"") for c in reading.changes(LOG, limit=9) for edit in c.edits
        ]
        assert _revisions(reading.changes(LOG, limit=9, max_bytes=1)) == [1]
        assert _revisions(reading.changes(LOG, after=3, limit=9, max_bytes=1)) == [4]
        assert _revisions(reading.changes(LOG, after=1, limit=9, max_bytes=rows[1] * 5 // 2)) == [2, 3]
        assert _revisions(reading.changes(LOG, after=1, limit=9, until=3, max_bytes=10**9)) == [2, 3]
        assert _revisions(reading.changes(LOG, limit=2, max_bytes=10**9)) == [1, 2]
        assert reading.changes(LOG, after=6, limit=9, max_bytes=10**9) == []


def test_history_of_one_item_leaves_the_others_out(log: ChangeLog) -> None:
    put(log, flag("a"))
    put(log, flag("b"), segment("a", "u1"))
    put(log, flag("a", on=False), flag("b", on=False))
    delete(log, "flag", "a")
    with log.reading() as reading:
        assert _revisions(reading.latest(LOG, limit=9, item=("flag", "a"))) == [4, 3, 1]
        assert _revisions(reading.latest(LOG, limit=2, item=("flag", "a"))) == [4, 3]
        assert _revisions(reading.latest(LOG, before=4, limit=9, item=("flag", "a"))) == [3, 1]
        assert _revisions(reading.latest(LOG, limit=9, item=("segment", "a"))) == [2]


def test_time_of_rows_never_goes_back(log: ChangeLog, clock: HandClock) -> None:
    first = put(log, flag(), on=OTHER)
    clock.move(timedelta(hours=-1))
    open_logs(log, LOG)
    with log.writing(LOG, OTHER, by=SYSTEM, action="later") as writing:
        writing.put(LOG, "flag", flag())
        writing.put(OTHER, "flag", flag(on=False))
    assert first is not None
    assert writing.changes_made[OTHER].time == first.time
    assert writing.changes_made[LOG].time == first.time
    assert log.check(OTHER).problem is None


@pytest.mark.parametrize("bad", ["a\0b", "a\ud800b"])
def test_text_that_not_every_storage_takes_is_refused_with_its_path(log: ChangeLog, bad: str) -> None:
    open_logs(log, LOG)
    with log.writing(LOG, by=SYSTEM, action="put") as writing:
        with pytest.raises(Invalid) as refused:
            writing.put(LOG, "flag", flag(fallthrough=msgspec.structs.replace(flag().fallthrough, variation=bad)))
        assert [problem.path for problem in refused.value.problems] == ["/fallthrough/variation"]
        with pytest.raises(Invalid) as refused:
            writing.put(LOG, "segment", segment("beta", "u1", bad))
        assert [problem.path for problem in refused.value.problems] == ["/included/1"]
    assert writing.changes_made == {}
    with pytest.raises(Invalid) as refused:
        put(log, flag(), why=bad)
    assert [problem.path for problem in refused.value.problems] == ["/why"]
    with pytest.raises(Invalid) as refused:
        put(log, flag(), by=Actor("token", "1", bad))
    assert [problem.path for problem in refused.value.problems] == ["/by/name"]


def test_backslash_before_u0000_is_no_nul(log: ChangeLog) -> None:
    assert put(log, segment("beta", "\\u0000", "\\\\u0000")) is not None


def test_text_comes_back_as_it_was(log: ChangeLog) -> None:
    words = ("Łukasz", "\u2028", "\U0001f600", "'; DROP TABLE items;--", '"\\/', "\u0001", "e\u0301")
    change = put(log, segment("words", *words), why="\n".join(words))
    assert change is not None
    with log.reading() as reading:
        stored = reading.item(LOG, "segment", "words")
        assert stored is not None
        assert stored.read(type(segment("x"))).included == words
        read = reading.change(LOG, 1)
    assert read == change


def test_put_into_a_log_that_was_not_opened_is_refused(log: ChangeLog) -> None:
    with log.writing(LOG, by=SYSTEM, action="put") as writing:
        assert writing.head(LOG) is None
        with pytest.raises(NotFound):
            writing.put(LOG, "flag", flag())


def test_command_keeps_to_the_logs_it_named(log: ChangeLog) -> None:
    put(log, flag(), on=OTHER)
    with log.writing(LOG, by=SYSTEM, action="put") as writing:
        with pytest.raises(RuntimeError, match="not named"):
            writing.put(OTHER, "flag", flag(on=False))
        with pytest.raises(RuntimeError, match="not named"):
            writing.open(OTHER)
        assert writing.item(OTHER, "flag", "checkout") is not None
        head = writing.head(OTHER)
        assert head is not None
        assert head.revision == 1


def _revisions(changes: list[Change]) -> list[int]:
    return [change.revision for change in changes]
