"""OpenTelemetry traces of what the admin API does: a request, its commands, word of them to the bus.

Nothing imports this module unless traces are asked for. What SDKs call is not traced: it takes microseconds. Spans hold
no bodies, queries, keys or tokens; where they go, and how many, the standard OTEL_* variables say.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pennon import __version__
from pennon.control.log import Actor, ChangeLog, Idempotency, Writing
from pennon.model import Position

_TRACED = ("/api/",)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAULT = 500
_CARRIED = ("traceparent", "tracestate")


class Announcer(Protocol):
    """Tells others where an environment stands."""

    def announce(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Tell, without waiting."""


class Tracing:
    """Traces that are sent until `close`. Makes traced what it is given."""

    def __init__(self) -> None:
        resource = Resource.create({"service.name": "pennon", "service.version": __version__}).merge(_named())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("pennon", __version__)

    def app(self, app: Any) -> Any:
        """Return the ASGI application *app*, whose requests are traced."""
        return _TracedApp(app, self._tracer)

    def log(self, log: ChangeLog) -> ChangeLog:
        """Return *log*, whose commands are traced."""
        return _TracedLog(log, self._tracer)

    def announcer(self, announcer: Announcer) -> Announcer:
        """Return *announcer*, whose announcements are traced."""
        return _TracedAnnouncer(announcer, self._tracer)

    def close(self) -> None:
        """Send what is left, and no more."""
        self._provider.shutdown()


def _named() -> Resource:
    """Return what the variables name the service, which beats what we do."""
    found = Resource.create()
    name = str(found.attributes.get("service.name", ""))
    return Resource.get_empty() if name.startswith("unknown_service") else Resource({"service.name": name})


class _TracedApp:
    def __init__(self, app: Any, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_TRACED):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        with self._tracer.start_as_current_span(
            method, context=self._propagator.extract(_carried(scope)), kind=SpanKind.SERVER
        ) as span:
            identity = trace.format_trace_id(span.get_span_context().trace_id)
            scope["state"]["trace_id"] = identity
            request_id = str(scope["state"].get("request_id", ""))
            span.set_attributes({"http.request.method": method, "pennon.request_id": request_id})

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start":
                    _note_answer(span, scope, method, int(message["status"]))
                await send(message)

            with structlog.contextvars.bound_contextvars(trace_id=identity):
                await self._app(scope, receive, answer)


def _carried(scope: Mapping[str, Any]) -> dict[str, str]:
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return {name: found[name] for name in _CARRIED if name in found}


def _note_answer(span: Span, scope: Mapping[str, Any], method: str, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if (route := scope.get("path_template")) is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
    if (user := scope.get("user")) is not None:
        span.set_attribute("pennon.actor.kind", user.actor.kind)
    if status >= _FAULT:
        span.set_status(Status(StatusCode.ERROR))


class _TracedLog:
    """See `pennon.control.log.ChangeLog`."""

    def __init__(self, log: ChangeLog, tracer: Tracer) -> None:
        self._log = log
        self._tracer = tracer
        self.reading = log.reading
        self.subscribe = log.subscribe
        self.check = log.check

    @contextlib.contextmanager
    def writing(
        self, *logs: str, by: Actor, action: str, why: str = "", idempotency: Idempotency | None = None
    ) -> Iterator[Writing]:
        """Open one command, and follow it to its end."""
        with self._followed(action, by, len(logs)) as span:
            with self._log.writing(*logs, by=by, action=action, why=why, idempotency=idempotency) as writing:
                yield writing
            _note_change(span, writing)

    def carry_out(
        self,
        do: Callable[[Writing], None],
        *logs: str,
        by: Actor,
        action: str,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Writing:
        """Let *do* make one command, and follow it to its end."""
        with self._followed(action, by, len(logs)) as span:
            writing = self._log.carry_out(do, *logs, by=by, action=action, why=why, idempotency=idempotency)
            _note_change(span, writing)
        return writing

    @contextlib.contextmanager
    def _followed(self, action: str, by: Actor, logs: int) -> Iterator[Span]:
        said: dict[str, str | int] = {"pennon.action": action, "pennon.actor.kind": by.kind, "pennon.logs": logs}
        # A message may quote what somebody sent, so only the kind of an error is told.
        with self._tracer.start_as_current_span(
            "change", attributes=said, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", type(error).__name__)
                raise


def _note_change(span: Span, writing: Writing) -> None:
    span.set_attributes({"pennon.logs.changed": len(writing.changes_made), "pennon.replayed": writing.replayed})


class _TracedAnnouncer:
    def __init__(self, announcer: Announcer, tracer: Tracer) -> None:
        self._announcer = announcer
        self._tracer = tracer

    def announce(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        said: dict[str, str | bool] = {"pennon.environment": environment, "pennon.delta": delta is not None}
        with self._tracer.start_as_current_span("bus publish", kind=SpanKind.PRODUCER, attributes=said):
            self._announcer.announce(environment, position, delta=delta)
