"""How far changes have come, over HTTP: every node of the tree, who is late, and how long changes take to arrive."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import QueryParameter
from msgspec import Meta

from pennon.control.api.inputs import Place
from pennon.control.api.routes import ENVIRONMENT, reads
from pennon.control.publishing.propagation import Arrivals
from pennon.control.publishing.standing import (
    NodeStanding,
    NodeState,
    Spread,
    missing_of,
    sdks_of,
    spread_of,
)
from pennon.control.publishing.views import Propagation
from pennon.control.services import Services
from pennon.model import Position

_SDKS = Annotated[dict[str, int], Meta(description="How many SDKs stand at which revision; the newest first.")]


class NodeResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A node of the tree, as it last reported."""

    node: Annotated[str, Meta(description="Its name.")]
    state: Annotated[
        NodeState,
        Meta(
            description="current; behind: on its way to the newest revision; lagging: its state was not known to be "
            "current for over 5 s; differing: it has not the origin's revision for over 10 s; silent: no report for "
            "over 30 s. The worst that is true."
        ),
    ]
    origin: Annotated[bool, Meta(description="Whether it is the origin itself, for the SDKs that it serves.")]
    revision: Annotated[str, Meta(description="What it has applied, as epoch.revision.")]
    applied_at: Annotated[datetime | None, Meta(description="When, by its own clock.")]
    heard_at: Annotated[datetime, Meta(description="When it wrote its last report, by the origin's clock.")]
    lag_seconds: Annotated[
        float, Meta(description="For how long its state was not known to be current, or it has missed a change.")
    ]
    differs_seconds: Annotated[float, Meta(description="For how long its revision has not been the origin's.")]
    silent_seconds: Annotated[float, Meta(description="How long ago that was.")]
    age_seconds: Annotated[
        float | None, Meta(description="For how long it had heard nothing of the origin when it reported.")
    ]
    level: Annotated[
        int | None, Meta(description="Where its state comes from: 0 streaming, 1 polling, 2 last known, 3 defaults.")
    ]
    path: Annotated[tuple[str, ...], Meta(description="By which nodes: its upstream first, the origin last.")]
    overrides: Annotated[
        tuple[str, ...], Meta(description="Flags that a person overrides there, each with what it serves.")
    ]
    sdks: _SDKS
    version: Annotated[str, Meta(description="Of Pennon.")]


class BucketResource(msgspec.Struct, frozen=True, kw_only=True):
    """How many arrivals took at most so many seconds; null: all of them."""

    le: float | None
    count: int


class SpreadResource(msgspec.Struct, frozen=True, kw_only=True):
    """From commit to applied, in seconds, over the latest changes and all edge nodes."""

    count: Annotated[int, Meta(description="How many arrivals: one for each change and node.")]
    p50: float | None
    p99: float | None
    max: float | None
    histogram: tuple[BucketResource, ...]


class ArrivedResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A change, and how many nodes it took how long to come to."""

    revision: str
    committed_at: datetime
    arrived: Annotated[int, Meta(description="At how many nodes it is known when it arrived.")]
    missing: Annotated[tuple[str, ...], Meta(description="Edge nodes that have not come to it.")]
    p50: float | None
    p99: float | None
    max: float | None


class DetailResource(ArrivedResource, frozen=True, kw_only=True, rename="camel"):
    """A change, node by node."""

    nodes: Annotated[dict[str, float], Meta(description="After how many seconds it was applied, by node.")]


class PropagationResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far the changes of an environment have come."""

    environment: str
    revision: Annotated[str, Meta(description="Where the log stands, as epoch.revision.")]
    committed_at: Annotated[datetime, Meta(description="When that was committed.")]
    nodes: tuple[NodeResource, ...]
    lagging: Annotated[tuple[str, ...], Meta(description="Nodes whose state was not known to be current for over 5 s.")]
    differing: Annotated[tuple[str, ...], Meta(description="Nodes without the origin's revision for over 10 s.")]
    silent: Annotated[tuple[str, ...], Meta(description="Nodes that reported nothing for over 30 s.")]
    overridden: Annotated[tuple[str, ...], Meta(description="Nodes on which a person overrides a flag.")]
    sdks: _SDKS
    arrivals: SpreadResource
    changes: Annotated[tuple[ArrivedResource, ...], Meta(description="The latest, newest first.")]
    change: Annotated[DetailResource | None, Meta(description="The change that ?revision= asks for.")] = None


