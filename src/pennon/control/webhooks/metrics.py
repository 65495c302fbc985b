"""What Prometheus is told of webhooks: how much waits and since when, what is dead, and what attempts came to."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pennon.control.webhooks.deliveries import Backlog
from pennon.control.webhooks.sending import Answer


class WebhookMetrics(Collector):
    """Shows what it was told last: a scrape asks no database."""

    def __init__(self) -> None:
        self._attempts = Counter(
            "pennon_webhook_attempts",
            "Attempts to deliver to webhooks, by what came of them.",
            ("outcome",),
            registry=None,
        )
        self._backlog = Backlog(0, 0, None)
        self._at: datetime | None = None

    def attempted(self, answer: Answer) -> None:
        """Count one attempt."""
        outcome = "delivered" if answer.is_success else ("unanswered" if answer.status is None else "refused")
        self._attempts.labels(outcome).inc()

    def stand(self, backlog: Backlog, now: datetime) -> None:
        """Show from now on what waits."""
        self._backlog, self._at = backlog, now

    def collect(self) -> Iterator[Metric]:
        """Yield what there is to show now."""
        backlog = self._backlog
        deliveries = GaugeMetricFamily(
            "pennon_webhook_deliveries", "Deliveries that wait, and dead ones.", labels=("state",)
        )
        deliveries.add_metric(("pending",), backlog.pending)
        deliveries.add_metric(("dead",), backlog.dead)
        oldest = GaugeMetricFamily("pennon_webhook_oldest_pending_seconds", "For how long the oldest delivery waits.")
        is_waiting = backlog.oldest is not None and self._at is not None
        waits_s = (self._at - backlog.oldest).total_seconds() if is_waiting else 0.0  # type: ignore[operator]
        oldest.add_metric((), max(0.0, waits_s))
        yield from (deliveries, oldest)
        yield from self._attempts.collect()
