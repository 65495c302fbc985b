import pytest

from pennon.edge.following import Attempts, FollowingSettings, better_than

SETTINGS = FollowingSettings(try_s=1.0, try_max_s=4.0)


@pytest.mark.parametrize(
    ("at", "is_fresh", "expected"),
    [(0, True, []), (1, True, [0]), (2, True, [0, 1]), (0, False, [1, 2]), (1, False, [0, 2]), (2, False, [0, 1])],
)
def test_those_before_it_are_better_and_any_other_than_one_that_is_cut_off(
    at: int, is_fresh: bool, expected: list[int]
) -> None:
    assert list(better_than(at, is_fresh=is_fresh, count=3)) == expected


def test_nothing_is_better_than_the_only_one() -> None:
    assert list(better_than(0, is_fresh=False, count=1)) == []


def waited(attempts: Attempts, start: float) -> float:
    """Return after how many seconds from *start* it is due."""
    now = start
    while not attempts.is_due(now):
        now += 0.25
    return now - start


def test_each_attempt_waits_longer_than_the_one_before_up_to_the_most() -> None:
    attempts, now = Attempts(SETTINGS, chance=lambda: 1.0), 100.0
    for expected in (1.0, 2.0, 4.0, 4.0):
        assert waited(attempts, now) == expected
        now += expected
        attempts.made(now)


def test_an_attempt_after_a_long_time_comes_soon_again() -> None:
    attempts = Attempts(SETTINGS, chance=lambda: 1.0)
    for _ in range(3):
        attempts.made(100.0)
    assert waited(attempts, 109.0) == 1.0


def test_those_who_were_cut_off_together_do_not_try_together() -> None:
    assert waited(Attempts(SETTINGS, chance=lambda: 0.0), 100.0) == 0.5
