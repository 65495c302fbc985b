# Generated from src/pennon/sdk/_async/transport.py by scripts/generate.py: edit that file, not this one.
"""HTTP as the loops need it: streams of bytes, bounded answers, and every way to fail as one exception."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pennon._version import __version__
from pennon.sdk.config import Config
from pennon.sdk.failures import LineCut, UpstreamFailed, refusal
from pennon.sdk.ladder import Failure, FailureKind
from pennon.sdk.receiver import AnyCall, Calls
from pennon.sdk.threads import Lifeline

_EXCERPT = 4096


class Answer(msgspec.Struct, frozen=True):
    """An answer: 200, 202, 204 or 304."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """One loop's connections. `line` can cut them while the loop waits on one; *calls* looks at each call."""

    def __init__(self, config: Config, calls: Calls | None = None) -> None:
        import httpx2  # noqa: PLC0415  # it takes longer to import than everything else together

        self.line = Lifeline()
        self._silences = (LineCut, httpx2.ReadTimeout)
        self._errors = (LineCut, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL)
        self._max_bytes = config.max_bytes
        self._calls = calls or AnyCall()
        headers = {"Authorization": f"Bearer {config.key}", "User-Agent": f"pennon-python/{__version__}"}
        self._http = httpx2.Client(
            headers=headers,
            # A stream's silence is watched for by its loop, which knows frames; this is the net below.
            timeout=httpx2.Timeout(config.timeout_s, read=4 * config.heartbeat_s),
            verify=True if config.ssl_context is None else config.ssl_context,
        )
        self._timeout = httpx2.Timeout(config.timeout_s)

    @contextlib.contextmanager
    def stream(self, url: str, params: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        """Open a stream at *url* and give the bytes that come. Raises `UpstreamFailed`."""
        # Packed by a proxy, an event would wait for the next ones to fill a block.
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        headers |= self._calls.begin(url)
        request: dict[str, Any] = {"params": params, "headers": headers, "extensions": self.line.extensions()}
        is_answered = False
        try:
            with self.line, self._http.stream("GET", url, **request) as response:
                is_answered = True
                self._calls.answered(url, response.status_code, response.headers)
                if response.status_code != 200:
                    body = _bounded(response, _EXCERPT)
                    raise UpstreamFailed(refusal(url, response.status_code, response.headers, body or b""))
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise UpstreamFailed(Failure(FailureKind.BROKEN, f"{url} answered something else than a stream"))
                yield response.iter_raw()
        except (*self._errors, RuntimeError) as error:
            if (failure := self._failure(url, error)) is None:
                raise
            if not is_answered:
                self._calls.failed(url)
            raise UpstreamFailed(failure) from error

    def get(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Return the answer of *url*. Raises `UpstreamFailed`."""
        return self._ask("GET", url, params=params, headers=headers)

    def post(self, url: str, body: bytes, *, timeout_s: float | None = None) -> Answer:
        """Post the JSON *body* to *url* and return the answer. Raises `UpstreamFailed`."""
        headers = {"Content-Type": "application/json"}
        return self._ask("POST", url, content=body, headers=headers, timeout=timeout_s or self._timeout)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _ask(self, method: str, url: str, **request: Any) -> Answer:
        extras: dict[str, Any] = {"timeout": self._timeout, "extensions": self.line.extensions()} | request
        extras["headers"] = {**request.get("headers", {}), **self._calls.begin(url)}
        try:
            with self.line, self._http.stream(method, url, **extras) as response:
                body = _bounded(response, self._max_bytes)
        except (*self._errors, RuntimeError) as error:
            if (failure := self._failure(url, error)) is None:
                raise
            self._calls.failed(url)
            raise UpstreamFailed(failure) from error
        self._calls.answered(url, response.status_code, response.headers)
        if response.status_code not in (200, 202, 204, 304):
            raise UpstreamFailed(refusal(url, response.status_code, response.headers, body or b""))
        if body is None:
            too_long = f"{url} answered more than {self._max_bytes} bytes"
            raise UpstreamFailed(Failure(FailureKind.BROKEN, too_long))
        return Answer(response.status_code, response.headers, body)

    def _failure(self, url: str, error: Exception) -> Failure | None:
        """Return what *error* means, None if it is no trouble of the network."""
        if isinstance(error, self._silences):
            return Failure(FailureKind.SILENT, f"{url} was silent for too long")
        if isinstance(error, self._errors) or self._http.is_closed:  # asked while it is closed: a RuntimeError
            what = str(error) or type(error).__name__
            return Failure(FailureKind.UNREACHABLE, f"{url} could not be reached: {what}")
        return None


def prepared(config: Config) -> Config:
    """Return *config* with what certificates are checked by: one for all connections of a client.

    Reading the system's authorities takes 25 ms and most of a megabyte: not twice, and not where no url wants them.
    """
    if config.ssl_context is not None or not config.urls:
        return config
    import ssl  # noqa: PLC0415  # a client of a file has no use for it

    import httpx2  # noqa: PLC0415

    wanted = any(url.startswith("https:") for url in config.urls)
    context = httpx2.create_ssl_context() if wanted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return msgspec.structs.replace(config, ssl_context=context)


def _bounded(response: Any, limit: int) -> bytes | None:
    """Return the body, unpacked, None if it is longer than *limit*."""
    body = io.BytesIO()  # it gives what was written without a copy, which of a large snapshot is large
    for chunk in response.iter_bytes():
        body.write(chunk)
        if body.tell() > limit:
            return None
    return body.getvalue()
