"""Origin and edges die at any line, again and again, while SDKs report: what was acknowledged is counted, and once.

The SDKs keep a batch until it is acknowledged, as ours do. Some of them have two ways and send each batch by both.
"""

import collections
import contextlib
import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import pytest

from pennon.control.storage import Storage, open_storage
from tests.integration.mortal import FLAGS
from tests.integration.nodes import ENVIRONMENT, SERVER, eventually
from tests.ports import free_port
from tests.processes import Started, processes

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"
DEATHS = 200 if LONG else 4
LINES = 6000
"""A process lives for so many lines of what handles events, at most: some of them for opening the spool only."""


class Mortal:
    """A server at one address that is started again whenever it dies."""

    def __init__(self, kind: str, folder: Path, chance: random.Random, *upstreams: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.deaths = 0
        self._command = [kind, self.url.rpartition(":")[2], str(folder)]
        self._upstreams = upstreams
        self._chance = chance
        self._immortal = False
        self._process = self._started()
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def live(self) -> None:
        """Die no more, but for once by another's hand."""
        self._immortal = True
        self._process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        self._immortal = True
        self._over.set()
        while self._keeper.is_alive():
            self._process.send_signal(signal.SIGKILL)  # whichever it is now: the keeper may be starting another
            self._keeper.join(0.1)

    def _keep(self) -> None:
        while True:
            assert self._process.stdout is not None
            self._process.stdout.read()
            self._process.wait()
            self._process.stdout.close()
            if self._over.is_set():
                return
            self.deaths += 1
            self._process = self._started()

    def _started(self) -> Started:
        kind, port, folder = self._command
        due = 0 if self._immortal else self._chance.randrange(1, LINES)
        arguments = [kind, port, folder, str(due), *self._upstreams]
        return processes().start(arguments, main="tests.integration.mortal:main")


class Sdk(threading.Thread):
    """Reports batch after batch, each until it is acknowledged on every way that it has."""

    def __init__(self, flag: str, instance: str, ways: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._flag = flag
        self._instance = instance
        self._ways = ways
        self.over = threading.Event()
        self.acknowledged = 0

    def run(self) -> None:
        with httpx2.Client(headers={"x-api-key": SERVER}, timeout=20) as client:
            for sequence in itertools.count(1):
                if self.over.is_set():
                    return
                count = 1 + sequence % 7
                for way in self._ways:
                    self._send(client, way, sequence, count)
                self.acknowledged += count

    def _send(self, client: httpx2.Client, way: str, sequence: int, count: int) -> None:
        now = int(time.time() * 1000)
        counter = {"flag": self._flag, "variation": "on", "reason": "SPLIT", "count": count, "from": now, "to": now}
        body = {"instance": self._instance, "sequence": sequence, "counters": [counter]}
        while True:
            try:
                answer = client.post(f"{way}/sdk/v1/events", json=body)
            except httpx2.HTTPError:
                time.sleep(0.01)
                continue
            if answer.status_code == 202:
                return
            assert answer.status_code == 503, answer.text


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    (tmp_path / "origin").mkdir()
    opened = open_storage(f"sqlite:///{tmp_path / 'origin' / 'pennon.db'}")
    yield opened
    opened.close()


def counted(storage: Storage) -> dict[str, int]:
    totals: dict[str, int] = collections.Counter()
    for entry in storage.counts.totals(ENVIRONMENT):
        totals[entry.flag] += entry.count
    return totals


@pytest.mark.timeout(900)
def test_what_is_acknowledged_is_counted_once_whoever_dies_wherever(tmp_path: Path, storage: Storage) -> None:
    chance = random.Random(time.time_ns())
    origin = Mortal("origin", tmp_path / "origin", chance)
    hub = Mortal("edge", tmp_path / "hub", chance, origin.url)
    # The second prefers the hub, and goes to the origin when that is dead: its batches come by two ways, too.
    edge = Mortal("edge", tmp_path / "edge", chance, hub.url, origin.url)
    nodes = (origin, hub, edge)
    ways = ([hub.url], [edge.url], [edge.url, hub.url], [origin.url, edge.url])
    sdks = [Sdk(flag, f"{flag}-instance", way) for flag, way in zip(FLAGS, ways, strict=True)]
    try:
        for sdk in sdks:
            sdk.start()
        eventually(lambda: sum(node.deaths for node in nodes) >= DEATHS, within=60 * DEATHS)
        for node in nodes:
            node.live()
        for sdk in sdks:
            sdk.over.set()
        for sdk in sdks:
            sdk.join(200)
            assert not sdk.is_alive()
        expected = {flag: sdk.acknowledged for flag, sdk in zip(FLAGS, sdks, strict=True)}
        assert all(expected.values())
        with contextlib.suppress(AssertionError):  # it is asserted below, where the difference is shown
            eventually(lambda: counted(storage) == expected, within=200)
    finally:
        for node in nodes:
            node.stop()
    assert not list(tmp_path.glob("*/dead/*"))
    assert counted(storage) == expected
