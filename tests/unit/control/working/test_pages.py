"""Lists that go on where they were, whatever went away meanwhile."""

import pytest

from pennon.control.working.pages import newest_first

MADE = [(20, "b"), (30, "a"), (10, "x~y"), (20, "a"), (5, "")]


def paged(made: list[tuple[int, str]], limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = newest_first(made, after, limit)
        found += page.items
        assert len(page.items) <= limit
        if (after := page.next) is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_pages_of_any_length_are_the_whole_list(limit: int) -> None:
    assert paged(MADE, limit) == ["a", "a", "b", "x~y", ""]


def test_without_a_limit_all_are_one_page() -> None:
    assert newest_first(MADE, None, None).next is None
    assert newest_first([], None, None).items == ()


def test_what_went_away_or_came_meanwhile_shifts_nothing() -> None:
    first = newest_first(MADE, None, 2)
    assert first.items == ("a", "a")
    now = [(40, "new"), *(each for each in MADE if each != (20, "a"))]
    assert newest_first(now, first.next, 2).items == ("b", "x~y")


@pytest.mark.parametrize("after", ["", "a", "~a", "-5~a", "1.5~a", "²~a"])
def test_what_is_no_place_begins_at_the_first(after: str) -> None:
    assert newest_first(MADE, after, 1).items == ("a",)
