"""Evaluations over HTTP: why a context gets what it gets, and how often each flag served what."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import REVISION, ListOf
from pennon.control.api.inputs import NO_CONTROLS, Place, moment
from pennon.control.api.routes import ENVIRONMENT, creates, reads
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid
from pennon.control.services import Services
from pennon.control.working.state import LogItems, WorkingState
from pennon.engine import Explanation, compile_snapshot
from pennon.model import Json, Position
from pennon.model.limits import Limits, context_problem


class ExplainBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be explained."""

    flag: Annotated[str, Meta(max_length=256, description="The flag's key.")]
    context: Annotated[dict[str, Json], Meta(description="Who asks: `targetingKey` and any attributes.")]
    default: Annotated[Json, Meta(description="What the caller falls back to.")] = None


class CountResource(msgspec.Struct, frozen=True, kw_only=True):
    """How often a flag served a variation within an hour. A null variation is the caller's default."""

    flag: str
    variation: str | None
    hour: Annotated[datetime, Meta(description="When the hour began.")]
    count: int


def evaluation_routes(services: Services, limits: Limits) -> list[Any]:
    """Return the routes; contexts keep to *limits*."""
    max_bytes = limits.context_bytes + limits.value_bytes + 1024

    @creates(
        ENVIRONMENT + "/explain",
        Explanation,
        permission="read",
        max_bytes=max_bytes,
        status=200,
        example={"flag": "new-checkout", "context": {"targetingKey": "u1", "country": "DE"}},
    )
    def explain(where: Place, data: JSONBody[ExplainBody]) -> Response[Any]:
        """Say what a context gets and, step by step, why."""
        if (problem := context_problem(data.context, limits)) is not None:
            raise Invalid([problem.under("/context")])
        with services.log.reading() as reading:
            find_environment(reading, where)
            snapshot = WorkingState(LogItems(reading, where.log)).snapshot()
            rules = compile_snapshot(snapshot)
            explanation = rules.explain(data.flag, data.context, data.default, now=time.time())
            head = reading.head(where.log)
        position = Position(head.epoch, head.revision) if head else ""
        return Response(explanation, headers={REVISION: str(position)})

    @reads(ENVIRONMENT + "/counts", ListOf[CountResource])
    def list_counts(
        where: Place,
        flag: Annotated[
            str | None, QueryParameter(name="flag", pattern=NO_CONTROLS, max_length=256, description="Only this flag.")
        ] = None,
        since: Annotated[
            str | None,
            QueryParameter(
                name="from",
                description="Hours that begin then or later, RFC 3339 with a zone.",
                schema_extra={"format": "date-time"},
            ),
        ] = None,
        until: Annotated[
            str | None,
            QueryParameter(
                name="to",
                description="Hours that begin before then, RFC 3339 with a zone.",
                schema_extra={"format": "date-time"},
            ),
        ] = None,
    ) -> Response[Any]:
        """List how often each flag served what, hour by hour, as SDKs report it."""
        start, stop = moment(since, "from"), moment(until, "to")
        with services.log.reading() as reading:
            find_environment(reading, where)
        counts = services.counts.totals(str(where), flag=flag, since=start, until=stop)
        resources = tuple(
            CountResource(
                flag=count.flag,
                variation=count.variation,
                hour=datetime.fromtimestamp(count.hour, UTC),
                count=count.count,
            )
            for count in counts
        )
        return Response(ListOf(resources, None))

    return [explain, list_counts]
