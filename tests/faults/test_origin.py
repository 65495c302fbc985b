"""The origin dies, hangs, or cannot be reached in one of the ways in which networks fail."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.link import Link, linked
from tests.faults.recoveries import Recoveries
from tests.faults.world import (
    ROUNDS,
    Asking,
    Origin,
    Reporting,
    assert_agreement,
    eventually,
    origin,
    turn,
    wait_for,
    wait_until_asked,
)

SDKS = 3


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Origin]:
    """An origin with some flags, one of which nobody changes."""
    with origin(tmp_path / "data") as running:
        running.make_flags("steady", "moving", "reported")
        yield running


@pytest.fixture
def link(shop: Origin) -> Iterator[Link]:
    """The only way from the SDKs to the origin."""
    with linked(shop.url) as made:
        yield made


@pytest.fixture
def sdks(shop: Origin, link: Link) -> Iterator[list[Asking]]:
    """SDKs that ask all the time."""
    with ExitStack() as stack:
        yield [stack.enter_context(Asking(link.url, key=shop.key())) for _ in range(SDKS)]


def test_origin_that_is_killed_is_missed_by_nobody(
    shop: Origin, link: Link, sdks: list[Asking], recoveries: Recoveries
) -> None:
    reporting = Reporting(shop.url, key=shop.key())
    for round_ in range(ROUNDS):
        wait_for(sdks, turn(shop, on=round_ % 2 == 1))
        reporting.report()
        shop.kill()
        wait_until_asked(sdks, 200)
        with recoveries.timed("origin killed: from its start to the next change in every SDK"):
            shop.start()
            wait_for(sdks, turn(shop, on=round_ % 2 == 0))
    assert_agreement(shop, sdks)
    eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def test_origin_that_hangs_is_missed_by_nobody(shop: Origin, sdks: list[Asking], recoveries: Recoveries) -> None:
    shop.freeze()
    wait_until_asked(sdks, 500)
    with recoveries.timed("origin stopped (SIGSTOP): from SIGCONT to the next change in every SDK"):
        shop.thaw()
        wait_for(sdks, turn(shop, on=False))
    assert_agreement(shop, sdks)


@pytest.mark.parametrize("fault", ["cut", "halve", "refuse", "stall"])
def test_broken_link_costs_time_and_nothing_else(
    fault: str, shop: Origin, link: Link, sdks: list[Asking], recoveries: Recoveries
) -> None:
    for round_ in range(ROUNDS):
        {"cut": link.cut, "halve": link.halve, "refuse": link.refuse, "stall": link.stall}[fault]()
        for on in (False, True):
            turn(shop, on=on)
        # Long enough for streams that are halved to be opened and halved again.
        time.sleep(0.3)
        with recoveries.timed(f"link {fault}: from its mending to the newest revision in every SDK"):
            link.mend()
            wait_for(sdks, turn(shop, on=round_ % 2 == 0))
    assert_agreement(shop, sdks)


def test_slow_and_lossy_link_delays_and_never_confuses(
    shop: Origin, link: Link, sdks: list[Asking], recoveries: Recoveries
) -> None:
    link.slow(lag_s=0.05, loses=0.2)
    link.throttle(50_000)
    with recoveries.timed("slow (50 ms, 50 kB/s) and lossy (20 %) link: 20 changes to every SDK"):
        for round_ in range(20):
            revision = turn(shop, on=round_ % 2 == 0)
        wait_for(sdks, revision)
    assert_agreement(shop, sdks)
