"""OpenTelemetry traces of what nodes do with each other: calls to an upstream, and what comes of them there.

Nothing imports this module unless traces are asked for. What SDKs call is not traced: it takes microseconds. Spans hold
no bodies, queries, keys or tokens; where they go, and how many, the standard OTEL_* variables say.
"""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pennon._version import __version__

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REFUSED, _FAULT = 400, 500
_CARRIED = ("traceparent", "tracestate")
_MARK = "pennon=node"
"""In `tracestate`: the call is a node's, and not of an SDK whose program is traced."""
_BELOW = "/sdk/"
_POSTED = frozenset({"/sdk/v1/acks", "/sdk/v1/events"})
_ASKED = _POSTED | {"/sdk/v1/environments", "/sdk/v1/snapshot"}
"""What nodes ask of each other, but streams, which last for days."""


class Tracing:
    """Traces that are sent until `close`. *service* is what they are of, unless the variables name it."""

    def __init__(self, service: str) -> None:
        resource = Resource.create({"service.name": service, "service.version": __version__}).merge(_named())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer: Tracer = self._provider.get_tracer("pennon", __version__)

    def node(self, app: Any) -> Any:
        """Return the endpoints *app*, whose requests by edge nodes are traced that are traced there."""
        return TracedApp(app, self.tracer, _is_of_node)

    def calls(self) -> "TracedCalls":
        """Return what traces the calls of one transport."""
        return TracedCalls(self.tracer)

    def close(self) -> None:
        """Send what is left, and no more."""
        self._provider.shutdown()


class TracedApp:
    """The ASGI application *app*, whose requests are traced that *wants* says, as part of the trace that they carry."""

    def __init__(self, app: Any, tracer: Tracer, wants: Callable[[Mapping[str, Any]], bool]) -> None:
        self._app = app
        self._tracer = tracer
        self._wants = wants
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not self._wants(scope):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        with self._tracer.start_as_current_span(
            method, context=self._propagator.extract(_carried(scope)), kind=SpanKind.SERVER
        ) as span:
            identity = trace.format_trace_id(span.get_span_context().trace_id)
            state = scope.setdefault("state", {})
            state["trace_id"] = identity
            request_id = str(state.get("request_id", ""))
            span.set_attributes({"http.request.method": method, "pennon.request_id": request_id})

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start":
                    _note_answer(span, scope, method, int(message["status"]))
                await send(message)

            with structlog.contextvars.bound_contextvars(trace_id=identity):
                await self._app(scope, receive, answer)


class TracedCalls:
    """Traces the calls of one transport, and has each carry its trace. See `pennon.sdk.receiver.Calls`.

    A call lasts until its answer begins: what a stream brings is no part of it.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()
        self._open: dict[str, Span] = {}

    def begin(self, url: str) -> Mapping[str, str]:
        """Return the headers that carry the trace."""
        if (cut := self._open.pop(url, None)) is not None:
            cut.end()  # it was given up, and nobody said so
        asked = urlsplit(url)
        route = asked.path[max(asked.path.find(_BELOW), 0) :]
        method = "POST" if route in _POSTED else "GET"
        said = {"http.request.method": method, "url.path": route, "server.address": asked.hostname or ""}
        span = self._open[url] = self._tracer.start_span(f"{method} {route}", kind=SpanKind.CLIENT, attributes=said)
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, context=trace.set_span_in_context(span))
        return {**carrier, "tracestate": _MARK}

    def answered(self, url: str, status: int, _headers: Mapping[str, str]) -> None:
        """End the call's span."""
        if (span := self._open.pop(url, None)) is not None:
            span.set_attribute("http.response.status_code", status)
            if status >= _REFUSED:
                span.set_status(Status(StatusCode.ERROR))
            span.end()

    def failed(self, url: str) -> None:
        """End the call's span, as one without an answer."""
        if (span := self._open.pop(url, None)) is not None:
            span.set_status(Status(StatusCode.ERROR))
            span.end()


def _named() -> Resource:
    """Return what the variables name the service, which beats what we do."""
    found = Resource.create()
    name = str(found.attributes.get("service.name", ""))
    return Resource.get_empty() if name.startswith("unknown_service") else Resource({"service.name": name})


def _is_of_node(scope: Mapping[str, Any]) -> bool:
    return scope["path"] in _ASKED and _MARK in _carried(scope).get("tracestate", "")


def _carried(scope: Mapping[str, Any]) -> dict[str, str]:
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return {name: found[name] for name in _CARRIED if name in found}


def _note_answer(span: Span, scope: Mapping[str, Any], method: str, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    route = scope.get("path_template") or (scope["path"] if scope["path"] in _ASKED else None)
    if route is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
    if (user := scope.get("user")) is not None:
        span.set_attribute("pennon.actor.kind", user.actor.kind)
    if status >= _FAULT:
        span.set_status(Status(StatusCode.ERROR))
