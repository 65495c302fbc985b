"""The leader's seat: one has it, whoever dies or leaves it gives it away, and a fork does not keep it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.sdk.sharing import seat as seats
from pennon.sdk.sharing.notice import Notice
from pennon.sdk.sharing.seat import Seat

pytest.importorskip("fcntl")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Seat, Seat]]:
    first, second = Seat(tmp_path / "deep" / "state"), Seat(tmp_path / "deep" / "state")
    yield first, second
    first.leave()
    second.leave()


def test_one_client_has_the_seat_until_it_leaves(two: tuple[Seat, Seat]) -> None:
    first, second = two
    assert (first.is_held, second.is_held) == (True, False)
    assert (first.take(), second.take(), first.take()) == (True, False, True)
    assert (first.is_held, second.is_held) == (True, False)
    first.leave()
    assert (first.is_held, second.take(), first.take()) == (False, True, False)


def test_only_the_owner_may_read_the_lock(two: tuple[Seat, Seat]) -> None:
    assert two[0].path.name == "state.lock"
    assert two[0].path.stat().st_mode & 0o777 == 0o600


def test_a_notice_is_read_by_all(two: tuple[Seat, Seat]) -> None:
    first, second = two
    assert second.read() is None
    notice = Notice(owner="a", pid=1, beat=1)
    first.write(notice)
    assert (first.read(), second.read()) == (notice, notice)
    first.leave()
    assert (first.read(), second.read()) == (None, notice)
    first.write(notice)


def test_who_dies_gives_it_away(two: tuple[Seat, Seat]) -> None:
    first, second = two
    first.leave()
    child = os.fork()
    if not child:
        os._exit(0 if Seat(first.path.with_name("state")).is_held else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert second.take()


def test_a_child_that_forgets_does_not_take_it_from_its_parent(two: tuple[Seat, Seat]) -> None:
    first, second = two
    assert first.take()
    child = os.fork()
    if not child:
        first.forget()
        os._exit(0 if not second.take() and not first.is_held else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not second.take()


def test_a_child_that_forgot_does_not_keep_it_when_its_parent_leaves(two: tuple[Seat, Seat]) -> None:
    first, second = two
    assert first.take()
    done_r, done_w = os.pipe()
    over_r, over_w = os.pipe()
    child = os.fork()
    if not child:
        first.forget()
        os.write(done_w, b"!")
        os.read(over_r, 1)
        os._exit(0)
    os.read(done_r, 1)
    first.forget()  # as dying would: closed, not unlocked
    assert second.take()
    os.write(over_w, b"!")
    os.waitpid(child, 0)
    for handle in (done_r, done_w, over_r, over_w):
        os.close(handle)


def test_a_lock_file_that_was_removed_is_noticed_and_made_anew(two: tuple[Seat, Seat]) -> None:
    first, second = two
    assert first.take()
    assert first.is_in_place()
    first.path.unlink()
    assert (first.is_in_place(), second.is_in_place()) == (False, False)
    second.reopen()
    assert second.take()
    first.reopen()
    assert (first.is_in_place(), first.take()) == (True, False)


def test_there_is_no_seat_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(seats, "fcntl", None)
        with pytest.raises(OSError, match="no flock"):
            Seat(tmp_path / "state")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        Seat(tmp_path / "file" / "state")
