"""The page that asks who somebody is, wherever it is shown, and the cookie of whoever was let in."""

from typing import Any

from litestar import Request, Response

from pennon.control.access.oidc.config import BEGIN_PATH
from pennon.control.access.people import COOKIE, SECURE_COOKIE
from pennon.control.log import INSTALLATION
from pennon.control.ui.rendering import Pages


def asked(
    pages: Pages, request: Request[Any, Any, Any], following: str, *, status: int = 200, **told: Any
) -> Response[Any]:
    """Answer with the sign-in page, from which it goes on to the path *following*; *told* is what else it shows."""
    services = pages.services
    with services.log.reading() as reading:
        is_new = not reading.count(INSTALLATION, "account")
    shown = {
        "account": "",
        "problem": "",
        "resume": "",
        "kept": (),
        "provider": None if services.provider_sign_ins is None else services.provider_sign_ins.config.name,
        "provider_path": BEGIN_PATH,
        "is_folded": services.sign_ins.takes_emergencies_only,
        "is_new": is_new,
        **told,
    }
    return pages.answer(request, "sign_in.html", status=status, next=following, **shown)


def cookie_name(*, is_secure: bool) -> str:
    """Return what the cookie of a session is called. *is_secure*: pages come over TLS."""
    return SECURE_COOKIE if is_secure else COOKIE


def with_session(answer: Response[Any], secret: str, *, is_secure: bool) -> Response[Any]:
    """Return *answer* with the cookie of a session: no script reads it, and no other site's form sends it."""
    name = cookie_name(is_secure=is_secure)
    answer.set_cookie(
        name, secret, path="/", secure=is_secure, httponly=True, samesite="lax", expires=None, max_age=None
    )
    return answer
