"""Broadcasts to streams without sockets: who is told what, in which order, and who waits."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

import pytest

from pennon.stream import NodeMetrics, channels, fanout
from pennon.stream.channels import Channel
from pennon.stream.fanout import Fanout
from pennon.stream.framing import END, PIECE, Framed
from pennon.stream.subscribers import Ended, Subscriber
from pennon.stream.turns import Rank


class Clock:
    """The node's time, which passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """A feed of numbers: a frame says from where to where it leads, and may be large."""

    def __init__(self) -> None:
        self.at = 0
        self.large = False
        self.tidied = 0

    @property
    def mark(self) -> Hashable:
        return self.at

    def frame(self, since: Hashable, now: float) -> Framed | None:
        if since == self.at:
            return None
        rest = memoryview(b"x" * (3 * PIECE)) if self.large else None
        return Framed("delta", self.at, f"{since}-{self.at};".encode(), rest)

    def beat(self, now: float) -> bytes:
        return b"beat;"

    def goodbye(self, now: float) -> bytes:
        return b"goodbye;"

    def tidy(self, now: float) -> None:
        self.tidied += 1


class Wire:
    """A transport that takes *room* bytes until its reader reads. What is written is noted in *order* for all."""

    def __init__(self, name: str, order: list[str], room: int | None = None) -> None:
        self.name = name
        self.taken = b""
        self.room = room
        self.waiting = b""
        self.is_aborted = False
        self.is_closed = False
        self.stream: Subscriber
        self._order = order

    def get_extra_info(self, name: str) -> None:
        return None

    def write(self, data: bytes | memoryview) -> None:
        self._order.append(self.name)
        self.waiting += bytes(data)
        if self._push():
            return
        self.stream.pause_writing()

    def read(self, size: int) -> None:
        """Read so much: as much more can be written."""
        assert self.room is not None
        self.room += size
        if self.waiting and self._push():
            self.stream.resume_writing()

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True
        self.stream.connection_lost(None)

    def abort(self) -> None:
        self.is_aborted = self.is_closed = True
        self.stream.connection_lost(None)

    def _push(self) -> bool:
        fits = len(self.waiting) if self.room is None else min(self.room, len(self.waiting))
        self.taken += self.waiting[:fits]
        self.waiting = self.waiting[fits:]
        if self.room is not None:
            self.room -= fits
        return not self.waiting


class Scene:
    """A node's fan-out with channels and streams on them."""

    def __init__(self) -> None:
        self.metrics = NodeMetrics()
        self.clock = Clock()
        self.fanout = Fanout(self.metrics, self.clock)
        self.order: list[str] = []

    def channel(self, *, interval_s: float = 3600.0, spread_s: float = 0.0) -> tuple[Channel, Counting]:
        feed = Counting()
        return Channel(self.fanout, feed, "server", interval_s=interval_s, spread_s=spread_s), feed

    def join(self, channel: Channel, name: str, *, room: int | None = None, key: str = "key") -> Wire:
        wire = Wire(name, self.order, room)
        wire.stream = Subscriber(wire, key, 0)  # type: ignore[arg-type]  # it has what of a transport is used
        channel.open(wire.stream, before=b"", opening=None, ticket=None)
        self.order.clear()
        return wire

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.value(name, **labels)


async def settled(scene: Scene) -> None:
    """Let all turns be had."""
    for _ in range(10_000):
        if not len(scene.fanout._turns):
            return
        await asyncio.sleep(0)
    raise AssertionError("the turns do not end")


def told(wire: Wire) -> str:
    return wire.taken.decode()


