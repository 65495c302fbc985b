"""What a node counts about the batches that it hands on."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric
from prometheus_client.registry import Collector


class ForwardingMetrics(Collector):
    """Counters and gauges, to be put into a registry as one. `value` reads one of them, for status pages and tests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.batches = Counter(
            "pennon_forwarded_batches",
            "Event batches handed on, by what the upstream said.",
            ("outcome",),
            registry=self.registry,
        )
        self.failures = Counter(
            "pennon_forward_failures",
            "Requests to upstreams that came to nothing, by why.",
            ("kind",),
            registry=self.registry,
        )
        self.spool_bytes = Gauge(
            "pennon_spool_bytes", "What lies in the spool of an environment.", ("environment",), registry=self.registry
        )
        self.lag = Gauge(
            "pennon_forward_lag_seconds",
            "For how long the oldest event batch has waited to be handed on.",
            ("environment",),
            registry=self.registry,
        )
        self.dead = Gauge(
            "pennon_dead_letters", "Event batches refused for good that are kept.", registry=self.registry
        )
        self.dead_bytes = Gauge("pennon_dead_letter_bytes", "How many bytes they have.", registry=self.registry)
        self.lost = Counter(
            "pennon_dead_letters_lost", "Dead letters thrown away: there were too many.", registry=self.registry
        )
        self.damaged = Counter(
            "pennon_spool_records_damaged", "Records of the spool that the disk has spoiled.", registry=self.registry
        )

    def collect(self) -> Iterable[Metric]:
        """Return what a registry asks for."""
        return self.registry.collect()

    def value(self, name: str, **labels: str) -> float:
        """Return the value of the sample *name*, 0 where nothing was counted yet."""
        return self.registry.get_sample_value(name, labels) or 0.0
