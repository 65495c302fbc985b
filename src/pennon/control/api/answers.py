"""How routes answer: items as they are stored, with their ETag; lists; and what a change led to."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from litestar import Request, Response

from pennon.control.api.resources import WarningResource
from pennon.control.log import ChangeWarning, Outcome, Stored

T = TypeVar("T")
REVISION = "X-Pennon-Revision"
JSON_TYPE = "application/json"
_HASH_DIGITS = 8


class ListOf(msgspec.Struct, Generic[T], frozen=True):
    """Some of a list. Ask for the rest with `?after=` and `next`; null: there is no more."""

    items: tuple[T, ...]
    next: str | None


class Versioned(Protocol):
    """Anything with a version and a hash: an item, as it is stored or as a model."""

    @property
    def version(self) -> int:
        """Never used twice."""

    @property
    def hash(self) -> str:
        """Of its text."""


V = TypeVar("V", bound=Versioned)


def etag(item: Versioned) -> str:
    """Return the ETag of *item*: its version, which is never used twice, and the start of its hash."""
    return f'"{item.version}.{item.hash[:_HASH_DIGITS]}"'


def item_answer(request: Request[Any, Any, Any], item: V, show: Callable[[V], bytes]) -> Response[Any]:
    """Answer *item* as *show* shows it; 304 where the client has it."""
    headers = {"ETag": etag(item), "Cache-Control": "no-cache"}
    if has_current(request, headers["ETag"]):
        return Response(None, status_code=304, headers=headers)
    return Response(show(item), media_type=JSON_TYPE, headers=headers)


def changed_answer(outcome: Outcome, show: Callable[[Stored], bytes], *, status: int = 200) -> Response[Any]:
    """Answer what a command led to: its item as *show* shows it, and warnings; 204 where there is none any more."""
    headers = {REVISION: str(outcome.position)}
    if outcome.item is None:
        return Response(None, status_code=204, headers=headers)
    headers["ETag"] = etag(outcome.item)
    body = show(outcome.item)
    if outcome.warnings:
        body = b'%b,"warnings":%b}' % (body[:-1], msgspec.json.encode(shown_warnings(outcome.warnings)))
    return Response(body, status_code=status, media_type=JSON_TYPE, headers=headers)


def shown_warnings(warnings: Iterable[ChangeWarning]) -> tuple[WarningResource, ...]:
    """Return *warnings* as they are shown."""
    return tuple(
        WarningResource(code=each.code, path=each.path, message=each.message, mend=each.mend) for each in warnings
    )


def done_answer(outcome: Outcome) -> Response[Any]:
    """Answer that a command was carried out, with nothing to show."""
    return Response(None, status_code=204, headers={REVISION: str(outcome.position)})


def list_answer(items: Iterable[bytes], following: str | None) -> Response[Any]:
    """Answer a list of JSON texts, and what to ask the next page from."""
    body = b'{"items":[%b],"next":%b}' % (b",".join(items), msgspec.json.encode(following))
    return Response(body, media_type=JSON_TYPE)


def paged(items: Sequence[T], limit: int, key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """Return a page of *items*, of which one more than *limit* was asked for, and what to ask the next page from."""
    return (items[:limit], key(items[limit - 1])) if len(items) > limit else (items, None)


def has_current(request: Request[Any, Any, Any], tag: str) -> bool:
    """Return whether `If-None-Match` names *tag*."""
    given = request.headers.get("if-none-match", "")
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in given.split(","))
