"""How far changes have come: every node and how it stands, which SDKs have what, and how long the last ones took."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from markupsafe import Markup

from pennon.control.log import EnvironmentName
from pennon.control.publishing.propagation import Arrivals
from pennon.control.publishing.standing import NodeStanding, missing_of, sdks_of, spread_of
from pennon.control.ui.charts import chart
from pennon.control.ui.foremost import leads_to_foremost
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Pages
from pennon.control.ui.routes import ENVIRONMENT, shows
from pennon.control.ui.visitors import Visitor

_CHARTED = 40


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A change, and how long it took to come to how many nodes; times in milliseconds."""

    revision: int
    nodes: int
    p50_ms: float
    max_ms: float
    missing: tuple[str, ...]


def propagation_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/propagation")
    def show_propagation(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show how far the changes of an environment have come."""
        found = pages.services.propagation.propagation(EnvironmentName(project, environment))
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        arrived = _arrived(found.arrivals[:_CHARTED], found.nodes)
        edges = [node for node in found.nodes if not node.is_origin]
        return pages.answer(
            request,
            "propagation.html",
            frame=frame,
            found=found,
            nodes=sorted(found.nodes, key=lambda node: (not node.is_origin, node.ack.node)),
            late=[node for node in edges if node.state not in {"current", "behind"}],
            edges=len(edges),
            sdks=sorted(sdks_of(found.nodes).items(), key=lambda each: -each[1]),
            spread=spread_of(found.arrivals),
            arrived=arrived,
            drawn=_drawn(arrived),
        )

    return [leads_to_foremost(pages, "propagation"), show_propagation]


def _arrived(arrivals: tuple[Arrivals, ...], nodes: tuple[NodeStanding, ...]) -> list[Arrived]:
    """Return the latest changes that arrived anywhere, the oldest first, each with its column in the chart."""
    told = [(each, spread) for each in reversed(arrivals) if (spread := spread_of([each])).count]
    return [
        Arrived(
            revision=each.position.revision,
            nodes=spread.count,
            p50_ms=(spread.p50 or 0) * 1000,
            max_ms=(spread.max or 0) * 1000,
            missing=missing_of(each, nodes),
        )
        for each, spread in told
    ]


def _drawn(arrived: Sequence[Arrived]) -> Markup:
    """Return the chart of how long changes took to come to the last node, and to half of them."""
    if not arrived:
        return Markup()
    last = len(arrived) - 1
    ticks = {place: str(arrived[place].revision) for place in sorted({0, last // 3, last * 2 // 3, last})}
    lines = [[each.max_ms for each in arrived], [each.p50_ms for each in arrived]]
    return chart(lines, ticks, marked=[place for place, each in enumerate(arrived) if each.missing])
