"""Publishes environments to Cloudflare's Workers KV, for workers that evaluate there. It is written, never read back.

A document is a whole projection, gzip'd, under `pennon:1:<environment>:<projection>`; its metadata says format,
position and digest. All that is due goes in one bulk request, at most one a second: Cloudflare takes one write a second
of a key. `docs/how-to/edge-storage.md` has what a worker reads.
"""

import asyncio
import base64
import gzip
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from pennon.edge.kv.base import KvError, KvUnavailable, KvUnusable
from pennon.model import DECODE_ERRORS, Position

API = "https://api.cloudflare.com/client/v4"
FORMAT = 1
LARGEST_VALUE = 25 * 2**20
_LARGEST_BULK = 90 * 10**6  # they take 100 MB
_LONGEST_NAME = 512
_GZIP_LEVEL = 6
_TIMEOUT_S = 30.0
_RETRY_MOST_S = 300.0
_CONFIRM_LEAST_S = 10.0
_encode = msgspec.json.Encoder().encode


class RateLimited(KvUnavailable):
    """Cloudflare wants no more requests for now. `retry_after_s` is None where it did not say for how long."""

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__("Cloudflare answers 429: too many requests")
        self.retry_after_s = retry_after_s


class TooLarge(KvError):
    """A document is larger than Workers KV takes, compressed as it is."""


class Document(msgspec.Struct, frozen=True):
    """A projection of an environment to publish: *body* is the snapshot as it travels.

    `known_at`: when it was known to be current at the origin, in seconds since 1970.
    """

    environment: str
    projection: str
    position: Position
    digest: str
    body: bytes
    flags_version: str = ""
    known_at: float | None = None

    @property
    def name(self) -> str:
        """The key that a worker reads."""
        return name_of(self.environment, self.projection)


class _Metadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    format: int
    position: str
    digest: str
    flags_version: str = ""
    known_at: int | None = None


class _Pair(msgspec.Struct, frozen=True):
    key: str
    value: str
    metadata: _Metadata
    base64: bool = True


class _Failure(msgspec.Struct, frozen=True):
    message: str = ""
    code: int = 0


class _Written(msgspec.Struct, frozen=True):
    unsuccessful_keys: tuple[str, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    success: bool
    errors: tuple[_Failure, ...] = ()
    result: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


_ANSWERS = msgspec.json.Decoder(_Answer)


class Address(msgspec.Struct, frozen=True):
    """Where to publish: an account and a namespace, by their ids.

    `api`: by whom, None for Cloudflare itself. `confirm_s`: how often to publish what has not changed, None for never.
    """

    account: str
    namespace: str
    api: str | None = None
    confirm_s: float | None = None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `cloudflare://<account id>/<namespace id>`, with `?confirm=` and `?api=`. Raises `KvUnusable`."""
        parts = urlsplit(url)
        account, namespace = parts.netloc, parts.path.strip("/")
        if parts.scheme != "cloudflare" or not (account.isalnum() and namespace.isalnum()):
            raise KvUnusable(f"{url!r} names no namespace; write cloudflare://ACCOUNT_ID/NAMESPACE_ID")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        api, confirm = given.pop("api", None), given.pop("confirm", None)
        if given:
            raise KvUnusable(f"{url!r} says {', '.join(given)}; there are confirm and api")
        if api is not None and urlsplit(api).scheme not in ("http", "https"):
            raise KvUnusable(f"api={api} is no address; write https://host/client/v4")
        return cls(account, namespace, None if api is None else api.rstrip("/"), _confirming(confirm))


class WorkersKv:
    """A namespace of Workers KV, written through Cloudflare's API with a *token* that may edit Workers KV storage."""

    def __init__(self, address: Address, token: str, *, api: str = API, timeout_s: float = _TIMEOUT_S) -> None:
        import httpx2  # noqa: PLC0415  # it takes long to import, and few nodes publish

        if not token:
            raise KvUnusable("publishing to Cloudflare needs an API token that may edit Workers KV storage")
        self._errors = (httpx2.HTTPError, httpx2.InvalidURL)
        self._base = f"{api}/accounts/{address.account}/storage/kv/namespaces/{address.namespace}"
        self._http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=timeout_s)

    async def position(self, environment: str, projection: str) -> Position | None:
        """Return where the published document stands; None for none, or none that can be read."""
        name = quote(name_of(environment, projection), safe="")
        answer = await self._asked("GET", f"/metadata/{name}", missing_ok=True)
        try:
            metadata = None if answer is None else msgspec.json.decode(answer.result, type=_Metadata | None)
            return None if metadata is None else Position.parse(metadata.position)
        except (*DECODE_ERRORS, ValueError):
            return None

    async def write(self, documents: Sequence[Document]) -> list[Document]:
        """Publish *documents* in as few requests as take them; return those that Cloudflare did not write.

        Raises `RateLimited`, `KvUnavailable`, `KvUnusable` where the token or an id is wrong, `TooLarge`.
        """
        failed: list[Document] = []
        for bulk in await asyncio.to_thread(_bulks, documents):
            body = _encode([pair for _, pair in bulk])
            answer = await self._asked("PUT", "/bulk", content=body, headers={"Content-Type": "application/json"})
            failed += [document for document, _ in bulk if document.name in _unsuccessful(answer)]
        return failed

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _asked(self, method: str, path: str, *, missing_ok: bool = False, **request: Any) -> _Answer | None:
        try:
            response = await self._http.request(method, self._base + path, **request)
        except self._errors as error:
            raise KvUnavailable(f"Cloudflare cannot be reached: {str(error) or type(error).__name__}") from error
        if response.status_code == 429:
            raise RateLimited(_seconds(response.headers))
        answer = _read(response.content)
        if response.status_code == 200 and answer is not None and answer.success:
            return answer
        said = "; ".join(error.message for error in answer.errors) if answer is not None else ""
        problem = f"Cloudflare answers {response.status_code}{f': {said}' if said else ''}"
        if response.status_code == 404 and missing_ok:
            return None
        if response.status_code in (400, 401, 403, 404, 413):
            raise KvUnusable(f"{problem}; check the account, the namespace and what the token may do")
        raise KvUnavailable(problem)


