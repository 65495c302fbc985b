"""Requests of Django, synchronous and asynchronous.

    MIDDLEWARE = [..., "pennon.sdk.web.django.FlagsMiddleware"]     # behind AuthenticationMiddleware
    PENNON_CLIENT = "shop.flags.client"        # a Client, or a function that makes one; or set PENNON_URL, PENNON_KEY
    PENNON_CONTEXT = "shop.flags.context_of"   # a function of the request; unless set, the user's primary key

Views use `request.flags` or `request_flags()`; templates `flags`, with the context processor `flags` of this module.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings  # type: ignore[import-untyped]
from django.core.exceptions import SynchronousOnlyOperation  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse, HttpResponseBase  # type: ignore[import-untyped]
from django.utils.module_loading import import_string  # type: ignore[import-untyped]

from pennon.sdk._core import Core
from pennon.sdk.client import Client
from pennon.sdk.web.outdated import seen_in_environ
from pennon.sdk.web.scope import FlagsOutdated, current, serving


class FlagsMiddleware:
    """Gives each request its flags. See this module for the settings."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._client = _client()
        self._context: Callable[[HttpRequest], Mapping[str, Any]] = _named(
            getattr(settings, "PENNON_CONTEXT", user_context)
        )
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve one request."""
        if self._is_async:
            return self._serve(request)
        with serving(self._client, partial(self._context, request), partial(seen_in_environ, request.META)) as flags:
            request.flags = flags
            response: HttpResponseBase = self._get_response(request)
            return response

    async def _serve(self, request: HttpRequest) -> HttpResponseBase:
        with serving(self._client, partial(self._context, request), partial(seen_in_environ, request.META)) as flags:
            request.flags = flags
            response: HttpResponseBase = await self._get_response(request)
            return response

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a request that `requires_flags` refuses."""
        if not isinstance(error, FlagsOutdated):
            return None
        return HttpResponse(error.body, status=error.status, headers=dict(error.headers))


def user_context(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the user who is signed in, empty if nobody is.

    In an asynchronous view that has not loaded the user it is empty too: loading one would block there.
    """
    user = getattr(request, "user", None)
    try:
        is_known = user is not None and user.is_authenticated
    except SynchronousOnlyOperation:
        is_known = False
    return {"targetingKey": str(user.pk)} if user is not None and is_known else {}


def flags(_request: HttpRequest) -> dict[str, Any]:
    """Return what templates get, as a context processor."""
    return {"flags": current()}


def _client() -> Core:
    """Return the client that the settings name, or make one of the address and key in them."""
    named = _named(getattr(settings, "PENNON_CLIENT", None))
    if named is None:
        return Client(getattr(settings, "PENNON_URL", None), key=getattr(settings, "PENNON_KEY", None))
    client: Core = named if isinstance(named, Core) else named()
    return client


def _named(setting: Any) -> Any:
    return import_string(setting) if isinstance(setting, str) else setting
