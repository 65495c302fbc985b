"""Eight processes of one host with 10,000 flags, each with a stream of its own and sharing: memory, CPU and lag.

Memory is the proportional set size, which divides a page among those who share it, beyond that of eight processes whose
environment has one flag. The server is a stream node in this process.
"""

import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from bench.memory import FLAGS, SEGMENTS, five_rules
from pennon.model import Flag, Segment
from pennon.sdk.stores import FileStore, Stored
from tests.integration import nodes

WORKERS = 8
CHANGES = 50
USED = 300

_WORKER = """
import gc, json, os, sys, time
from pennon import Client
options = json.loads(sys.argv[1])
used, options = options.pop("used"), options
def tell(change):
    os.write(1, b"%d %.6f\\n" % (change.revision, time.monotonic()))
client = Client(**options)
assert client.wait_until_ready(60)
for number in range(used):
    for user in ("u1", "u2"):
        client.boolean(f"flag-{number}", {"targetingKey": user, "country": "DE", "version": "3.0.0",
                                          "email": "a@b.example", "age": 40})
gc.collect()
client.on_change(tell)
os.write(1, b"ready\\n")
sys.stdin.read()
"""


class Worker:
    """A process with a client."""

    def __init__(self, options: Mapping[str, Any], used: int) -> None:
        told = msgspec.json.encode({**options, "used": used}).decode()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, told], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def said(self) -> bytes:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], 60)[0]:
            raise AssertionError("a worker says nothing")
        return self._process.stdout.readline()

    def pss(self) -> int:
        rollup = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text("ascii")
        return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.communicate(timeout=30)


def main() -> None:
    if not Path("/proc/self/smaps_rollup").exists():
        print("this system does not say what processes share")
        return
    with tempfile.TemporaryDirectory() as folder:
        with nodes.running(five_rules(0)) as small:
            floor = _memory(small, {"store": f"{folder}/none"}, 1)
        models: list[Flag | Segment] = [
            *map(five_rules, range(FLAGS)),
            *(Segment(f"segment-{n}", included=("u1",)) for n in range(SEGMENTS)),
        ]
        with nodes.running(*models) as node:
            text = len(node.log.state(nodes.ENVIRONMENT).to_json())
            print(
                f"{FLAGS:,} flags, {text / 1e6:.1f} MB of text; {WORKERS} processes with one flag: {floor / 1e6:.0f} MB"
            )
            print(f"{'':34} {'streams':>7} {'MB more':>8} {'x text':>7} {'lag p50':>8} {'max':>7} {'CPU a change':>13}")
            for used in (0, USED):
                for name, store in (("a stream each", None), ("shared", f"{folder}/{used}")):
                    what = f"{name}, {used} flags used" if used else name
                    _measure(node, what, {"store": store}, used, floor, text)
            _show_writing(node, Path(folder))


def _memory(node: nodes.RunningNode, options: Mapping[str, Any], used: int) -> int:
    with ExitStack() as stack:
        workers = _started(node, options, used, stack)
        return sum(worker.pss() for worker in workers)


def _measure(node: nodes.RunningNode, name: str, options: Mapping[str, Any], used: int, floor: int, text: int) -> None:
    with ExitStack() as stack:
        workers = _started(node, options, used, stack)
        memory = sum(worker.pss() for worker in workers) - floor
        streams = node.value("pennon_streams", projection="server")
        _lag(node, workers, 0)  # what is done for the first time takes longer
        before = sum(worker.cpu_s() for worker in workers)
        lags = [_lag(node, workers, number) for number in range(CHANGES)]
        cpu = (sum(worker.cpu_s() for worker in workers) - before) / CHANGES
        print(
            f"{name:34} {streams:7.0f} {memory / 1e6:8.1f} {memory / text:7.1f}"
            f" {statistics.median(lags) * 1e3:5.1f} ms {max(lags) * 1e3:4.0f} ms {cpu * 1e3:10.1f} ms"
        )


def _lag(node: nodes.RunningNode, workers: Iterable[Worker], number: int) -> float:
    """Change a flag, and return how long it takes until the last worker knows it."""
    made_at = time.monotonic()
    revision = node.write(five_rules(number)).revision
    return max(_known_at(worker, revision) for worker in workers) - made_at


def _started(node: nodes.RunningNode, options: Mapping[str, Any], used: int, stack: ExitStack) -> Iterable[Worker]:
    workers = []
    for _ in range(WORKERS):
        workers.append(Worker({"url": node.url, "key": nodes.SERVER, **options}, used))
        stack.callback(workers[-1].stop)
    for worker in workers:
        assert worker.said() == b"ready\n"
    return workers


def _known_at(worker: Worker, revision: int) -> float:
    while True:
        known, at = worker.said().split()
        if int(known) >= revision:
            return float(at)


def _show_writing(node: nodes.RunningNode, folder: Path) -> None:
    """Show what a change costs the leader: a record in the journal, or the file written anew."""
    store = FileStore(folder / "written")
    snapshot = node.log.state(nodes.ENVIRONMENT)
    started = time.perf_counter()
    journal = store.begin(Stored(snapshot, time.time()))
    whole = time.perf_counter() - started
    deltas = node.log._deltas[nodes.ENVIRONMENT][-CHANGES:]
    started = time.perf_counter()
    for delta in deltas:
        journal.add(time.time(), delta)
    print(
        f"the file whole: {whole * 1e3:.0f} ms; a change in its journal: "
        f"{(time.perf_counter() - started) / len(deltas) * 1e6:.0f} µs"
    )
    journal.close()


if __name__ == "__main__":
    main()
