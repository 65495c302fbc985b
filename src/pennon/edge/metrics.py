"""What Prometheus is told of an edge node, beside what its stream node counts: its status, read when it is asked."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pennon.edge.breaker import Circuit
from pennon.edge.status import Status

_CIRCUITS = {Circuit.CLOSED: 0, Circuit.HALF_OPEN: 1, Circuit.OPEN: 2}


class StatusCollector(Collector):
    """Shows what *status* returns, and the counters of the store."""

    def __init__(
        self, status: Callable[[], Status], saved: Callable[[], int], failed: Callable[[], int] = lambda: 0
    ) -> None:
        self._status = status
        self._saved = saved
        self._failed = failed

    def collect(self) -> Iterator[Metric]:
        """Yield what there is to show now."""
        status = self._status()
        level = GaugeMetricFamily(
            "pennon_edge_level",
            "Where the state comes from: 0 streaming, 1 polling, 2 last known, 3 defaults or nothing.",
            labels=("environment",),
        )
        switched = CounterMetricFamily(
            "pennon_edge_switched",
            "Times that the node went over to a better upstream without a gap.",
            labels=("environment",),
        )
        for each in status.environments:
            level.add_metric((each.environment,), each.level)
            switched.add_metric((each.environment,), each.switched)
        circuit = GaugeMetricFamily(
            "pennon_edge_circuit", "The circuit to an upstream: 0 closed, 1 half-open, 2 open.", labels=("upstream",)
        )
        opened = CounterMetricFamily(
            "pennon_edge_circuit_opened", "Times that the circuit to an upstream has opened.", labels=("upstream",)
        )
        for upstream in status.upstreams:
            circuit.add_metric((upstream.url,), _CIRCUITS[upstream.circuit])
            opened.add_metric((upstream.url,), upstream.opened)
        overrides = GaugeMetricFamily(
            "pennon_overrides", "Flags that a person overrides on this node.", labels=("environment",)
        )
        for each in status.environments:
            mine = [one for one in status.overrides if one.override.environment == each.environment]
            overrides.add_metric((each.environment,), len(mine))
        saved = CounterMetricFamily("pennon_edge_saved", "Times that a state was written to the key-value store.")
        saved.add_metric((), self._saved())
        failed = CounterMetricFamily("pennon_edge_store_failures", "Times that the key-value store took nothing.")
        failed.add_metric((), self._failed())
        yield from (level, switched, circuit, opened, overrides, saved, failed)
