"""What people type as a time is a moment, or a problem beside its field."""

from datetime import UTC, datetime

import pytest

from pennon.control.errors import Invalid
from pennon.control.ui.forms import Form
from pennon.control.ui.times import past_time, time_of, typed


def form(at: str, zone: str = "") -> Form:
    return Form((("at", at), ("zone", zone)))


@pytest.mark.parametrize(
    ("at", "zone", "moment"),
    [
        ("2026-07-01T09:00", "Europe/Berlin", "2026-07-01T07:00"),
        ("2026-12-01T09:00", "Europe/Berlin", "2026-12-01T08:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00"),  # clocks leave it out: the first moment after
        ("2026-12-01T09:00", "", "2026-12-01T09:00"),
        ("2026-12-01T09:00+02:00", "Asia/Tokyo", "2026-12-01T07:00"),
    ],
)
def test_a_time_is_meant_by_the_clock_on_the_wall_of_its_zone(at: str, zone: str, moment: str) -> None:
    found = time_of(form(at, zone))
    assert found is not None
    assert found.astimezone(UTC) == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert typed(found) == moment


def test_an_empty_field_is_no_time() -> None:
    assert time_of(form("")) is None
    assert past_time("", "from") is None
    assert typed(None) == ""


@pytest.mark.parametrize(
    ("at", "zone", "path"),
    [
        ("tomorrow", "UTC", "/at"),
        ("2026-12-01T09:00", "Mars/Olympus", "/zone"),
        ("2026-12-01T09:00", "../etc/passwd", "/zone"),
        ("0001-01-01T00:00", "Asia/Tokyo", "/at"),
        ("9999-12-31T23:59", "America/New_York", "/at"),
    ],
)
def test_what_is_no_time_is_told_beside_its_field(at: str, zone: str, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        time_of(form(at, zone))
    assert [each.path for each in refused.value.problems] == [path]