def play(scenario: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        await scenario(Scene())

    asyncio.run(asyncio.wait_for(whole(), 60))


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SLICE", 2)


def test_everybody_is_told_once_and_it_is_counted() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wires = [scene.join(channel, str(number)) for number in range(1203)]
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert {told(wire) for wire in wires} == {"0-1;"}
        assert scene.count("pennon_deliveries_total", event="delta") == 1203
        assert scene.count("pennon_streams", projection="server") == 1203

    play(scenario)


def test_where_streams_stand_is_right_after_whatever_moves_them() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wires = [scene.join(channel, str(number)) for number in range(3)]
        slow = scene.join(channel, "slow", room=0)
        assert channel.standing() == {0: 4}
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert channel.standing() == {1: 4}  # what was given to its transport counts
        feed.at = 2
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert channel.standing() == {2: 3, 1: 1}
        slow.read(100)
        assert channel.standing() == {2: 4}
        wires[0].close()
        channel.end(wires[1].stream, Ended.REVOKED)
        assert channel.standing() == {2: 2}
        scene.join(channel, "late")
        assert channel.standing() == {2: 2, 0: 1}

    play(scenario)


@pytest.mark.usefixtures("small_slices")
def test_change_during_a_broadcast_reaches_the_rest_merged_and_the_others_as_a_second_step() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wires = [scene.join(channel, str(number)) for number in range(10)]
        feed.at = 1
        channel.publish(Rank.OTHERS)
        while len(scene.order) < 4:
            await asyncio.sleep(0)
        feed.at = 2
        channel.publish(Rank.URGENT)
        await settled(scene)
        assert sorted(told(wire) for wire in wires) == ["0-1;1-2;"] * 4 + ["0-2;"] * 6
        first = set(scene.order[4:10])
        assert first == {wire.name for wire in wires if told(wire) == "0-2;"}, "those who had nothing yet come first"

    play(scenario)


@pytest.mark.usefixtures("small_slices")
def test_change_in_one_environment_does_not_wait_for_the_broadcast_of_another() -> None:
    async def scenario(scene: Scene) -> None:
        (crowded, feed), (quiet, other) = scene.channel(), scene.channel()
        for number in range(40):
            scene.join(crowded, f"crowd-{number}")
        scene.join(quiet, "alone")
        feed.at = other.at = 1
        crowded.publish(Rank.OTHERS)
        quiet.publish(Rank.OTHERS)
        await settled(scene)
        assert scene.order.index("alone") < 6
        assert len(scene.order) == 41

    play(scenario)


@pytest.mark.usefixtures("small_slices")
def test_edge_nodes_are_told_first_then_whatever_is_urgent() -> None:
    async def scenario(scene: Scene) -> None:
        (others, one), (urgent, two), (edges, three) = scene.channel(), scene.channel(), scene.channel()
        for number in range(8):
            scene.join(others, f"o{number}")
            scene.join(urgent, f"u{number}")
        for number in range(5):
            scene.join(edges, f"e{number}")
        one.at = two.at = three.at = 1
        others.publish(Rank.OTHERS)
        urgent.publish(Rank.URGENT)
        edges.publish(Rank.EDGES)
        await settled(scene)
        kinds = "".join(name[0] for name in scene.order)
        assert kinds.startswith("eeeee")
        ahead = [kinds[:end].count("u") - kinds[:end].count("o") for end in range(5, len(kinds) + 1)]
        assert kinds[5] == "u"
        assert set(ahead) <= {0, 1, 2}, "every other turn is urgent"

    play(scenario)


def test_reader_who_is_slow_gets_one_step_for_all_that_it_missed() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        slow, quick = scene.join(channel, "slow", room=2), scene.join(channel, "quick")
        for at in range(1, 6):
            feed.at = at
            channel.publish(Rank.OTHERS)
            await settled(scene)
        assert told(quick) == "0-1;1-2;2-3;3-4;4-5;"
        assert told(slow) == "0-"
        assert scene.count("pennon_coalesced_total") == 1
        slow.read(100)
        assert told(slow) == "0-1;1-5;"
        feed.at = 6
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert told(slow) == "0-1;1-5;5-6;"
        assert scene.count("pennon_coalesced_total") == 1

    play(scenario)


def test_large_frame_goes_out_in_pieces_as_it_is_read_and_what_came_meanwhile_follows() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wire = scene.join(channel, "a", room=PIECE)
        feed.at, feed.large = 1, True
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert len(wire.waiting) <= PIECE
        feed.at, feed.large = 2, False
        channel.publish(Rank.OTHERS)
        await settled(scene)
        for _ in range(5):
            wire.read(PIECE)
            assert len(wire.waiting) <= PIECE
        assert told(wire) == "0-1;" + "x" * 3 * PIECE + "1-2;"

    play(scenario)


def test_large_frames_are_given_to_so_many_at_a_time_and_slow_readers_hold_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "LARGE_AT_A_TIME", 2)

    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wires = [scene.join(channel, str(number), room=0) for number in range(3)]
        feed.at, feed.large = 1, True
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert sum(wire.stream.busy for wire in wires) == 2
        scene.clock.now += 2
        scene.fanout.sweep(stuck_s=30)
        while sum(wire.stream.busy for wire in wires) < 3:
            await asyncio.sleep(0)
        for wire in wires:
            wire.read(4 * PIECE)
            assert told(wire).startswith("0-1;x")

    play(scenario)


