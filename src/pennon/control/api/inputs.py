"""What requests have in common beside their bodies: where they act, on whose behalf, on what condition, which page.

Each function here is a dependency of Litestar's: a route names what it needs as a parameter.
"""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Any, TypeAlias, TypedDict
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from pennon.control.api.problems import ApiError
from pennon.control.environments.protection import Leave
from pennon.control.errors import NotFound
from pennon.control.log import Actor, EnvironmentName, Idempotency
from pennon.model import Problem

NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$(?!\n)"
MAX_PAGE = 1000
_MOMENT = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])
_VERSION = re.compile(r"\d+")

Key: TypeAlias = Annotated[str, PathParameter(pattern=NO_CONTROLS, max_length=256)]
"""The key of a project or an environment, in a path."""


class Said(TypedDict):
    """What every command of a service takes."""

    by: Actor
    why: str
    idempotency: Idempotency | None


class Commanded(msgspec.Struct, frozen=True):
    """On whose behalf a change is made, why, and under which idempotency key."""

    by: Actor
    why: str
    idempotency: Idempotency | None

    @property
    def said(self) -> Said:
        """The same as keyword arguments."""
        return Said(by=self.by, why=self.why, idempotency=self.idempotency)


class Wanted(msgspec.Struct, frozen=True):
    """Which part of a list is wanted: at most *limit*, from behind *after*."""

    after: str | None
    limit: int


Place: TypeAlias = NamedDependency[EnvironmentName]
Given: TypeAlias = NamedDependency[Leave]
Command: TypeAlias = NamedDependency[Commanded]
Expected: TypeAlias = NamedDependency[int | None]
Paging: TypeAlias = NamedDependency[Wanted]
ItemKey: TypeAlias = NamedDependency[str]
"""What a route annotates its parameters `where`, `leave`, `command`, `expected`, `paging` and `item_key` with."""


def moment(text: str | None, name: str) -> datetime | None:
    """Return the time that the parameter *name* says, None for none. Raises `ApiError` unless it has a zone."""
    if text is None:
        return None
    try:
        found: datetime = _MOMENT.decode(msgspec.json.encode(text))
    except msgspec.ValidationError as error:
        problem = Problem("", f"{name} is not a time with a zone", "write it as in 2026-01-31T12:00:00Z")
        raise ApiError(400, "bad-parameter", "A parameter is missing or not valid.", problems=(problem,)) from error
    return found


def provide_environment(project: Key, environment: Key) -> EnvironmentName:
    """Return the environment that the path names."""
    return EnvironmentName(project, environment)


async def provide_command(
    request: Request[Any, Any, Any],
    why: Annotated[
        str, QueryParameter(name="why", pattern=NO_CONTROLS, max_length=2000, description="Why, for the change log.")
    ] = "",
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            pattern=r"^[!-~]{1,200}$",
            description="Your name for this command, up to 200 printable ASCII characters. Sent again with the same "
            "request it changes nothing and gets the first answer.",
        ),
    ] = None,
) -> Commanded:
    """Return on whose behalf the request changes something."""
    body = await request.body()
    return Commanded(request.user.actor, why, _idempotency(request, idempotency_key, body))


def provide_leave(
    *,
    break_glass: Annotated[
        bool,
        QueryParameter(
            name="breakGlass",
            description="Change a protected environment without what it demands. Takes `change.bypass` and a reason.",
        ),
    ] = False,
) -> Leave:
    """Return what the request brings along of what environments demand."""
    return Leave(is_break_glass=break_glass)


def provide_expected(
    if_match: Annotated[
        str | None,
        HeaderParameter(
            name="If-Match",
            pattern=r'^([*]|[0-9]{1,15}|(W/)?"[0-9]{1,15}([.][0-9a-f]{1,64})?")$',
            description="The ETag that you saw, or the item's version. If the item has changed since, nothing is "
            "changed and the answer is 412 with its current state.",
        ),
    ] = None,
) -> int | None:
    """Return the version that `If-Match` names. The hash that an ETag has beside it serves caches."""
    match = _VERSION.search(if_match or "")
    return int(match[0]) if match else None


def provide_paging(
    after: Annotated[
        str | None,
        QueryParameter(name="after", pattern=NO_CONTROLS, max_length=256, description="The `next` of the page before."),
    ] = None,
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_PAGE, description="How many at most.")] = 100,
) -> Wanted:
    """Return which page is wanted."""
    return Wanted(after, limit)


def provide_item_key(request: Request[Any, Any, Any]) -> str:
    """Return the key with which the path ends, exactly as it was sent: imported keys may hold slashes anywhere.

    Litestar's own path parameter has `//` folded and a slash at the end dropped.
    """
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    rest = raw
    for _ in range(request.scope["path_template"].strip("/").count("/")):
        rest = rest.lstrip(b"/").partition(b"/")[2]
    try:
        key = unquote_to_bytes(rest).decode()
    except UnicodeDecodeError as error:
        raise NotFound("item", rest.decode("latin-1")) from error
    if not key:
        raise NotFound("item", request.scope["path"])
    if re.fullmatch(NO_CONTROLS, key) is None or len(key) > 256:
        problem = Problem("", "the key in the path has control characters or over 256 characters", "mend the path")
        raise ApiError(400, "bad-parameter", "A parameter is missing or not valid.", problems=(problem,))
    return key


def _idempotency(request: Request[Any, Any, Any], key: str | None, body: bytes) -> Idempotency | None:
    if key is None:
        return None
    line = f"{request.method} {request.scope['path']}?{request.scope['query_string'].decode('latin-1')}\n"
    return Idempotency(key, hashlib.sha256(line.encode() + body).hexdigest())
