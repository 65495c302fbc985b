"""Who looks after a node's memory: what is cooled when, what is written anew, and what is healed."""

import asyncio
import os
from pathlib import Path

import pytest

from pennon.edge.tiers import Housing, Tending, house_of
from pennon.edge.tiers import tending as module
from pennon.edge.tiers.tending import COOL_S, HEAL_S, resident
from pennon.model import Item, Position, Snapshot

MIB = 1024**2


class Environment:
    """What a node holds and serves of one environment."""

    name = "shop/p"

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot: Snapshot | None = snapshot
        self.rehoused = 0
        self.cooled = 0

    def rehouse(self, snapshot: Snapshot) -> bool:
        self.snapshot = snapshot
        self.rehoused += 1
        return True

    def cool(self) -> None:
        self.cooled += 1


class Node:
    """A node of one environment, with as much memory as the test says."""

    def __init__(self, folder: Path) -> None:
        self.housing = Housing(folder)
        items = {key: Item.from_text(key, b'{"key":"%b"}' % key.encode()) for key in ("a", "b")}
        self.environment = Environment(self.housing.house(Snapshot.of({"flag": items}, position=Position(1, 1))))
        self.used: int | None = 10 * MIB
        self.after: int | None = None
        self.healed: list[str] = []
        self.tending = Tending(
            100 * MIB,
            self.housing,
            held=lambda: [self.environment],
            warm=lambda: [self.environment],
            heal=self._heal,
            used=lambda: self.used,
        )

    async def _heal(self, name: str) -> None:
        self.healed.append(name)

    def tend(self, now: float) -> None:
        asyncio.run(self.tending.tend(now))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_node_far_from_its_limit_is_left_alone(node: Node) -> None:
    node.tend(0.0)
    node.used = None
    node.tend(1.0)
    assert (node.environment.cooled, node.tending.cooled, node.tending.problem) == (0, 0, "")


def test_a_node_near_its_limit_is_cooled_and_not_again_at_once(node: Node) -> None:
    node.used = 99 * MIB
    for now in (0.0, 1.0, COOL_S - 0.1):
        node.tend(now)
    assert (node.environment.cooled, node.tending.cooled, node.tending.problem) == (1, 1, "")
    node.tend(COOL_S)
    assert node.environment.cooled == 2


def test_a_limit_that_cannot_be_kept_is_said_until_it_is(node: Node) -> None:
    node.used = 120 * MIB
    node.tend(0.0)
    assert "raise it" in node.tending.problem
    node.used = 50 * MIB
    node.tend(1.0)
    assert node.tending.problem == ""


def test_a_file_that_has_grown_by_much_is_written_anew(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    assert node.environment.snapshot is not None
    before = node.environment.snapshot
    house = house_of(before)
    assert house is not None
    monkeypatch.setattr(module, "GROWN", 100)
    house.grown = house.size
    node.tend(0.0)
    assert node.environment.rehoused == 0
    house.grown = house.size + 101
    node.tend(1.0)
    assert node.environment.rehoused == 1
    assert node.environment.snapshot == before
    assert house_of(node.environment.snapshot) is not house


def test_a_file_that_nobody_takes_is_not_written_again_at_once(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[Snapshot] = []

    def refuse(snapshot: Snapshot) -> bool:
        offered.append(snapshot)
        return False

    assert node.environment.snapshot is not None
    house = house_of(node.environment.snapshot)
    assert house is not None
    monkeypatch.setattr(module, "GROWN", 100)
    monkeypatch.setattr(node.environment, "rehouse", refuse)
    house.grown = house.size + 101
    for now in (0.0, 1.0, 2.0, HEAL_S):
        node.tend(now)
    assert len(offered) == 2


def test_a_damaged_file_is_healed_and_not_again_at_once(node: Node) -> None:
    assert node.environment.snapshot is not None
    house = house_of(node.environment.snapshot)
    assert house is not None
    os.pwrite(house.body.handle, b"~" * house.size, 0)
    node.tend(0.0)
    assert node.healed == []
    assert node.environment.snapshot.flags.records["a"].text == b""
    for now in (1.0, 2.0, 1.0 + HEAL_S):
        node.tend(now)
    assert node.healed == ["shop/p", "shop/p"]
    assert node.environment.rehoused == 0


def test_an_environment_in_memory_and_one_that_is_not_known_need_nothing(node: Node) -> None:
    node.environment.snapshot = None
    node.tend(0.0)
    node.environment.snapshot = Snapshot()
    node.tend(1.0)
    assert (node.environment.rehoused, node.healed) == (0, [])


def test_a_process_knows_how_much_memory_it_has() -> None:
    used = resident()
    assert used is not None
    assert 5 * MIB < used < 100 * 1024 * MIB


def test_what_goes_wrong_does_not_end_the_tending(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEND_S", 0.0)
    tended = 0

    async def broken(_now: float) -> None:
        nonlocal tended
        tended += 1
        raise OSError("the disk is gone")

    monkeypatch.setattr(node.tending, "tend", broken)

    async def run() -> None:
        task = asyncio.create_task(node.tending.run(lambda: 0.0))
        while tended < 3:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
