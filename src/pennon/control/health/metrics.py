"""What Prometheus is told of how the installation does: what was not well when it was last looked at."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pennon.control.clock import Clock
from pennon.control.health.checks import HealthCheck, Level
from pennon.control.health.views import HealthViews

EVERY = timedelta(hours=1)
_FIRST = timedelta(minutes=1)


class HealthMetrics(Collector):
    """Looks now and then, and shows what it saw: a scrape asks nobody."""

    def __init__(self, health: HealthViews, clock: Clock) -> None:
        self._health = health
        self._clock = clock
        self._first = clock.now() + _FIRST
        self._looked = 0
        self._seen: Sequence[HealthCheck] = ()

    def look(self) -> datetime | None:
        """Look, and return when to look again. Not while a server starts, which has other things to do."""
        if self._clock.now() < self._first:
            return self._first
        self._seen = self._health.checks()
        self._looked += 1
        return None

    def collect(self) -> Iterator[Metric]:
        """Yield what was seen last. Processes of a server are added up, so each ill thing counts one in each."""
        ill = GaugeMetricFamily(
            "pennon_health_ill",
            "What was not well when it was last looked at, by its runbook.",
            labels=("level", "runbook"),
        )
        for check in self._seen:
            if check.level is not Level.WELL:
                ill.add_metric((check.level, check.runbook.rpartition("/")[2].removesuffix(".md")), 1)
        yield ill
        yield CounterMetricFamily("pennon_health_looks", "How often it was looked at.", self._looked)
