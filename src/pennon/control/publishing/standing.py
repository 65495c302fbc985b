"""Where every node of an environment's tree stands, who is late, and how long changes take. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from pennon.control.publishing.propagation import Arrivals, NodeReport
from pennon.events import milliseconds
from pennon.model import Position
from pennon.stream.acks import Ack

LAGS_S = 5.0
"""A node lags whose state was not known to be current for longer than this."""
DIFFERS_S = 10.0
"""A node differs that has not the origin's revision for longer than this."""
SILENT_S = 30.0
"""A node is silent that missed three reports."""
REPORTS_S = 10.0
HEARTBEAT_S = 2.0
"""How often a node hears of its upstream while nothing changes: by so much its state grows older on each step down."""
REPORTED_S = 1.0
"""How long a report may wait on each step up, and before it is kept here."""
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class NodeState(StrEnum):
    """How a node stands; the worst that is true of it."""

    CURRENT = "current"
    BEHIND = "behind"
    LAGGING = "lagging"
    DIFFERING = "differing"
    SILENT = "silent"


LATE = frozenset({NodeState.LAGGING, NodeState.DIFFERING, NodeState.SILENT})
"""States that a person should know of."""


class Origin(msgspec.Struct, frozen=True):
    """Where the log stands, and since when; when its latest changes were committed; its digest, where it is known.

    `overridden` are the nodes that serve something else on purpose, they and those below them.
    """

    position: Position
    since: datetime
    commits: Mapping[int, datetime]
    digest: str = ""
    overridden: frozenset[str] = frozenset()


class NodeStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A node: its last report, how it stands, and for how many seconds it lags, differs and was not heard of."""

    ack: Ack
    state: NodeState
    lag_s: float
    differs_s: float
    age_s: float | None
    silent_s: float
    heard_at: datetime
    is_origin: bool = False

    @property
    def applied_at(self) -> datetime | None:
        """When it came to where it is, by its own clock; None where it says nothing that makes sense."""
        try:
            return datetime.fromtimestamp(milliseconds(self.ack.at) / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            return None

    @property
    def is_lagging(self) -> bool:
        """Whether its state was not known to be current for too long."""
        return self.lag_s > LAGS_S

    @property
    def is_differing(self) -> bool:
        """Whether it has not been as the origin is for too long."""
        return self.differs_s > DIFFERS_S

    @property
    def is_late(self) -> bool:
        """Whether a person should know of it."""
        return self.state in LATE


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How long arrivals took, in seconds. `histogram` counts those up to each bound; None is all."""

    count: int
    p50: float | None
    p99: float | None
    max: float | None
    histogram: tuple[tuple[float | None, int], ...]


def standing_of(report: NodeReport, origin: Origin, now: datetime) -> NodeStanding:
    """Return how the node of *report* stands at *now*."""
    ack = report.ack
    silent_s = max(0.0, (now - report.heard_at).total_seconds())
    missing_s, differs_s = _difference(ack, origin, now)
    # A node reports each 10 s: what it said of its age then is not older for having waited for the next time.
    age_s = None if ack.age is None else ack.age + max(0.0, silent_s - REPORTS_S)
    unexplained_s = (age_s or 0.0) - HEARTBEAT_S * max(0, len(ack.path) - 1)
    lag_s = max(missing_s, unexplained_s)
    return NodeStanding(
        ack=ack,
        state=_state(lag_s, differs_s, silent_s) or _on_its_way(ack, origin),
        lag_s=lag_s,
        differs_s=differs_s,
        age_s=age_s,
        silent_s=silent_s,
        heard_at=report.heard_at,
        is_origin=report.writer != "",
    )


