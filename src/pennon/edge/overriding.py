"""Keeps a node's overrides: takes what people ask for, serves by it, says so loudly, and ends it when it is time."""

import asyncio
import os
from pathlib import Path
from urllib.parse import quote

import msgspec
import structlog

from pennon.edge.override_file import IN_FORCE, Dropped, InForce, OverrideFile, OverridesUnreadable, Seen
from pennon.edge.overrides import Applied, Document, Override, overridden, reconciled, serves_the_same
from pennon.edge.replicas import Replicas
from pennon.model import Item
from pennon.stream.ports import Clock

_log = structlog.get_logger(__name__)
LOOK_S = 0.25
SAY_S = 60.0
_RECONCILE_S = 1.0
_FAILED_S = 5.0
_DROPPED = 20
_IN_HEADER = 10


class Overrides:
    """The overrides of the node called *node*, from its data *folder*: an overlay of what its *replicas* say.

    They are in force as soon as this is made, so that a node that starts never serves without them.
    """

    def __init__(self, folder: Path, *, node: str, replicas: Replicas, clock: Clock) -> None:
        self._file = OverrideFile(folder)
        self._node = node
        self._replicas = replicas
        self._clock = clock
        self._stamp: object = object()
        self._of = ""
        self._overrides: tuple[Override, ...] = ()
        self._applied = Applied(node)
        self._dropped: tuple[Dropped, ...] = ()
        self._problem = ""
        self._is_untold = True
        self._said_at = self._reconciled_at = float("-inf")
        self._look()

    def applied(self, document: Document) -> Document:
        """Return a snapshot or a delta as the node is to serve it."""
        return self._applied.applied(document)

    def of(self, environment: str) -> tuple[str, ...]:
        """Return the flags that are overridden in *environment*, each with what it serves: `checkout=off`."""
        return tuple(f"{flag}={override.serves}" for flag, override in sorted(self._applied.of(environment).items()))

    def overridden(self, environment: str) -> str:
        """Return the keys of the flags that are overridden in *environment*, percent-encoded, as a header has them."""
        keys = [quote(flag, safe="") for flag in sorted(self._applied.of(environment))]
        rest = (f"+{len(keys) - _IN_HEADER}",) if len(keys) > _IN_HEADER else ()
        return ", ".join((*keys[:_IN_HEADER], *rest))

    def shown(self) -> tuple[InForce, ...]:
        """Return every override and how it stands."""
        return tuple(self._shown(override) for override in self._overrides)

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """The latest that were ended because the origin was heard of again."""
        return self._dropped

    @property
    def problem(self) -> str:
        """What keeps the file from being read; empty where nothing does."""
        return self._problem

    async def run(self) -> None:
        """Take what is asked for, and end what is over, until cancelled."""
        while True:
            pause = LOOK_S
            try:
                await self.tick()
            except Exception:  # noqa: BLE001  # the background loop must survive a disk that is full or gone
                _log.warning("overrides cannot be kept up", exc_info=True)
                pause = _FAILED_S
            await asyncio.sleep(pause)

    async def tick(self) -> None:
        """Do what is to be done now."""
        now = self._clock.monotonic()
        if self._file.stamp() != self._stamp:
            self._look()
        if self._overrides and now - self._reconciled_at >= _RECONCILE_S:
            self._reconciled_at = now
            await self._reconcile()
        if self._is_untold:
            await asyncio.to_thread(self._file.say, self._seen())
            self._is_untold = False
        if self._overrides and now - self._said_at >= SAY_S:
            self._said_at = now
            self._say()

    def _look(self) -> None:
        """Read the file. What cannot be read changes nothing: what is in force stays so."""
        self._stamp = self._file.stamp()
        self._is_untold = True
        try:
            found, self._of = self._file.read()
        except OverridesUnreadable as error:
            self._problem = str(error)
            _log.error("the overrides cannot be read: those in force stay", problem=self._problem)
            return
        self._problem = ""
        before, self._overrides = self._overrides, found
        changes = {each.changes for each in before} ^ {each.changes for each in found}
        if changes:
            self._applied = Applied(self._node, found)
            self._said_at = float("-inf")
        for environment in sorted({environment for environment, *_ in changes}):
            if (feed := self._replicas.feeds.get(environment)) is not None:
                feed.reload()

    async def _reconcile(self) -> None:
        """Compare with what the origin says, where it was heard of. The file is changed first, then what is served."""
        outcomes = {}
        for override in self._overrides:
            outcome = reconciled(override, self._item(override), current_at=self._current_at(override))
            if outcome.dropped or outcome.override != override:
                outcomes[override] = outcome
        if not outcomes:
            return

        def settle(current: tuple[Override, ...]) -> tuple[Override, ...]:
            settled = [outcomes[each].override if each in outcomes else each for each in current]
            gone = [outcome.override for outcome in outcomes.values() if outcome.dropped]
            return tuple(each for each in settled if each not in gone)

        await asyncio.to_thread(self._file.edit, settle)
        for override, outcome in outcomes.items():
            if outcome.dropped:
                self._drop(override, outcome.dropped)
        self._look()

    def _drop(self, override: Override, because: str) -> None:
        self._dropped = (*self._dropped, Dropped(override=override, at=self._clock.time(), because=because))[-_DROPPED:]
        _log.warning("an override is ended", because=because, **_described(override))

    def _item(self, override: Override) -> Item | None:
        """Return the flag as the upstream said it, or the defaults."""
        feed = self._replicas.feeds.get(override.environment)
        return None if feed is None or feed.served is None else feed.served.flags.records.get(override.flag)

    def _current_at(self, override: Override) -> float | None:
        """Return when, since 1970 by this node's clock, its environment was last known to be current at the origin."""
        feed = self._replicas.feeds.get(override.environment)
        return None if feed is None else feed.known_at()

    def _shown(self, override: Override) -> InForce:
        item = self._item(override)
        if override.environment not in self._replicas.feeds:
            return InForce(override=override, state="this node does not serve the environment")
        if item is None:
            return InForce(override=override, state="no such flag")
        if overridden(item, override, self._node) is None:
            return InForce(override=override, state="the flag has no such variation")
        current_at = self._current_at(override)
        is_heard = current_at is not None and current_at > override.at
        return InForce(override=override, state=IN_FORCE, differs=is_heard and not serves_the_same(item, override))

    def _seen(self) -> Seen:
        return Seen(
            node=self._node,
            of=self._of,
            at=self._clock.time(),
            pid=os.getpid(),
            ages={name: None if feed.served is None else feed.age() for name, feed in self._replicas.feeds.items()},
            overrides=self.shown(),
            dropped=self._dropped,
            problem=self._problem,
        )

    def _say(self) -> None:
        for each in self.shown():
            _log.warning(
                "a flag is overridden on this node",
                state=each.state,
                differs_from_the_origin=each.differs,
                since_s=round(self._clock.time() - each.override.at),
                end_it_with=f"pennon edge override {each.override.flag} --remove",
                **_described(each.override),
            )


def _described(override: Override) -> dict[str, object]:
    fields = msgspec.structs.asdict(override)
    return {name: fields[name] for name in ("environment", "flag", "by", "why")} | {"serves": override.serves}
