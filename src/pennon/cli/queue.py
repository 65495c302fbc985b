"""Commands that wait until a server takes them: kept in files, sent again under one idempotency key, made once.

A file is there before its command is sent for the first time, and until the server has said what became of it. So
whatever is killed when, the command is neither lost nor made twice. Files hold no token, but a hash of the one that the
command was given under: under another, the server could not know that it is the same command.
"""

import datetime
import hashlib
import os
import random
import secrets
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import msgspec

from pennon.cli import output
from pennon.cli.connection import NO, UNREACHABLE, Login, Server, encoded, fail

KEPT = datetime.timedelta(hours=23)
"""The server knows an idempotency key for a day. What is older could be made a second time."""
_FIRST_S, _LONGEST_S = 1.0, 30.0
_LATER = frozenset({429, 502, 503, 504})

Sleep: TypeAlias = Callable[[float], None]


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A command that waits. `content` is its body as it is sent; `refused` says why it never will be made."""

    id: str
    sentence: str
    url: str
    path: str
    content: str
    key: str
    holder: str
    kept_at: datetime.datetime
    refused: str | None = None


class Waiting(Exception):
    """The server does not take the command now. The text says why; `after_s` is what it said about when."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        self.after_s = after_s
        super().__init__(why)


class Stuck(Exception):
    """The command cannot be sent until a person has done something. The text says what."""


class Refused(Exception):
    """The server will not make the command, or nobody can tell any more whether it did. The text says why."""


class Queue:
    """The commands that wait, in *folder*: `$XDG_STATE_HOME/pennon/queue`, for nobody else to read."""

    def __init__(self, folder: Path | None = None) -> None:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        self.folder = folder or Path(state) / "pennon" / "queue"

    def keep(self, login: Login, path: str, body: object, sentence: str) -> Queued:
        """Keep a command for the server of *login*, and return it."""
        queued = Queued(
            id=secrets.token_hex(4),
            sentence=sentence,
            url=login.url,
            path=path,
            content=encoded(body).decode(),
            key=str(uuid.uuid4()),
            holder=_holder(login),
            kept_at=now(),
        )
        self.write(queued)
        return queued

    def write(self, queued: Queued) -> None:
        """Keep *queued* as it is now. Whole or not at all, whatever happens to the machine."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.folder / f".{queued.id}.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(queued))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file(queued))
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def drop(self, queued: Queued) -> None:
        """Keep a command no more."""
        self._file(queued).unlink(missing_ok=True)

    def all(self) -> list[Queued]:
        """Return the commands, the oldest first."""
        return sorted(self._read(), key=lambda queued: (queued.kept_at, queued.id))

    def _read(self) -> Iterator[Queued]:
        for file in self.folder.glob("*.json"):
            try:
                yield msgspec.json.decode(file.read_bytes(), type=Queued)
            except FileNotFoundError:  # another one has just sent it
                continue
            except (OSError, msgspec.DecodeError) as error:
                output.note(f"{file} cannot be read: {error}")

    def _file(self, queued: Queued) -> Path:
        return self.folder / f"{queued.id}.json"


def send(queue: Queue, queued: Queued, login: Login) -> Any:
    """Send *queued* once, drop it from the queue if it was made, and return the server's answer.

    Raises `Waiting`, `Stuck`, and `Refused`, which the queue notes.
    """
    try:
        answer = _sent(queued, login)
    except Refused as error:
        queue.write(msgspec.structs.replace(queued, refused=str(error)))
        raise
    queue.drop(queued)
    return answer


def insist(queue: Queue, queued: Queued, login: Login, *, sleep: Sleep) -> Any:
    """Send *queued* again and again, and tell on standard error, until the server has decided.

    Raises `Refused`, `Stuck`.
    """
    tries, told = 0, ""
    while True:
        try:
            return send(queue, queued, login)
        except Waiting as error:
            tries += 1
            wait_s = max(error.after_s, _backoff_s(tries))
            if str(error) != told:
                output.note(f"not made yet, kept as {queued.id}: {error}")
                told = str(error)
            output.note(f"  try {tries + 1} in {wait_s:.0f} s")
            sleep(wait_s)


def make_surely(login: Login, path: str, body: object, sentence: str, *, sleep: Sleep) -> Any:
    """Keep a command and send it until the server has decided; return what it answered, or end the command."""
    queue = Queue()
    queued = queue.keep(login, path, body, sentence)
    try:
        return insist(queue, queued, login, sleep=sleep)
    except Refused as error:
        queue.drop(queued)  # whoever gave it is here, and reads why
        fail(f"{sentence}: {error}")
    except Stuck as error:
        fail(f"{sentence}: not made yet, kept as {queued.id}: {error}", mend="then: pennon change queue run")
    except KeyboardInterrupt:
        fail(f"{sentence}: not made yet; kept as {queued.id}", mend="pennon change queue run", status=UNREACHABLE)


def now() -> datetime.datetime:
    """Return the time, by which kept commands grow old."""
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251  # an entry point


def _sent(queued: Queued, login: Login) -> Any:
    if queued.holder != _holder(login):
        raise Stuck("it was given under another token; log in with that one, or drop it and give it again")
    if now() - queued.kept_at > KEPT:
        raise Refused("it is older than 23 hours: whether it was made cannot be told any more; look, then drop it")
    with Server(msgspec.structs.replace(login, url=queued.url)) as server:
        try:
            response = server.ask("POST", queued.path, queued.content.encode(), key=queued.key)
        except httpx2.TransportError as error:
            raise Waiting(f"{queued.url} could not be reached: {str(error) or type(error).__name__}") from error
    if response.is_success:
        return msgspec.json.decode(response.content) if response.content else None
    why = _told(response)
    if response.status_code in _LATER:
        said = response.headers.get("Retry-After", "")
        raise Waiting(why, float(said) if said.isdigit() else 0.0)
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        raise Stuck(f"{why} Log in again: pennon login URL --token TOKEN")
    raise Refused(why)


def _told(response: httpx2.Response) -> str:
    try:
        problem = msgspec.json.decode(response.content)
        faults = [f"{each['path'] or '/'}: {each['message']}" for each in problem.get("problems", ())]
        return " ".join([problem["detail"], *faults])
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        return f"it answered {response.status_code} without saying why"


def _holder(login: Login) -> str:
    return hashlib.sha256(login.token.encode()).hexdigest()[:16] if login.token else ""


def _backoff_s(tries: int) -> float:
    longest = min(_LONGEST_S, _FIRST_S * 2 ** min(tries - 1, 10))
    return random.uniform(longest / 2, longest)  # it spreads load, and keeps no secret


def status_of(outcomes: list[str]) -> int:
    """Return the exit status for commands that ended so: `made`, `refused` or `waiting`."""
    if "refused" in outcomes:
        return NO
    return UNREACHABLE if "waiting" in outcomes else 0
