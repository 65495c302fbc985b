from pathlib import Path

from prometheus_client import CollectorRegistry

from pennon.edge.breaker import Circuit
from pennon.edge.metrics import StatusCollector
from pennon.edge.status import EnvironmentStatus, Status, UpstreamStatus

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-an-edge.md"


def status() -> Status:
    return Status(
        name="fra-1",
        version="1",
        level=1,
        ready=True,
        upstreams=(UpstreamStatus(url="http://a", circuit=Circuit.OPEN, opened=3),),
        environments=(EnvironmentStatus(environment="shop/p", level=1, switched=2),),
    )


def test_prometheus_is_told_what_the_status_says() -> None:
    registry = CollectorRegistry()
    registry.register(StatusCollector(status, lambda: 7, lambda: 3))
    shop, upstream = {"environment": "shop/p"}, {"upstream": "http://a"}
    assert registry.get_sample_value("pennon_edge_level", shop) == 1
    assert registry.get_sample_value("pennon_edge_switched_total", shop) == 2
    assert registry.get_sample_value("pennon_edge_circuit", upstream) == 2
    assert registry.get_sample_value("pennon_edge_circuit_opened_total", upstream) == 3
    assert registry.get_sample_value("pennon_edge_saved_total") == 7
    assert registry.get_sample_value("pennon_edge_store_failures_total") == 3


def test_every_metric_of_the_status_is_in_the_documentation() -> None:
    page = PAGE.read_text("utf-8")
    for family in StatusCollector(status, lambda: 0).collect():
        assert f"`{family.name}" in page
