"""What nodes report, as it is kept: the newest of each, for all servers over one database, and not for ever."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from pennon.control.publishing.propagation import REVISIONS, Arrivals, NodeReport
from pennon.control.storage import Storage
from pennon.control.storage.propagation import ARRIVALS_KEPT, KEPT, OWN_KEPT
from pennon.control.storage.tables import arrivals, edge_nodes
from pennon.model import Position
from pennon.stream.acks import NODES, Ack
from tests.clock import HandClock
from tests.contract.shop import Shop

SHOP = "shop/production"


def report(
    node: str = "fra-1",
    revision: str = "1.7",
    *,
    at: datetime,
    environment: str = SHOP,
    writer: str = "",
    **fields: object,
) -> NodeReport:
    ack = Ack(node, revision, 0, **fields)  # type: ignore[arg-type]  # fields of the struct
    return NodeReport(environment=environment, ack=ack, heard_at=at, writer=writer)


def arrived(revision: int, delays: dict[str, float], *, at: datetime, writer: str = "a", epoch: int = 1) -> Arrivals:
    position = Position(epoch, revision)
    return Arrivals(environment=SHOP, position=position, committed_at=at, delays=delays, writer=writer)


def test_newest_report_of_each_node_is_kept(storage: Storage, clock: HandClock) -> None:
    now = clock.now()
    fields: dict[str, Any] = {
        "sdks": {"1.7": 3},
        "level": 1,
        "age": 0.5,
        "path": ("hub", "origin"),
        "overrides": ("a=off",),
    }
    storage.propagation.keep([report(at=now, **fields), report("lon-1", at=now)], [])
    storage.propagation.keep([report(revision="1.9", at=now + timedelta(seconds=1), **fields)], [])
    storage.propagation.keep([report(revision="1.8", at=now)], [])
    kept = storage.propagation.reports(SHOP)
    assert [(one.ack.node, one.ack.revision) for one in kept] == [("fra-1", "1.9"), ("lon-1", "1.7")]
    assert kept[0] == report(revision="1.9", at=now + timedelta(seconds=1), **fields)
    assert storage.propagation.reports("shop/staging") == []


def test_environments_and_processes_of_the_origin_are_told_apart(storage: Storage, clock: HandClock) -> None:
    now = clock.now()
    reports = [
        report("origin", at=now, writer="w1"),
        report("origin", at=now, writer="w2"),
        report("origin", at=now, environment="shop/staging", writer="w1"),
    ]
    storage.propagation.keep(reports, [])
    assert [(one.environment, one.writer) for one in storage.propagation.reports()] == [
        (SHOP, "w1"),
        (SHOP, "w2"),
        ("shop/staging", "w1"),
    ]


def test_node_that_is_gone_is_forgotten_at_once(storage: Storage, clock: HandClock) -> None:
    storage.propagation.keep([report(at=clock.now()), report("lon-1", at=clock.now())], [])
    storage.propagation.keep([report(at=clock.now(), gone=True)], [])
    assert [one.ack.node for one in storage.propagation.reports(SHOP)] == ["lon-1"]


def test_node_that_is_silent_for_a_day_is_swept(storage: Storage, clock: HandClock) -> None:
    storage.propagation.keep([report(at=clock.now()), report("origin", at=clock.now(), writer="w1")], [])
    clock.move(OWN_KEPT + timedelta(seconds=1))
    storage.propagation.keep([], [])
    assert [one.ack.node for one in storage.propagation.reports()] == ["fra-1"]
    clock.move(KEPT)
    storage.propagation.keep([], [])
    assert storage.propagation.reports() == []


def test_arrivals_of_all_processes_are_one_and_the_first_word_counts(storage: Storage, clock: HandClock) -> None:
    at = clock.now()
    storage.propagation.keep([], [arrived(7, {"fra-1": 0.2}, at=at), arrived(8, {"fra-1": 0.1}, at=at)])
    storage.propagation.keep([], [arrived(7, {"fra-1": 0.3, "lon-1": 0.4}, at=at, writer="b")])
    eight, seven = storage.propagation.arrivals(SHOP)
    assert (eight.position, eight.delays) == (Position(1, 8), {"fra-1": 0.1})
    assert (seven.position, seven.delays, seven.committed_at) == (Position(1, 7), {"fra-1": 0.2, "lon-1": 0.4}, at)
    assert [one.position for one in storage.propagation.arrivals(SHOP, revision=7)] == [Position(1, 7)]
    assert storage.propagation.arrivals(SHOP, revision=99) == []


def test_only_the_latest_revisions_stay_whatever_their_epoch(storage: Storage, clock: HandClock) -> None:
    at = clock.now()
    many = [arrived(revision, {"fra-1": 0.1}, at=at) for revision in range(1, REVISIONS + 50)]
    storage.propagation.keep([], [*many, arrived(3, {"fra-1": 0.1}, at=at, epoch=2)])
    kept = storage.propagation.arrivals(SHOP)
    assert len(kept) == REVISIONS
    assert kept[0].position == Position(2, 3)
    assert kept[1].position == Position(1, REVISIONS + 49)
    with storage.propagation._database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(arrivals)).scalar() == REVISIONS
    clock.move(ARRIVALS_KEPT + timedelta(seconds=1))
    storage.propagation.keep([], [])
    assert storage.propagation.arrivals(SHOP) == []


def test_servers_that_write_at_once_do_not_disturb_each_other(storage: Storage, clock: HandClock) -> None:
    now = clock.now()

    def write(number: int) -> None:
        reports = [report(f"n{node}", f"1.{number}", at=now + timedelta(seconds=number)) for node in range(30)]
        delays = {f"n{node}": 0.1 * number for node in range(30)}
        storage.propagation.keep(reports[:: -1 if number % 2 else 1], [arrived(7, delays, at=now, writer=str(number))])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(1, 9)))
    kept = storage.propagation.reports(SHOP)
    assert len(kept) == 30
    assert {one.ack.revision for one in kept} == {"1.8"}
    assert set(storage.propagation.arrivals(SHOP)[0].delays.values()) == {0.1}


def test_ten_thousand_nodes_are_one_write_and_more_push_out_those_silent_longest(
    storage: Storage, clock: HandClock
) -> None:
    now = clock.now()
    storage.propagation.keep([report(f"n{number}", at=now) for number in range(NODES)], [])
    later = now + timedelta(minutes=2)
    clock.move(timedelta(minutes=2))
    storage.propagation.keep([report(f"m{number}", at=later) for number in range(NODES)], [])
    with storage.propagation._database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(edge_nodes)).scalar() == NODES
        found = connection.execute(select(edge_nodes.c.node).where(edge_nodes.c.node.startswith("n"))).first()
    assert found is None


def test_commits_are_those_of_the_log(storage: Storage, shop: Shop, clock: HandClock) -> None:
    at = []
    for key in ("a", "b", "c"):
        clock.move(timedelta(seconds=1))
        shop.create(key)
        at.append(clock.now())
    last = shop.revision()
    known = storage.propagation.commits(SHOP, 1)
    assert [known[last - 2], known[last - 1], known[last]] == at
    assert storage.propagation.commits(SHOP, 1, limit=1) == {last: at[-1]}
    assert storage.propagation.commits(SHOP, 2) == {}
    assert storage.propagation.commits("shop/none", 1) == {}
