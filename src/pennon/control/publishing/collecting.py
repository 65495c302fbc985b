"""Takes what nodes reported to this process, once a second, to where every server sees it, and says how all stand."""

import asyncio
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog

from pennon._version import __version__
from pennon.control.clock import Clock
from pennon.control.publishing.arriving import Arriving
from pennon.control.publishing.metrics import PropagationMetrics
from pennon.control.publishing.propagation import NodeReport, PropagationStore
from pennon.control.publishing.standing import SILENT_S
from pennon.control.publishing.views import PropagationViews
from pennon.model import Position
from pennon.stream import StreamNode
from pennon.stream.acks import NODES, Ack
from pennon.stream.environment import Environment

_log = structlog.get_logger(__name__)
INTERVAL_S = 1.0
OWN_S = 20.0
"""How often the process itself says that it is there, if nothing about it changes."""
LOOK_S = 5.0
"""How often metrics are brought up to date."""
_NAMES = 10 * NODES
"""Beyond so many names of nodes all are forgotten: where each stands is in the store."""
_HEARD_S = 15.0
"""A node that reported here within this has not reported elsewhere meanwhile."""


class Collecting:
    """Moves reports from *node* to *store*, at most one write a second, for as long as `run` runs."""

    def __init__(
        self,
        node: StreamNode,
        store: PropagationStore,
        views: PropagationViews,
        metrics: PropagationMetrics,
        clock: Clock,
    ) -> None:
        self._node = node
        self._store = store
        self._views = views
        self._metrics = metrics
        self._clock = clock
        self._writer = uuid.uuid4().hex[:12]
        self._arriving: dict[str, Arriving] = {}
        self._commits: dict[tuple[str, int], Mapping[int, datetime]] = {}
        self._heard: dict[tuple[str, str], float] = {}
        self._own: dict[str, tuple[float, Ack]] = {}
        self._looked_at = float("-inf")
        self._is_failing = False

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            try:
                await self.collect()
            except Exception:  # noqa: BLE001  # the background loop must survive a storage that is away: acks wait
                if not self._is_failing:
                    _log.warning("what nodes report cannot be kept now", exc_info=True)
                self._is_failing = True
            else:
                self._is_failing = False
            await asyncio.sleep(self._node.until_next(INTERVAL_S))

    async def collect(self) -> None:
        """Keep what came since the last time, and bring the metrics up to date."""
        now = self._node.now()
        acks = {name: told for name in self._node.acks.environments if (told := self._node.acks.untold(name, now))}
        own = {name: ack for name in tuple(self._node.environments) if (ack := self._own_ack(name, now)) is not None}
        if acks or own:
            await asyncio.to_thread(self._keep, acks, own, now)
            for name, told in acks.items():
                self._node.acks.told(name, told, now)
            self._own.update({name: (now, ack) for name, ack in own.items()})
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._metrics.stand(await asyncio.to_thread(self._views.everywhere))

    async def leave(self) -> None:
        """Take back what this process said of itself: it ends, and whoever follows it speaks for itself."""
        own, self._own = self._own, {}
        wall = self._clock.now()
        gone = [
            NodeReport(
                environment=name, ack=msgspec.structs.replace(ack, gone=True), heard_at=wall, writer=self._writer
            )
            for name, (_, ack) in own.items()
        ]
        if not gone:
            return
        try:
            await asyncio.to_thread(self._store.keep, gone, [])
        except Exception:  # noqa: BLE001  # boundary: nothing may keep a process from ending; its word is soon too old
            _log.warning("that this process ends cannot be kept", exc_info=True)

    def _keep(self, acks: Mapping[str, list[Ack]], own: Mapping[str, Ack], now: float) -> None:
        wall = self._clock.now()
        reports = [
            NodeReport(environment=name, ack=ack, heard_at=wall - timedelta(seconds=ack.waited))
            for name, of_it in acks.items()
            for ack in of_it
        ]
        for name in acks:
            self._follow(name, acks[name], wall, now)
        reports += [
            NodeReport(environment=name, ack=ack, heard_at=wall, writer=self._writer) for name, ack in own.items()
        ]
        arrived = [each for arriving in self._arriving.values() for each in arriving.changed()]
        self._store.keep(reports, arrived)
        for arriving in self._arriving.values():
            arriving.kept()

    def _follow(self, environment: str, acks: list[Ack], wall: datetime, now: float) -> None:
        """Note when changes arrived at the nodes that report."""
        arriving = self._arriving.setdefault(environment, Arriving(environment, writer=self._writer))
        self._place(environment, arriving, acks, wall, now)
        named = {Position.parse(text) for ack in acks for text in ack.applied}
        commits = {epoch: self._commits_of(environment, epoch, named) for epoch in {each.epoch for each in named}}
        for ack in acks:
            written = wall - timedelta(seconds=ack.waited)
            at = {Position.parse(text): written - timedelta(seconds=ago) for text, ago in ack.applied.items()}
            if at:
                for delay in arriving.applied(ack.node, at, commits[max(at).epoch]):
                    self._metrics.arrived(environment, delay)
            if not arriving.knows(ack.node):
                arriving.begins(ack.node, ack.position)
            self._heard[environment, ack.node] = now - ack.waited
        if len(self._heard) > _NAMES:
            self._heard.clear()
            for each in self._arriving.values():
                each.forget_nodes()

    def _place(self, environment: str, arriving: Arriving, acks: list[Ack], wall: datetime, now: float) -> None:
        """Say where nodes stood that are new here: where they were last heard of, unless that is long ago.

        A node that was away comes back to what was changed meanwhile, or long before: that says nothing of how fast
        changes travel.
        """
        strangers = [ack for ack in acks if now - self._heard.get((environment, ack.node), float("-inf")) > _HEARD_S]
        if not strangers:
            return
        known = {report.ack.node: report for report in self._store.reports(environment) if not report.writer}
        for ack in strangers:
            report = known.get(ack.node)
            if report is not None and (wall - report.heard_at).total_seconds() <= SILENT_S:
                arriving.begins(ack.node, report.ack.position)
            else:
                arriving.begins(ack.node, max([ack.position, *map(Position.parse, ack.applied)]))

    def _commits_of(self, environment: str, epoch: int, named: Collection[Position]) -> Mapping[int, datetime]:
        """Return when changes of *epoch* were committed, the *named* ones too; asked for once for all of them."""
        known = self._commits.get((environment, epoch), {})
        if any(each.epoch == epoch and each.revision not in known for each in named):
            known = self._commits[environment, epoch] = self._store.commits(environment, epoch)
        return known

    def _own_ack(self, name: str, now: float) -> Ack | None:
        """Return how this process stands, if that is another than it said, or it said nothing for a while."""
        environment = self._node.environments.get(name)
        if environment is None or not environment.is_loaded:
            return None
        ack = _standing(self._node, environment, now)
        said = self._own.get(name)
        if said is not None and now - said[0] < OWN_S and _sameness(said[1]) == _sameness(ack):
            return None
        return ack


def _standing(node: StreamNode, environment: Environment, now: float) -> Ack:
    return Ack(
        node=node.name,
        revision=str(environment.hub.position),
        at=node.clock.time() * 1000,
        sdks=environment.sdks(now),
        age=0.0,
        level=0,
        path=(),
        digest=environment.hub.digest("edge")[:16],
        version=__version__,
    )


def _sameness(ack: Ack) -> tuple[object, ...]:
    return ack.revision, ack.sdks, ack.digest
