"""Requests of WSGI applications.

application = FlagsMiddleware(application, client=client, context=lambda environ: {"targetingKey": …})
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from typing import Any, TypeAlias

from pennon.sdk._core import Core
from pennon.sdk.web.scope import ContextSource, begin

Environ: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class FlagsMiddleware:
    """Gives each request its flags: `request_flags()`, and `environ["pennon.flags"]`.

    *context* finds who asks in the WSGI environment, when a flag is first evaluated.
    """

    def __init__(
        self, app: Application, *, client: Core, context: Callable[[Environ], Mapping[str, Any]] | None = None
    ) -> None:
        self._app = app
        self._client = client
        self._context = context

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        # A body may be made piece by piece after this returned, still for this request: its pieces run in its context.
        place = copy_context()
        context: ContextSource = {} if self._context is None else partial(self._context, environ)
        flags, _ = place.run(begin, self._client, context)
        environ["pennon.flags"] = flags
        return _InContext(place, place.run(self._app, environ, start_response))


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
