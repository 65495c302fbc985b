"""What is known, in a store: written when it changes, read back, and said where either fails."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pennon.edge import keeping
from pennon.edge.keeping import Keeping
from pennon.edge.kv import KvUnavailable, StateStore, store_at
from pennon.edge.replicas import Feed
from pennon.sdk.config import system_clock
from pennon.testing import InMemorySource, flag

NAME = "shop/production"
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAUSE_S", "LOOK_S"):
        monkeypatch.setattr(keeping, name, 0.02)


class Node:
    """The part of a node that keeps: its feed, and a store in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.clock = system_clock()
        self.source = InMemorySource(flag("a").on(), environment=NAME)
        self.feed = Feed(NAME, self.clock, lambda name, _: self.keeping.changed(name))
        self.feeds: Mapping[str, Feed] = {NAME: self.feed}
        self.store = StateStore(store_at(folder.as_uri()))
        self.keeping = Keeping(self.store, self.feeds, self.clock)

    def hear(self, *keys: str, age_s: float = 0.0) -> None:
        """Take a snapshot from the upstream, with some more flags."""
        for key in keys:
            self.source.put(flag(key).on())
        now = self.clock.monotonic()
        self.feed.perform(self.feed.replica.receive_snapshot(self.source.snapshot, age=age_s, now=now))


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not claim():
            await asyncio.sleep(0.005)


def test_a_change_is_written_and_read_back_with_its_age(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = Node(tmp_path)
        node.keeping.start()
        node.hear("b", age_s=30.0)
        await until(lambda: node.keeping.saved == 1)
        other = Node(tmp_path)
        assert await other.keeping.names() == [NAME]
        state = await other.keeping.load(NAME)
        assert state is not None
        assert state.snapshot == node.source.snapshot
        assert node.clock.time() - state.known_at == pytest.approx(30.0, abs=PATIENCE_S)
        await node.keeping.close()

    asyncio.run(scenario())


def test_many_changes_at_once_are_written_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = Node(tmp_path)
        node.keeping.start()
        for number in range(20):
            node.hear(f"flag-{number}")
        await until(lambda: node.keeping.saved >= 1)
        assert node.keeping.saved == 1
        await node.keeping.close()

    asyncio.run(scenario())


def test_what_is_not_written_yet_is_written_at_the_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = Node(tmp_path)
        node.hear("b")
        await node.keeping.close()
        state = await Node(tmp_path).keeping.load(NAME)
        assert state is not None
        assert set(state.snapshot.flags) == {"a", "b"}

    asyncio.run(scenario())


def test_a_node_that_is_cut_off_takes_what_another_wrote(tmp_path: Path) -> None:
    async def scenario() -> None:
        connected, lonely = Node(tmp_path), Node(tmp_path)
        lonely.hear()
        lonely.keeping.start(shared_with=lambda _: True)
        connected.keeping.start()
        connected.hear("b", "c")
        await until(lambda: lonely.feed.position == connected.feed.position)
        assert set(lonely.feed.whole().flags) == {"a", "b", "c"}
        await lonely.keeping.close()
        await connected.keeping.close()

    asyncio.run(scenario())


def test_a_damaged_state_is_said_and_not_given(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = Node(tmp_path)
        node.hear("b")
        await node.keeping.close()
        for path in tmp_path.rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes()[:-7])
        other = Node(tmp_path)
        assert await other.keeping.load(NAME) is None
        assert "fetched from the upstream" in other.keeping.problem

    asyncio.run(scenario())


def test_what_a_store_refuses_is_written_when_it_takes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        node = Node(tmp_path)
        is_away = True
        save = node.store.save

        async def refusing(*state: object, **how: object) -> bool:
            if is_away:
                raise KvUnavailable("no room")
            return await save(*state, **how)  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr(node.store, "save", refusing)
        node.keeping.start()
        node.hear("b")
        await until(lambda: "no room" in node.keeping.problem)
        assert node.keeping.failed > 0
        is_away = False
        await until(lambda: node.keeping.saved == 1)
        assert node.keeping.problem == ""
        await node.keeping.close()

    asyncio.run(scenario())


def test_what_is_forgotten_is_kept_no_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = Node(tmp_path)
        node.keeping.start()
        node.hear("b")
        await until(lambda: node.keeping.saved == 1)
        await node.keeping.forget(NAME)
        assert await node.keeping.names() == []

    asyncio.run(scenario())


def test_a_state_that_another_node_confirms_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        connected, lonely = Node(tmp_path), Node(tmp_path)
        connected.hear(age_s=5.0)
        lonely.hear(age_s=500.0)
        await connected.keeping.close()
        reads: list[str] = []

        async def read(name: str) -> None:
            reads.append(name)

        monkeypatch.setattr(lonely.store, "load", read)
        lonely.keeping.start(shared_with=lambda _: True)
        await until(lambda: lonely.feed.age() < 400.0)
        assert reads == []
        monkeypatch.undo()
        await lonely.keeping.close()

    asyncio.run(scenario())


def test_a_node_that_is_cut_off_says_what_is_wrong_with_the_store(tmp_path: Path) -> None:
    async def scenario() -> None:
        connected, lonely = Node(tmp_path), Node(tmp_path)
        connected.hear("b")
        await connected.keeping.close()
        for path in tmp_path.glob("state*"):
            path.write_bytes(path.read_bytes()[:-7])
        lonely.keeping.start(shared_with=lambda _: True)
        await until(lambda: "fetched from the upstream" in lonely.keeping.problem)
        assert lonely.feed.position is None
        await lonely.keeping.close()

    asyncio.run(scenario())
