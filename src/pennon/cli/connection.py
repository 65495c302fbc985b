"""Speaks to a server's admin API on behalf of a command: where it is, who asks, and what an error means to a person."""

import json
import os
import time
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote

import httpx2
import msgspec
import typer

from pennon.cli import output

NO = 1
"""Exit status: the answer is no."""
WRONG_USE = 2
UNREACHABLE = 3
DEFAULT_URL = "http://127.0.0.1:8000"
_TIMEOUT_S = 30.0
_BUSY = frozenset({429, 502, 503, 504})
_PASSING = frozenset({"busy", "overloaded", "overtaken"})
"""Problems of a server that are over in a moment."""
_PATIENCE_S = 60.0
_LONGEST_PAUSE_S = 10.0
_START_IT = "start it with: pennon serve; or name another: pennon login URL, or PENNON_URL"


class Login(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which server to speak to and as whom, and what commands mean when they name no project or environment."""

    url: str = DEFAULT_URL
    token: str = ""
    project: str = "default"
    environment: str = ""


def login_file() -> Path:
    """Return where the login is kept: `$XDG_CONFIG_HOME/pennon/login.toml`."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "pennon" / "login.toml"


def known_login() -> Login:
    """Return the login of the environment variables, else of the file, else of a server on this machine."""
    path = login_file()
    try:
        saved = tomllib.loads(path.read_text()) if path.exists() else {}
        login = msgspec.convert(saved, Login)
    except (OSError, ValueError) as error:
        fail(f"{path} cannot be read: {error}", mend="log in again: pennon login URL", status=WRONG_USE)
    named = {name: os.environ.get(f"PENNON_{name.upper()}") for name in Login.__struct_fields__}
    return msgspec.structs.replace(login, **{name: value for name, value in named.items() if value})


def save_login(login: Login) -> Path:
    """Keep *login* for the commands to come, readable by this user only, and return where."""
    path = login_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for name, value in msgspec.structs.asdict(login).items():
            file.write(f"{name} = {json.dumps(value)}\n".encode())  # a JSON string is a TOML string
    draft.replace(path)
    return path


def fail(message: str, *, mend: str = "", status: int = NO) -> NoReturn:
    """End the command: say what is wrong on standard error and, after it, what to do."""
    output.error(message, mend)
    raise typer.Exit(status)


class Server:
    """The admin API of a server. Errors end the command with what the server said and what to do about it.

    *prefix* stands before each path; empty for a server that has no admin API, such as an edge node. *mend* is what to
    do where it cannot be reached.
    """

    def __init__(self, login: Login, *, prefix: str = "api/v1/", mend: str = _START_IT) -> None:
        self.login = login
        self._prefix = prefix
        self._mend = mend
        headers = {"Authorization": f"Bearer {login.token}"} if login.token else {}
        try:
            self._http = httpx2.Client(base_url=login.url, headers=headers, timeout=_TIMEOUT_S)
        except (ValueError, httpx2.InvalidURL) as error:
            fail(f"{login.url!r} is no URL: {error}", mend="write http://host:port", status=WRONG_USE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def read(self, path: str, **query: object) -> Any:
        """Return what GET *path* (below /api/v1) answers."""
        return self.send("GET", path, query=query)

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        """Yield the items of a list, page after page."""
        after: str | None = None
        while True:
            page = self.read(path, **query, **({"after": after} if after is not None else {}))
            yield from page["items"]
            if (after := page.get("next")) is None:
                return

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        timeout_s: float = _TIMEOUT_S,
        named: Callable[[str], str] = str,
        expected: int | None = None,
    ) -> Any:
        """Send *body* as JSON to *path* (below /api/v1) and return the answer; None where it is empty.

        Changes carry an idempotency key and are sent again once if the connection broke, so they are made once. Where
        the server is busy for the moment, it is asked again for a minute at most, and the person is told.
        *named* turns a path in *body* into what people know it by, for problems that the server finds. *expected* is
        the version of what is replaced.
        """
        headers = {"Content-Type": "application/json"}
        if expected is not None:
            headers["If-Match"] = str(expected)
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        content = None if body is None else encoded(body)
        request = {"params": asked, "content": content, "headers": headers, "timeout": timeout_s}
        response = self._answer(method, f"/{self._prefix}{path}", **request)
        if not response.is_success:
            self._refused(response, named)
        return msgspec.json.decode(response.content) if response.content else None

    def alter(self, path: str, fields: Mapping[str, object], *, why: str = "") -> Any:
        """Replace what GET *path* answers by the same with *fields*, and return the answer.

        If somebody alters it in between, nothing is changed, and the command ends by saying so.
        """
        found = self.read(path)
        return self.send("PUT", path, {**found, **fields}, query={"why": why or None}, expected=found["version"])

    def ask(self, method: str, path: str, content: bytes, *, key: str) -> httpx2.Response:
        """Send JSON to *path* (below /api/v1) once, under the idempotency *key*, and return any answer.

        Raises `httpx2.TransportError`.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self._http.request(method, f"/{self._prefix}{path}", content=content, headers=headers)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str], *, headers: Mapping[str, str], silence_s: float
    ) -> Iterator[Iterator[bytes]]:
        """Give what GET *path* (below /api/v1) goes on answering, in pieces as they come.

        Raises `httpx2.TransportError`, also where nothing comes for *silence_s*, and where the server is busy.
        """
        timeout = httpx2.Timeout(_TIMEOUT_S, read=silence_s)
        url = f"/{self._prefix}{path}"
        with self._http.stream("GET", url, params=query, headers=headers, timeout=timeout) as response:
            if response.status_code in _BUSY:
                raise httpx2.ReadError(f"{self.login.url} answered {response.status_code}")
            if not response.is_success:
                response.read()
                self._refused(response, str)
            yield response.iter_raw()

    def _answer(self, method: str, path: str, **request: Any) -> httpx2.Response:
        until = time.monotonic() + _PATIENCE_S
        while True:
            response = self._request(method, path, **request)
            pause_s = _pause_s(response)
            if pause_s is None or time.monotonic() + pause_s > until:
                return response
            output.note(f"The server is busy. Trying again in {pause_s:g} s …")
            time.sleep(pause_s)

    def _request(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            try:
                return self._http.request(method, path, **request)
            except (httpx2.ReadError, httpx2.RemoteProtocolError):
                return self._http.request(method, path, **request)
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            fail(f"{self.login.url} could not be reached: {reason}", mend=self._mend, status=UNREACHABLE)

    def _refused(self, response: httpx2.Response, named: Callable[[str], str]) -> NoReturn:
        try:
            problem = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            problem = None
        if not isinstance(problem, dict):
            said = f"{self.login.url} answered {response.status_code} without saying why"
            fail(said, mend="is this a Pennon server?", status=UNREACHABLE)
        if response.status_code == 401:
            fail(
                problem.get("detail") or "The server does not know this token.",
                mend="log in: pennon login URL --token TOKEN, or set PENNON_TOKEN",
            )
        faults = problem.get("problems") or []
        output.problem(problem | {"problems": [fault | {"path": named(fault.get("path") or "/")} for fault in faults]})
        raise typer.Exit(UNREACHABLE if response.status_code == 503 else NO)


def _pause_s(response: httpx2.Response) -> float | None:
    """Return how long to wait until *response* may be another; None: it will not be in a moment."""
    if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
        return None
    try:
        kind = str(msgspec.json.decode(response.content)["type"]).rpartition(":")[2]
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
        return None
    said = response.headers.get("Retry-After", "")
    return min(float(said) if said.isdigit() else 1.0, _LONGEST_PAUSE_S) if kind in _PASSING else None


def encoded(body: object) -> bytes:
    """Return *body* as JSON, or end the command where it cannot be: of what shells and files give, not all can."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        part = error.object[max(0, error.start - 10) : error.end + 10]
        fail(f"{part!r} is not UTF-8", mend="leave out what is no character", status=WRONG_USE)
    except RecursionError:
        fail("what is sent contains itself, or is nested too deeply", mend="write it out, flat", status=WRONG_USE)
    except TypeError as error:
        fail(f"what is sent cannot be JSON: {error}", mend="use strings as the names of members", status=WRONG_USE)


def path(*parts: str) -> str:
    """Return the URL path of *parts*, each escaped."""
    return "/".join(quote(part, safe="") for part in parts)


def scope(login: Login, project: str | None, environment: str | None = None, *, whole: bool = False) -> str:
    """Return the URL path of the environment (of the project, where *whole*) that a command speaks of."""
    in_project = path("projects", _key("--project", project or login.project))
    if whole:
        return in_project
    if not (named := environment or login.environment):
        fail(
            "Which environment?",
            mend="add --env production, set PENNON_ENVIRONMENT, or choose one for all commands: pennon login --env …",
            status=WRONG_USE,
        )
    return f"{in_project}/{path('environments', _key('--env', named))}"


def _key(option: str, key: str) -> str:
    if "/" in key or key in (".", ".."):  # as a part of a path it would lead elsewhere; of the rest the server judges
        fail(f"{option}: {key!r} is no key", mend="name one that is there, as in production", status=WRONG_USE)
    return key
