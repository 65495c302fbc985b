"""What fault tests need: an origin that can be killed and started anew, SDKs that never stop asking, the truth."""

import contextlib
import os
import signal
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx2
import msgspec

from pennon import Client
from pennon.control.publishing.reader import PREFIX, _delta
from pennon.control.storage import open_storage
from pennon.model import Item, ItemKind, Position, Snapshot
from pennon.protocol.state import State, changes_of, items_of
from tests.ports import free_port
from tests.serving import Api, Process

ENVIRONMENT = "default/production"
PLACE = "projects/default/environments/production"
PATIENCE_S = 60.0
ROUNDS = 5 if os.environ.get("PENNON_LONG_TESTS") == "1" else 1
"""How often each thing that fails does so in one test."""
POLL_S = 1.0
"""So that tests wait for the machinery and not for its politeness."""


def eventually(claim: Callable[[], Any], *, within_s: float = PATIENCE_S, what: str = "it did not come true") -> Any:
    """Return the first true answer of *claim*; fail, saying *what*, if there is none in time."""
    until = time.monotonic() + within_s
    while not (answer := claim()):
        assert time.monotonic() < until, f"{what} within {within_s:g} s"
        time.sleep(0.01)
    return answer


class Mortal(ABC):
    """A server that can be killed, frozen and started again where it was."""

    _process: Process

    def start(self) -> None:
        """Start it again where it was."""
        self._process = self._started()

    def kill(self) -> None:
        """Kill it without warning."""
        self._process.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it where it stands: its connections stay, and say nothing."""
        self._process.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it, however it is."""
        if self._process.process.poll() is None:
            self._process.process.send_signal(signal.SIGCONT)
            self._process.process.kill()
            self._process.ended()

    @abstractmethod
    def _started(self) -> Process:
        """Start a process of it."""


