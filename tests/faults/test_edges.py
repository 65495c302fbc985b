"""A tree of edge nodes in which something always fails: hubs, links, stores, clocks, the origin itself."""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.link import Link, linked
from tests.faults.machines import faked_clock, fill, refusals_on_a_full_disk
from tests.faults.recoveries import Recoveries
from tests.faults.world import (
    ROUNDS,
    Asking,
    Edge,
    Origin,
    Reporting,
    assert_agreement,
    edge,
    eventually,
    origin,
    turn,
    wait_for,
    wait_until_asked,
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Origin]:
    """An origin with some flags, one of which nobody changes."""
    with origin(tmp_path / "origin") as running:
        running.make_flags("steady", "moving", "reported")
        running.key("server"), running.key("edge")
        yield running


@pytest.fixture
def link(shop: Origin) -> Iterator[Link]:
    """The way from the edges to the origin."""
    with linked(shop.url) as made:
        yield made


def test_hub_killed_during_a_fan_out_is_gone_round(shop: Origin, tmp_path: Path, recoveries: Recoveries) -> None:
    with ExitStack() as stack:
        hubs = [
            stack.enter_context(edge(tmp_path / name, shop.url, key=shop.key("edge"))) for name in ("hub-a", "hub-b")
        ]
        pops = [
            stack.enter_context(edge(tmp_path / name, hubs[0].url, hubs[1].url, key=shop.key("edge")))
            for name in ("pop-a", "pop-b")
        ]
        sdks = [stack.enter_context(Asking(pop.url, key=shop.key())) for pop in pops]
        reporting = Reporting(*(pop.url for pop in pops), key=shop.key())
        for round_ in range(ROUNDS):
            for number in range(5):
                turn(shop, on=number % 2 == 0)
            with recoveries.timed("hub killed during fan-out: to the newest revision at SDKs two levels down"):
                hubs[0].kill()
                wait_for(sdks, turn(shop, on=round_ % 2 == 0))
            reporting.report()
            hubs[0].start()
            reporting.report()
        assert_agreement(shop, sdks, [each.url for each in (*hubs, *pops)])
        eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def test_connection_that_is_half_open_is_given_up_for_a_new_one(
    shop: Origin, link: Link, tmp_path: Path, recoveries: Recoveries
) -> None:
    with edge(tmp_path / "pop", link.url, key=shop.key("edge")) as pop, Asking(pop.url, key=shop.key()) as sdk:
        wait_for([sdk], turn(shop, on=False))
        link.forget()
        with recoveries.timed("half-open connection: from its silence to the next change at an SDK below"):
            wait_for([sdk], turn(shop, on=True))
        assert_agreement(shop, [sdk], [pop.url])


