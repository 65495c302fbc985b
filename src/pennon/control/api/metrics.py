"""What Prometheus is told about the server's HTTP. A registry of its own, so that two servers in a process differ.

Where other processes are part of the server, *others* returns what each of them counted.
"""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from pennon.stream.families import Family, added_up, families_of, registry_of

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class HttpMetrics:
    """Counts requests by method, route and status, and times them by route. Routes are templates: few, no secrets."""

    def __init__(self, others: Callable[[], Awaitable[list[list[Family]]]] | None = None) -> None:
        self._others = others
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "pennon_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._durations = Histogram(
            "pennon_http_request_duration_seconds",
            "Time from a request's arrival to the start of its answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def register(self, collector: Collector) -> None:
        """Show what *collector* has to tell, too."""
        self.registry.register(collector)

    def observe(self, method: str, route: str, *, status: int, duration_s: float, count: int = 1) -> None:
        """Count so many answered requests, each of which took as long."""
        labels = method, route, status
        # Kept: looking a child up by its labels takes longer than to count with it. They are few.
        if (counted := self._counted.get(labels)) is None:
            requests, durations = self._requests.labels(method, route, str(status)), self._durations
            counted = self._counted[labels] = requests, durations.labels(method, route)
        counted[0].inc(count)
        for _ in range(count):
            counted[1].observe(duration_s)

    async def exposition(self) -> tuple[bytes, str]:
        """Return the metrics of the whole server as Prometheus reads them, and the media type of that."""
        registry = self.registry
        if self._others is not None:
            registry = registry_of(added_up([families_of(self.registry), *await self._others()]))
        return generate_latest(registry), CONTENT_TYPE_LATEST
