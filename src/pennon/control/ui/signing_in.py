"""Signing in and out. A form that was sent when the session was over is kept, and sent again by who signed in."""

from typing import Any

from litestar import Request, Response

from pennon.control.access.landing import local_path
from pennon.control.access.people import csrf_token, masked
from pennon.control.errors import Forbidden, TooManyAttempts, Unauthenticated
from pennon.control.ui.entrance import asked, cookie_name, with_session
from pennon.control.ui.failures import sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Sent
from pennon.control.ui.rendering import Pages, sent_to
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.visitors import session_secret

_KEPT = "kept."
"""What the names of kept fields begin with, so that none is taken for one of the sign-in's own."""


def signing_in_routes(pages: Pages, *, is_secure: bool) -> list[Any]:
    """Return the routes. *is_secure*: pages come over TLS, so the cookie is sent over nothing else."""
    sign_ins, provider = pages.services.sign_ins, pages.services.provider_sign_ins

    @shows("/sign-in", is_open=True)
    def show_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
        """Ask who it is; with a code of the provider's, say why it let nobody in."""
        wanted = local_path(request.query_params.get("next", ""))
        refusal = None if provider is None else provider.refusal(request.query_params.get("refused", ""))
        if refusal is None:
            return asked(pages, request, wanted)
        said = ": ".join(each for each in (refusal.message, refusal.mend) if each)
        return asked(pages, request, wanted, status=refusal.status, problem=f"{said[:1].upper()}{said[1:]}.")

    @acts("/sign-in", permission="read", is_open=True)
    def sign_in(request: Request[Any, Any, Any], form: Sent) -> Response[Any]:
        """Let somebody in, and go on with what he wanted."""
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Forbidden("nobody is signed in from a page of another site")
        if form.has("elsewhere"):
            return _gone_on(pages, request, form)
        account, following = form.text("account"), local_path(form.raw("next"))
        try:
            address = request.client.host if request.client else ""
            secret = sign_ins.sign_in(account, form.raw("password"), address=address)
        except (Unauthenticated, TooManyAttempts) as error:
            told = {"account": account, "problem": sentence(error), **_typed(form)}
            return asked(pages, request, following, status=title_of(error)[0], **told)
        return with_session(_led_on(pages, request, form, secret), secret, is_secure=is_secure)

    @acts("/sign-out", permission="read", anywhere=True)
    def sign_out(request: Request[Any, Any, Any], form: Sent) -> Response[Any]:
        """End the session, whoever has its cookie."""
        if (secret := session_secret(request)) is not None:
            sign_ins.sign_out(secret)
        answer = sent_to("/sign-in")
        answer.delete_cookie(cookie_name(is_secure=is_secure), path="/")
        return answer

    return [show_sign_in, sign_in, sign_out]


def _gone_on(pages: Pages, request: Request[Any, Any, Any], form: Form) -> Response[Any]:
    """Go on with what was typed, if somebody came in by the provider meanwhile, in another tab."""
    secret = session_secret(request) or ""
    try:
        pages.services.sign_ins.session(secret)
    except Unauthenticated:
        problem = "You are not signed in yet. What you typed is still here."
        return asked(pages, request, local_path(form.raw("next")), status=401, problem=problem, **_typed(form))
    return _led_on(pages, request, form, secret)


def _led_on(pages: Pages, request: Request[Any, Any, Any], form: Form, secret: str) -> Response[Any]:
    resume = form.raw("resume")
    if resume and local_path(resume) == resume:
        kept = _typed(form)["kept"]
        return pages.answer(request, "resume.html", resume=resume, kept=kept, csrf=masked(csrf_token(secret)))
    return sent_to(local_path(form.raw("next")))


def _typed(form: Form) -> dict[str, Any]:
    """Return what a form of before the session was over holds, to be sent later."""
    kept = tuple((name.removeprefix(_KEPT), value) for name, value in form.fields if name.startswith(_KEPT))
    return {"resume": form.raw("resume"), "kept": kept}
