"""What a node has more because of its memory limit: where items lie, how much stays compiled, who looks after it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pennon.edge.keeping import Keeping
from pennon.edge.replicas import Feed
from pennon.edge.tiers.budget import Budget
from pennon.edge.tiers.housing import Housing
from pennon.edge.tiers.tending import Tending, resident
from pennon.model import Snapshot
from pennon.stream import StreamNode, StreamSettings

FOLDER = "items"


class Tiers(Collector):
    """The tiers of a node whose *limit* is so many bytes: hot flags compiled, all others in files in *folder*.

    Raises `ValueError` for a limit that is too small.
    """

    def __init__(self, limit: int, folder: Path, *, environments: int) -> None:
        self.housing = Housing(folder / FOLDER)
        self.budget = Budget.of(limit, used=resident() or 0, environments=environments)
        self.tending: Tending | None = None

    def settings(self, settings: StreamSettings) -> StreamSettings:
        """Return *settings* with what the limit allows."""
        return msgspec.structs.replace(
            settings,
            compiled_bytes=self.budget.compiled,
            history_bytes=self.budget.history,
            documents_bytes=self.budget.documents,
        )

    def begin(self, feeds: Mapping[str, Feed], stream: StreamNode, keeping: Keeping) -> Tending:
        """Return who looks after the node's memory from now on, once it is run."""

        async def heal(name: str) -> None:
            feed, state = feeds.get(name), await keeping.load(name)
            if feed is not None and state is not None:
                feed.restore(state.snapshot, state.known_at)

        self.tending = Tending(
            self.budget.limit,
            self.housing,
            held=lambda: [_Held(feed) for feed in feeds.values()],
            warm=lambda: list(stream.environments.values()),
            heal=heal,
        )
        return self.tending

    @property
    def problems(self) -> Iterable[str]:
        """What a person may want to know."""
        return [self.tending.problem] if self.tending is not None and self.tending.problem else []

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        yield GaugeMetricFamily("pennon_edge_memory_limit_bytes", "The memory limit.", value=self.budget.limit)
        yield GaugeMetricFamily("pennon_edge_memory_bytes", "Resident memory of the process.", value=resident() or 0)
        yield GaugeMetricFamily(
            "pennon_edge_items_bytes", "Disk that items take so that memory need not.", value=self.housing.size
        )
        cooled = 0 if self.tending is None else self.tending.cooled
        yield CounterMetricFamily(
            "pennon_edge_cooled", "Times that all compiled flags were let go of, near the memory limit.", value=cooled
        )


class _Held:
    """An environment for who tends it."""

    def __init__(self, feed: Feed) -> None:
        self.name = feed.name
        self._feed = feed

    @property
    def snapshot(self) -> Snapshot | None:
        return self._feed.replica.snapshot

    def rehouse(self, snapshot: Snapshot) -> bool:
        if not self._feed.replica.rehouse(snapshot):
            return False
        self._feed.reload()
        return True