def _difference(ack: Ack, origin: Origin, now: datetime) -> tuple[float, float]:
    """Return for how many seconds a node has missed a change, and for how many it has not been as the origin is.

    Without the time that its word of having come there may take.
    """
    position = ack.position
    seen = now - timedelta(seconds=REPORTED_S * (len(ack.path) + 1))
    moved_s = max(0.0, (seen - origin.since).total_seconds())
    if position == origin.position:
        is_other = bool(ack.digest and origin.digest) and ack.digest != origin.digest
        is_on_purpose = not origin.overridden.isdisjoint((ack.node, *ack.path))
        return 0.0, moved_s if is_other and not is_on_purpose else 0.0
    if position.epoch != origin.position.epoch or position > origin.position:
        return (moved_s if position < origin.position else 0.0), moved_s
    missed = [at for revision, at in origin.commits.items() if revision > position.revision]
    missing_s = max(0.0, (seen - min(missed, default=origin.since)).total_seconds())
    return missing_s, missing_s


def _state(lag_s: float, differs_s: float, silent_s: float) -> NodeState | None:
    if silent_s > SILENT_S:
        return NodeState.SILENT
    if differs_s > DIFFERS_S:
        return NodeState.DIFFERING
    return NodeState.LAGGING if lag_s > LAGS_S else None


def _on_its_way(ack: Ack, origin: Origin) -> NodeState:
    return NodeState.CURRENT if ack.position == origin.position else NodeState.BEHIND


def standings(reports: Iterable[NodeReport], origin: Origin, now: datetime) -> list[NodeStanding]:
    """Return how every node stands: the origin first, of all its processes one line each name; then by name."""
    found = [standing_of(report, origin, now) for report in reports]
    own = [each for each in found if each.is_origin]
    edges = sorted((each for each in found if not each.is_origin), key=lambda each: each.ack.node)
    return [*_merged(own), *edges]


def overridden_of(reports: Iterable[NodeReport]) -> frozenset[str]:
    """Return the nodes on which a person overrides a flag."""
    return frozenset(report.ack.node for report in reports if report.ack.overrides)


def origin_digest(reports: Iterable[NodeReport], position: Position) -> str:
    """Return the digest of the origin at *position* as one of its processes has it, empty if none is there."""
    own = (report.ack for report in reports if report.writer)
    return next((ack.digest for ack in own if ack.position == position), "")


def sdks_of(nodes: Iterable[NodeStanding]) -> dict[str, int]:
    """Return how many SDKs stand at which revision, as far as nodes are heard of; the newest first."""
    total: Counter[str] = Counter()
    for node in nodes:
        if node.state is not NodeState.SILENT:
            total.update(node.ack.sdks)
    return {revision: total[revision] for revision in sorted(total, key=Position.parse, reverse=True)}


def _merged(own: Sequence[NodeStanding]) -> list[NodeStanding]:
    by_name: dict[str, list[NodeStanding]] = {}
    for each in own:
        if each.silent_s <= SILENT_S:  # a process that is gone has another in its place
            by_name.setdefault(each.ack.node, []).append(each)
    merged = []
    for processes in by_name.values():
        worst = max(processes, key=lambda each: each.lag_s)
        merged.append(msgspec.structs.replace(worst, ack=msgspec.structs.replace(worst.ack, sdks=sdks_of(processes))))
    return merged


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that *share* of the sorted *values* do not exceed: one of them; None of none."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def spread_of(arrived: Iterable[Arrivals]) -> Spread:
    """Return how long *arrived* took."""
    delays = sorted(delay for each in arrived for delay in each.delays.values())
    bounds: tuple[float | None, ...] = (*BUCKETS_S, None)
    histogram = tuple((bound, sum(1 for delay in delays if bound is None or delay <= bound)) for bound in bounds)
    return Spread(
        count=len(delays),
        p50=quantile(delays, 0.5),
        p99=quantile(delays, 0.99),
        max=delays[-1] if delays else None,
        histogram=histogram,
    )


def missing_of(arrived: Arrivals, nodes: Iterable[NodeStanding]) -> tuple[str, ...]:
    """Return the edge nodes that have not come to a change yet."""
    return tuple(node.ack.node for node in nodes if not node.is_origin and node.ack.position < arrived.position)
