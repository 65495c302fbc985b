"""Pages for what went wrong: in the words of the API, with what to do about it."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from pennon.control.errors import (
    AlreadyExists,
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Overtaken,
    PennonError,
    PreconditionFailed,
    TooManyAttempts,
    Unauthenticated,
    Unavailable,
)
from pennon.control.ui.entrance import asked
from pennon.control.ui.rendering import Pages, here, page_path
from pennon.control.ui.visitors import SessionOver
from pennon.model import ModelError

_TITLES: Mapping[type[PennonError], tuple[int, str]] = {
    Invalid: (422, "Something of it is not valid"),
    NotFound: (404, "Not here"),
    AlreadyExists: (409, "That is there already"),
    Conflict: (409, "Not now"),
    PreconditionFailed: (412, "Somebody was faster"),
    Unauthenticated: (401, "Sign in"),
    TooManyAttempts: (429, "Too many attempts"),
    Forbidden: (403, "You may not do that"),
    Busy: (503, "Busy for a moment: send it again"),
    Overtaken: (503, "Others were faster: send it again"),
    OutcomeUnknown: (503, "Look whether it was made"),
    Unavailable: (503, "The database does not answer"),
}
_OURS = (500, "Pennon failed to answer")
_NOWHERE: Mapping[str, Any] = {"title": "Not here", "detail": "There is no such page.", "problems": ()}

_log = structlog.get_logger("pennon.pages")


def exception_handlers(pages: Pages) -> dict[int | type[Exception], Any]:
    """Return what answers with a page where a route of pages fails."""

    def answer_domain_error(request: Request[Any, Any, Any], error: PennonError) -> Response[Any]:
        if isinstance(error, Unauthenticated):
            return Redirect(page_path("sign-in", next=here(request)), status_code=303)
        status, title = title_of(error)
        if status >= 500 and not isinstance(error, Unavailable):
            return answer_unforeseen(request, error)
        return pages.answer(
            request, "failure.html", status=status, title=title, detail=sentence(error), problems=problems_of(error)
        )

    def answer_session_over(request: Request[Any, Any, Any], error: SessionOver) -> Response[Any]:
        return asked(
            pages,
            request,
            "/",
            status=401,
            problem="Your session is over. Sign in, and what you typed is still here.",
            resume=request.scope["path"],
            kept=tuple(error.form.kept()),
        )

    def answer_model_error(request: Request[Any, Any, Any], error: ModelError) -> Response[Any]:
        title = _TITLES[Invalid][1]
        return pages.answer(request, "failure.html", status=422, title=title, detail="", problems=error.problems)

    def answer_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        if error.status_code >= 500:
            return answer_unforeseen(request, error)
        if error.status_code == 404:
            return pages.answer(request, "failure.html", status=404, **_NOWHERE)
        told = {"title": "That cannot be read", "detail": error.detail, "problems": ()}
        return pages.answer(request, "failure.html", status=error.status_code, **told)

    def answer_unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        _log.error("a page failed", path=request.scope["path"], exc_info=error)
        status, title = _OURS
        detail = "The cause is in its log, under the id below. Nothing was changed by halves."
        return pages.answer(request, "failure.html", status=status, title=title, detail=detail, problems=())

    return {
        PennonError: answer_domain_error,
        SessionOver: answer_session_over,
        ModelError: answer_model_error,
        HTTPException: answer_http_exception,
        Exception: answer_unforeseen,
    }


def pages_astray(pages: Pages) -> Callable[[Request[Any, Any, Any]], Response[bytes]]:
    """Return what answers a browser that asks for a page that is not there."""

    def answer(request: Request[Any, Any, Any]) -> Response[bytes]:
        return pages.answer(request, "failure.html", status=404, **_NOWHERE)

    return answer


def title_of(error: PennonError) -> tuple[int, str]:
    """Return the status and the title of the page that tells *error*: those of its nearest base."""
    return next((_TITLES[base] for base in type(error).__mro__ if base in _TITLES), _OURS)


def problems_of(error: PennonError) -> tuple[Any, ...]:
    """Return the single problems that *error* names, if it names any."""
    found = getattr(error, "problems", ())
    return tuple(found)


def sentence(error: PennonError) -> str:
    """Return what *error* says, and what to do about it."""
    text = error.told
    said = f"{text[:1].upper()}{text[1:]}"
    mend = getattr(error, "mend", "")
    return f"{said}." if not mend or mend in text else f"{said}: {mend}."
