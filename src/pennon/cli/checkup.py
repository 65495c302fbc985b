"""Looks at a server from where its callers are: can it be reached, does it say the same time, do streams come through.

What only the server can see it is asked for.
"""

import datetime
import email.utils
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import msgspec

from pennon import __version__
from pennon.cli.connection import Login

TIMEOUT_S = 10.0
STREAM_S = 5.0
"""The first word of a stream comes at once, unless somebody on the way keeps it."""
_SKEW_S = 30
_CERTIFICATE_DAYS = 14
_RUNBOOKS = "docs/how-to/runbooks/"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `mend` says what to do where it is not well, `runbook` is the page about it."""

    what: str
    well: bool
    detail: str = ""
    mend: str = ""
    runbook: str = ""
    level: Literal["well", "note", "warn", "bad"] = "well"


def found(  # what there is to say of a finding
    what: str,
    detail: str = "",
    *,
    well: bool = True,
    mend: str = "",
    runbook: str = "",
    level: Literal["note", "warn", "bad"] = "bad",
) -> Finding:
    """Return a finding: that *what* is so or, unless *well*, how bad it is that it is not."""
    if well:
        return Finding(what, well=True, detail=detail)
    page = f"{_RUNBOOKS}{runbook}.md" if runbook else ""
    return Finding(what, well=level == "note", detail=detail, mend=mend, runbook=page, level=level)


def look_whether_ready(login: Login) -> Iterator[Finding]:
    """Yield whether the server or edge node of *login* answers and can serve, and nothing else."""
    with httpx2.Client(base_url=login.url, timeout=TIMEOUT_S / 2) as http:
        try:
            ready = _ready(http)
        except httpx2.TransportError as error:
            yield found("the server answers", f"{login.url}: {error}", well=False, mend="start it", runbook="down")
            return
        yield found("the server answers", login.url)
        yield ready


def look(login: Login, key: str | None) -> Iterator[Finding]:
    """Yield what is found at the server of *login*; the first says whether it answers at all.

    With a server *key*, streams are tried too.
    """
    headers = {"Authorization": f"Bearer {login.token}"} if login.token else {}
    with httpx2.Client(base_url=login.url, headers=headers, timeout=TIMEOUT_S) as http:
        what = "the server answers"
        try:
            alive = http.get("/healthz")
        except httpx2.TransportError as error:
            mend = "start it: pennon serve; or name another: pennon login URL"
            yield found(what, f"{login.url}: {error}", well=False, mend=mend, runbook="down")
            return
        yield found(what, login.url, well=alive.is_success, mend="is this a Pennon server?", runbook="down")
        yield from _transport(login.url)
        yield _clock(alive)
        try:
            yield _ready(http)
            session = http.get("/api/v1/session")
            if session.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
                detail = str(_json(session).get("detail", "it refuses for now"))
                mend = "mend that first, then run pennon doctor again"
                yield found("the rest can be looked at", detail, well=False, mend=mend, level="warn")
            else:
                yield _version(http)
                yield from _inside(http, session)
        except httpx2.TransportError as error:
            detail = str(error) or type(error).__name__
            yield found("the server goes on answering", detail, well=False, mend="see its log", runbook="not-ready")
        if key is not None:
            yield _stream(login.url, key)


def _transport(url: str) -> Iterator[Finding]:
    """Yield whether strangers could listen, and until when the certificate is good."""
    parts = urlsplit(url)
    what = "nobody on the way reads tokens"
    if parts.scheme != "https":
        is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        mend = "put a proxy that speaks TLS in front, and log in by its URL"
        detail = "they stay on this machine" if is_here else f"{url} is not https"
        yield found(what, detail, well=is_here, mend=mend, runbook="proxy", level="warn")
        return
    yield found(what, "TLS")
    what, runbook = "the certificate lasts", "credentials-expiring"
    try:
        days = (_certificate_ends(parts.hostname or "", parts.port or 443) - now().timestamp()) / 86400
    except OSError as error:
        yield found(what, str(error), well=False, mend="look at it with: openssl s_client", runbook=runbook)
        return
    yield found(what, f"{days:.0f} days", well=days > _CERTIFICATE_DAYS, mend="renew it", runbook=runbook)


def _certificate_ends(host: str, port: int) -> float:
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=TIMEOUT_S) as line,
        context.wrap_socket(line, server_hostname=host) as secure,
    ):
        return ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))


def _clock(response: httpx2.Response) -> Finding:
    what, text = "the clocks agree", response.headers.get("Date")
    if text is None:
        return found(what, "the server does not say its time")
    skew = (email.utils.parsedate_to_datetime(text) - now()).total_seconds()
    mend = "set both clocks by NTP: schedules and expiries of keys go by them"
    return found(what, f"{abs(skew):.0f} s apart", well=abs(skew) <= _SKEW_S, mend=mend, runbook="clocks")


def now() -> datetime.datetime:
    """Return the time, which is what is checked here."""
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251  # an entry point


def _ready(http: httpx2.Client) -> Finding:
    ready = http.get("/readyz")
    waiting = ", ".join(_json(ready).get("waitingFor", ())) or ("ready" if ready.is_success else "it does not say why")
    is_database = waiting == "the database"
    mend = "see that the database runs and can be reached" if is_database else "see its log for the cause"
    runbook = "database-down" if is_database else "not-ready"
    return found("the server can serve", waiting, well=ready.is_success, mend=mend, runbook=runbook)


def _version(http: httpx2.Client) -> Finding:
    answer = http.get("/api/v1/openapi.json")
    version = _json(answer).get("info", {}).get("version", "unknown")
    mend = f"install the same here: pip install pennon=={version}"
    detail = f"server {version}, here {__version__}"
    well = version == __version__
    return found("the versions agree", detail, well=well, mend=mend, runbook="versions-mixed", level="warn")


def _inside(http: httpx2.Client, session: httpx2.Response) -> Iterator[Finding]:
    mend = "pennon login URL --token TOKEN"
    name = _json(session).get("name", "") if session.is_success else f"HTTP {session.status_code}"
    yield found("the token is good", str(name), well=session.is_success, mend=mend, runbook="credentials-expiring")
    if not session.is_success:
        return
    health = http.get("/api/v1/health", timeout=6 * TIMEOUT_S)
    if health.status_code == httpx2.codes.FORBIDDEN:
        detail = "the token does not take installation.read"
        yield found("the server says how it is", detail, well=False, mend="ask an administrator", level="note")
        return
    if not health.is_success:
        detail = str(_json(health).get("detail", f"HTTP {health.status_code}"))
        mend = "see its log for the cause"
        yield found("the server says how it is", detail, well=False, mend=mend, runbook="not-ready")
        return
    for item in _json(health).get("items", ()):
        yield msgspec.convert({"well": item["level"] in ("well", "note"), **item}, Finding)


def _stream(url: str, key: str) -> Finding:
    """Return whether the first word of a stream comes at once: a proxy that buffers keeps it."""
    what, runbook = "streams come through at once", "behind-a-proxy"
    started = time.monotonic()
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    try:
        with httpx2.Client(base_url=url, headers=headers, timeout=STREAM_S) as http:
            snapshot = http.get("/sdk/v1/snapshot", timeout=TIMEOUT_S)
            if not snapshot.is_success:
                mend = "give a server key of an environment: pennon key create --kind server"
                return found(what, f"HTTP {snapshot.status_code}", well=False, mend=mend, runbook=runbook)
            state: Any = _json(snapshot)
            since = f"{state['epoch']}.{state['revision']}"
            started = time.monotonic()
            with http.stream("GET", "/sdk/v1/stream", params={"since": since}) as answer:
                next(answer.iter_bytes())
    except (httpx2.TransportError, StopIteration):
        mend = "have the proxy buffer nothing of text/event-stream: docs/how-to/behind-a-proxy.md"
        return found(what, f"nothing within {STREAM_S:g} s", well=False, mend=mend, runbook=runbook)
    return found(what, f"after {(time.monotonic() - started) * 1000:.0f} ms")


def _json(response: httpx2.Response) -> dict[str, Any]:
    """Return the body, empty where it is no JSON object: a proxy may have answered."""
    try:
        decoded = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
