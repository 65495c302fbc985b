"""Who reads the values of flags, by what they say of themselves."""

from datetime import UTC, datetime

import pytest

from pennon.control.environments.readers import MOST_NAMED, Reader, behind, read_by_problems, strangers, told

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def reader(sdk: str, instances: int = 1) -> Reader:
    return Reader(environment="shop/production", sdk=sdk, instances=instances, last_seen=NOON)


@pytest.mark.parametrize(
    ("sdk", "is_behind"),
    [
        ("pennon-python/1 shop/2.3.0", False),
        ("pennon-python/1 shop/2.10", False),
        ("pennon-python/1 shop/2.2.9", True),
        ("pennon-python/1 shop/2.3.0-rc.1", True),
        ("shop/unreadable", True),
        ("shop", True),
        ("pennon-python/1", False),
        ("my-shop/1.0", False),
        ("", False),
    ],
)
def test_a_version_is_compared_as_versions_are(sdk: str, *, is_behind: bool) -> None:
    assert bool(behind([reader(sdk)], {"shop": "2.3.0"})) is is_behind


def test_an_sdk_may_be_named_like_an_application() -> None:
    [found] = behind([reader("pennon-python/0.9 shop/3")], {"pennon-python": "1.0", "shop": "2"})
    assert (found.name, found.version, found.wanted) == ("pennon-python", "0.9", "1.0")


def test_who_names_nothing_that_is_asked_for_is_a_stranger() -> None:
    readers = [reader("pennon-python/1", 3), reader("shop/1"), reader("", 2)]
    assert strangers(readers, {"shop": "2"}) == 5


def test_what_stands_in_the_way_is_told_with_a_mend_and_not_without_end() -> None:
    found = behind([reader("shop/1", 2), *(reader(f"shop/1.{minor}") for minor in range(30))], {"shop": "2"})
    problems = list(told("theme", found))
    assert problems[0].path == "/flags/theme"
    assert problems[0].message.startswith("2 instances of shop 1 in shop/production, seen last on 2026-03-14 12:00 UTC")
    assert problems[-1].message == "and 11 more"
    assert len(problems) == 21


def test_what_cannot_be_asked_for_is_refused() -> None:
    many = {f"app{at}": "1" for at in range(MOST_NAMED + 1)}
    assert [problem.path for problem in read_by_problems(many)] == [""]
    assert [problem.path for problem in read_by_problems({"a b": "1", "c": "x"})] == ["/a b", "/c"]
    assert not list(read_by_problems({"shop": "v2.3.0-beta"}))
