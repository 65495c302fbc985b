"""What any key-value store of an edge promises, on real servers that are killed and started again in the middle."""

import asyncio
import hashlib
import random
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from pennon.edge.kv import KeyValueStore, KvUnavailable, SpoiledState, Standing, StateStore, StoredState, store_at
from pennon.edge.kv.base import LARGEST
from pennon.edge.kv.states import ORPHANED_S
from pennon.model import Item, Position, Snapshot
from pennon.protocol import digest
from pennon.testing import flag
from tests.servers import Killable, NatsServer, RedisServer

_PATIENCE_S = 60.0
_SHOP = "shop/production"
Scenario = Callable[..., Awaitable[None]]


class _Folder(Killable):
    """A disk that can be taken away, at once: a link that leads to it, or to a file, where nobody can make a folder."""

    def __init__(self) -> None:
        super().__init__()
        self._disk = self.folder / "disk"
        self._disk.mkdir()
        self._nothing = self.folder / "nothing"
        self._nothing.touch()
        self._kept = self.folder / "kept"
        self._kept.symlink_to(self._disk)
        self.url = f"file://{self._kept}"

    def start(self) -> None:
        self._lead_to(self._disk)

    def kill(self) -> None:
        self._lead_to(self._nothing)

    def _lead_to(self, where: Path) -> None:
        link = self.folder / "link"
        link.symlink_to(where)
        link.rename(self._kept)


class _Redis(RedisServer):
    """A Redis that has what it acknowledged on its disk. By itself it may put that off while the disk is busy."""

    def arguments(self) -> list[str]:
        return [*super().arguments(), "--appendfsync", "always"]


_SERVERS: dict[str, tuple[Callable[[], Killable], str]] = {
    "file": (_Folder, ""),
    "redis": (_Redis, "?prefix=test"),
    "nats": (NatsServer, "/test"),
}


class Setting:
    """A server that runs, and as many nodes' ends of its store as a test asks for."""

    def __init__(self, kind: str) -> None:
        make, self._rest = _SERVERS[kind]
        self.server = make()

    def run(self, scenario: Scenario, *, ends: int = 1) -> None:
        async def main() -> None:
            async with asyncio.timeout(_PATIENCE_S), AsyncExitStack() as stack:
                stores = [store_at(self.server.url + self._rest) for _ in range(ends)]
                for store in stores:
                    stack.push_async_callback(store.close)
                await scenario(*stores)

        asyncio.run(main())


@pytest.fixture(params=_SERVERS)
def setting(request: pytest.FixtureRequest) -> Iterator[Setting]:
    made = Setting(request.param)
    made.server.start()
    yield made
    made.server.close()


def _state(revision: int, *, flags: int = 3, epoch: int = 1, known_at: float = 1000.0) -> StoredState:
    """Return a state in which each revision changes one flag, and the first flag says the revision."""
    items = {f"flag-{number}": _item(f"flag-{number}", 0) for number in range(flags)}
    items["flag-0"] = _item("flag-0", revision)
    value = digest.combined({"flag": items})
    snapshot = Snapshot.of({"flag": items}, environment=_SHOP, position=Position(epoch, revision), digest=value)
    return StoredState(_SHOP, snapshot, known_at, known_at)


def _item(key: str, revision: int) -> Item:
    salt = hashlib.sha256(f"{key}{revision}".encode()).hexdigest()
    return Item.of(replace(flag(key).on().build(), salt=salt, version=revision + 1))


def test_what_one_node_writes_another_reads(setting: Setting) -> None:
    async def scenario(first: KeyValueStore, second: KeyValueStore) -> None:
        assert await second.read("state/shop/production") is None
        assert await second.names() == []
        await first.write("state/shop/production", b"one")
        await first.write("other", b"")
        assert await second.read("state/shop/production") == b"one"
        assert await second.read("other") == b""
        assert sorted(await second.names()) == ["other", "state/shop/production"]
        await second.write("state/shop/production", b"two")
        assert await first.read("state/shop/production") == b"two"

    setting.run(scenario, ends=2)


