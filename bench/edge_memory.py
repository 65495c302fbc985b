"""Memory of real edge nodes with 10,000 and 100,000 five-rule flags, with a limit and without, beside an empty one.

Each node starts from its store with a dead upstream, as after a restart; then flags are evaluated over OFREP. And what
a flag costs that is compiled, beside one that has to be read from the file first.
"""

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.memory import five_rules
from pennon.edge.kv import StateStore, StoredState, store_at
from pennon.edge.tiers import Housing
from pennon.engine import compile_snapshot
from pennon.model import Item, ItemKind, KeyRecord, Position, Segment, Snapshot
from pennon.protocol import digest

ENVIRONMENT = "bench/production"
EDGE_KEY, SERVER_KEY = "pennon_edge_bench", "pennon_server_bench"
LIMIT = "256MiB"
ASKED = 10_000
CONTEXT = {"targetingKey": "u1", "country": "DE", "version": "3.0.0", "email": "a@b.example", "age": 40}


def state(flags: int) -> Snapshot:
    """Return an environment of so many flags, with the keys of an edge and of an SDK."""
    keys = [KeyRecord(_hash(EDGE_KEY), "edge"), KeyRecord(_hash(SERVER_KEY), "server")]
    items: dict[ItemKind, Mapping[str, Item]] = {
        "flag": {flag.key: Item.of(flag) for flag in map(five_rules, range(flags))},
        "segment": {f"segment-{at}": Item.of(Segment(f"segment-{at}", included=("u1",))) for at in range(100)},
        "key": {record.key: Item.of(record) for record in keys},
    }
    position = Position(1, 1)
    return Snapshot.of(items, environment=ENVIRONMENT, position=position, digest=digest.combined(items))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def kept(snapshot: Snapshot, folder: Path) -> None:
    """Leave *snapshot* where a node finds it that starts with this data *folder*."""

    async def save() -> None:
        states = StateStore(store_at((folder / "kv").as_uri()))
        await states.save(StoredState(ENVIRONMENT, snapshot, time.time(), time.time()))
        await states.close()

    asyncio.run(save())


@contextlib.contextmanager
def node(folder: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Run an edge node; give its process id and its port once it is ready."""
    command = [sys.executable, "-c", "from pennon.cli import main; main()", "edge", "run", "--json", "--port", "0"]
    command += ["--data", str(folder), "--upstream", "http://127.0.0.1:9", "--log-level", "error", *options]
    environ = {**os.environ, "PENNON_EDGE_KEY": EDGE_KEY}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            yield process.pid, int(ready["url"].rpartition(":")[2])
        finally:
            process.terminate()


def memory(pid: int) -> tuple[float, float]:
    """Return RSS and PSS of a process, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines}
    return found["Rss"], found["Pss"]


def ask(port: int, flags: int, count: int) -> float:
    """Evaluate *count* of *flags*, each once; return the seconds that one took."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {SERVER_KEY}", "Content-Type": "application/json"}
    body = json.dumps({"context": CONTEXT})
    started = time.perf_counter()
    for at in range(count):
        connection.request("POST", f"/ofrep/v1/evaluate/flags/flag-{at * (flags // count)}", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
    return (time.perf_counter() - started) / count


def measure(flags: int, *options: str) -> None:
    """Print what a node takes that holds so many *flags*."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        kept(state(flags), folder)
        with node(folder, *options) as (pid, port):
            _, started = memory(pid)
            took = ask(port, flags, min(flags, ASKED)) if flags else 0.0
            rss, pss = memory(pid)
        limit = " ".join(options) or "no limit"
        print(f"{flags:>7,} flags, {limit:24} {started:8.1f} {rss:8.1f} {pss:8.1f} {took * 1e6:10.0f}")


def cost(flags: int) -> None:
    """Print what an evaluation costs of a flag that is compiled, and of one that is not, in memory and in a file."""
    whole = state(flags)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        for what, snapshot in (("in memory", whole), ("in a file", Housing(Path(name)).house(whole))):
            rules = compile_snapshot(snapshot).bounded(2**20)
            keys = [f"flag-{at}" for at in range(flags)]
            cold = _each(rules.evaluate, keys)
            hot = min(_each(rules.evaluate, keys[-100:]) for _ in range(50))
            print(f"{what:12} cold {cold * 1e6:8.1f} µs   compiled {hot * 1e6:6.2f} µs")


def _each(evaluate: object, keys: list[str]) -> float:
    assert callable(evaluate)
    started = time.perf_counter()
    for key in keys:
        evaluate(key, CONTEXT, False)
    return (time.perf_counter() - started) / len(keys)


def main() -> None:
    print(f"{'':40} {'started':>8} {'RSS':>8} {'PSS':>8} {'µs a call':>10}   MB; after {ASKED:,} flags were evaluated")
    measure(0)
    for flags in (10_000, 100_000):
        measure(flags)
        measure(flags, "--memory-limit", LIMIT)
    cost(10_000)


if __name__ == "__main__":
    main()