def name_of(environment: str, projection: str) -> str:
    """Return the key under which a worker finds a document. Raises `TooLarge` for a name longer than keys may be."""
    name = f"pennon:{FORMAT}:{environment}:{projection}"
    if len(name.encode()) > _LONGEST_NAME:
        raise TooLarge(f"the name of {environment} is too long: keys of Workers KV have {_LONGEST_NAME} bytes at most")
    return name


def pause(failures: int, error: KvError | None = None) -> float:
    """Return for how many seconds to wait after so many failures in a row, the last of which was *error*."""
    if isinstance(error, RateLimited) and error.retry_after_s is not None:
        return min(error.retry_after_s, _RETRY_MOST_S) + random.uniform(0, 1)
    return random.uniform(0.5, 1) * min(2.0**failures, _RETRY_MOST_S)


def _confirming(said: str | None) -> float | None:
    if said is None:
        return None
    if not (said.isascii() and said.isdigit()) or float(said) < _CONFIRM_LEAST_S:
        raise KvUnusable(f"confirm={said} is no interval; write seconds, {_CONFIRM_LEAST_S:g} at least")
    return float(said)


def _pair(document: Document) -> _Pair:
    packed = gzip.compress(document.body, _GZIP_LEVEL, mtime=0)
    if len(packed) > LARGEST_VALUE:
        raise TooLarge(f"{document.name} has {len(packed)} bytes when compressed, and Workers KV takes {LARGEST_VALUE}")
    known_at = None if document.known_at is None else int(document.known_at * 1000)
    metadata = _Metadata(FORMAT, str(document.position), document.digest, document.flags_version, known_at)
    return _Pair(document.name, base64.b64encode(packed).decode(), metadata)


def _bulks(documents: Sequence[Document]) -> list[list[tuple[Document, _Pair]]]:
    bulks: list[list[tuple[Document, _Pair]]] = []
    size = _LARGEST_BULK
    for document in documents:
        pair = _pair(document)
        size += len(pair.value) + 2 * _LONGEST_NAME
        if size > _LARGEST_BULK:
            bulks.append([])
            size = len(pair.value)
        bulks[-1].append((document, pair))
    return bulks


def _read(content: bytes) -> _Answer | None:
    try:
        return _ANSWERS.decode(content)
    except DECODE_ERRORS:
        return None


def _unsuccessful(answer: _Answer | None) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(answer.result, type=_Written).unsuccessful_keys if answer is not None else ()
    except DECODE_ERRORS:
        return ()  # an older API says nothing of single keys


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