def test_what_is_deleted_is_not_there_and_can_be_written_again(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        await store.delete("nothing")
        await store.write("name", b"one")
        await store.delete("name")
        assert await store.read("name") is None
        assert await store.names() == []
        assert await store.write_if("name", b"two", lambda found: found is None)
        assert await store.read("name") == b"two"

    setting.run(scenario)


def test_a_value_may_have_any_bytes_up_to_the_limit_and_none_is_longer(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        longest = random.Random(1).randbytes(LARGEST)
        await store.write("longest", longest)
        assert await store.read("longest") == longest
        for refused in (store.write("longer", longest + b"x"), store.write_if("longer", longest + b"x", bool)):
            with pytest.raises(ValueError, match="cut it in parts"):
                await refused
        assert await store.names() == ["longest"]

    setting.run(scenario)


def test_a_name_may_be_any_text(setting: Setting) -> None:
    names = ["..", ".", "a/../b", "ü*?[x]\\", "a.b. c", "=x", "%2F", "p" * 128 + "/" + "e" * 128, "x" * 600, "null\n"]

    async def scenario(store: KeyValueStore) -> None:
        for number, name in enumerate(names):
            await store.write(name, str(number).encode())
        assert sorted(await store.names()) == sorted(names)
        assert [await store.read(name) for name in names] == [str(number).encode() for number in range(len(names))]

    setting.run(scenario)


def test_a_value_is_written_only_over_what_may_be_replaced(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        assert not await store.write_if("name", b"one", lambda found: found is not None)
        assert await store.read("name") is None
        assert await store.write_if("name", b"one", lambda found: found is None)
        assert not await store.write_if("name", b"two", lambda found: found is None)
        assert await store.write_if("name", b"three", lambda found: found == b"one")
        assert await store.read("name") == b"three"

    setting.run(scenario)


def test_of_writers_at_once_none_takes_a_number_back(setting: Setting) -> None:
    async def scenario(*stores: KeyValueStore) -> None:
        numbers = list(range(1, 31))
        random.Random(7).shuffle(numbers)

        async def write(store: KeyValueStore, number: int) -> bool:
            return await store.write_if("number", b"%d" % number, lambda found: int(found or 0) < number)

        async def watch() -> list[int]:
            seen: list[int] = []
            while not seen or seen[-1] != 30:
                seen.append(int(await stores[0].read("number") or 0))
            return seen

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(write(stores[at % len(stores)], number) for at, number in enumerate(numbers)))
        seen = await watching
        assert seen == sorted(seen)

    setting.run(scenario, ends=3)


def test_a_dead_store_is_unavailable_and_one_that_is_back_goes_on(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        await store.write("name", b"one")
        for round_ in range(2):
            setting.server.kill()
            for question in (store.read("name"), store.write("name", b"lost"), store.names(), store.delete("name")):
                with pytest.raises(KvUnavailable):
                    await question
            with pytest.raises(KvUnavailable):
                await store.write_if("name", b"lost", lambda _found: True)
            await asyncio.to_thread(setting.server.start)
            value = f"round {round_}".encode()
            await _until_written(store, "name", value)
            assert await store.read("name") == value

    setting.run(scenario)


def test_a_store_that_is_away_at_first_is_found_later(setting: Setting) -> None:
    setting.server.kill()

    async def scenario(store: KeyValueStore) -> None:
        with pytest.raises(KvUnavailable):
            await StateStore(store).load(_SHOP)
        await asyncio.to_thread(setting.server.start)
        await _until_written(store, "name", b"one")
        assert await store.read("name") == b"one"

    setting.run(scenario)


async def _until_written(store: KeyValueStore, name: str, value: bytes) -> None:
    while True:
        try:
            await store.write(name, value)
        except KvUnavailable:  # a port may be open before its server takes anything
            await asyncio.sleep(0.02)
        else:
            return


def test_a_state_comes_back_as_it_was(setting: Setting) -> None:
    async def scenario(first: KeyValueStore, second: KeyValueStore) -> None:
        state = _state(3, flags=3000)
        assert await StateStore(second).load(_SHOP) is None
        assert await StateStore(first).save(state)
        loaded = await StateStore(second).load(_SHOP)
        assert loaded == state
        assert await StateStore(second).environments() == [_SHOP]

    setting.run(scenario, ends=2)


def test_a_change_writes_its_part_and_clears_the_part_before(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        states = StateStore(store)
        await states.save(_state(1, flags=3000))
        before = set(await store.names())
        await states.save(_state(2, flags=3000))
        after = set(await store.names())
        # The slice with the head, which says the revision, and the one with the flag.
        assert 1 <= len(after - before) == len(before - after) <= 2 < len(after)
        assert await StateStore(store).load(_SHOP) == _state(2, flags=3000)

    setting.run(scenario)


def test_a_state_never_takes_the_place_of_a_later_one(setting: Setting) -> None:
    async def scenario(first: KeyValueStore, second: KeyValueStore) -> None:
        ahead, behind = StateStore(first), StateStore(second)
        assert await behind.save(_state(4))
        assert await ahead.save(_state(5))
        assert not await behind.save(_state(4))
        assert not await behind.save(_state(5, known_at=999.0))
        assert await behind.save(_state(5, known_at=1001.0))
        assert await ahead.load(_SHOP) == _state(5, known_at=1001.0)
        assert await ahead.save(_state(1, epoch=2))
        assert not await behind.save(_state(900))
        assert await behind.load(_SHOP) == _state(1, epoch=2)

    setting.run(scenario, ends=2)


def test_nodes_that_save_at_once_leave_the_latest_state_whole(setting: Setting) -> None:
    async def scenario(*stores: KeyValueStore) -> None:
        nodes = [StateStore(store) for store in stores]

        async def save(node: StateStore, order: list[int]) -> None:
            for revision in order:
                await node.save(_state(revision, flags=400))

        await asyncio.gather(*(save(node, [at + 1, 4 + at, 7 + at]) for at, node in enumerate(nodes)))
        assert await nodes[0].load(_SHOP) == _state(9, flags=400)

    setting.run(scenario, ends=3)


def test_a_store_killed_during_a_save_has_the_state_before_or_the_one_after(setting: Setting) -> None:
    async def scenario(store: KeyValueStore, looking: KeyValueStore) -> None:
        states = StateStore(store)
        chance = random.Random(3)
        last = 0
        for revision in range(1, 7):
            saving = asyncio.create_task(states.save(_state(revision, flags=1500)))
            await asyncio.sleep(chance.uniform(0, 0.02))
            setting.server.kill()
            with suppress(KvUnavailable):
                assert await saving
                last = revision
            await asyncio.to_thread(setting.server.start)
            await _until_written(looking, "awake", b"")
            found = await StateStore(looking).load(_SHOP)
            at = 0
            if found is not None:
                at = found.snapshot.revision
                assert found == _state(at, flags=1500)
            assert last <= at <= revision
            last = at
        assert await states.save(_state(7, flags=1500))
        assert await StateStore(looking).load(_SHOP) == _state(7, flags=1500)

    setting.run(scenario, ends=2)


def _flipped(value: bytes, at: int) -> bytes:
    return value[:at] + bytes([value[at] ^ 0x20]) + value[at + 1 :]


_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "flipped-in-the-first-byte": lambda value: _flipped(value, 0),
    "flipped-in-the-middle": lambda value: _flipped(value, len(value) // 2),
    "flipped-in-the-last-byte": lambda value: _flipped(value, len(value) - 1),
    "empty": lambda _: b"",
    "cut-in-half": lambda value: value[: len(value) // 2],
    "cut-by-one": lambda value: value[:-1],
    "something-after-it": lambda value: (
        value + b"x" if value[:1] == b"p" else zlib.compress(zlib.decompress(value) + b"x")
    ),
    "foreign": lambda _: b'{"flags": {}}',
    "foreign-and-compressed": lambda _: zlib.compress(b'{"flags": {}}'),
}


@pytest.mark.parametrize("what", ["manifest", "part"])
def test_a_spoiled_state_is_reported_never_served_and_mended_by_the_next_save(setting: Setting, what: str) -> None:
    async def scenario(store: KeyValueStore) -> None:
        states = StateStore(store)
        for number, damage in enumerate(_DAMAGES.values()):
            state = _state(number + 1)
            assert await states.save(state)
            name = f"state/{_SHOP}" if what == "manifest" else await _part(store)
            value = await store.read(name)
            assert value is not None
            await store.write(name, damage(value))
            with pytest.raises(SpoiledState, match="not usable") as raised:
                await StateStore(store).load(_SHOP)
            assert raised.value.environment == _SHOP
            with pytest.raises(SpoiledState):
                await states.load(_SHOP)
            assert await states.save(state)
            assert await StateStore(store).load(_SHOP) == state

    setting.run(scenario)


async def _part(store: KeyValueStore) -> str:
    return next(name for name in sorted(await store.names()) if name.startswith("part/"))


def test_a_state_without_one_of_its_parts_is_reported(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        await StateStore(store).save(_state(1))
        await store.delete(await _part(store))
        with pytest.raises(SpoiledState, match="is missing"):
            await StateStore(store).load(_SHOP)

    setting.run(scenario)


def test_a_state_of_a_later_format_or_another_environment_is_reported(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        await StateStore(store).save(_state(1))
        manifest = await store.read(f"state/{_SHOP}")
        assert manifest is not None
        await store.write("state/shop/staging", manifest)
        with pytest.raises(SpoiledState, match="state of shop/production"):
            await StateStore(store).load("shop/staging")
        await store.write(f"state/{_SHOP}", manifest.replace(b"pennon-state 1", b"pennon-state 2"))
        with pytest.raises(SpoiledState, match="format 2"):
            await StateStore(store).load(_SHOP)

    setting.run(scenario)


def test_where_a_state_stands_is_told_without_its_parts(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        state = _state(3, known_at=17.0)
        assert await StateStore(store).standing(_SHOP) is None
        await StateStore(store).save(state)
        await store.delete(await _part(store))
        standing = await StateStore(store).standing(_SHOP)
        assert standing == Standing(Position(1, 3), state.snapshot.digest, 17.0)
        await store.write(f"state/{_SHOP}", b"spoiled")
        with pytest.raises(SpoiledState):
            await StateStore(store).standing(_SHOP)

    setting.run(scenario)


def test_parts_of_a_writer_that_died_are_removed_after_a_while_and_those_of_a_living_one_stay(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        now = 0.0
        states = StateStore(store, now=lambda: now)
        await store.write(f"part/{_SHOP}/orphan", b"half of a state")
        await store.write("part/shop/other/orphan", b"of another environment")
        await states.save(_state(1))
        now = ORPHANED_S - 1
        await states.save(_state(2))
        assert await store.read(f"part/{_SHOP}/orphan") is not None
        await store.write(f"part/{_SHOP}/begun", b"a save goes on")
        now = ORPHANED_S
        await states.save(_state(3))
        assert await store.read(f"part/{_SHOP}/orphan") is None
        assert await store.read(f"part/{_SHOP}/begun") is not None
        assert await store.read("part/shop/other/orphan") is not None
        assert await StateStore(store).load(_SHOP) == _state(3)

    setting.run(scenario)


def test_a_state_whose_items_cannot_be_read_takes_nothing_s_place(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        states = StateStore(store)
        await states.save(_state(1))
        damaged = _state(2)
        items = {**damaged.snapshot.items("flag"), "flag-1": Item("flag-1", 0, 0, "", b"")}
        snapshot = Snapshot.of({"flag": items}, environment=_SHOP, position=Position(1, 2))
        with pytest.raises(SpoiledState, match="flag-1"):
            await states.save(replace(damaged, snapshot=snapshot))
        assert await StateStore(store).load(_SHOP) == _state(1)

    setting.run(scenario)


def test_an_environment_that_is_forgotten_leaves_nothing(setting: Setting) -> None:
    async def scenario(store: KeyValueStore) -> None:
        states = StateStore(store)
        await states.save(_state(1, flags=2000))
        await store.write("other", b"stays")
        await states.forget(_SHOP)
        assert await store.names() == ["other"]
        assert await states.load(_SHOP) is None
        assert await states.save(_state(1, flags=2000))
        assert await StateStore(store).load(_SHOP) == _state(1, flags=2000)

    setting.run(scenario)
