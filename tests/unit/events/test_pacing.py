"""How many of what comes are looked at."""

import random

from pennon.events.pacing import LOOKS, SPARSEST, Pace


def looked(pace: Pace, number: int) -> int:
    found = 0
    for _ in range(number):
        if pace.wants():
            pace.looked()
            found += 1
    return found


def test_all_of_few_are_looked_at() -> None:
    assert looked(Pace(chance=random.Random(1).random), LOOKS - 1) == LOOKS - 1


def test_few_of_many_are_looked_at_and_all_again_once_they_are_few() -> None:
    pace = Pace(chance=random.Random(1).random)
    for _ in range(20):
        looked(pace, 50_000)
        pace.tick()
    assert looked(pace, 50_000) < 1000
    for _ in range(SPARSEST + 1):
        pace.tick()
    assert looked(pace, LOOKS - 1) == LOOKS - 1


def test_the_sparsest_pace_still_looks_at_some() -> None:
    pace = Pace(chance=random.Random(1).random)
    for _ in range((SPARSEST + 4) * LOOKS):
        pace.looked()
    assert pace.mask[0] == 2**SPARSEST - 1
    assert looked(pace, 2**SPARSEST) == 1
