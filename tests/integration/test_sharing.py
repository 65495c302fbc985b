"""The workers of a host that share a local store: one streams, the others follow, and whoever dies is replaced."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pennon.model import Flag, Serve, Variation
from pennon.testing import flag
from tests.integration import nodes, upstream, workers
from tests.integration.nodes import SERVER, RunningNode, eventually
from tests.integration.test_fork import Program
from tests.integration.workers import Changes, Workers

pytest.importorskip("fcntl")

KILLS = 20
LONGEST_S = 20.0
"""Shorter than what a worker waits that nobody tells anything: half a minute. A machine may stand still for seconds."""


def theme(number: int) -> Flag:
    value = Variation("now", f"theme {number}")
    return Flag(key="theme", kind="string", variations=(value,), on=True, salt="s1", fallthrough=Serve(variation="now"))


def change(node: RunningNode, number: int) -> int:
    return node.write(theme(number)).revision


def streams(node: RunningNode) -> float:
    return node.value("pennon_streams", projection="server")


def lags(said: list[dict[str, Any]], changes: Changes) -> list[float]:
    """Return how long after each change, made since a worker first spoke, it knew that or a later one."""
    found = []
    for revision, made_at in changes.made_at.items():
        if made_at < said[0]["at"]:
            continue
        known = next((line["at"] for line in said if line["revision"] >= revision), None)
        if known is not None:
            found.append(known - made_at)
        elif said[-1]["at"] - made_at > LONGEST_S:
            found.append(said[-1]["at"] - made_at)
    return found


def wait_for_all(made: Workers, count: int, revision: int, *, within: float = 60) -> None:
    eventually(
        lambda: (
            len(last := made.last()) == count
            and all(each["revision"] >= revision and each["level"] == 0 for each in last.values())
        ),
        within=within,
    )


def follow_on(made: Workers, leader: int, others: set[int], revision: int) -> None:
    """Wait until another leads, and *others* are beyond *revision*."""
    eventually(lambda: made.leader() not in (None, leader))
    eventually(lambda: not os.path.exists(f"/proc/{leader}"))
    eventually(lambda: all(made.last()[pid]["revision"] > revision for pid in others))


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_killing_the_leader_of_eight_workers_twenty_times_leaves_nobody_behind(
    tmp_path: Path, asynchronous: bool
) -> None:
    most, kills = 0.0, KILLS if not asynchronous or os.environ.get("PENNON_LONG_TESTS") else 5
    options: dict[str, Any] = {"key": SERVER, "asynchronous": asynchronous, "patience_s": 1000}
    with (
        nodes.running(theme(0)) as node,
        workers.running(workers=8, store=tmp_path / "flags", url=node.url, **options) as made,
    ):
        wait_for_all(made, 8, 1)
        with Changes(lambda number: change(node, number), pause_s=0.05) as changes:
            for _ in range(kills):
                leader = eventually(lambda: pid if (pid := made.leader()) in made.last() else None) or 0
                others = set(made.last()) - {leader}
                newest = changes.newest
                made.kill(leader)
                follow_on(made, leader, others, newest + 3)
                most = max(most, streams(node))
        wait_for_all(made, 8, changes.newest)
        eventually(lambda: streams(node) == 1)
    assert [line for line in made.errors if "Traceback" in line or "by itself" in line] == []
    slowest = max(lag for said in made.said.values() for lag in lags(said, changes))
    assert len(made.said) == 8 + kills
    assert slowest < LONGEST_S
    assert most <= 2


def has_stopped(pid: int) -> bool:
    """Return whether every thread of a process has taken its SIGSTOP."""
    states = [stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not say who has stopped")
def test_a_leader_that_hangs_is_noticed_and_the_others_stream_by_themselves_until_it_is_back(tmp_path: Path) -> None:
    with (
        nodes.running(theme(0)) as node,
        workers.running(workers=4, store=tmp_path / "flags", url=node.url, key=SERVER) as made,
    ):
        wait_for_all(made, 4, 1)
        leader = eventually(made.leader) or 0
        others = set(made.last()) - {leader}
        made.kill(leader, signal.SIGSTOP)
        eventually(lambda: has_stopped(leader))
        revision = change(node, 1)
        eventually(lambda: all(made.last()[pid]["revision"] == revision for pid in others))
        assert streams(node) >= 3
        revision = change(node, 2)
        eventually(lambda: all(made.last()[pid]["value"] == "theme 2" for pid in others))
        made.kill(leader, signal.SIGCONT)
        wait_for_all(made, 4, revision)
        eventually(lambda: streams(node) == 1)
        wait_for_all(made, 4, change(node, 3))
    assert sum("silent; this process streams by itself" in line for line in made.errors) >= 3


def test_workers_of_a_preloaded_program_outlive_it_and_have_one_stream(tmp_path: Path) -> None:
    with (
        nodes.running(theme(0)) as node,
        workers.running(workers=4, store=tmp_path / "flags", url=node.url, key=SERVER, preload=True) as made,
    ):
        wait_for_all(made, 4, 1)
        eventually(lambda: streams(node) == 1)
        made.kill(made.master)
        wait_for_all(made, 4, change(node, 1))
        leader = eventually(lambda: made.leader() if made.leader() != made.master else None) or 0
        made.kill(leader)
        wait_for_all(made, 3, change(node, 2))
        eventually(lambda: streams(node) == 1)


FORK = """
    import asyncio, ctypes, signal
    sort = {sort!r}
    def leads():
        return client._running is not None and client._running._sharing._leads
    async def follow():
        async with client:
            while not (leads() and client.boolean("go") and client.status().level == 0):
                await asyncio.sleep(0.005)
            say(value=client.boolean("new-checkout", U1), level=client.status().level)
    def fork():
        if sort != "from C":
            return os.fork()
        # Up to Python 3.11 nothing is told before, and nothing in the parent.
        tells_before = sys.version_info >= (3, 12)
        if tells_before:
            ctypes.pythonapi.PyOS_BeforeFork()
        child = ctypes.PyDLL(None).fork()
        if child and tells_before:
            ctypes.pythonapi.PyOS_AfterFork_Parent()
        if not child:
            ctypes.pythonapi.PyOS_AfterFork_Child()
        return child
    async def lead():
        global client
        client = AsyncClient(URL, key=KEY, store={store!r})
        while not (leads() and client.boolean("new-checkout", U1)):
            await asyncio.sleep(0.005)
        child = os.fork()
        if child:
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(follow())
        os._exit(0)
    leader = os.fork()
    if leader:
        assert os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]) == -signal.SIGKILL
        os._exit(0)
    if sort == "async":
        asyncio.run(lead())
    client = Client(URL, key=KEY, store={store!r})
    until(lambda: leads() and client.boolean("new-checkout", U1))
    if fork():
        os.kill(os.getpid(), signal.SIGKILL)
    until(lambda: leads() and client.boolean("go") and client.status().level == 0)
    say(value=client.boolean("new-checkout", U1), level=client.status().level)
    client.close()
    os._exit(0)
"""


@pytest.fixture
def server() -> Iterator[upstream.Upstream]:
    with upstream.running() as server:
        server.heartbeat_s = 0.1
        server.put(flag("new-checkout").on(), flag("go"))
        yield server


@pytest.mark.parametrize("sort", ["sync", "async", "from C"])
def test_the_child_of_a_leader_that_is_killed_does_not_hold_its_lock(
    server: upstream.Upstream, tmp_path: Path, sort: str
) -> None:
    program = Program(server, FORK.format(sort=sort, store=str(tmp_path / "flags")))
    try:
        eventually((tmp_path / "flags").exists)
        server.put(flag("go").on())
        assert program.rest() == [{"value": True, "level": 0}]
    finally:
        program.end()
