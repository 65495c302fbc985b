"""Runs the servers and the load, in turns, so that what else the machine does meets all alike.

Servers get one processor, the load another. Each round asks every server for a while; rates are medians over rounds.
Beside the rate there is the processor time of the server for a request, which other work disturbs least.
"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from bench.ofrep.servers import SERVERS, Absent, Asking, Running, load_cpus, on_cpus, running

WAYS = ("single", "bulk")
_CONNECTIONS = 16
_TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


class Extent(NamedTuple):
    """How much is measured."""

    rounds: int
    slice_s: int


FULL = Extent(rounds=5, slice_s=4)
QUICK = Extent(rounds=2, slice_s=2)


class Slice(NamedTuple):
    """What one server did in one round: requests a second, latencies in milliseconds, µs of its processor for each."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    failed: int


class Results:
    """What was found. `absent` says of each server that was not there why."""

    def __init__(self, extent: Extent) -> None:
        self.extent = extent
        self.slices: dict[tuple[str, str], list[Slice]] = {}
        self.absent: dict[str, str] = {}

    def middle(self, server: str, way: str) -> Slice | None:
        """Return the medians of a server, None where it was not measured."""
        found = self.slices.get((server, way))
        if not found:
            return None
        rate, p50_ms, p99_ms, cpu_us, _ = (statistics.median(column) for column in zip(*found, strict=True))
        return Slice(rate, p50_ms, p99_ms, cpu_us, sum(each.failed for each in found))

    def ratio(self, server: str, other: str, way: str, what: str = "rate") -> float | None:
        """Return the median over rounds of *what* of one server divided by another's."""
        ours, theirs = self.slices.get((server, way)), self.slices.get((other, way))
        if not ours or not theirs:
            return None
        pairs = zip(ours, theirs, strict=True)
        return statistics.median(float(getattr(a, what)) / float(getattr(b, what)) for a, b in pairs)


def run(names: Iterable[str], extent: Extent, *, tell: Callable[[str], None]) -> Results:
    """Measure the servers *names*."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: scripts/debian-packages, or apt-get install wrk")
    results = Results(extent)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pennon-wrk-")))
        servers: dict[str, Running] = {}
        for name in names:
            try:
                servers[name] = stack.enter_context(running(name))
            except Absent as absent:
                results.absent[name] = str(absent)
        for server in servers.values():
            for way in WAYS:
                _load(server, getattr(server, way), folder, 1)
        for number in range(extent.rounds):
            tell(f"round {number + 1}")
            for way in WAYS:
                for name, server in servers.items():
                    found = _load(server, getattr(server, way), folder, extent.slice_s)
                    results.slices.setdefault((name, way), []).append(found)
    return results


def _load(server: Running, asking: Asking, folder: Path, seconds: int) -> Slice:
    lua = folder / "ask.lua"
    lua.write_text(script(asking))
    wrk = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency"]
    before = _cpu_us(server.process)
    said = subprocess.run(
        on_cpus([*wrk, "-s", str(lua), server.url], load_cpus()),
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return told(said, spent_us=_cpu_us(server.process) - before)


def told(said: str, *, spent_us: float) -> Slice:
    """Return what wrk *said*, with the processor time that its server spent meanwhile."""
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Slice(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p50_ms=_milliseconds(_found(r"(?m)^ +50% +(\S+)", said)),
        p99_ms=_milliseconds(_found(r"(?m)^ +99% +(\S+)", said)),
        cpu_us=spent_us / max(int(_found(r"(\d+) requests in", said)), 1),
        failed=int(failed[1]) if failed else 0,
    )


def script(asking: Asking) -> str:
    """Return the script by which wrk asks *asking*."""
    lines = [f"wrk.method = {json.dumps(asking.method)}", f"wrk.path = {json.dumps(asking.path)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in asking.headers.items()]
    if asking.body:
        lines.append(f"wrk.body = {json.dumps(asking.body.decode())}")
    return "\n".join(lines) + "\n"


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, f"wrk says no {pattern}: {text}"
    return match[1]


def _milliseconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s)", text)
    assert match is not None, text
    return float(match[1]) * _UNITS[match[2]]


def _cpu_us(process: int) -> float:
    """Return the processor time that *process* has used, user's and kernel's."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_US


TITLES = {name: server.title for name, server in SERVERS.items()}
