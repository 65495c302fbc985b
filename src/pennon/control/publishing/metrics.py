"""What Prometheus is told of the tree of nodes: who lags, at which revision each is, and how long changes take."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pennon.control.publishing.standing import BUCKETS_S, NodeStanding, NodeState

_ORDER = list(NodeState)


class PropagationMetrics(Collector):
    """Shows what it was told last: a scrape asks no database."""

    def __init__(self) -> None:
        self._seconds = Histogram(
            "pennon_propagation_seconds",
            "From a change's commit to its being applied on an edge node, by its reports to this process.",
            ("environment",),
            buckets=BUCKETS_S,
            registry=None,
        )
        self._nodes: Mapping[str, Sequence[NodeStanding]] = {}

    def arrived(self, environment: str, delay_s: float) -> None:
        """Count one change that was applied on one node."""
        self._seconds.labels(environment).observe(delay_s)

    def stand(self, nodes: Mapping[str, Sequence[NodeStanding]]) -> None:
        """Show from now on how *nodes*, by environment, stand."""
        self._nodes = nodes

    def collect(self) -> Iterator[Metric]:
        """Yield what there is to show now."""
        place = ("environment", "node")
        lag = GaugeMetricFamily(
            "pennon_edge_lag_seconds",
            "For how long a node's state was not known to be current at the origin, or has missed a change.",
            labels=place,
        )
        differs = GaugeMetricFamily(
            "pennon_edge_differs_seconds", "For how long a node's revision has not been the origin's.", labels=place
        )
        silent = GaugeMetricFamily("pennon_edge_silent_seconds", "For how long a node has said nothing.", labels=place)
        revision = GaugeMetricFamily("pennon_edge_revision", "The revision that a node has applied.", labels=place)
        level = GaugeMetricFamily(
            "pennon_edge_reported_level",
            "Where a node's state comes from, as it says: 0 streaming, 1 polling, 2 last known, 3 defaults.",
            labels=place,
        )
        overrides = GaugeMetricFamily(
            "pennon_edge_overrides", "Flags that are overridden on a node by a person there.", labels=place
        )
        for environment, node in self._edges():
            where = (environment, node.ack.node)
            lag.add_metric(where, node.lag_s)
            differs.add_metric(where, node.differs_s)
            silent.add_metric(where, node.silent_s)
            revision.add_metric(where, node.ack.position.revision)
            overrides.add_metric(where, len(node.ack.overrides))
            if node.ack.level is not None:
                level.add_metric(where, node.ack.level)
        yield from (lag, differs, silent, revision, level, overrides, self._states())
        yield from self._seconds.collect()

    def _edges(self) -> Iterator[tuple[str, NodeStanding]]:
        for environment, nodes in self._nodes.items():
            yield from ((environment, node) for node in nodes if not node.is_origin)

    def _states(self) -> Metric:
        """Return how many nodes stand how; of a node with several environments the worst counts."""
        worst: dict[str, NodeState] = {}
        for _, node in self._edges():
            known = worst.get(node.ack.node, NodeState.CURRENT)
            worst[node.ack.node] = max(known, node.state, key=_ORDER.index)
        states = GaugeMetricFamily("pennon_edges", "Edge nodes, by how they stand.", labels=("state",))
        for state in NodeState:
            states.add_metric((state,), sum(1 for found in worst.values() if found is state))
        return states