class Origin(Mortal):
    """A `pennon serve` that keeps its port, its data and its token over kills and restarts."""

    def __init__(self, folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = options
        self._environ = environ
        self._process = self._started()
        self.token = self._process.ready.get("administratorToken")
        self.url = self._process.url
        self._keys: dict[str, str] = {}

    @property
    def database(self) -> str:
        """The URL of its database."""
        given = [
            after for name, after in zip(self._options, self._options[1:], strict=False) if name == "--database-url"
        ]
        return given[0] if given else f"sqlite:///{self.folder / 'pennon.db'}"

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.process.pid

    def api(self) -> Api:
        """Return the administrator's client."""
        return Api(self.url, self.token)

    def key(self, kind: str = "server") -> str:
        """Return the secret of a key of that kind, made when it is first asked for."""
        if kind not in self._keys:
            with self.api() as api:
                self._keys[kind] = api.key(ENVIRONMENT, kind)
        return self._keys[kind]

    def change(self, *edits: Mapping[str, object]) -> int:
        """Make one change of several edits, and return the revision."""
        with self.api() as api:
            return int(api.made("POST", f"{PLACE}/changes", {"why": "", "edits": list(edits)})["revision"])

    def make_flags(self, *keys: str) -> None:
        """Make boolean flags, on and serving true."""
        variations = [{"key": "on", "value": True}, {"key": "off", "value": False}]
        with self.api() as api:
            for key in keys:
                api.made("POST", "projects/default/flags", {"key": key, "kind": "boolean", "variations": variations})
        self.change(*({"do": "turnOn", "flag": key} for key in keys))

    def counts(self) -> Mapping[str, int]:
        """Return how often each flag was counted."""
        with self.api() as api:
            found: dict[str, int] = {}
            for count in api.made("GET", f"{PLACE}/counts")["items"]:
                found[count["flag"]] = found.get(count["flag"], 0) + count["count"]
            return found

    def _started(self) -> Process:
        return Process(self.folder, "--port", str(self.port), *self._options, environ=self._environ)


@contextlib.contextmanager
def origin(folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[Origin]:
    """An origin with its data in *folder*, ended afterwards."""
    running = Origin(folder, *options, environ=environ)
    try:
        yield running
    finally:
        running.close()


class Edge(Mortal):
    """A `pennon edge run` that keeps its port and its data over kills and restarts."""

    def __init__(
        self,
        folder: Path,
        *upstreams: str,
        key: str,
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> None:
        self._within = within
        self.folder = folder
        self.name = folder.name
        named = [part for url in upstreams for part in ("--upstream", url)]
        self._options = ["--name", self.name, "--port", str(free_port()), *named, *options]
        self._environ = {"PENNON_EDGE_KEY": key, **(environ or {})}
        self._process = self._started()
        self.url = self._process.url

    def said(self) -> str:
        """Return what it has logged."""
        return self._process.said()

    def _started(self) -> Process:
        return Process(self.folder, *self._options, environ=self._environ, command=("edge", "run"), within=self._within)


@contextlib.contextmanager
def edge(
    folder: Path,
    *upstreams: str,
    key: str,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> Iterator[Edge]:
    """An edge node with its data in *folder*, ended afterwards. *within* is a command that runs its program."""
    running = Edge(folder, *upstreams, key=key, options=options, environ=environ, within=within)
    try:
        yield running
    finally:
        running.close()


def folded(database: str) -> tuple[Position, State]:
    """Return the environment as its log says, folded here from the first row on: no table of states is looked at."""
    storage = open_storage(database)
    try:
        state, position = State.of({}), Position(1, 0)
        with storage.log.reading() as reading:
            while changes := reading.changes(PREFIX + ENVIRONMENT, after=position.revision, limit=500):
                for change in changes:
                    assert change.revision == position.revision + 1, "the log has a gap"
                    state, _ = state.after(changes_of(_delta(ENVIRONMENT, change)))
                    position = Position(change.epoch, change.revision)
    finally:
        storage.close()
    return position, state


def texts(items: Mapping[ItemKind, Mapping[str, Item]]) -> dict[tuple[str, str], bytes]:
    """Return what the server projection holds, item by item, as it travels."""
    return {
        (kind, key): bytes(item.text)
        for kind in ("flag", "segment", "layer")
        for key, item in items.get(kind, {}).items()
    }


def held_by(url: str, key: str) -> tuple[Position, dict[tuple[str, str], bytes]]:
    """Return where the node at *url* stands and what it serves."""
    answer = httpx2.get(f"{url}/sdk/v1/snapshot", headers={"authorization": f"Bearer {key}"}, timeout=60)
    assert answer.status_code == 200, answer.text
    snapshot = Snapshot.from_json(answer.content)
    return snapshot.position, texts(items_of(snapshot))


class Asking:
    """An SDK that is asked for a flag without pause, in a thread of its own. Used as a context manager."""

    def __init__(self, *urls: str, key: str, flag: str = "steady", **options: Any) -> None:
        self.client = Client(list(urls), key=key, poll_interval_s=POLL_S, flush_interval_s=1.0, **options)
        self.flag = flag
        self.asked = 0
        self.failures: list[str] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, name="asking")

    def __enter__(self) -> Self:
        assert self.client.wait_until_ready(60), self.client.status().problem
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)
        self.client.close(1)

    @property
    def revision(self) -> int:
        """The revision by which it evaluates."""
        return self.client.status().revision

    def _ask_on(self) -> None:
        newest = 0
        while not self._ending.is_set():
            rules = self.client.rules()
            result = rules.evaluation(self.flag, {"targetingKey": f"user-{self.asked}"}, default=False)
            self.asked += 1
            if result.error_code is not None or result.value is not True:
                self.failures.append(f"{result}")
            if rules.revision < newest:
                self.failures.append(f"revision {rules.revision} after {newest}")
            newest = max(newest, rules.revision)
            time.sleep(0.0005)


def assert_agreement(origin: Origin, asking: Sequence[Asking], nodes: Sequence[str] = ()) -> None:
    """Wait until every replica holds what the log says, item by item; and assert that no evaluation ever failed."""
    key = origin.key()  # before the log is read: making one is a change
    position, state = folded(origin.database)
    truth = texts(state.items)
    for each in asking:
        eventually(partial(_stands_at, each, position), what="an SDK did not catch up")
        assert texts(items_of(each.client.rules().snapshot)) == truth
    for url in (origin.url, *nodes):
        eventually(partial(_serves, url, key, position), what=f"{url} did not catch up")
        assert held_by(url, key) == (position, truth)
    for each in asking:
        assert each.asked > 0
        assert each.failures == []


def _stands_at(asking: Asking, position: Position) -> bool:
    return asking.client.rules().snapshot.position == position


def _serves(url: str, key: str, position: Position) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return held_by(url, key)[0] == position
    return False


def wait_for(sdks: Sequence[Asking], revision: int) -> None:
    """Wait until each SDK evaluates by *revision* at least."""
    for sdk in sdks:
        eventually(partial(_is_at, sdk, revision), what=f"an SDK did not come to revision {revision}")


def _is_at(asking: Asking, revision: int) -> bool:
    return asking.revision >= revision


def wait_until_asked(sdks: Sequence[Asking], times: int) -> None:
    """Wait until each SDK was asked so many times more."""
    wanted = [sdk.asked + times for sdk in sdks]
    eventually(lambda: all(sdk.asked >= most for sdk, most in zip(sdks, wanted, strict=True)), what="an SDK hangs")


def turn(shop: Origin, *, on: bool) -> int:
    """Turn the flag that moves on or off, and return the revision of that."""
    return shop.change({"do": "turnOn" if on else "turnOff", "flag": "moving"})


class Reporting:
    """Posts batches of counts until they are taken, each again under its own number as long as it is not."""

    def __init__(self, *urls: str, key: str, flag: str = "reported") -> None:
        self.urls = urls
        self.acknowledged = 0
        self.refused: list[int] = []
        self._key = key
        self._flag = flag
        self._instance = uuid.uuid4().hex
        self._sequence = 0

    def report(self, *, patience_s: float = PATIENCE_S) -> None:
        """Post one batch of one evaluation until somebody has taken it."""
        self._sequence += 1
        now = int(time.time() * 1000)
        counter = {
            "flag": self._flag,
            "version": 1,
            "variation": "on",
            "reason": "FALLTHROUGH",
            "count": 1,
            "from": now,
            "to": now,
        }
        batch = {
            "instance": self._instance,
            "sequence": self._sequence,
            "batchId": f"{self._instance}-{self._sequence}",
            "sentAt": now,
            "sdk": "fault-test",
            "dropped": {},
            "counters": [counter],
        }
        refused, began = len(self.refused), time.monotonic()
        while not self._is_taken(msgspec.json.encode(batch)):
            # One that was not answered may have been taken, and says nothing of a disk: it is sent for longer.
            longest_s = patience_s if len(self.refused) > refused else PATIENCE_S
            assert time.monotonic() < began + longest_s, f"nobody took a batch: {self.refused[-3:]}"
            time.sleep(0.05)
        self.acknowledged += 1

    def _is_taken(self, body: bytes) -> bool:
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        for url in self.urls:
            with contextlib.suppress(httpx2.HTTPError):
                answer = httpx2.post(f"{url}/sdk/v1/events", content=body, headers=headers, timeout=10)
                if answer.status_code == 202:
                    return True
                self.refused.append(answer.status_code)
        return False
