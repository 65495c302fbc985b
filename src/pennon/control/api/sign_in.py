"""Signing in by an identity provider over HTTP: out to it, and back. Browsers come here: faults are told on a page."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.params import QueryParameter
from msgspec import Meta

from pennon.control.access.oidc.config import BEGIN_PATH
from pennon.control.access.oidc.pending import LASTS_S
from pennon.control.access.oidc.service import ProviderSignIns
from pennon.control.api.errors import status_of
from pennon.control.api.routes import reads, redirects
from pennon.control.api.sessions import session_cookie
from pennon.control.errors import NotFound, PennonError
from pennon.control.services import Services

KEPT, SECURE_KEPT = "pennon_sign_in", "__Host-pennon_sign_in"
"""What a browser keeps a sign-in under while it is at the provider."""
_BEGIN = "/sign-in/oidc"
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class ProviderResource(msgspec.Struct, frozen=True, kw_only=True):
    """An identity provider that people come by."""

    name: str
    issuer: str
    path: Annotated[str, Meta(description="Where signing in by it begins. Takes `next`, a path to go to then.")]


class SignInWays(msgspec.Struct, frozen=True, kw_only=True):
    """How one gets in here."""

    password: Annotated[
        Literal["everybody", "emergency"],
        Meta(description="Whose passwords are taken. `emergency`: few people's."),
    ]
    provider: ProviderResource | None


def sign_in_routes(services: Services, *, is_secure: bool) -> list[Any]:
    """Return the routes. *is_secure*: pages come over TLS, so cookies are sent over nothing else."""
    name = SECURE_KEPT if is_secure else KEPT

    @reads("/sign-in", SignInWays, is_open=True)
    def read_sign_in_ways() -> Response[Any]:
        """Show how one gets in here."""
        only = services.sign_ins.takes_emergencies_only
        known = services.provider_sign_ins
        provider = None
        if known is not None:
            provider = ProviderResource(name=known.config.name, issuer=known.config.issuer, path=BEGIN_PATH)
        return Response(SignInWays(password="emergency" if only else "everybody", provider=provider))

    @redirects(_BEGIN)
    @_explained(services)
    def begin_provider_sign_in(
        request: Request[Any, Any, Any],
        target: Annotated[
            str,
            QueryParameter(name="next", description="The path to go to then. Anything else is `/`."),
        ] = "/",
    ) -> Response[Any]:
        """Begin to sign in by the identity provider: go there."""
        begun = _required(services).begin(target)
        kept = Cookie(key=name, value=begun.kept, secure=is_secure, httponly=True, samesite="lax", max_age=LASTS_S)
        return _sent_to(begun.url, kept)

    @redirects(_BEGIN + "/callback")
    @_explained(services)
    def finish_provider_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
        """Come back from the identity provider, with its answer, and be let in. The answer sets a cookie."""
        answer = {key: value for key, value in request.query_params.items() if isinstance(value, str)}
        entered = _required(services).finish(answer, request.cookies.get(name))
        # What was kept is good for one answer: the next one finds nothing.
        gone = Cookie(key=name, value="", secure=is_secure, httponly=True, samesite="lax", max_age=0)
        return _sent_to(entered.target, session_cookie(entered.secret, is_secure=is_secure), gone)

    return [read_sign_in_ways, begin_provider_sign_in, finish_provider_sign_in]


def _sent_to(url: str, *cookies: Cookie) -> Response[Any]:
    return Response(
        b"", status_code=303, media_type="text/plain", headers={**_HEADERS, "Location": url}, cookies=cookies
    )


def _required(services: Services) -> ProviderSignIns:
    if services.provider_sign_ins is None:
        raise NotFound("identity provider", "oidc", mend="sign in by your password, or set oidc_issuer")
    return services.provider_sign_ins


def _explained(services: Services) -> Callable[[Callable[..., Response[Any]]], Callable[..., Response[Any]]]:
    """Send a browser whose route fails to the sign-in page, which says why; a program gets a problem."""

    def explaining(route: Callable[..., Response[Any]]) -> Callable[..., Response[Any]]:
        @wraps(route)
        def explained(request: Request[Any, Any, Any], **given: Any) -> Response[Any]:
            try:
                return route(request, **given)
            except PennonError as error:
                status, known = status_of(type(error)), services.provider_sign_ins
                if status is None or "text/html" not in request.headers.get("accept", ""):
                    raise
                if known is None:
                    return _sent_to("/sign-in")
                told = {"refused": known.refusal_code(error, status=status), "next": given.get("target", "/")}
                return _sent_to(f"/sign-in?{urlencode(told)}")

        return explained

    return explaining