def test_those_who_wait_for_a_large_frame_follow_each_other_however_many_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "LARGE_AT_A_TIME", 1)

    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        first = scene.join(channel, "first", room=0)
        feed.at, feed.large = 1, True
        channel.publish(Rank.OTHERS)
        await settled(scene)
        wires = [scene.join(channel, str(number)) for number in range(1500)]
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert not any(wire.taken for wire in wires)
        first.read(4 * PIECE)
        while not all(wire.taken for wire in wires):
            await asyncio.sleep(0)

    play(scenario)


def test_reader_who_takes_nothing_is_closed_and_counted() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        stuck, fine = scene.join(channel, "stuck", room=0), scene.join(channel, "fine")
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        scene.clock.now += 29
        scene.fanout.sweep(stuck_s=30)
        assert not stuck.is_aborted
        scene.clock.now += 2
        scene.fanout.sweep(stuck_s=30)
        assert stuck.is_aborted
        assert not fine.is_closed
        assert scene.count("pennon_streams_ended_total", reason="stuck") == 1
        assert scene.count("pennon_streams", projection="server") == 1
        assert not scene.fanout.stalled

    play(scenario)


def test_reader_who_reads_slowly_is_not_stuck() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wire = scene.join(channel, "a", room=0)
        feed.at, feed.large = 1, True
        channel.publish(Rank.OTHERS)
        await settled(scene)
        for _ in range(4):
            scene.clock.now += 20
            scene.fanout.sweep(stuck_s=30)
            wire.read(PIECE)
        assert not wire.is_aborted
        assert told(wire).endswith("x")

    play(scenario)


@pytest.mark.parametrize(
    ("reason", "last"), [(Ended.DRAINED, b"goodbye;" + END), (Ended.REVOKED, END), (Ended.REMOVED, END)]
)
def test_stream_that_is_ended_has_a_whole_body_and_is_counted_by_its_reason(reason: Ended, last: bytes) -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wire = scene.join(channel, "a")
        channel.end(wire.stream, reason)
        channel.end(wire.stream, Ended.STUCK)
        assert wire.taken == last
        assert wire.is_closed
        feed.at = 1
        channel.publish(Rank.OTHERS)
        assert len(channel) == 0
        assert scene.count("pennon_streams_ended_total", reason=reason) == 1

    play(scenario)


def test_slow_reader_of_a_draining_node_gets_its_frame_whole_and_then_the_goodbye() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        wire = scene.join(channel, "a", room=1)
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        channel.end(wire.stream, Ended.DRAINED)
        assert not wire.is_closed
        wire.read(100)
        assert wire.taken == b"0-1;goodbye;" + END
        assert wire.is_closed

    play(scenario)


def test_slow_reader_whose_key_is_revoked_is_cut_at_once() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        bad, good = scene.join(channel, "bad", room=1, key="bad"), scene.join(channel, "good", key="good")
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        channel.end_holders(lambda key_hash: key_hash != "bad")
        assert bad.is_aborted
        assert not good.is_closed
        assert [stream.key_hash for stream in channel] == ["good"]

    play(scenario)


