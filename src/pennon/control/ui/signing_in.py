"""Signing in and out. A form that was sent when the session was over is kept, and sent again by who signed in."""

from typing import Any

from litestar import Request, Response

from pennon.control.access.landing import local_path
from pennon.control.access.oidc.config import BEGIN_PATH
from pennon.control.access.people import COOKIE, SECURE_COOKIE, csrf_token
from pennon.control.errors import Forbidden, TooManyAttempts, Unauthenticated
from pennon.control.ui.failures import sentence
from pennon.control.ui.inputs import Sent
from pennon.control.ui.rendering import Pages, sent_to
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.visitors import session_secret

_KEPT = "kept."
"""What the names of kept fields begin with, so that none is taken for one of the sign-in's own."""


def signing_in_routes(pages: Pages, *, is_secure: bool) -> list[Any]:
    """Return the routes. *is_secure*: pages come over TLS, so the cookie is sent over nothing else."""
    name, sign_ins = SECURE_COOKIE if is_secure else COOKIE, pages.services.sign_ins

    @shows("/sign-in", is_open=True)
    def show_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
        """Ask who it is."""
        wanted = local_path(request.query_params.get("next", ""))
        return _asked(pages, request, wanted)

    @acts("/sign-in", permission="read", is_open=True)
    def sign_in(request: Request[Any, Any, Any], form: Sent) -> Response[Any]:
        """Let somebody in, and go on with what he wanted."""
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Forbidden("nobody is signed in from a page of another site")
        account, following, resume = form.text("account"), local_path(form.raw("next")), form.raw("resume")
        kept = tuple((field.removeprefix(_KEPT), value) for field, value in form.fields if field.startswith(_KEPT))
        try:
            address = request.client.host if request.client else ""
            secret = sign_ins.sign_in(account, form.raw("password"), address=address)
        except (Unauthenticated, TooManyAttempts) as error:
            status = 429 if isinstance(error, TooManyAttempts) else 401
            told = {"account": account, "problem": sentence(error), "resume": resume, "kept": kept}
            return _asked(pages, request, following, status=status, **told)
        answer: Response[Any] = sent_to(following)
        if resume and local_path(resume) == resume:
            answer = pages.answer(request, "resume.html", resume=resume, kept=kept, csrf=csrf_token(secret))
        answer.set_cookie(
            name, secret, path="/", secure=is_secure, httponly=True, samesite="lax", expires=None, max_age=None
        )
        return answer

    @acts("/sign-out", permission="read", anywhere=True)
    def sign_out(request: Request[Any, Any, Any], form: Sent) -> Response[Any]:
        """End the session, whoever has its cookie."""
        if (secret := session_secret(request)) is not None:
            sign_ins.sign_out(secret)
        answer = sent_to("/sign-in")
        answer.delete_cookie(name, path="/")
        return answer

    return [show_sign_in, sign_in, sign_out]


def _asked(
    pages: Pages, request: Request[Any, Any, Any], following: str, *, status: int = 200, **told: Any
) -> Response[Any]:
    shown = {"account": "", "problem": "", "resume": "", "kept": (), **told}
    if (known := pages.services.provider_sign_ins) is not None:
        shown |= {"provider": known.config.name, "provider_path": BEGIN_PATH}
    return pages.answer(request, "sign_in.html", status=status, next=following, **shown)
