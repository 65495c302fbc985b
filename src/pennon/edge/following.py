"""Keeps one environment in step with the best upstream there is: follows one, and tries whether another is better.

Who is followed falls to the next upstream by the ladder. Back to a preferred one, and away from one that streams but is
itself cut off, the way is by a second stream beside the first, which is left only when the other brings what is
current: so there is no gap. Nor is there one when an upstream says goodbye.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import structlog

from pennon.edge.circuits import Circuits
from pennon.edge.link import Link
from pennon.edge.replicas import Feed
from pennon.sdk import Level
from pennon.sdk.config import Config
from pennon.sdk.ladder import FailureKind

_log = structlog.get_logger(__name__)


class FollowingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream whose state is older than `fresh_s` is left for one that knows better.

    One that brings nothing for `down_s` is tried beside, for it may be a while until it is known to be dead.
    Another is tried after `try_s`, the next time after twice that, and so on up to `try_max_s`; for `trial_s`.
    """

    fresh_s: float = 10.0
    down_s: float = 1.0
    try_s: float = 1.0
    try_max_s: float = 30.0
    trial_s: float = 5.0
    tick_s: float = 0.5


def better_than(at: int, *, is_fresh: bool, count: int) -> Sequence[int]:
    """Return which of *count* upstreams would be better than that *at* this place, in the order to try them."""
    return range(at) if is_fresh else [each for each in range(count) if each != at]


class Attempts:
    """When to try an upstream again: later with each time, for one that works for a moment only is no better."""

    def __init__(self, settings: FollowingSettings, chance: Callable[[], float]) -> None:
        self._settings = settings
        self._chance = chance
        self._delay_s = settings.try_s
        self._due_at: float | None = None
        self._made_at: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether to try it *now*. The time runs from when this is first asked."""
        if self._due_at is None:
            if self._made_at is not None and now - self._made_at > 2 * self._settings.try_max_s:
                self._delay_s = self._settings.try_s
            self._due_at = now + self._delay_s * (0.5 + 0.5 * self._chance())
        return now >= self._due_at

    def made(self, now: float) -> None:
        """Note that it was tried, whatever came of it."""
        self._delay_s = min(self._delay_s * 2, self._settings.try_max_s)
        self._due_at, self._made_at = None, now


class Following:
    """Follows the upstreams of *config* for *feed*. *stood* is called when it stands otherwise, or something failed."""

    def __init__(
        self,
        feed: Feed,
        config: Config,
        circuits: Circuits,
        settings: FollowingSettings,
        stood: Callable[["Following"], None],
    ) -> None:
        self.feed = feed
        self.is_tried = asyncio.Event()
        """Set once an upstream has answered, or all have failed."""
        self.switched = 0
        """How often it went over from one upstream to a better one without a gap."""
        self._urls = config.urls
        self._config = config
        self._circuits = circuits
        self._settings = settings
        self._told = stood
        self._now = config.clock.monotonic
        self._attempts = {url: Attempts(settings, config.chance) for url in config.urls}
        self._trial: Link | None = None
        self._tried_url = ""
        self._said: Level | None = None
        self._trial_until = 0.0
        self._down_since: float | None = self._now()
        self._closing: set[asyncio.Task[None]] = set()
        self.link = self._linked(config.urls)
        self._task = asyncio.create_task(self._tick_on())

    @property
    def level(self) -> Level:
        """The rung that is stood on."""
        return self.feed.level(self.link.level)

    async def close(self) -> None:
        """End all of it."""
        self._task.cancel()
        if self._trial is not None:
            self._close(self._trial)
        self._close(self.link)
        await asyncio.gather(self._task, *self._closing, return_exceptions=True)

    def _linked(self, urls: tuple[str, ...]) -> Link:
        config = msgspec.structs.replace(self._config, environment=self.feed.name, urls=urls)
        return Link(self.feed, config, self._circuits, self._stood)

    def _close(self, link: Link) -> None:
        link.give_up()
        closing = asyncio.create_task(link.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _stood(self, link: Link) -> None:
        if link is self._trial:
            self._judge(link)
        elif link is self.link:
            if link.level is Level.STREAMING:
                self._down_since = None
            elif self._down_since is None:
                self._down_since = self._now()
            if link.level is not Level.POLLING or link.failures >= len(self._urls):
                self.is_tried.set()
            self._say(link)
            if link.failure is not None and link.failure.kind is FailureKind.DRAINING:
                self._leave(link)
            self._told(self)

    def _say(self, link: Link) -> None:
        """Say on which rung the environment stands, once for each."""
        if (level := self.level) is self._said:
            return
        self._said = level
        log = _log.info if level <= Level.POLLING else _log.warning
        problem = {} if link.failure is None else {"problem": link.failure.message}
        name = level.name.lower().replace("_", " ")
        log("the level is another", environment=self.feed.name, is_now=name, upstream=link.url, **problem)

    def _leave(self, link: Link) -> None:
        """Try another at once: who drains asks us to come back later, and nothing else is wrong."""
        others = [url for url in self._urls if url != link.url]
        if others and self._trial is None:
            self._begin_trial(others[0])

    def _judge(self, trial: Link) -> None:
        """Go over to *trial* if it has become better, leave it if it has failed or is not needed any more."""
        now = self._now()
        is_good = trial.is_fresh(now, self._settings.fresh_s) and not trial.is_behind
        if not is_good and not trial.failures and now < self._trial_until:
            return
        self._attempts[self._tried_url].made(now)
        self._trial = None
        if not is_good or self._is_better(self.link, trial, now):
            self._close(trial)
            return
        before, self.link, self._down_since = self.link, trial, None
        self.switched += 1
        _log.info("another upstream is better", environment=self.feed.name, was=before.url, now=trial.url)
        self._close(before)
        self._told(self)

    def _is_better(self, link: Link, other: Link, now: float) -> bool:
        is_preferred = self._urls.index(link.url) <= self._urls.index(other.url)
        return is_preferred and link.is_fresh(now, self._settings.fresh_s)

    async def _tick_on(self) -> None:
        while True:
            await asyncio.sleep(self._settings.tick_s)
            self._tick(self._now())

    def _tick(self, now: float) -> None:
        self.link.watch(now)
        if self._trial is not None:
            self._trial.watch(now)
            self._judge(self._trial)
        elif self._down_since is None or now - self._down_since > self._settings.down_s:
            self._try_another(now)

    def _try_another(self, now: float) -> None:
        at = self._urls.index(self.link.url)
        is_fresh = self.link.is_fresh(now, self._settings.fresh_s)
        better = [self._urls[each] for each in better_than(at, is_fresh=is_fresh, count=len(self._urls))]
        for url in better:
            if self._attempts[url].is_due(now):
                return self._begin_trial(url)
        return None

    def _begin_trial(self, url: str) -> None:
        rest = tuple(each for each in self._urls if each != url)
        self._tried_url = url
        self._trial_until = self._now() + self._settings.trial_s
        self._trial = self._linked((url, *rest))
