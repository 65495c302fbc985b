"""What a leader says of itself: written and read again, and anything else is no notice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.sdk.ladder import Failure, FailureKind, Level
from pennon.sdk.sharing.notice import PAGE, Notice

NOTICE = Notice(
    owner="0123456789abcdef",
    pid=42,
    beat=7,
    level=Level.POLLING,
    failure=Failure(FailureKind.UNREACHABLE, "nobody answers"),
    epoch=1,
    revision=9,
    digest="0" * 64,
    known_at=12.5,
)


@pytest.mark.parametrize("notice", [NOTICE, Notice(owner="", pid=1, beat=0)], ids=["full", "empty"])
def test_a_notice_is_a_page_and_is_read_as_it_was_written(notice: Notice) -> None:
    page = notice.to_page()
    assert len(page) == PAGE
    assert Notice.from_page(page) == notice


def test_a_long_story_is_cut_to_fit() -> None:
    failure = Failure(FailureKind.BROKEN, "€" * 5000)
    notice = Notice(owner="0123456789abcdef", pid=1, beat=2**53, failure=failure, digest="f" * 64, epoch=2**53)
    page = notice.to_page()
    assert len(page) == PAGE
    found = Notice.from_page(page)
    assert found is not None
    assert found.failure == Failure(FailureKind.BROKEN, "€" * 400)


@given(st.data())
def test_a_page_that_is_not_whole_is_no_notice(data: st.DataObject) -> None:
    page = bytearray(NOTICE.to_page())
    used = len(page.rstrip())
    match data.draw(st.sampled_from(["flip", "cut", "noise", "half of another"])):
        case "flip":
            at = data.draw(st.integers(0, used - 1).filter(lambda at: at not in (8, 17)))
            page[at] ^= data.draw(st.sampled_from([1, 2, 4, 128]))
        case "cut":
            del page[data.draw(st.integers(0, used - 1)) :]
        case "half of another":
            other = Notice(owner="fedcba9876543210", pid=43, beat=8).to_page()
            at = data.draw(st.integers(20, used - 1))
            page = bytearray(other[:at]) + page[at:]
        case _:
            page = bytearray(data.draw(st.binary(max_size=64)))
    found = Notice.from_page(bytes(page))
    assert found is None or found.beat == 8
