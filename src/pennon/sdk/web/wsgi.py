"""Requests of WSGI applications.

application = FlagsMiddleware(application, client=client, context=lambda environ: {"targetingKey": …})
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias

from pennon.sdk._core import Core
from pennon.sdk.web.outdated import Critical, seen_in_environ
from pennon.sdk.web.scope import ContextSource, FlagsOutdated, begin

Environ: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class FlagsMiddleware:
    """Gives each request its flags: `request_flags()`, and `environ["pennon.flags"]`.

    *context* finds who asks in the WSGI environment, when a flag is first evaluated. A request that acts on outdated
    flags is answered with 409: what comes to a path in *critical*, `{"/api/checkout": ["new-gateway"]}`, and what
    `requires_flags` refuses, if the application lets its exceptions through.
    """

    def __init__(
        self,
        app: Application,
        *,
        client: Core,
        context: Callable[[Environ], Mapping[str, Any]] | None = None,
        critical: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._app = app
        self._client = client
        self._context = context
        self._critical = Critical(critical or {})

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        # A body may be made piece by piece after this returned, still for this request: its pieces run in its context.
        place = copy_context()
        context: ContextSource = {} if self._context is None else partial(self._context, environ)
        flags, _ = place.run(begin, self._client, context, partial(seen_in_environ, environ))
        environ["pennon.flags"] = flags
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if (refusal := place.run(self._critical.refusal, environ.get("REQUEST_METHOD", "GET"), path)) is not None:
            return _refuse(refusal, start_response)
        try:
            return _InContext(place, place.run(self._app, environ, start_response))
        except FlagsOutdated as refused:
            return _refuse(refused, start_response, sys.exc_info())


def _refuse(refusal: FlagsOutdated, start_response: Callable[..., Any], *error: Any) -> list[bytes]:
    body = refusal.body
    lines = [*refusal.headers, ("content-length", str(len(body)))]
    start_response(f"{refusal.status} {HTTPStatus(refusal.status).phrase}", lines, *error)
    return [body]


class _InContext:
    """A body whose pieces are made in the request's context."""

    def __init__(self, place: Any, body: Iterable[bytes]) -> None:
        self._place = place
        self._body = body
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> "Iterator[bytes]":
        self._pieces = self._place.run(iter, self._body)
        return self

    def __next__(self) -> bytes:
        if self._pieces is None:
            self._pieces = self._place.run(iter, self._body)
        piece: bytes = self._place.run(next, self._pieces)
        return piece

    def close(self) -> None:
        """End the request, as WSGI asks."""
        if (close := getattr(self._body, "close", None)) is not None:
            self._place.run(close)
