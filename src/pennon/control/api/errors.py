"""What the control plane's errors are over HTTP: the one table from domain words to statuses."""

import math
import re
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from pennon.control.api import problems
from pennon.control.api.current import current_state
from pennon.control.api.problems import ApiError, ProblemDetails
from pennon.control.errors import (
    AlreadyExists,
    ChangedSince,
    Conflict,
    FilesOutdated,
    Forbidden,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    PennonError,
    PreconditionFailed,
    Protected,
    ProviderFailed,
    RequestOutdated,
    SignInRefused,
    SignInUnfinished,
    StillRead,
    TooManyAttempts,
    TurnedOffSince,
    Unauthenticated,
    Unavailable,
)
from pennon.model import ModelError

STATUSES: Mapping[type[PennonError], int] = {
    Invalid: 422,
    NotFound: 404,
    AlreadyExists: 409,
    Conflict: 409,
    PreconditionFailed: 412,
    IdempotencyKeyReused: 422,
    Unauthenticated: 401,
    SignInUnfinished: 400,
    SignInRefused: 403,
    ProviderFailed: 503,
    TooManyAttempts: 429,
    Forbidden: 403,
    Unavailable: 503,
}
"""The status of each error; one that is not listed has that of its nearest base, and a stranger 500."""

_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="pennon"'},
    503: {"Retry-After": "1"},
}
_NAMING = (Invalid, ChangedSince, FilesOutdated, Protected, RequestOutdated, StillRead, TurnedOffSince)
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def answer_domain_error(request: Request[Any, Any, Any], error: PennonError) -> Response[ProblemDetails]:
    """Answer what a service refused."""
    if (status := status_of(type(error))) is None:
        return problems.answer_unforeseen(request, error)
    return problems.answer(request, _api_error(error, status))


def status_of(error: type[PennonError]) -> int | None:
    """Return the status that answers *error*, None for one that is a fault of ours."""
    return next((STATUSES[base] for base in error.__mro__ if base in STATUSES), None)


def kind_of(error: type[PennonError]) -> str:
    """Return the last word of the type of the problem that tells *error*: its name, as in `flag-still-required`."""
    return _WORD.sub("-", error.__name__).lower()


def _api_error(error: PennonError, status: int) -> ApiError:
    text = error.told
    detail = f"{text[:1].upper()}{text[1:]}." if not isinstance(error, Invalid) else "Some of the input is not valid."
    current = current_state(error.current) if isinstance(error, PreconditionFailed) else None
    found = error.problems if isinstance(error, _NAMING) else ()
    headers = _HEADERS.get(status, {})
    if isinstance(error, TooManyAttempts):
        headers = {"Retry-After": str(max(1, math.ceil(error.wait.total_seconds())))}
    return ApiError(status, kind_of(type(error)), detail, problems=found, headers=headers, current=current)


EXCEPTION_HANDLERS: Mapping[int | type[Exception], Any] = {
    ApiError: problems.answer_api_error,
    PennonError: answer_domain_error,
    ModelError: problems.answer_model_error,
    HTTPException: problems.answer_http_exception,
    Exception: problems.answer_unforeseen,
}
