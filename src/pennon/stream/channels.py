"""A channel: all streams that one feed flows on, and the walk that takes what is new to each of them.

The roster is walked in slices. What is newer still needs no second walk: those not reached yet get both in one frame,
from where each stands. So a critical change, which comes before other channels' turns as well, cuts a broadcast short.
"""

import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from operator import attrgetter

from pennon.protocol import GOODBYE
from pennon.stream.admission import Ticket
from pennon.stream.fanout import Fanout
from pennon.stream.feeds import Feed
from pennon.stream.framing import END, Framed
from pennon.stream.roster import Roster
from pennon.stream.subscribers import Ended, Subscriber, send_each, send_own
from pennon.stream.turns import Rank

SLICE = 500
"""How many streams are looked at in a turn: some 5 ms."""
_PACED_S = 0.02
_NOWHERE = object()
_KNOWN = attrgetter("known")
_AT_ONCE = frozenset({Ended.REVOKED, Ended.REMOVED, Ended.STUCK})
"""Reasons to end that do not wait for a reader to take what it was sent before."""


class Channel:
    """The streams of *feed*, counted as *label*, with heartbeats *interval_s* apart.

    With *spread_s* what is new is told to everybody at a moment of its own within that time, unless it is urgent.
    """

    def __init__(self, fanout: Fanout, feed: Feed, label: str, *, interval_s: float, spread_s: float = 0.0) -> None:
        self._fanout = fanout
        self._feed = feed
        self._interval_s = interval_s
        self._spread_s = spread_s
        self._roster: Roster[Subscriber] = Roster()
        self._holders: Counter[str] = Counter()
        self._is_urgent = False
        self._credit = 0.0
        self._paced_at = 0.0
        self._label = label
        self._standing: Counter[Hashable] | None = None
        fanout.count(label)

    def __len__(self) -> int:
        return len(self._roster)

    def __iter__(self) -> Iterator[Subscriber]:
        """Yield the streams that are told what is new, as they are now."""
        return iter(self._roster)

    def standing(self) -> Mapping[Hashable, int]:
        """Return how many streams stand where. Counted anew only when one has moved, as there may be many."""
        if self._standing is None:
            self._standing = Counter(map(_KNOWN, self._roster))
        return self._standing

    @property
    def is_due(self) -> bool:
        """Whether somebody is still to be told."""
        return self._roster.left > 0

    def publish(self, rank: Rank) -> None:
        """Take what is new in the feed to every stream."""
        if not len(self._roster):
            return
        is_paced = self._spread_s > 0 and rank is not Rank.URGENT
        if not self._roster.left:
            self._is_urgent = not is_paced
            self._credit, self._paced_at = random.random(), self._fanout.now()
        self._is_urgent = self._is_urgent or not is_paced
        self._roster.begin()
        self._fanout.want(self, rank)

    def step(self) -> float | None:
        """Tell the next ones. Return after how many seconds to go on, None where everybody has been told."""
        now = self._fanout.now()
        self._standing = None
        most = SLICE if self._is_urgent else self._allowance(now)
        self._tell(self._roster.take(most), now)
        if not self._roster.left:
            return None
        return 0.0 if self._is_urgent else self._pause()

    def open(self, stream: Subscriber, *, before: bytes, opening: Framed | None, ticket: Ticket | None) -> None:
        """Begin *stream* with *before*, and *opening* if there is one; tell it what is new from then on.

        An opening that is large needs a *ticket*, or waits until fewer of those are under way.
        """
        if opening is None or opening.rest is None:
            self.open_each([stream], before=[before], opening=opening)
            return
        self._take_in([stream])
        if ticket is None and not self._fanout.large.enter(stream):
            stream.transport.write(before)
            return
        self._fanout.delivered(opening.event, 1)
        stream.write(opening, before=before, ticket=ticket)

    def open_each(self, streams: Sequence[Subscriber], *, before: Sequence[bytes], opening: Framed | None) -> None:
        """Begin *streams*, each with its own of *before* and then *opening*, which is small, if there is one."""
        self._take_in(streams)
        if opening is None:
            send_own(streams, before)
            return
        for stream in streams:
            stream.known = opening.mark
        send_own(streams, [own + opening.head for own in before])
        self._fanout.delivered(opening.event, len(streams))

    def _take_in(self, streams: Sequence[Subscriber]) -> None:
        now, self._standing = self._fanout.now(), None
        for stream in streams:
            stream.channel, stream.told_at = self, now
            self._roster.add(stream)
            self._holders[stream.key_hash] += 1
        self._fanout.seat(streams, self._interval_s)
        self._fanout.came(self._label, len(streams))

    def opening(self, since: Hashable) -> Framed | None:
        """Return what a client who stands at *since* is to be told first."""
        return self._feed.frame(since, self._fanout.now())

    def end_holders(self, is_good: Callable[[str], bool]) -> None:
        """End the streams of keys that are not good any more."""
        bad = {key_hash for key_hash in self._holders if not is_good(key_hash)}
        if bad:
            for stream in self._roster:
                if stream.key_hash in bad:
                    self.end(stream, Ended.REVOKED)

    def tidy(self) -> None:
        """Let the feed forget what nobody asked for lately."""
        self._feed.tidy(self._fanout.now())

    def end(self, stream: Subscriber, reason: Ended) -> None:
        """End *stream*; the first reason stands."""
        if stream.ended is None:
            stream.ended = reason
            self._leave_roster(stream)
        if reason in _AT_ONCE and stream.busy:
            stream.transport.abort()
        elif not stream.busy:
            self._say_goodbye(stream)

    def catch_up(self, stream: Subscriber) -> bool:
        """Give *stream* what it lacks. Return whether that was something large."""
        if stream.busy or stream.ended is not None or stream.known is self._feed.mark:
            return False
        framed = self._feed.frame(stream.known, self._fanout.now())
        return framed is not None and self._give(stream, framed)

    def is_behind(self, stream: Subscriber) -> bool:
        """Whether *stream* is still to be told of what is new: a heartbeat would say so before, and be asked about."""
        return self.is_due and stream.known is not self._feed.mark

    def beat(self) -> bytes:
        """Return a sign of life."""
        return self._feed.beat(self._fanout.now())

    def stalled(self, stream: Subscriber) -> None:
        """Watch for how long nothing can be written."""
        stream.stalled_at = self._fanout.now()
        self._fanout.stalled.add(stream)

    def flowing(self, stream: Subscriber) -> None:
        """Watch no more."""
        stream.stalled_at = None
        self._fanout.stalled.discard(stream)

    def drained(self, stream: Subscriber) -> None:
        """Give the stream what it missed, in one frame."""
        self._fanout.let_out(stream)
        stream.missed = False
        if stream.ended is not None:
            self._say_goodbye(stream)
        else:
            self.catch_up(stream)

    def left(self, stream: Subscriber) -> None:
        """Forget the stream."""
        if stream.ended is None:
            stream.ended = Ended.LEFT
            self._leave_roster(stream)
        self._fanout.stalled.discard(stream)
        self._fanout.let_out(stream)
        self._fanout.went(self._label)
        self._fanout.metrics.streams_ended.counts[stream.ended.value] += 1

    def _tell(self, due: list[Subscriber | None], now: float) -> None:
        """Bring everybody who is *due* up to date. What is done here is done for each delivery: little."""
        mark, last = self._feed.mark, _NOWHERE
        alike: list[Subscriber] = []
        for stream in due:
            if stream is None or (since := stream.known) is mark:
                continue
            if stream.busy:
                self._miss(stream)
                continue
            if since is not last:
                self._bring(alike, last, now)
                last, alike = since, []
            alike.append(stream)
        self._bring(alike, last, now)

    def _bring(self, streams: list[Subscriber], since: Hashable, now: float) -> None:
        """Bring *streams* up to date, all of which stand at *since* and are not busy."""
        framed = self._feed.frame(since, now) if streams else None
        if framed is None:
            return
        if framed.rest is not None:
            for stream in streams:
                self._give(stream, framed)
            return
        for stream in streams:
            stream.known, stream.told_at = framed.mark, now
        send_each(streams, framed.head)
        self._fanout.delivered(framed.event, len(streams))

    def _give(self, stream: Subscriber, framed: Framed) -> bool:
        if framed.rest is not None and not self._fanout.large.enter(stream):
            return False
        self._standing = None
        stream.told_at = self._fanout.now()
        self._fanout.delivered(framed.event, 1)
        stream.write(framed)
        return framed.rest is not None

    def _miss(self, stream: Subscriber) -> None:
        if not stream.missed:
            stream.missed = True
            self._fanout.metrics.coalesced.inc()

    def _allowance(self, now: float) -> int:
        self._credit += (now - self._paced_at) * len(self._roster) / self._spread_s
        self._paced_at = now
        allowed = min(int(self._credit), SLICE)
        self._credit -= allowed
        return allowed

    def _pause(self) -> float:
        return max(_PACED_S, (1 - self._credit) * self._spread_s / max(1, len(self._roster)))

    def _leave_roster(self, stream: Subscriber) -> None:
        self._standing = None
        self._roster.remove(stream)
        self._fanout.unseat(stream, self._interval_s)
        self._holders[stream.key_hash] -= 1
        if not self._holders[stream.key_hash]:
            del self._holders[stream.key_hash]

    def _say_goodbye(self, stream: Subscriber) -> None:
        data = END
        if stream.ended is Ended.DRAINED:
            data = self._feed.goodbye(self._fanout.now()) + END
            self._fanout.delivered(GOODBYE, 1)
        if not stream.transport.is_closing():
            stream.transport.write(data)
            stream.transport.close()
