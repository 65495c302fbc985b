"""Dates and versions as each SDK reads them."""

import math
from typing import Any

import pytest

from pennon.engine.dialects.launchdarkly.values import (
    double,
    go_date,
    go_version,
    is_number,
    node_date,
    node_version,
    python_date,
    python_version,
)

MOMENT = 1_577_836_800_000.0
"""2020-01-01T00:00:00Z"""


@pytest.mark.parametrize(
    ("value", "python", "node", "go"),
    [
        (0, 0.0, 0.0, 0),
        (1.5, 1.5, 1.5, 1_000_000),
        (True, None, None, None),
        (None, None, None, None),
        ("2020-01-01T00:00:00Z", MOMENT, MOMENT, MOMENT * 1e6),
        ("2020-01-01t00:00:00z", MOMENT, None, MOMENT * 1e6),
        ("2020-01-01 00:00:00Z", MOMENT, None, None),
        ("2020-01-01T0:00:00Z", None, None, MOMENT * 1e6),
        ("2020-01-01T00:00:00", None, None, None),
        ("2020-01-01", None, None, None),
        ("1577836800000", None, None, None),
        ("20200101T000000Z", MOMENT, None, None),
        ("2020-01-01T00:00:00.5Z", MOMENT + 500, MOMENT + 500, (MOMENT + 500) * 1e6),
        ("2020-01-01T00:00:00.1239Z", MOMENT + 123.9, MOMENT + 123, int(MOMENT) * 10**6 + 123_900_000),
        ("2020-01-01T02:00:00+02:00", MOMENT, MOMENT, MOMENT * 1e6),
        ("2020-01-01T02:00:00+0200", MOMENT, MOMENT, None),
        ("2019-12-31T23:30:00-00:30", MOMENT, MOMENT, MOMENT * 1e6),
        ("2020-01-05T04:00:00+99:59", None, None, int(MOMENT) * 10**6 + 10**9 * 60),
        ("2020-01-01T00:00:00+23:60", None, None, None),
        ("2020-01-01T00:00:00Zx", None, None, MOMENT * 1e6),
        ("2019-12-31T24:00:00Z", None, MOMENT, None),
        ("2019-12-31T24:00:00.5Z", None, None, None),
        ("2019-12-31T23:59:60Z", None, None, MOMENT * 1e6),
        ("2019-12-31T23:60:00Z", None, None, None),
        ("2019-13-01T00:00:00Z", None, None, None),
        ("2019-12-32T00:00:00Z", None, None, None),
        ("2019-02-29T00:00:00Z", None, 1_551_398_400_000.0, 1_551_398_400 * 10**9),
        ("0000-01-01T00:00:00Z", None, -62_167_219_200_000.0, -62_167_219_200 * 10**9),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000.0, 253_402_300_799_000.0, 253_402_300_799 * 10**9),
        ("", None, None, None),
    ],
)
def test_dates(value: Any, python: float | None, node: float | None, go: float | None) -> None:
    assert python_date(value) == python
    assert node_date(value) == node
    assert go_date(value) == go


def test_a_number_that_is_beyond_the_sdks_types_is_no_date_or_infinite() -> None:
    assert node_date(10**400) == math.inf
    assert go_date(1e300) is None
    with pytest.raises(OverflowError):
        python_date(10**400)


@pytest.mark.parametrize(
    ("value", "python", "node", "go"),
    [
        ("2.0.0", True, True, True),
        ("2", True, True, True),
        ("2.0", True, True, True),
        ("2-beta", True, True, True),
        ("2+build", True, True, True),
        ("v2.0.0", False, False, False),
        ("02.0.0", False, False, False),
        ("2.0.0.1", False, False, False),
        ("2.", False, False, False),
        ("", False, False, False),
        (" 2.0.0", False, True, False),
        ("2.0.0 ", False, True, False),
        (" v2.0.0", False, True, False),
        ("2.0.0\ufeff", False, True, False),
        ("2\nx", True, False, False),
        ("2.0.0-01", False, False, False),
        ("9007199254740991.0.0", True, True, True),
        ("9007199254740992.0.0", True, False, True),
        ("2.0.0-" + "a" * 300, True, False, True),
        (2, False, False, False),
        (None, False, False, False),
    ],
)
def test_what_is_a_version(value: Any, python: bool, node: bool, go: bool) -> None:
    assert (python_version(value) is not None, node_version(value) is not None) == (python, node)
    assert (go_version(value) is not None) is go


@pytest.mark.parametrize("read", [python_version, node_version, go_version])
def test_versions_are_in_the_order_of_semver(read: Any) -> None:
    texts = ["1.9.9", "1.10.0", "2-0", "2.0.0-9", "2.0.0-10", "2.0.0-a", "2.0.0-a.1", "2.0.0-a.b", "2.0.0-b", "2.0.0"]
    ranks = [read(text) for text in texts]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)
    assert read("2") == read("2.0") == read("2.0.0+build")


def test_numbers_are_no_booleans_and_large_ones_are_infinite() -> None:
    assert [is_number(value) for value in (1, 1.5, True, "1", None)] == [True, True, False, False, False]
    assert (double(10**400), double(-(10**400)), double(3)) == (math.inf, -math.inf, 3.0)