def test_notices_are_spread_and_a_second_change_adds_none_for_those_not_told_yet() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel(spread_s=10.0)
        wires = [scene.join(channel, str(number)) for number in range(100)]
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        assert len(scene.order) <= 1
        scene.clock.now += 5
        channel.step()
        assert 49 <= len(scene.order) <= 51
        feed.at = 2
        channel.publish(Rank.OTHERS)
        await settled(scene)
        before = len(scene.order)
        for _ in range(101):
            scene.clock.now += 0.1
            channel.step()
        assert not channel.is_due
        assert len(scene.order) - before in range(98, 101)
        assert {told(wire)[-2:] for wire in wires} == {"2;"}

    play(scenario)


def test_urgent_notice_does_not_wait_for_the_spread() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel(spread_s=3600.0)
        wires = [scene.join(channel, str(number)) for number in range(100)]
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        feed.at = 2
        channel.publish(Rank.URGENT)
        await settled(scene)
        assert {told(wire) for wire in wires} <= {"0-2;", "0-1;1-2;"}
        assert not channel.is_due

    play(scenario)


def test_quiet_streams_are_given_heartbeats_and_others_are_not() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel(interval_s=0.05)
        quiet = scene.join(channel, "quiet")
        scene.clock.now += 1
        busy, recent = scene.join(channel, "busy", room=1), scene.join(channel, "recent")
        feed.at = 1
        channel.publish(Rank.OTHERS)
        await settled(scene)
        scene.clock.now += 1
        recent.stream.told_at = scene.clock.now
        while "beat;beat;" not in told(quiet):
            await asyncio.sleep(0.005)
        assert "beat" not in told(busy)
        assert "beat" not in told(recent)
        assert scene.count("pennon_deliveries_total", event="heartbeat") >= 2
        for stream in list(channel):
            channel.end(stream, Ended.REMOVED)

    play(scenario)


def test_heartbeat_does_not_overtake_what_a_broadcast_still_brings() -> None:
    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel(interval_s=0.05, spread_s=1000.0)
        other, _ = scene.channel(interval_s=0.05)
        waiting, quiet = scene.join(channel, "waiting"), scene.join(other, "quiet")
        scene.clock.now += 1
        feed.at = 1
        channel.publish(Rank.OTHERS)
        while "beat;beat;" not in told(quiet):
            await asyncio.sleep(0.005)
        assert told(waiting) == ""
        channel.publish(Rank.URGENT)
        await settled(scene)
        scene.clock.now += 1
        while "beat;" not in told(waiting):
            await asyncio.sleep(0.005)
        assert told(waiting).startswith("0-1;beat;")
        for each in (channel, other):
            for stream in list(each):
                each.end(stream, Ended.REMOVED)

    play(scenario)


def test_opening_that_is_large_gives_its_ticket_back_when_it_is_read_or_the_client_leaves() -> None:
    class Leave:
        left = 0

        def leave(self) -> None:
            Leave.left += 1

    async def scenario(scene: Scene) -> None:
        channel, feed = scene.channel()
        feed.at, feed.large = 1, True
        wires = [Wire(name, scene.order, room=0) for name in ("reads", "leaves")]
        for wire in wires:
            wire.stream = Subscriber(wire, "key", 0)  # type: ignore[arg-type]  # it has what of a transport is used
            ticket: Any = Leave()
            channel.open(wire.stream, before=b"head;", opening=channel.opening(0), ticket=ticket)
        assert Leave.left == 0
        wires[0].read(10 * PIECE)
        assert Leave.left == 1
        assert told(wires[0]).startswith("head;0-1;x")
        wires[1].abort()
        assert Leave.left == 2

    play(scenario)


def test_what_the_socket_does_not_take_is_the_transports() -> None:
    reads, writes = os.pipe()
    try:
        order: list[str] = []
        wire = Wire("a", order)
        wire.stream = Subscriber(wire, "key", 0)  # type: ignore[arg-type]  # it has what of a transport is used
        os.set_blocking(writes, False)
        wire.stream.descriptor = writes
        data = b"x" * (1 << 20)
        wire.stream.send(data)
        taken = len(os.read(reads, 1 << 20))
        assert 0 < taken < len(data)
        assert wire.taken == data[taken:]
        wire.stream.send(b"small")
        assert os.read(reads, 100) == b"small"
        assert order == ["a"]
    finally:
        os.close(reads)
        os.close(writes)
