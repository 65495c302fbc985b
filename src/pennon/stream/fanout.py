"""When each broadcast of a node gets a turn, and when each stream a heartbeat.

A turn is a slice of one broadcast; between two turns the loop accepts, reads and answers. So no broadcast waits for the
end of another one, and nothing waits for the end of a broadcast.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from pennon.protocol import HEARTBEAT
from pennon.stream.gate import Gate
from pennon.stream.metrics import NodeMetrics
from pennon.stream.subscribers import Ended, Host, Subscriber, send_each
from pennon.stream.turns import Rank, Turns
from pennon.stream.wheel import Wheel

LARGE_AT_A_TIME = 256
"""How many streams that are open already may be sent large frames at a time."""
_SLOW_S = 1.0
"""Who takes nothing for so long holds up none of those who wait to be sent something large."""
_TICK_S = 0.5
"""One wake-up serves so much of the interval: a process that wakes finds nothing in its caches."""
_SKIPPED = 0.04
"""So much of the interval may be passed over at a time where nobody sits."""
_QUIET = 0.5
"""Who was told something within this share of the interval needs no heartbeat. Each keeps its own place in it."""


class Walk(Protocol):
    """A broadcast under way."""

    @property
    def is_due(self) -> bool:
        """Whether somebody is still to be told."""

    def step(self) -> float | None:
        """Tell the next ones. Return after how many seconds to go on, None where everybody has been told."""


class Fanout:
    """All broadcasts and heartbeats of a node. *now* gives the time that ages are counted in."""

    def __init__(self, metrics: NodeMetrics, now: Callable[[], float]) -> None:
        self.metrics = metrics
        self.now = now
        self.large: Gate[Subscriber] = Gate(LARGE_AT_A_TIME)
        self.stalled: set[Subscriber] = set()
        self.open: Counter[str] = Counter()
        """How many streams there are, by what they are counted as."""
        self._streams = 0
        self._turns: Turns[Walk] = Turns()
        self._is_turning = False
        self._paused: dict[Walk, asyncio.TimerHandle] = {}
        self._beats: dict[float, _Beats] = {}

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._streams

    def count(self, label: str) -> None:
        """Show in the metrics how many streams are open that are counted as *label*."""
        # Asked when somebody looks, which costs nothing when a stream comes or goes.
        self.metrics.streams.labels(label).set_function(lambda: self.open[label])

    def came(self, label: str, count: int) -> None:
        """Count so many streams more as *label*."""
        self.open[label] += count
        self._streams += count

    def went(self, label: str) -> None:
        """Count one less."""
        self.open[label] -= 1
        self._streams -= 1

    def delivered(self, event: str, count: int) -> None:
        """Count frames that were sent."""
        self.metrics.deliveries.counts[event] += count

    def want(self, walk: Walk, rank: Rank) -> None:
        """Give *walk* turns until everybody has been told."""
        if (timer := self._paused.pop(walk, None)) is not None:
            timer.cancel()
        self._turns.add(walk, rank)
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def seat(self, streams: Sequence[Subscriber], interval_s: float) -> None:
        """Give *streams* heartbeats, *interval_s* apart at the most by half of that more."""
        if interval_s not in self._beats:
            self._beats[interval_s] = _Beats(self, interval_s)
        self._beats[interval_s].seat(streams)

    def unseat(self, stream: Subscriber, interval_s: float) -> None:
        """Give *stream* no more heartbeats."""
        self._beats[interval_s].wheel.remove(stream)

    def let_out(self, stream: Subscriber) -> None:
        """Let the next one be sent something large instead of *stream*."""
        if (following := self.large.leave(stream)) is not None:
            # Not now: each may be done at once, and let the next one in.
            asyncio.get_running_loop().call_soon(self._let_in, following)

    def sweep(self, stuck_s: float) -> None:
        """Close the streams whose reader took nothing for *stuck_s*, and let slow ones hold up nobody."""
        now = self.now()
        for stream in tuple(self.stalled):
            waited = 0.0 if stream.stalled_at is None else now - stream.stalled_at
            if waited > stuck_s:
                stream.channel.end(stream, Ended.STUCK)
            elif waited > _SLOW_S:
                self.let_out(stream)

    def cut(self) -> None:
        """Cut off whoever has not taken yet what was written."""
        for stream in tuple(self.stalled):
            stream.transport.abort()

    def _let_in(self, stream: Subscriber) -> None:
        if not stream.channel.catch_up(stream):
            self.let_out(stream)

    def _turn(self) -> None:
        walk, rank = self._turns.next()
        loop = asyncio.get_running_loop()
        pause_s = walk.step()
        if pause_s is not None and walk not in self._paused:
            if pause_s > 0:
                self._paused[walk] = loop.call_later(pause_s, self.want, walk, rank)
            else:
                self._turns.add(walk, rank)
        self._is_turning = len(self._turns) > 0
        if self._is_turning:
            loop.call_soon(self._turn)


class _Beats:
    """The heartbeats of streams that have them equally far apart, spread over that time."""

    def __init__(self, fanout: Fanout, interval_s: float) -> None:
        seats = max(1, round(interval_s / _TICK_S))
        self.wheel: Wheel[Subscriber] = Wheel(seats)
        self._fanout = fanout
        self._quiet_s = interval_s * _QUIET
        self._tick_s = interval_s / seats
        # Who takes a seat that was just passed over waits for a turn and this.
        self._most_skipped = int(seats * _SKIPPED)
        self._at = 0.0
        self._is_running = False

    def seat(self, streams: Sequence[Subscriber]) -> None:
        for stream in streams:
            self.wheel.add(stream)
        if not self._is_running:
            self._is_running = True
            loop = asyncio.get_running_loop()
            self._at = loop.time() + self._tick_s
            loop.call_at(self._at, self._beat)

    def _beat(self) -> None:
        if not len(self.wheel):
            self._is_running = False
            return
        told_after = self._fanout.now() - self._quiet_s
        channel, is_due = None, False
        waiting: dict[Host, list[Subscriber]] = {}
        for stream in self.wheel.turn():
            if stream.busy or stream.told_at >= told_after:
                continue
            if stream.channel is not channel:
                channel = stream.channel
                is_due, alike = channel.is_due, waiting.setdefault(channel, [])
            if not (is_due and channel.is_behind(stream)):
                alike.append(stream)
        for channel, streams in waiting.items():
            send_each(streams, channel.beat())
            self._fanout.delivered(HEARTBEAT, len(streams))
        loop = asyncio.get_running_loop()
        ticks = 1 + self.wheel.skip(self._most_skipped)
        # A loop that was held up makes up for it, but no more than it can.
        self._at = max(self._at + ticks * self._tick_s, loop.time())
        loop.call_at(self._at, self._beat)
