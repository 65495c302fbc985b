"""What a node counts about itself, as Prometheus and the other workers read it."""

from prometheus_client.exposition import generate_latest

from pennon.stream import NodeMetrics
from pennon.stream.families import added_up, counted, families_of, registry_of


def test_what_is_tallied_is_a_counter_like_the_others() -> None:
    metrics = NodeMetrics()
    metrics.deliveries.counts["delta"] += 2
    metrics.deliveries.counts["heartbeat"] += 1
    assert metrics.value("pennon_deliveries_total", event="delta") == 2
    assert b'pennon_deliveries_total{event="delta"} 2.0' in generate_latest(metrics.registry)
    both = added_up([counted(families_of(metrics.registry))] * 2)
    assert b'pennon_deliveries_total{event="delta"} 4.0' in generate_latest(registry_of(both))
