"""OpenTelemetry traces of what the admin API does: a request, its commands, word of them to the bus.

Nothing imports this module unless traces are asked for. See `pennon.stream.tracing`.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from pennon.control.log import Actor, ChangeLog, Idempotency, Writing
from pennon.model import Position
from pennon.stream import tracing
from pennon.stream.tracing import TracedApp

_TRACED = ("/api/",)


class Announcer(Protocol):
    """Tells others where an environment stands."""

    def announce(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Tell, without waiting."""


class Tracing:
    """Traces that are sent until `close`. Makes traced what it is given."""

    def __init__(self) -> None:
        self._traces = tracing.Tracing("pennon")
        self._tracer = self._traces.tracer

    def app(self, app: Any) -> Any:
        """Return the ASGI application *app*, whose requests are traced."""
        return TracedApp(app, self._tracer, _is_traced)

    def node(self, app: Any) -> Any:
        """Return the endpoints *app*, whose requests by edge nodes are traced that are traced there."""
        return self._traces.node(app)

    def log(self, log: ChangeLog) -> ChangeLog:
        """Return *log*, whose commands are traced."""
        return _TracedLog(log, self._tracer)

    def announcer(self, announcer: Announcer) -> Announcer:
        """Return *announcer*, whose announcements are traced."""
        return _TracedAnnouncer(announcer, self._tracer)

    def close(self) -> None:
        """Send what is left, and no more."""
        self._traces.close()


def _is_traced(scope: Mapping[str, Any]) -> bool:
    return str(scope["path"]).startswith(_TRACED)


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
