"""Problem details (RFC 9457): the one shape in which the server says that something went wrong, and where it is made.

A problem says what happened, where in the input, and what to do about it; never what the server looks like inside.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException

from pennon.model import ModelError, Problem

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:pennon:problem:"

_log = structlog.get_logger("pennon.api")


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What went wrong, for a program (`type`, `status`) and for a person (`title`, `detail`)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    problems: tuple[Problem, ...] = ()
    current: msgspec.Raw | None = None


class ApiError(Exception):
    """An answer other than success. `kind` is the last word of the problem's type; `current` the state as JSON."""

    def __init__(  # the members of a problem
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        problems: tuple[Problem, ...] = (),
        headers: Mapping[str, str] | None = None,
        current: bytes | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.problems = problems
        self.headers = headers or {}
        self.current = current


class BadBody(ApiError):
    """A body that is not what the route takes: 400 for what is not JSON, 422 for JSON of another shape."""

    def __init__(self, status: int, kind: str, *problems: Problem) -> None:
        detail = "The body is not valid." if status == HTTPStatus.UNPROCESSABLE_ENTITY else "The body cannot be read."
        super().__init__(status, kind, detail, problems=problems)


def request_id(scope: Mapping[str, Any]) -> str:
    """Return the id under which the request of *scope* is logged."""
    return str(scope.get("state", {}).get("request_id", ""))


def answer(request: Request[Any, Any, Any], error: ApiError) -> Response[ProblemDetails]:
    """Return the answer that tells *error*."""
    details = _details(request.scope, error)
    return Response(details, status_code=error.status, media_type=MEDIA_TYPE, headers=dict(error.headers))


def problem_json(scope: Mapping[str, Any], error: ApiError) -> bytes:
    """Return the body of the answer that tells *error* of a request that no route has seen."""
    return msgspec.json.encode(_details(scope, error))


def _details(scope: Mapping[str, Any], error: ApiError) -> ProblemDetails:
    return ProblemDetails(
        type=_TYPE_PREFIX + error.kind,
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.detail,
        instance=scope["path"],
        request_id=request_id(scope),
        problems=error.problems,
        current=None if error.current is None else msgspec.Raw(error.current),
    )


def answer_api_error(request: Request[Any, Any, Any], error: ApiError) -> Response[ProblemDetails]:
    """Answer what a route of ours refused."""
    return answer(request, error)


def answer_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[ProblemDetails]:
    """Answer what Litestar refused before a route was reached: no such path or method, a parameter, a size."""
    if isinstance(error, ValidationException):
        return answer(request, _bad_parameters(error))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_server_error(request, error)
    kind, detail = _KINDS.get(error.status_code, ("refused", error.detail))
    return answer(request, ApiError(error.status_code, kind, detail, headers=error.headers))


def answer_model_error(request: Request[Any, Any, Any], error: ModelError) -> Response[ProblemDetails]:
    """Answer input that no model could be made of."""
    return answer(request, ApiError(422, "invalid", "Some of the input is not valid.", problems=error.problems))


def answer_unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[ProblemDetails]:
    """Answer 500 for a fault of ours: the trace goes to the log under the request's id, nothing of it outside."""
    _log.error("request failed", path=request.scope["path"], exc_info=error)
    detail = "Pennon failed to answer. The cause is in its log under this request's id."
    return answer(request, ApiError(500, "internal", detail))


def _answer_server_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[ProblemDetails]:
    # Litestar's way of saying that the client hung up, which is no fault of ours and nobody will read the answer.
    if isinstance(error, InternalServerException) and "disconnected" in error.detail:
        return answer(request, ApiError(400, "body-cut-off", "The connection ended before the body did."))
    if error.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return answer(request, ApiError(503, "unavailable", error.detail, headers=error.headers))
    return answer_unforeseen(request, error)


_KINDS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read."),
    401: ("unauthorized", "This needs a token: send Authorization: Bearer and the token."),
    403: ("forbidden", "The token does not allow this."),
    404: ("no-such-path", "There is nothing at this path. GET /api/v1/openapi.json lists what there is."),
    405: ("method-not-allowed", "This path does not take this method; the header Allow says which it takes."),
    413: ("too-large", "The body is larger than this path takes."),
}


_MENDS: Mapping[str, str] = {
    "if_match": 'send the ETag as you got it, as in If-Match: "5.03f1a2b4", or a version, as in If-Match: 5',
    "idempotency_key": "send 1 to 200 printable ASCII characters, a UUID say",
    "limit": "send a whole number from 1 to 1000",
    "after": "send the `next` of the page before",
    "revision": "send a revision, as in 42",
    "start": "send a revision, as in from=41",
    "stop": "send a revision, as in to=42",
    "why": "send one line of up to 2000 characters",
}


def _bad_parameters(error: ValidationException) -> ApiError:
    problems = []
    for item in error.extra if isinstance(error.extra, list) else []:
        source = str(getattr(item.get("source"), "value", item.get("source", "request")))
        name = str(item.get("key"))
        mend = _MENDS.get(name, "GET /api/v1/openapi.json says what is allowed")
        problems.append(Problem("", f"{name.replace('_', '-')} in the {source}: {item.get('message')}", mend))
    if not problems:  # one that is missing is told in words only
        problems.append(Problem("", error.detail.partition(" for path")[0], "add it"))
    return ApiError(400, "bad-parameter", "A parameter is missing or not valid.", problems=tuple(problems))
