import base64
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.feed.places import Place, place_of, text_of

LOGS = st.dictionaries(st.text(min_size=1, max_size=80), st.integers(0, 2**53), max_size=40)


@given(st.datetimes(timezones=st.just(UTC)), LOGS)
def test_a_place_comes_back_as_it_was(time: datetime, logs: dict[str, int]) -> None:
    place = Place(time, logs)
    assert place_of(text_of(place)) == place


@given(st.text(max_size=60))
def test_what_is_no_place_is_refused_as_that(text: str) -> None:
    with pytest.raises(ValueError, match="not an id of the feed"):
        place_of(text)


@pytest.mark.parametrize(
    "packed",
    [
        b"{}",
        b"[]",
        b'["2026-01-01T00:00:00", {}]',
        b'["2026-01-01T00:00:00Z", {"a": -1}]',
        b"[" * 9999,
        b"0" * 2_000_000,
    ],
)
def test_what_is_packed_is_looked_at_and_bounded(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not an id of the feed"):
        place_of(base64.urlsafe_b64encode(zlib.compress(packed)).decode().rstrip("="))


def test_a_hundred_environments_fit_a_header_many_times() -> None:
    logs = {f"environments/shop-{number % 10}/environment-{number}": number * 37 for number in range(100)}
    assert len(text_of(Place(datetime(2026, 1, 1, tzinfo=UTC), logs))) < 2000
