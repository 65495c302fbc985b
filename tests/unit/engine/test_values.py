"""What counts as text, number, unit, version, date, address; where an attribute is found."""

import datetime
import ipaddress
import math
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pennon.engine.values import (
    HUGE,
    Memo,
    address,
    array,
    attribute_reader,
    date_instant,
    instant,
    integer,
    network,
    number,
    pointer_problem,
    text,
    unit,
    version_rank,
)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Half(float):
    pass


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("nobody asks a context's objects to show themselves")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (Colour.RED, "red"), (Loud("x"), "x"), ("\ud800", "\ufffd"), (1, None), (None, None), (b"a", None)],
)
def test_text(value: object, expected: str | None) -> None:
    assert text(value) == expected
    assert type(text(value)) in {str, type(None)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (-2.5, -2.5),
        (Level.HIGH, 3),
        (Half(0.5), 0.5),
        (True, None),
        ("1", None),
        (None, None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (2**53, 2**53),
        (2**53 + 1, 2.0**53),
        (10**400, None),
        (-(10**400), None),
    ],
)
def test_number(value: object, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, 1),
        (-0.0, 0),
        (1.5, None),
        (2**53 - 1, 2**53 - 1),
        (2**53, None),
        (-(2**53), None),
        (1e300, None),
        ("1", None),
    ],
)
def test_integer(value: object, expected: int | None) -> None:
    assert integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ""), ("u1", "u1"), (5, "5"), (5.0, "5"), (-7, "-7"), (0.5, None), (True, None), (None, None), ([], None)],
)
def test_unit(value: object, expected: str | None) -> None:
    assert unit(value) == expected


def test_lists_and_tuples_are_arrays_whatever_their_iteration_does() -> None:
    class Endless(list[Any]):
        def __iter__(self) -> Any:
            raise AssertionError("nobody asks")

    class Row(tuple[Any, ...]):
        __slots__ = ()

        def __iter__(self) -> Any:
            raise AssertionError("nobody asks")

    assert array(Endless([1, 2])) == [1, 2]
    assert array(Row((1,))) == [1]
    assert array({1}) is None
    assert array("ab") is None


VERSIONS_IN_ORDER = [
    ["0", "0.0", "v0.0.0+build", "00"],
    ["0.0.1-alpha"],
    ["0.0.1-alpha.1", "0.0.1-alpha.01"],
    ["0.0.1-alpha.2"],
    ["0.0.1-alpha.10"],
    ["0.0.1-alpha.beta"],
    ["0.0.1-beta"],
    ["0.0.1-beta-2"],
    ["0.0.1", "0.0.1.0", "v0.0.1+5"],
    ["1-0"],
    ["1-0.0"],
    ["1--"],
    ["1-A"],
    ["1-a"],
    ["1", "01.00", "v1"],
    ["1.0.0.1-rc"],
    ["1.0.0.1"],
    ["1.2", "1.2.0"],
    ["1.10"],
    ["2.0"],
    ["10"],
    ["151.1.93.128"],
    ["9" * 5000],
    ["1" + "0" * 5000],
]


def test_versions_have_one_order() -> None:
    ranks = [{version_rank(version) for version in equal} for equal in VERSIONS_IN_ORDER]
    assert all(len(rank) == 1 for rank in ranks)
    flat = [rank.pop() for rank in ranks]
    assert flat == sorted(flat)
    assert len(set(flat)) == len(flat)
    assert flat[0] > b""


@pytest.mark.parametrize(
    "written",
    [
        "",
        "v",
        "1.",
        ".1",
        "1..2",
        "V1",
        "1.a",
        "1-",
        "1-a..b",
        "1+",
        "1-ä",
        "１",
        "1 ",
        " 1",
        "1\n",
        "latest",
        "1-a_b",
        "-1",
    ],
)
def test_what_is_no_version(written: str) -> None:
    assert version_rank(written) == b""


