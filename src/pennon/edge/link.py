"""One way to the origin, for one environment: a loop that follows an upstream, and what is known of it meanwhile."""

import asyncio
from collections.abc import Callable

import structlog

from pennon.edge.circuits import CircuitCalls, Circuits
from pennon.edge.replicas import Feed
from pennon.model import Head, InvalidJson, Position
from pennon.protocol import HEARTBEAT, Action, Frame
from pennon.protocol.frames import age_of, heartbeat_of
from pennon.sdk import Level
from pennon.sdk._async.transport import AsyncTransport
from pennon.sdk._async.upstream import AsyncUpstream
from pennon.sdk.config import Config
from pennon.sdk.ladder import Failure, Ladder

_log = structlog.get_logger(__name__)
_RESTART_S = 1.0


class Link:
    """Feeds *feed* from the first of the config's upstreams that answers: the receiver of the loop that asks them.

    *stood* is called when it stands on another rung or comes by another path, and after each attempt that came to
    nothing.
    """

    def __init__(self, feed: Feed, config: Config, circuits: Circuits, stood: Callable[["Link"], None]) -> None:
        self.level = Level.LAST_KNOWN
        self.failure: Failure | None = None
        self.failures = 0
        self._feed = feed
        self._config = config
        self._stood = stood
        self._calls = CircuitCalls(circuits)
        self._path: tuple[str, ...] = ()
        self._known_at: float | None = None
        self._behind_since: float | None = None
        self._is_over = False
        ladder = Ladder(config.pace, upstreams=len(config.urls), chance=config.chance)
        self._transport = AsyncTransport(config, self._calls)
        self._upstream = AsyncUpstream(self, config, self._transport, ladder)
        self._task = asyncio.create_task(self._run())

    @property
    def url(self) -> str:
        """The upstream that was asked last."""
        return self._calls.upstream

    @property
    def path(self) -> tuple[str, ...]:
        """By which nodes the state comes: the upstream's name first, the origin's last; empty while nothing comes."""
        return self._path if self.level <= Level.POLLING else ()

    def is_fresh(self, now: float, fresh_s: float) -> bool:
        """Whether it streams what was lately current at the origin, from who is not behind what is known."""
        is_behind = self._behind_since is not None and now - self._behind_since > fresh_s
        is_current = self._known_at is not None and now - self._known_at <= fresh_s
        return self.level is Level.STREAMING and is_current and not is_behind

    @property
    def is_behind(self) -> bool:
        """Whether it said last that it stands before what is known here."""
        return self._behind_since is not None

    def watch(self, now: float) -> None:
        """Cut the stream if it has been silent for too long. To be called about once a second."""
        self._upstream.watch(now)

    def give_up(self) -> None:
        """End soon: nothing that it says counts any more."""
        self._is_over = self._calls.is_cut = True
        self._upstream.stop()

    async def close(self) -> None:
        """End, and close its connections."""
        self.give_up()
        await asyncio.wait([self._task], timeout=1.0)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._transport.close()

    # What the loop brings (`pennon.sdk.receiver.Receiver`).

    @property
    def position(self) -> Position | None:
        """Where the environment stands here."""
        return self._feed.position

    def receive(self, frame: Frame, now: float) -> list[Action]:
        """Take a frame of a stream. Raises `UpstreamFailed` where it tells that it came from here."""
        if frame.event == HEARTBEAT:
            self._hear_path(frame)
        actions = self._feed.perform(self._feed.replica.receive(frame, now))
        self._note(frame, now)
        return actions

    def receive_document(self, data: bytes, *, age: float, now: float) -> list[Action]:
        """Take what the snapshot endpoint answered."""
        return self._feed.perform(self._feed.replica.receive_document(data, age=age, now=now))

    def receive_unchanged(self, *, age: float, now: float, said: tuple[Head, ...] = ()) -> list[Action]:
        """Take the word of the snapshot endpoint that nothing changed."""
        return self._feed.perform(self._feed.replica.receive_unchanged(age=age, now=now, said=said))

    def stand(self, best: Level, failure: Failure | None, now: float) -> None:
        """Take note of the rung that can be stood on, and of what went wrong."""
        if self._is_over:
            return
        is_news = best is not self.level or failure is not None or self.failure is not None
        is_news = is_news or self._path != self._calls.path
        if failure is not None:
            self.failures += 1
        if best is not Level.STREAMING:
            self._known_at = self._behind_since = None
        self.level, self.failure, self._path = best, failure, self._calls.path
        if is_news:
            self._stood(self)

    def _hear_path(self, frame: Frame) -> None:
        try:
            path = heartbeat_of(frame.data).path
        except InvalidJson:
            return  # the replica says so
        if path:
            self._calls.come_by(path)

    def _note(self, frame: Frame, now: float) -> None:
        """Note how current the upstream is, whoever may have told us more meanwhile."""
        try:
            self._known_at = now - age_of(frame.data)
            position = None if frame.id is None else Position.parse(frame.id)
        except (InvalidJson, ValueError):
            return
        own = self._feed.position
        if position is None or own is None or position >= own:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now

    async def _run(self) -> None:
        while not self._is_over:
            try:
                return await self._upstream.run()
            except Exception:  # noqa: BLE001  # boundary: a background loop outlives what it does
                _log.exception("following an upstream failed and starts again", environment=self._feed.name)
            await asyncio.sleep(_RESTART_S)
        return None
