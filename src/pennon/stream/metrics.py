"""What a node counts about itself, in a registry of its own: several nodes may live in one process."""

from collections import Counter as Sums
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Tally(Collector):
    """A counter of what happens in the event loop's thread only, and so often that a lock each time is too much."""

    def __init__(self, name: str, text: str, label: str) -> None:
        self.counts: Sums[str] = Sums()
        """To be added to, by the value of the label."""
        self._name, self._text, self._label = name, text, label

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield what was counted."""
        family = CounterMetricFamily(self._name, self._text, labels=[self._label])
        for value, count in tuple(self.counts.items()):
            family.add_metric([value], count)
        yield family


class NodeMetrics:
    """Counters and gauges. `registry` is what `/metrics` shows; `value` reads one, for status pages and tests."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.streams = self._gauge("pennon_streams", "Open streams, by what flows in them.", "projection")
        self.streams_ended = self._tally("pennon_streams_ended", "Ended streams, by why.", "reason")
        self.deliveries = self._tally("pennon_deliveries", "Frames sent on streams, by event.", "event")
        self.coalesced = self._counter(
            "pennon_coalesced", "Times that a slow reader fell behind, and got one later delta for what it missed."
        )
        self.evaluations = self._counter("pennon_evaluations", "Flags evaluated over OFREP, by way.", "way")
        self.single, self.bulk = self.evaluations.labels("single"), self.evaluations.labels("bulk")
        self.refused = self._counter("pennon_refused", "Requests answered with an error, by status.", "status")
        self.events = self._counter("pennon_events", "Entries of event batches taken.")
        self.unknown_events = self._counter(
            "pennon_unknown_events", "Entries of event batches left out: the key knows no such flag or variation."
        )
        self.batches = self._counter("pennon_event_batches", "Event batches, by what became of them.", "outcome")
        self.ready = self._gauge("pennon_ready", "Whether the node can serve: 1, else 0.")
        self.environments = self._gauge("pennon_environments", "Environments, by whether they are loaded.", "state")
        self.revision = self._gauge("pennon_revision", "The revision that is served.", "environment")
        self.age = self._gauge(
            "pennon_age_seconds", "Since when the state is not known to be current at the origin.", "environment"
        )
        self.follow_failures = self._counter(
            "pennon_follow_failures", "Times that the log could not be read.", "environment"
        )

    def value(self, name: str, **labels: str) -> float:
        """Return the value of the sample *name*, 0 where nothing was counted yet."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _tally(self, name: str, text: str, label: str) -> Tally:
        tally = Tally(name, text, label)
        self.registry.register(tally)
        return tally

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)
