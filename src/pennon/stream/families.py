"""The metrics of several processes as those of one: what each counted, as values that can be sent, and their sum."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

Labels: TypeAlias = tuple[tuple[str, str], ...]
_Key: TypeAlias = tuple[str, Labels]
_Rule: TypeAlias = Callable[[float, float], float]


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One number, by its name and labels."""

    name: str
    labels: Labels
    value: float


class Family(msgspec.Struct, frozen=True):
    """A metric, with its samples."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


_FEWEST = frozenset({"pennon_revision", "pennon_edge_revision", "pennon_ready"})
"""Gauges of which the least says how the server is: a change has arrived when it has arrived everywhere."""
_MOST = frozenset(
    {
        "pennon_environments",
        "pennon_edge_circuit",
        "pennon_edge_level",
        "pennon_edge_overrides",
        "pennon_edge_reported_level",
        "pennon_edges",
        "pennon_webhook_deliveries",
        "pennon_schedules",
        "pennon_schedules_failing",
    }
)
"""Gauges that every process has of the same things; those in seconds are such too: the oldest state is what counts."""


def families_of(collector: Collector) -> list[Family]:
    """Return what *collector* has now."""
    return [
        Family(metric.name, metric.type, metric.documentation, [_sample(sample) for sample in metric.samples])
        for metric in collector.collect()
    ]


def _sample(sample: object) -> Sample:
    name, labels, value = sample[:3]  # type: ignore[index]  # a named tuple whose tail differs between versions
    return Sample(name, tuple(sorted(labels.items())), value)


def added_up(processes: Iterable[Sequence[Family]]) -> list[Family]:
    """Return the metrics of several processes as those of one server.

    Counters and histograms add up. Of a gauge it depends on what it tells: streams add up, of ages the greatest is
    told, of revisions the least.
    """
    found: dict[str, Family] = {}
    values: dict[str, dict[_Key, float]] = {}
    for families in processes:
        for family in families:
            found.setdefault(family.name, family)
            sums = values.setdefault(family.name, {})
            for sample in family.samples:
                key = sample.name, sample.labels
                rule = _rule(family, sample)
                sums[key] = rule(sums[key], sample.value) if key in sums else sample.value
    return [
        Family(name, family.kind, family.help, [Sample(*key, value) for key, value in values[name].items()])
        for name, family in found.items()
    ]


def counted(families: Iterable[Family]) -> list[Family]:
    """Return of *families* what only grows: it goes on counting when its process has ended."""
    return [family for family in families if family.kind in ("counter", "histogram", "summary")]


def _rule(family: Family, sample: Sample) -> _Rule:
    if sample.name.endswith("_created"):
        return min
    if family.kind != "gauge":
        return _sum
    if family.name in _FEWEST or ("state", "loaded") in sample.labels:
        return min
    return max if family.name in _MOST or family.name.endswith("_seconds") else _sum


def _sum(one: float, other: float) -> float:
    return one + other


class _Shown(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield the families as the library has them."""
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, dict(sample.labels), sample.value)
            yield metric


def registry_of(families: Iterable[Family]) -> CollectorRegistry:
    """Return a registry that shows *families*."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Shown(families))
    return registry


def gauge(name: str, text: str, values: Mapping[Labels, float]) -> Family:
    """Return a gauge of *values* by their labels."""
    return Family(name, "gauge", text, [Sample(name, labels, value) for labels, value in values.items()])


def counter(name: str, text: str, values: Mapping[Labels, float]) -> Family:
    """Return a counter of *values* by their labels."""
    return Family(name, "counter", text, [Sample(f"{name}_total", labels, value) for labels, value in values.items()])
