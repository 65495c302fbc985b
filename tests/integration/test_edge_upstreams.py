"""Which upstream an edge node follows, when there are several and some of them are not what they should be."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pennon import Client
from pennon.model import Flag, Snapshot
from pennon.stream import StreamSettings
from tests.edges import QUICK, AnyEdge, EdgeInProcess, edge
from tests.integration import nodes
from tests.integration.nodes import EDGE, ENVIRONMENT, KEYS, SERVER, MemoryLog, RunningNode, boolean, key
from tests.integration.relay import relay
from tests.integration.upstream import eventually
from tests.ports import free_port

NOBODY = "http://127.0.0.1:9"
ORIGIN = StreamSettings(poll_s=0.1, heartbeat_s=5, edge_heartbeat_s=0.5, drain_s=3)


@contextlib.contextmanager
def running(*flags: Flag, log: MemoryLog) -> Iterator[RunningNode]:
    """Run an origin over *log*, with heartbeats as quick as those of the edges."""
    with nodes.running(*flags, log=log, settings=ORIGIN) as node:
        yield node


@contextlib.contextmanager
def pop(folder: Path, *upstreams: RunningNode | AnyEdge, name: str = "pop") -> Iterator[EdgeInProcess]:
    with edge(folder, [each.url for each in upstreams], EDGE, name=name) as node:
        yield node


def stands_at(node: EdgeInProcess, revision: object) -> bool:
    return node.revision(ENVIRONMENT) == str(revision)


def upstream_of(node: EdgeInProcess) -> str:
    found = node.environment(ENVIRONMENT)
    return "" if found is None or found.level > 0 else found.upstream


def holds_what_the_log_says(node: EdgeInProcess, log: MemoryLog) -> bool:
    held = Snapshot.from_json(node.get(f"/sdk/v1/snapshot?environment={ENVIRONMENT}").content)
    return held.to_json() == log.state(ENVIRONMENT).to_json()


def test_a_node_falls_to_the_next_upstream_and_comes_back_without_a_gap(tmp_path: Path) -> None:
    log, port = MemoryLog(), free_port()
    with running(boolean("a"), log=log) as second, contextlib.ExitStack() as stack:
        with edge(tmp_path / "first", [second.url], EDGE, name="first", port=port) as first:
            node = stack.enter_context(pop(tmp_path / "pop", first, second))
            client = stack.enter_context(Client(node.url, key=SERVER))
            client.wait_until_ready(timeout=60)
            eventually(lambda: upstream_of(node) == first.url)
        eventually(lambda: upstream_of(node) == second.url)
        second.write(boolean("b"))
        eventually(lambda: client.boolean("b", {"targetingKey": "u"}, default=False))
        with edge(tmp_path / "first", [second.url], EDGE, name="first", port=port) as first:
            eventually(lambda: upstream_of(node) == first.url)
            found = node.environment(ENVIRONMENT)
            assert found is not None
            assert found.switched >= 1
            assert found.path == ("first", "origin")
            position = second.write(boolean("c"))
            eventually(lambda: stands_at(node, position))
        eventually(lambda: upstream_of(node) == second.url)
        assert holds_what_the_log_says(node, log)


def test_a_node_leaves_an_upstream_that_is_itself_cut_off_for_one_that_is_not(tmp_path: Path) -> None:
    log = MemoryLog()
    with (
        running(boolean("a"), log=log) as origin,
        relay() as wire,
        edge(tmp_path / "hub", [wire.before(origin.url)], EDGE, name="hub") as hub,
        pop(tmp_path / "pop", hub, origin) as node,
    ):
        eventually(lambda: upstream_of(node) == hub.url)
        wire.before(NOBODY)
        wire.drop()
        eventually(lambda: upstream_of(node) == origin.url, 60)
        position = origin.write(boolean("b"))
        eventually(lambda: stands_at(node, position))
        assert not stands_at(hub, position)
        assert holds_what_the_log_says(node, log)


def test_a_node_goes_round_an_upstream_that_says_nothing_at_all(tmp_path: Path) -> None:
    log = MemoryLog()
    with (
        running(boolean("a"), log=log) as origin,
        socket.create_server(("127.0.0.1", 0)) as silent,
        edge(tmp_path / "pop", [f"http://127.0.0.1:{silent.getsockname()[1]}", origin.url], EDGE, name="pop") as node,
    ):
        eventually(lambda: upstream_of(node) == origin.url, 60)
        position = origin.write(boolean("b"))
        eventually(lambda: stands_at(node, position))
        assert holds_what_the_log_says(node, log)


def test_a_lagging_upstream_takes_nothing_back(tmp_path: Path) -> None:
    log, behind = MemoryLog(), MemoryLog()
    with running(boolean("a"), log=log) as origin, running(boolean("a"), log=behind) as lagging:
        origin.write(boolean("b"))
        position = origin.write(boolean("c"))
        with contextlib.ExitStack() as stack:
            node = stack.enter_context(pop(tmp_path / "pop", origin, lagging))
            eventually(lambda: stands_at(node, position))
            origin.stop()
            eventually(lambda: upstream_of(node) == lagging.url)
            found = eventually(lambda: (it := node.environment(ENVIRONMENT)) and it.problem and it)
            assert "behind" in found.problem
            assert found.revision == str(position)
            assert holds_what_the_log_says(node, log)
            lagging.write(boolean("b"))
            assert stands_at(node, position)


def test_an_upstream_that_was_restored_is_followed_into_its_epoch(tmp_path: Path) -> None:
    log, restored = MemoryLog(), MemoryLog()
    with running(boolean("a"), log=log) as old, running(boolean("z"), log=restored) as new:
        position = restored.restore(ENVIRONMENT)
        old.write(boolean("b"))
        old.write(boolean("c"))
        with pop(tmp_path / "pop", new, old) as node, Client(node.url, key=SERVER) as client:
            eventually(lambda: stands_at(node, position))
            client.wait_until_ready(timeout=60)
            assert client.boolean("z", {"targetingKey": "u"}, default=False)
            new.write(boolean("y"))
            eventually(lambda: client.boolean("y", {"targetingKey": "u"}, default=False))
            assert holds_what_the_log_says(node, restored)


def test_environments_come_and_go(tmp_path: Path) -> None:
    log = MemoryLog()
    other = "shop/staging"
    with (
        running(boolean("a"), log=log) as origin,
        edge(tmp_path / "hub", [origin.url], EDGE, name="hub") as hub,
        pop(tmp_path / "pop", hub) as node,
    ):
        eventually(lambda: node.environment(ENVIRONMENT))
        origin.write(*KEYS, boolean("s"), environment=other)
        eventually(lambda: node.revision(other) == "1.1", 60)

        async def remove() -> None:
            log.remove(other)

        origin.run(remove())
        eventually(lambda: hub.environment(other) is None, 60)
        eventually(lambda: node.environment(other) is None, 60)
        assert stands_at(node, "1.1")


def test_a_key_of_a_new_environment_is_never_told_that_it_is_wrong(tmp_path: Path) -> None:
    other, secret = "shop/staging", "pennon_server_new"
    tuning = msgspec.structs.replace(QUICK, list_s=3600.0)
    with (
        running(boolean("a"), log=MemoryLog()) as origin,
        edge(tmp_path / "hub", [origin.url], EDGE, name="hub", tuning=tuning) as hub,
        edge(tmp_path / "pop", [hub.url], EDGE, name="pop", tuning=tuning) as node,
    ):
        eventually(lambda: stands_at(node, "1.1"))
        origin.write(key(EDGE, "edge"), key(secret, "server"), boolean("s"), environment=other)

        def is_admitted() -> bool:
            answer = node.answer_to(secret)
            assert answer in (200, 503)
            return answer == 200

        eventually(is_admitted, 60)
        eventually(lambda: node.answer_to("pennon_server_of_nobody") == 401)


def test_an_origin_that_fails_takes_no_environment_away(tmp_path: Path) -> None:
    log = MemoryLog()
    with running(boolean("a"), log=log) as origin, pop(tmp_path / "pop", origin) as node:
        eventually(lambda: stands_at(node, "1.1"))
        origin.stop()
        eventually(lambda: node.status().problems)
        assert stands_at(node, "1.1")
        assert node.answer_to(SERVER) == 200


@pytest.mark.parametrize("length", [2, 3])
def test_a_cycle_is_found_and_each_node_takes_the_origin(tmp_path: Path, length: int) -> None:
    """Each prefers the one before it, and all start at once, so that no one can know of the cycle at first."""
    log = MemoryLog()
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(running(boolean("a"), log=log))
        ports = [free_port() for _ in range(length)]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        ring = [
            stack.enter_context(
                edge(tmp_path / f"n{at}", [urls[at - 1], origin.url], EDGE, name=f"n{at}", port=ports[at], tuning=QUICK)
            )
            for at in range(length)
        ]
        position = origin.write(boolean("b"))
        for node in ring:
            eventually(lambda node=node: stands_at(node, position), 60)  # type: ignore[misc]
        eventually(lambda: not any(_goes_round(node) for node in ring), 60)
        position = origin.write(boolean("c"))
        for node in ring:
            eventually(lambda node=node: stands_at(node, position), 60)  # type: ignore[misc]
            assert holds_what_the_log_says(node, log)


@pytest.mark.parametrize("length", [2, 3])
def test_nodes_that_have_only_each_other_find_out_and_say_so(tmp_path: Path, length: int) -> None:
    log = MemoryLog()
    names = [f"n{at}" for at in range(length)]
    with contextlib.ExitStack() as stack:
        with running(boolean("a"), log=log) as origin:
            for name in names:
                with edge(tmp_path / name, [origin.url], EDGE, name=name) as node:
                    eventually(lambda node=node: stands_at(node, "1.1"))  # type: ignore[misc]
        ports = [free_port() for _ in range(length)]
        ring = [
            stack.enter_context(
                edge(tmp_path / name, [f"http://127.0.0.1:{ports[at - 1]}"], EDGE, name=name, port=ports[at])
            )
            for at, name in enumerate(names)
        ]
        # Whoever finds itself in a path, or is told so by the other side, asks no more for now.
        eventually(lambda: any(_says_that_it_goes_round(node) for node in ring), 60)
        eventually(lambda: not all(upstream_of(node) for node in ring), 60)
        assert all(node.answer_to(SERVER) == 200 for node in ring)


def _says_that_it_goes_round(node: EdgeInProcess) -> bool:
    found = node.environment(ENVIRONMENT)
    problem = "" if found is None else found.problem
    return "has its state from here" in problem or "Loop detected" in problem


def _goes_round(node: EdgeInProcess) -> bool:
    found = node.environment(ENVIRONMENT)
    return found is None or "origin" not in found.path or node.status().name in found.path
