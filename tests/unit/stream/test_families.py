"""The metrics of several processes as those of one."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from pennon.stream.families import added_up, counted, counter, families_of, gauge, registry_of


def registry(times: int, gauges: dict[str, float]) -> CollectorRegistry:
    made = CollectorRegistry()
    requests = Counter("pennon_requests", "Requests.", ("status",), registry=made)
    requests.labels("200").inc(times)
    took = Histogram("pennon_took_seconds", "Times.", buckets=(1.0, 5.0), registry=made)
    for _ in range(times):
        took.observe(2)
    for name, value in gauges.items():
        Gauge(name, "A gauge.", ("environment",), registry=made).labels("shop/production").set(value)
    return made


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("pennon_streams", (3, 4), 7),
        ("pennon_revision", (8, 7), 7),
        ("pennon_age_seconds", (0.5, 2.5), 2.5),
        ("pennon_environments", (2, 2), 2),
    ],
)
def test_a_gauge_is_added_up_by_what_it_tells(name: str, values: tuple[float, float], told: float) -> None:
    families = added_up([families_of(registry(0, {name: value})) for value in values])
    assert registry_of(families).get_sample_value(name, {"environment": "shop/production"}) == told


def test_counters_and_histograms_add_up_and_look_like_those_of_one_process() -> None:
    summed = registry_of(added_up([families_of(registry(2, {})), families_of(registry(3, {}))]))
    lines = [line for line in generate_latest(summed).decode().splitlines() if "_created" not in line]
    alone = [line for line in generate_latest(registry(5, {})).decode().splitlines() if "_created" not in line]
    assert lines == alone


def test_what_one_process_alone_has_is_there() -> None:
    summed = registry_of(
        added_up([families_of(registry(1, {})), [gauge("pennon_worker_serving", "Serves.", {(("worker", "1"),): 1.0})]])
    )
    assert summed.get_sample_value("pennon_worker_serving", {"worker": "1"}) == 1
    assert summed.get_sample_value("pennon_requests_total", {"status": "200"}) == 1


def test_of_a_process_that_ended_only_what_grows_goes_on() -> None:
    families = [*families_of(registry(4, {"pennon_streams": 9})), counter("pennon_worker_replacements", "Times.", {})]
    assert {family.name for family in counted(families)} == {
        "pennon_requests",
        "pennon_took_seconds",
        "pennon_worker_replacements",
    }