@pytest.mark.parametrize("fault", ["cut", "halve", "refuse", "stall", "slow"])
def test_edge_behind_a_bad_link_answers_and_catches_up(
    fault: str, shop: Origin, link: Link, tmp_path: Path, recoveries: Recoveries
) -> None:
    with edge(tmp_path / "pop", link.url, key=shop.key("edge")) as pop, Asking(pop.url, key=shop.key()) as sdk:
        reporting = Reporting(pop.url, key=shop.key())
        if fault == "slow":
            link.slow(lag_s=0.05, loses=0.2)
            link.throttle(50_000)
        else:
            {"cut": link.cut, "halve": link.halve, "refuse": link.refuse, "stall": link.stall}[fault]()
        for on in (False, True, False):
            revision = turn(shop, on=on)
            reporting.report()
        wait_until_asked([sdk], 200)
        with recoveries.timed(f"edge behind a link that is bad ({fault}): from its mending to the newest revision"):
            link.mend()
            wait_for([sdk], revision)
        assert_agreement(shop, [sdk], [pop.url])
        eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def test_edge_restarted_with_the_origin_dead_serves_what_it_knew(
    shop: Origin, tmp_path: Path, recoveries: Recoveries
) -> None:
    with edge(tmp_path / "pop", shop.url, key=shop.key("edge")) as pop:
        with Asking(pop.url, key=shop.key()) as sdk:
            wait_for([sdk], revision := turn(shop, on=False))
            reporting = Reporting(pop.url, key=shop.key())
            # Not before it lies on the disk: what is killed sooner was never promised.
            eventually(lambda: _kept(pop, revision), what="the state was not kept")
            shop.kill()
            reporting.report()
            pop.kill()
            wait_until_asked([sdk], 200)
            with recoveries.timed("edge restarted with the origin dead: from its start to serving a new SDK"):
                pop.start()
                with Asking(pop.url, key=shop.key()) as late:
                    assert late.revision == revision
            reporting.report()
            with recoveries.timed("origin started anew: to the next change at an SDK of the edge"):
                shop.start()
                wait_for([sdk], turn(shop, on=True))
            assert_agreement(shop, [sdk], [pop.url])
        eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def test_spoiled_store_is_said_and_never_served(shop: Origin, tmp_path: Path, recoveries: Recoveries) -> None:
    with edge(tmp_path / "pop", shop.url, key=shop.key("edge")) as pop:
        with Asking(pop.url, key=shop.key()) as sdk:
            wait_for([sdk], revision := turn(shop, on=False))
            eventually(lambda: _kept(pop, revision), what="the state was not kept")
        pop.kill()
        for file, kept in _stored(pop).items():
            content = bytearray(kept)
            content[len(content) // 2] ^= 0x20
            file.write_bytes(content)
        with recoveries.timed("spoiled store: from the edge's start to serving what it fetched anew"):
            pop.start()
            with Asking(pop.url, key=shop.key()) as sdk:
                assert sdk.revision >= revision
                assert "spoiled" in pop.said()
                assert_agreement(shop, [sdk], [pop.url])


def test_edge_whose_clock_jumps_goes_on(shop: Origin, tmp_path: Path, recoveries: Recoveries) -> None:
    told, environ = faked_clock(tmp_path)
    with (
        edge(tmp_path / "pop", shop.url, key=shop.key("edge"), environ=environ) as pop,
        Asking(pop.url, key=shop.key()) as sdk,
    ):
        reporting = Reporting(pop.url, key=shop.key())
        for jump in ("+2d", "-2d", "+0"):
            told.write_text(jump)
            with recoveries.timed(f"an edge's clock jumps to {jump}: the next change at its SDK"):
                wait_for([sdk], turn(shop, on="+" in jump))
            reporting.report()
        assert_agreement(shop, [sdk], [pop.url])
        eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def test_full_disk_of_an_edge_is_said_and_stops_no_change(
    shop: Origin, small_disk: Path, recoveries: Recoveries
) -> None:
    with (
        edge(small_disk / "pop", shop.url, key=shop.key("edge")) as pop,
        Asking(pop.url, key=shop.key()) as sdk,
    ):
        reporting = Reporting(pop.url, key=shop.key())
        reporting.report()
        fill(small_disk / "fill")
        assert set(refusals_on_a_full_disk(reporting)) == {503}
        wait_for([sdk], turn(shop, on=False))
        with recoveries.timed("full disk of an edge: from space on it to the next batch taken"):
            (small_disk / "fill").unlink()
            reporting.report()
        assert_agreement(shop, [sdk], [pop.url])
        eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def test_edge_that_hangs_is_left_by_nobody_who_asks(shop: Origin, tmp_path: Path, recoveries: Recoveries) -> None:
    with edge(tmp_path / "pop", shop.url, key=shop.key("edge")) as pop, Asking(pop.url, key=shop.key()) as sdk:
        pop.freeze()
        revision = turn(shop, on=False)
        wait_until_asked([sdk], 500)
        with recoveries.timed("edge stopped (SIGSTOP): from SIGCONT to the newest revision at its SDK"):
            pop.thaw()
            wait_for([sdk], revision)
        assert_agreement(shop, [sdk], [pop.url])


def _stored(pop: Edge) -> dict[Path, bytes]:
    """Return the files in which the node keeps what it knows of its environments. It may take some away meanwhile."""
    found: dict[Path, bytes] = {}
    for file in (pop.folder / "kv").rglob("*"):
        with contextlib.suppress(OSError):
            found[file] = file.read_bytes()
    return {file: content for file, content in found.items() if len(content) > 100}


def _kept(pop: Edge, revision: int) -> bool:
    """Whether the node's store holds this revision."""
    wanted = f'"revision":{revision}'.encode()
    return any(wanted in content for content in _stored(pop).values())
