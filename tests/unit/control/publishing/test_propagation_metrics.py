"""What Prometheus is told of the tree."""

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from pennon.control.publishing.metrics import PropagationMetrics
from pennon.control.publishing.propagation import NodeReport
from pennon.control.publishing.standing import NodeStanding, Origin, standings
from pennon.model import Position
from pennon.stream.acks import Ack

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


def stand(*reports: NodeReport) -> list[NodeStanding]:
    return standings(reports, Origin(Position(1, 42), NOW, {}), NOW)


def report(node: str, *, writer: str = "", **fields: object) -> NodeReport:
    ack = Ack(node, "1.42", 0, **fields)  # type: ignore[arg-type]  # fields of the struct
    return NodeReport(environment="shop/production", ack=ack, heard_at=NOW, writer=writer)


def test_each_node_has_its_lag_and_revision_and_the_origin_is_none_of_them() -> None:
    metrics, registry = PropagationMetrics(), CollectorRegistry()
    registry.register(metrics)
    metrics.stand(
        {
            "shop/production": stand(report("fra-1", level=0, age=1.5), report("origin", writer="w1")),
            "shop/staging": stand(report("fra-1", level=2, age=7.0, overrides=("a=off",)), report("lon-1", age=1.0)),
        }
    )

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    fra = {"environment": "shop/staging", "node": "fra-1"}
    assert value("pennon_edge_lag_seconds", environment="shop/production", node="fra-1") == 1.5
    assert value("pennon_edge_lag_seconds", **fra) == 7.0
    assert value("pennon_edge_revision", **fra) == 42
    assert value("pennon_edge_reported_level", **fra) == 2
    assert value("pennon_edge_overrides", **fra) == 1
    assert value("pennon_edge_silent_seconds", **fra) == 0
    assert value("pennon_edge_differs_seconds", **fra) == 0
    assert value("pennon_edges", state="lagging") == 1
    assert value("pennon_edges", state="current") == 1
    assert value("pennon_edges", state="silent") == 0
    assert value("pennon_edge_lag_seconds", environment="shop/production", node="origin") is None


def test_arrivals_make_a_histogram() -> None:
    metrics, registry = PropagationMetrics(), CollectorRegistry()
    registry.register(metrics)
    for delay in (0.02, 0.15, 3.0):
        metrics.arrived("shop/production", delay)
    text = generate_latest(registry).decode()
    assert 'pennon_propagation_seconds_bucket{environment="shop/production",le="0.2"} 2.0' in text
    assert 'pennon_propagation_seconds_count{environment="shop/production"} 3.0' in text
