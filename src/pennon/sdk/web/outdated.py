"""Requests that must not act on old flags: what refuses them, in whatever framework serves.

@app.post("/pay")
@requires_flags("new-gateway")
def pay(): …
"""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from pennon.sdk.outdated import SEEN_HEADER, VERSION_HEADER, Seen
from pennon.sdk.web.scope import FlagsOutdated, request_flags

View = TypeVar("View", bound=Callable[..., Any])

_SENT = tuple(name.lower().encode() for name in (VERSION_HEADER, SEEN_HEADER))
_VARIABLES = tuple("HTTP_" + name.upper().replace("-", "_") for name in (VERSION_HEADER, SEEN_HEADER))


def requires_flags(*flags: str, required: bool = False) -> Callable[[View], View]:
    """Refuse requests to a view whose page saw one of *flags* otherwise than they are now for who asks: 409.

    *required*: those that do not say what they saw, too. For views of FastAPI, Starlette, Flask and Django, synchronous
    or not, below the decorator that routes to them; Pennon's middleware or extension must be there.
    """
    if not flags or not all(isinstance(flag, str) for flag in flags):
        raise TypeError('name the flags that the view acts on: @requires_flags("new-gateway")')

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*given: Any, **named: Any) -> Any:
            request_flags().require_current(*flags, required=required)
            return view(*given, **named)

        @wraps(view)
        async def awaited(*given: Any, **named: Any) -> Any:
            request_flags().require_current(*flags, required=required)
            return await view(*given, **named)

        return cast("View", awaited if iscoroutinefunction(view) else guarded)

    return decorate


def seen_in_scope(headers: Iterable[tuple[bytes, bytes]]) -> Seen:
    """Return what the headers of an ASGI scope say was seen."""
    version, seen = ([value for name, value in headers if name == wanted] for wanted in _SENT)
    return Seen.of(b",".join(version).decode("latin-1"), b",".join(seen).decode("latin-1"))


def seen_in_environ(environ: Mapping[str, Any]) -> Seen:
    """Return what a WSGI environment, or `META` of Django, says was seen."""
    return Seen.of(*(environ.get(variable) for variable in _VARIABLES))


class Critical:
    """Paths of an application, and the flags that requests to what is below them act on."""

    def __init__(self, paths: Mapping[str, Iterable[str]]) -> None:
        for path, flags in paths.items():
            if isinstance(flags, str) or not path.startswith("/"):
                raise TypeError('write critical={"/api/checkout": ["new-gateway"]}')
        self._paths = [(path.rstrip("/"), tuple(flags)) for path, flags in paths.items()]

    def refusal(self, method: str, path: str) -> FlagsOutdated | None:
        """Return why a request is refused, None if it is not. A browser's question whether it may ask never is."""
        if method == "OPTIONS":
            return None
        named = [flag for start, flags in self._paths if f"{path}/".startswith(f"{start}/") for flag in flags]
        return request_flags().refusal(*named) if named else None