@given(st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_a_date_is_the_instant_that_datetime_says(date: datetime.datetime) -> None:
    offset = date.utcoffset()
    assert offset is not None
    assume(not offset.total_seconds() % 60)  # RFC 3339 has no seconds in offsets, history has
    since = date - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    expected = (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000
    assert date_instant(date.isoformat()) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000_000),
        ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T16:00:00-08:00", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1969-12-31T23:59:59.999Z", -1_000_000),
        ("0000-02-29T00:00:00Z", -62_162_121_600 * 10**9),
        ("1990-12-31T23:59:60Z", 662_688_000 * 10**9),
        ("1990-12-31T15:59:60-08:00", 662_688_000 * 10**9),
    ],
)
def test_dates(written: str, expected: int) -> None:
    assert date_instant(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01 00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T12:00:60Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+00:60",
        "2024-01-01T00:00:00+0000",
        "２024-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
        "now",
    ],
)
def test_what_is_no_date(written: str) -> None:
    assert date_instant(written) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        (1000, 10**9),
        (1000.0, 10**9),
        (-1, -(10**6)),
        (0.5, None),
        (True, None),
        (None, None),
    ],
)
def test_an_instant_is_a_date_or_epoch_milliseconds(value: object, expected: int | None) -> None:
    assert instant(value) == expected


@given(st.ip_addresses())
def test_an_address_is_what_ipaddress_says(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    expected = mapped or found
    assert address(str(found)) == (expected.max_prefixlen, int(expected))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10.0.0.1", (32, 0x0A000001)),
        ("::ffff:10.0.0.1", (32, 0x0A000001)),
        ("::1", (128, 1)),
        ("::fffe:0:1", (128, 0xFFFE00000001)),
    ],
)
def test_an_address_of_four_within_six_is_of_four(written: str, expected: tuple[int, int]) -> None:
    assert address(written) == expected


@pytest.mark.parametrize(
    "written", ["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "::1%eth0", "1.2.3.4/8", "x", ":" * 99]
)
def test_what_is_no_address(written: str) -> None:
    assert address(written) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10.0.0.0/8", (32, 24, 10)),
        ("10.1.2.3/8", (32, 24, 10)),
        ("10.0.0.1", (32, 0, 0x0A000001)),
        ("0.0.0.0/0", (32, 32, 0)),
        ("2001:db8::/32", (128, 96, 0x20010DB8)),
        ("::/0", (128, 128, 0)),
        ("::ffff:10.0.0.0/104", (32, 24, 10)),
        ("::ffff:0:0/95", (128, 33, 0x7FFF)),
    ],
)
def test_networks(written: str, expected: tuple[int, int, int]) -> None:
    assert network(written) == expected


@pytest.mark.parametrize(
    "written", ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/255.0.0.0", "::/129", "x/8", ""]
)
def test_what_is_no_network(written: str) -> None:
    assert network(written) is None


def test_a_memo_is_bounded_in_entries_and_in_their_length() -> None:
    read: list[str] = []

    def length(key: str) -> int:
        read.append(key)
        return len(key)

    memo = Memo(length)
    assert [memo["a"], memo["a"], memo["b" * 65], memo["b" * 65]] == [1, 1, 65, 65]
    assert read == ["a", "b" * 65, "b" * 65]
    for key in range(Memo.ENTRIES):
        assert memo[str(key)] == len(str(key))
    assert len(memo) <= Memo.ENTRIES


NESTED = {
    "org": {"plan": "pro", "a/b": 1, "m~n": 2, "": 3, "tags": ["x", {"y": "z"}]},
    "/org/plan": "no",
    "": "empty",
    "row": ("t",),
    "none": None,
}


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("org", NESTED["org"]),
        ("/org/plan", "pro"),
        ("/org/a~1b", 1),
        ("/org/m~0n", 2),
        ("/org/", 3),
        ("/org/tags/0", "x"),
        ("/org/tags/1/y", "z"),
        ("/org/tags/2", None),
        ("/org/tags/00", None),
        ("/org/tags/-", None),
        ("/org/tags/-1", None),
        ("/org/tags/99999999999", None),
        ("/row/0", "t"),
        ("/org/plan/0", None),
        ("/none/x", None),
        ("/missing", None),
        ("", "empty"),
        ("/", "empty"),
        ("org/plan", None),
    ],
)
def test_an_attribute_is_a_name_or_a_pointer(attribute: str, expected: object) -> None:
    assert attribute_reader(attribute)(NESTED) == expected


def test_a_pointer_goes_through_any_mapping() -> None:
    class Frozen(dict[str, Any]):
        pass

    assert attribute_reader("/a/b/c")({"a": MappingProxyType({"b": Frozen(c=1)})}) == 1


def test_a_pointer_escapes_with_zero_and_one_only() -> None:
    assert pointer_problem("/a~2") is not None
    assert pointer_problem("/a~") is not None
    assert pointer_problem("/a~0~1") is None
    assert pointer_problem("a~2") is None


def test_the_largest_number_is_a_number() -> None:
    assert number(HUGE) == HUGE
    assert number(int(HUGE)) == HUGE
