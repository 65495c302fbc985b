"""Those who listen to one environment: a channel for each projection's deltas, and one for each kind of notices."""

from collections.abc import Callable, Collection, Iterator, Mapping

from pennon.model import Delta, Position
from pennon.protocol import Hub, Projection
from pennon.stream.channels import Channel
from pennon.stream.fanout import Fanout
from pennon.stream.feeds import DeltaFeed, NoticeFeed
from pennon.stream.settings import StreamSettings
from pennon.stream.subscribers import Ended, Subscriber
from pennon.stream.turns import Rank

_SYNCED: tuple[Projection, ...] = ("edge", "server")
_NOTIFIED: tuple[Projection, ...] = ("server", "client")
NOTIFY = "notify"


class Listeners:
    """The streams of an environment.

    *version* gives, for a projection and a time, a text that differs when evaluations may; *tag* the flags version.
    """

    def __init__(
        self,
        fanout: Fanout,
        settings: StreamSettings,
        *,
        version: Callable[[Projection, float], str],
        tag: Callable[[Projection], str],
    ) -> None:
        self._fanout = fanout
        self._delta_feeds = {projection: DeltaFeed(projection, settings.goodbye_spread_ms) for projection in _SYNCED}
        self._notice_feeds = {
            projection: _notices(projection, version, tag, settings.goodbye_spread_ms) for projection in _NOTIFIED
        }
        self._deltas = {
            projection: Channel(
                fanout,
                feed,
                projection,
                interval_s=settings.edge_heartbeat_s if projection == "edge" else settings.heartbeat_s,
            )
            for projection, feed in self._delta_feeds.items()
        }
        self._notices = {
            projection: Channel(
                fanout, feed, NOTIFY, interval_s=settings.heartbeat_s, spread_s=settings.notify_spread_s
            )
            for projection, feed in self._notice_feeds.items()
        }

    def __len__(self) -> int:
        """Return how many streams are told what is new."""
        return sum(map(len, self.channels()))

    def __iter__(self) -> Iterator[Subscriber]:
        """Yield every stream that is told what is new, as they are now."""
        for channel in self.channels():
            yield from channel

    def channels(self) -> Iterator[Channel]:
        """Yield the channels, those that many others wait behind first."""
        yield from self._deltas.values()
        yield from self._notices.values()

    def deltas(self, projection: Projection) -> Channel:
        """Return the channel on which *projection* is kept up to date."""
        return self._deltas[projection]

    def notices(self, projection: Projection) -> Channel:
        """Return the channel that tells when *projection* may evaluate differently."""
        return self._notices[projection]

    def positions(self, projection: Projection) -> Mapping[Position, int]:
        """Return how many streams of *projection* stand where, of those that have got anything yet."""
        standing = self._deltas[projection].standing()
        return {position: count for position, count in standing.items() if isinstance(position, Position)}

    def follow(self, hub: Hub) -> None:
        """Bring every stream to where *hub* is, from wherever it stands."""
        for projection, channel in self._deltas.items():
            self._delta_feeds[projection].follow(hub)
            channel.publish(_rank(projection, is_urgent=False))
        self.notice(urgent=())

    def advance(self, since: Position, steps: Mapping[Projection, Delta], *, urgent: Collection[Projection]) -> None:
        """Tell every stream of the *steps* that led from *since* to where the hub is. *urgent*: where it is at once."""
        for projection, channel in self._deltas.items():
            self._delta_feeds[projection].advance(since, steps[projection])
            channel.publish(_rank(projection, is_urgent="server" in urgent))
        self.notice(urgent=urgent)

    def renew(self, *, is_news: bool) -> None:
        """Use the hub's signed heads as they are now; *is_news*: send them to who has the state without."""
        for projection, channel in self._deltas.items():
            self._delta_feeds[projection].renew(is_news=is_news)
            if is_news:
                channel.publish(_rank(projection, is_urgent=False))

    def notice(self, *, urgent: Collection[Projection]) -> None:
        """Tell those who wait for notices if evaluations may have become others."""
        now = self._fanout.now()
        for projection, channel in self._notices.items():
            if self._notice_feeds[projection].renew(now):
                channel.publish(Rank.URGENT if projection in urgent else Rank.OTHERS)

    def end(self, reason: Ended) -> None:
        """End every stream."""
        for channel in self.channels():
            for stream in channel:
                channel.end(stream, reason)

    def end_holders(self, is_good: Callable[[str], bool]) -> None:
        """End the streams of keys that are not good any more."""
        for channel in self.channels():
            channel.end_holders(is_good)

    def tidy(self) -> None:
        """Let go of large frames that nobody asked for lately."""
        for channel in self.channels():
            channel.tidy()


def _notices(
    projection: Projection,
    version: Callable[[Projection, float], str],
    tag: Callable[[Projection], str],
    spread_ms: int,
) -> NoticeFeed:
    return NoticeFeed(lambda now: version(projection, now), lambda: tag(projection), spread_ms)


def _rank(projection: Projection, *, is_urgent: bool) -> Rank:
    if projection == "edge":
        return Rank.EDGES
    return Rank.URGENT if is_urgent else Rank.OTHERS
