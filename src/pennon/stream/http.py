"""The little of HTTP that the endpoints need, straight on ASGI: a request, an answer, a refusal.

Not Litestar's, because keys may hold any characters (`a//b`, `a%2Fb`), OFREP has its own errors, bodies are read under
our limits, and a stream must cost no more than its socket.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping, MutableMapping
from types import MappingProxyType, coroutine
from typing import Any, Protocol, TypeAlias, overload
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from pennon.model import Problem

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
SendFile: TypeAlias = Callable[[int, int], Awaitable[None]]
"""What a server may offer as the extension `SEND_FILE`: to send so many bytes of an open file as a body."""
Headers: TypeAlias = tuple[tuple[str, str], ...]
Lines: TypeAlias = tuple[tuple[bytes, bytes], ...]

JSON = ("content-type", "application/json")
NO_STORE = ("cache-control", "no-store")
_QUERY_FIELDS = 50
BODY_S = 60.0
"""A whole body comes within this. A client that sends a byte a minute would hold its connection for good."""
_PIECE = 256 * 1024
_LARGE = 64 * 1024
SEND_FILE = "pennon.send_file"


class StreamError(Exception):
    """Base of what this package raises."""


class Gone(StreamError):
    """The client left before its request was whole. There is nobody to answer."""


class Refusal(StreamError):
    """A request that gets no answer but an error: status, what is wrong, and what to do about it."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        code: str = "GENERAL",
        problems: tuple[Problem, ...] = (),
        headers: Headers = (),
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail or title
        self.code = code
        self.problems = problems
        self.headers = headers


class File(Protocol):
    """A body that may be in an open file. It stays open for as long as this lives."""

    @property
    def file(self) -> int | None:
        """The file's descriptor, None for none."""