def propagation_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @reads(ENVIRONMENT + "/propagation", PropagationResource)
    def show_propagation(
        where: Place,
        revision: Annotated[
            str | None,
            QueryParameter(
                name="revision",
                pattern=r"^[0-9]{1,15}([.][0-9]{1,15})?$(?!\n)",
                description="A change to be shown node by node: 42, or 1.42 with its epoch.",
            ),
        ] = None,
    ) -> Response[Any]:
        """Show which node has applied which revision, who is late, and how long changes take to arrive."""
        found = services.propagation.propagation(where)
        change = None
        if revision is not None:
            position = _position(revision, found.origin.position)
            change = _detail(services.propagation.arrived(where, position), found.nodes)
        return Response(_shown(found, change))

    return [show_propagation]


def _position(text: str, current: Position) -> Position:
    return Position.parse(text) if "." in text else Position(current.epoch, int(text))


def _shown(found: Propagation, change: DetailResource | None) -> PropagationResource:
    nodes = found.nodes
    edges = [node for node in nodes if not node.is_origin]
    return PropagationResource(
        environment=found.environment,
        revision=str(found.origin.position),
        committed_at=found.origin.since,
        nodes=tuple(map(_node, nodes)),
        lagging=_names(node for node in edges if node.is_lagging),
        differing=_names(node for node in edges if node.is_differing),
        silent=_names(node for node in edges if node.state is NodeState.SILENT),
        overridden=_names(node for node in edges if node.ack.overrides),
        sdks=sdks_of(nodes),
        arrivals=_spread(spread_of(found.arrivals)),
        changes=tuple(_arrived(each, nodes) for each in found.arrivals),
        change=change,
    )


def _names(nodes: Iterable[NodeStanding]) -> tuple[str, ...]:
    return tuple(node.ack.node for node in nodes)


def _node(node: NodeStanding) -> NodeResource:
    ack = node.ack
    return NodeResource(
        node=ack.node,
        state=node.state,
        origin=node.is_origin,
        revision=ack.revision,
        applied_at=node.applied_at,
        heard_at=node.heard_at,
        lag_seconds=round(node.lag_s, 3),
        differs_seconds=round(node.differs_s, 3),
        silent_seconds=round(node.silent_s, 3),
        age_seconds=None if node.age_s is None else round(node.age_s, 3),
        level=ack.level,
        path=ack.path,
        overrides=ack.overrides,
        sdks=ack.sdks,
        version=ack.version,
    )


def _spread(spread: Spread) -> SpreadResource:
    histogram = tuple(BucketResource(le=bound, count=count) for bound, count in spread.histogram)
    return SpreadResource(count=spread.count, p50=spread.p50, p99=spread.p99, max=spread.max, histogram=histogram)


def _arrived(arrived: Arrivals, nodes: Iterable[NodeStanding]) -> ArrivedResource:
    spread = spread_of([arrived])
    return ArrivedResource(
        revision=str(arrived.position),
        committed_at=arrived.committed_at,
        arrived=spread.count,
        missing=missing_of(arrived, nodes),
        p50=spread.p50,
        p99=spread.p99,
        max=spread.max,
    )


def _detail(arrived: Arrivals, nodes: Iterable[NodeStanding]) -> DetailResource:
    brief = msgspec.structs.asdict(_arrived(arrived, nodes))
    return DetailResource(**brief, nodes=dict(sorted(arrived.delays.items())))
