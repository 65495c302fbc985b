"""The workers of a host that share a local store: one streams, the others follow, and whoever dies is replaced."""

from pathlib import Path
from typing import Any

import pytest

from pennon.model import Flag, Serve, Variation
from tests.integration import nodes, workers
from tests.integration.nodes import SERVER, RunningNode, eventually
from tests.integration.workers import Changes, Workers

pytest.importorskip("fcntl")

KILLS = 20
LONGEST_S = 2.0


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


def wait_for_all(made: Workers, count: int, revision: int, *, within: float = 20) -> None:
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
    eventually(lambda: all(made.last()[pid]["revision"] > revision for pid in others))


def test_killing_the_leader_of_eight_workers_twenty_times_leaves_nobody_behind(tmp_path: Path) -> None:
    most = 0.0
    with (
        nodes.running(theme(0)) as node,
        workers.running(workers=8, store=tmp_path / "flags", url=node.url, key=SERVER) as made,
    ):
        wait_for_all(made, 8, 1)
        with Changes(lambda number: change(node, number), pause_s=0.05) as changes:
            for _ in range(KILLS):
                leader = eventually(made.leader) or 0
                others = set(made.last()) - {leader}
                newest = changes.newest
                made.kill(leader)
                follow_on(made, leader, others, newest + 3)
                most = max(most, streams(node))
        wait_for_all(made, 8, changes.newest)
        eventually(lambda: streams(node) == 1)
    assert [line for line in made.errors if "Traceback" in line or "by itself" in line] == []
    slowest = max(lag for said in made.said.values() for lag in lags(said, changes))
    assert len(made.said) == 8 + KILLS
    assert slowest < LONGEST_S
    assert most <= 2