class Answer(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int = 200
    body: bytes | memoryview = b""
    headers: Headers = ()
    lines: Lines = ()
    """Headers more, as they are sent: for what is answered often, with the same ones."""
    file: File | None = None
    """The body as a file, for a server that can have the kernel send one."""
    sent: Callable[[], None] | None = None
    """To be called when it is on its way, or cannot be."""


class RequestHeaders:
    """The headers of a request by their names in lower case; decoded when they are asked for, as most never are."""

    __slots__ = ("line",)

    def __init__(self, lines: Iterable[tuple[bytes, bytes]]) -> None:
        self.line: Callable[[bytes], bytes | None] = dict(lines).get
        """Return the value of a header as it was sent: for those that every request is looked at for."""

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of the header *name*, the last one of several."""
        value = self.line(name.encode("latin-1"))
        return default if value is None else value.decode("latin-1")


class Request:
    """One request. Reading its body is bounded, and raises `Refusal` for whatever is wrong with it."""

    __slots__ = ("_receive", "headers", "method", "path", "query", "root")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.method: str = scope["method"]
        self.root: str = scope.get("root_path", "").rstrip("/")
        self.path = path_of(scope)
        self.headers = RequestHeaders(scope["headers"])
        self.query = parsed_query(scope.get("query_string", b""))

    async def body(self, limit: int) -> bytes:
        """Return the whole body, at most *limit* bytes of it."""
        encoding = self.headers.get("content-encoding") if self.headers.line(b"content-encoding") else None
        if encoding is not None and encoding.lower() != "identity":
            raise Refusal(415, "Unsupported content encoding", f"send the body as it is, not as {encoding!r}")
        declared = self._declared_length(limit)
        receiving = self._receive()
        try:
            # A body has mostly come with its head. To set a timer for what is here costs as much as to evaluate a flag.
            waiting = receiving.send(None)
        except StopIteration as done:
            message = done.value
            is_here = not message.get("more_body", False) and message["type"] != "http.disconnect"
            body = message.get("body", b"") if is_here else await self._late(limit, message)
        else:
            body = await self._late(limit, _resumed(receiving, waiting))
        if len(body) > limit:
            raise _too_large(limit)
        if declared is not None and declared != len(body):
            raise Refusal(400, "Wrong Content-Length", f"it says {declared} bytes, and {len(body)} came")
        return bytes(body)

    async def _late(self, limit: int, first: Mapping[str, Any] | Awaitable[Any]) -> bytes | bytearray:
        """Return the body whose *first* message is not all of it, or is still to come."""
        try:
            async with asyncio.timeout(BODY_S):
                return await self._pieces(first if isinstance(first, Mapping) else await first, limit)
        except TimeoutError as error:
            detail = f"the body must be here within {BODY_S:g} s"
            raise Refusal(408, "Body too slow", detail, headers=(("connection", "close"),)) from error

    async def _pieces(self, message: Mapping[str, Any], limit: int) -> bytearray:
        body = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            if len(body) > limit or not message.get("more_body", False):
                return body
            message = await self._receive()

    def require_json(self) -> None:
        """Refuse a body that says it is something else than JSON."""
        if self.headers.line(b"content-type") in (b"application/json", None):
            return
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise Refusal(415, "Unsupported media type", f"send application/json, not {kind!r}")

    def _declared_length(self, limit: int) -> int | None:
        if (line := self.headers.line(b"content-length")) is None:
            return None
        text = line.decode("latin-1")
        if not (text.isascii() and text.isdecimal()) or len(text) > 20:
            raise Refusal(400, "Wrong Content-Length", "it is not a number")
        if (length := int(text)) > limit:
            raise _too_large(limit)
        return length

    @property
    def presented_key(self) -> str | None:
        """The key in `Authorization: Bearer` or `X-API-Key`, if there is one."""
        authorization, api_key = self.headers.line(b"authorization"), self.headers.line(b"x-api-key")
        return presented_key(
            None if authorization is None else authorization.decode("latin-1"),
            None if api_key is None else api_key.decode("latin-1"),
        )

    def matches(self, etag: str) -> bool:
        """Whether `If-None-Match` names *etag*. Weakly, as RFC 9110 has it for this header."""
        if self.headers.line(b"if-none-match") is None:
            return False
        tags = self.headers.get("if-none-match", "")
        given = (tag.strip().removeprefix("W/") for tag in tags.split(","))
        wanted = etag.removeprefix("W/")
        return any(tag in (wanted, "*") for tag in given)


@coroutine
def _resumed(begun: Coroutine[Any, Any, Any], waiting: Any) -> Generator[Any, Any, Any]:
    """Go on with a coroutine that waits for what it gave its first caller."""
    try:
        while True:
            try:
                sent = yield waiting
            except BaseException as error:  # noqa: BLE001  # nothing is swallowed: it is the coroutine's own
                waiting = begun.throw(error)
            else:
                waiting = begun.send(sent)
    except StopIteration as done:
        return done.value


def presented_key(authorization: str | None, api_key: str | None) -> str | None:
    """Return the key that these two headers present, if there is one."""
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() == "bearer" and (secret := secret.strip()):
            return secret
    return (api_key.strip() or None) if api_key is not None else None


def path_of(scope: Scope) -> str:
    """Return the path below which the app is mounted, each `%2F` and `//` as it was sent, decoded once."""
    raw: bytes | None = scope.get("raw_path")
    if not raw:
        path = str(scope["path"])
    elif b"%" in raw or b"?" in raw:
        path = unquote_to_bytes(raw.partition(b"?")[0]).decode(errors="replace")
    else:
        path = raw.decode(errors="replace")
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root else path


def shown_path(scope: Mapping[str, Any]) -> str:
    """Return the path as it was sent, percent-encoded: no character of it can forge a line of the log."""
    raw: bytes = scope.get("raw_path") or b""
    return (raw.partition(b"?")[0] if b"?" in raw else raw).decode("latin-1")


def given_id(scope: Mapping[str, Any]) -> bytes:
    """Return the request id that the client gave, empty for none."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(value)
    return b""


_NO_QUERY: Mapping[str, str] = MappingProxyType({})


def parsed_query(text: bytes) -> Mapping[str, str]:
    """Return the parameters of a query, the last of each name. Raises `Refusal` beyond a sane number of them."""
    if not text:
        return _NO_QUERY
    if b"%" not in text and b"+" not in text and text.count(b"&") < _QUERY_FIELDS:
        pairs = (pair.partition("=") for pair in text.decode("latin-1").split("&") if pair)
        return {name: value for name, _, value in pairs}
    try:
        return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_QUERY_FIELDS))
    except ValueError as error:
        raise Refusal(400, "Bad query", f"at most {_QUERY_FIELDS} parameters") from error


def _too_large(limit: int) -> Refusal:
    # What is left of the body is not read, so the connection cannot be used again.
    return Refusal(413, "Body too large", f"at most {limit} bytes", headers=(("connection", "close"),))


async def send_answer(
    send: Send, answer: Answer, *, extra: Lines = (), is_head: bool = False, send_file: SendFile | None = None
) -> None:
    """Send *answer* with *extra* headers; without its body where only the head of it was asked for."""
    lines = [*encoded(answer.headers), *answer.lines, *extra] if answer.headers else [*answer.lines, *extra]
    body = answer.body
    if answer.status not in (204, 304):
        lines.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    if is_head or len(body) <= _LARGE:
        await send({"type": "http.response.body", "body": b"" if is_head else body})
        return
    if send_file is not None and answer.file is not None and answer.file.file is not None:
        try:
            await send_file(answer.file.file, len(body))
        except OSError as error:
            raise Gone from error
        await send({"type": "http.response.body", "body": b""})
        return
    # In pieces, each when the one before has left: a slow reader holds up one and not megabytes.
    whole = memoryview(body)
    for at in range(0, len(body), _PIECE):
        await send(
            {"type": "http.response.body", "body": whole[at : at + _PIECE], "more_body": at + _PIECE < len(body)}
        )


def encoded(headers: Headers) -> Lines:
    """Return *headers* as they are sent."""
    return tuple((name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers)
