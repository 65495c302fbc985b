"""What was seen last is shown; nothing is looked at while a server starts."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from pennon.control.health.checks import HealthCheck, Level, ill, well
from pennon.control.health.metrics import HealthMetrics
from tests.clock import HandClock


class Looked:
    """Stands for the views, which need a server: says what the test says."""

    def __init__(self) -> None:
        self.found: list[HealthCheck] = []

    def checks(self) -> list[HealthCheck]:
        return self.found


def test_what_is_ill_is_shown_until_it_is_looked_at_again() -> None:
    clock, views, registry = HandClock(), Looked(), CollectorRegistry()
    metrics = HealthMetrics(views, clock)  # type: ignore[arg-type]  # it asks for nothing else
    registry.register(metrics)
    labels = {"level": "bad", "runbook": "disk-full"}
    views.found = [well("a"), ill("b", Level.BAD, "full", mend="make room", runbook="disk-full")]
    assert metrics.look() == clock.now() + timedelta(minutes=1)
    assert registry.get_sample_value("pennon_health_looks_total") == 0
    clock.move(timedelta(minutes=1))
    assert metrics.look() is None
    assert registry.get_sample_value("pennon_health_ill", labels) == 1
    assert registry.get_sample_value("pennon_health_looks_total") == 1
    views.found = [well("b")]
    metrics.look()
    assert registry.get_sample_value("pennon_health_ill", labels) is None
