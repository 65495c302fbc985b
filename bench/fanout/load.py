"""Runs the load client against a server, and reads what it found."""

import os
import re
import signal
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.fanout.servers import EVENT_BYTES, Target
from bench.fanout.tools import Tools

_HOLD = re.compile(r"hold (\d+)s server cpu ([\d.]+)s .*closed (\d+)")
_TIMEOUT_S = 30
_GRACE_S = 60
"""A client that is not done so long after it should be is ended."""
_SAID_LINES = 5


class Connected(NamedTuple):
    """How the streams came to be."""

    streams: int
    failed: int
    per_second: float
    cpu_us: float
    p99_ms: float
    memory_kib: float


class Broadcast(NamedTuple):
    """One event on its way to all."""

    number: int
    got: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    lost: int
    doubled: int
    """Told twice, or out of order, or of another size than it should have."""
    cut: int
    """Streams that ended."""
    is_quiet: bool

    @property
    def wrong(self) -> int:
        """How many streams did not get it, or not once, or ended."""
        return self.lost + self.doubled + self.cut


class Load(NamedTuple):
    """What one run of the load client found."""

    connected: Connected
    broadcasts: list[Broadcast]
    idle_cpu: float | None
    """Of one core, while it held the streams."""
    complaints: tuple[str, ...] = ()
    """What went wrong otherwise: with the client, or with the servers, of which some may have ended."""


class Plan(NamedTuple):
    """What a run does: so many *broadcasts* to so many *streams*, *gap_ms* apart at least, then *hold_s* of quiet.

    With *asleep_ms* the readers sleep for so long after each publish and go by the kernel's time stamps, so that the
    server has the machine to itself, as if they were elsewhere. With *every_ms* broadcasts begin so often, if each has
    reached everybody by then; with *for_s* that goes on for so long at the most.
    """

    streams: int
    broadcasts: int
    gap_ms: int = 300
    hold_s: int = 0
    asleep_ms: int = 0
    every_ms: int = 0
    for_s: int = 0


def load(tools: Tools, target: Target, plan: Plan, done: Callable[[float], None] = lambda share: None) -> Load:
    """Load a server as planned. *done* is told how much of it is done, between 0 and 1."""
    streams = plan.streams
    command = [str(tools.client), "-j", "-n", str(streams), "-p", str(target.port), "-u", target.path]
    command += ["-P", target.publish, "-r", str(plan.broadcasts), "-s", str(EVENT_BYTES), "-T", str(_TIMEOUT_S)]
    command += ["-g", ",".join(map(str, target.pids)), "-h", str(plan.hold_s), "-G", str(plan.gap_ms)]
    command += ["-k", "-l", str(plan.asleep_ms)] if plan.asleep_ms else []
    command += ["-I"] if target.by_id else []
    for header in target.headers:
        command += ["-A", header]
    environ = {"SSEFAN_EVERY_MS": plan.every_ms, "SSEFAN_FOR_S": plan.for_s}
    told = {name: str(value) for name, value in environ.items() if value}
    lasts_s = plan.for_s or (plan.broadcasts * _TIMEOUT_S + plan.hold_s)
    output, complaints = _told(
        command, told, _TIMEOUT_S + lasts_s + _GRACE_S, lambda lines: done(lines / (plan.broadcasts + 1))
    )
    gone = sum(not Path(f"/proc/{pid}").exists() for pid in target.pids)
    if gone:
        complaints = (*complaints, f"{gone} of the server's {len(target.pids)} processes ended")
    return _read(output, streams)._replace(complaints=complaints)


class Herd(NamedTuple):
    """Clients who come, *at_once* at a time, and leave when they have what they came for: a document, or an event."""

    comers: int
    path: str
    is_document: bool
    headers: tuple[str, ...] = ()
    at_once: int = 64


def come(tools: Tools, target: Target, herd: Herd) -> Connected:
    """Let a herd come to a server."""
    command = [str(tools.client), "-j", "-C", "-x", "-n", str(herd.comers), "-p", str(target.port), "-u", herd.path]
    command += ["-c", str(herd.at_once), "-w", "1", "-g", ",".join(map(str, target.pids)), "-T", str(_TIMEOUT_S)]
    command += ["-B"] if herd.is_document else ["-I"] if target.by_id else []
    for header in (*target.headers, *herd.headers):
        command += ["-A", header]
    output, _ = _told(command, {}, 2 * _TIMEOUT_S + _GRACE_S, lambda _: None)
    return _read(output, herd.comers).connected


def _told(
    command: list[str], environ: Mapping[str, str], most_s: float, line_came: Callable[[int], None]
) -> tuple[str, tuple[str, ...]]:
    """Run the client for *most_s* at the most. Return what it found, and what it complained of."""
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **environ},
            start_new_session=True,
        ) as client,
    ):
        late = threading.Event()

        def end() -> None:
            late.set()
            with suppress(ProcessLookupError):
                os.killpg(client.pid, signal.SIGKILL)

        timer = threading.Timer(most_s, end)
        timer.start()
        try:
            assert client.stdout is not None
            lines = []
            for line in client.stdout:
                lines.append(line)
                line_came(len(lines))
            client.wait()
        except BaseException:
            end()
            raise
        finally:
            timer.cancel()
        errors.seek(0)
        # What it says of its work begins with the label, which is empty.
        said = list(dict.fromkeys(line.strip() for line in errors if line.strip() and not line.startswith(" ")))
    if late.is_set():
        said.insert(0, f"the load client was not done after {most_s:.0f} s, and was ended")
    return "".join(lines), tuple(said[:_SAID_LINES])


def median(broadcasts: list[Broadcast], of: Callable[[Broadcast], float]) -> float:
    """Return the median of those that other work on the machine did not disturb, of all where they are under two.

    The first broadcast of a run is left out: it does what is done once.
    """
    later = broadcasts[1:] or broadcasts
    quiet = [each for each in later if each.is_quiet]
    return statistics.median(of(each) for each in (quiet if len(quiet) > 1 else later))


def _read(output: str, streams: int) -> Load:
    connected: Connected | None = None
    broadcasts, idle_cpu, doubled, cut = [], None, 0, 0
    for line in output.splitlines():
        if not line.startswith("{"):
            if (held := _HOLD.search(line)) is not None:
                idle_cpu = float(held[2]) / float(held[1])
            continue
        found = msgspec.json.decode(line)
        if found["kind"] == "connect":
            ready = max(1, found["ready"])
            cpu_us = found["cpu_s"] * 1e6 / ready
            connected = Connected(
                found["ready"], found["failed"], found["rate"], cpu_us, found["p99"], found["rss_per_conn_kib"]
            )
        else:
            # These are sums since the beginning of the run.
            doubled_before, doubled = doubled, int(found["bad"] + found["dup"])
            cut_before, cut = cut, int(found["closed"])
            there = streams - cut
            broadcasts.append(_broadcast(found, there, doubled - doubled_before, cut - cut_before))
    if connected is None:
        raise RuntimeError(f"the load client said nothing: {output}")
    return Load(connected, broadcasts, idle_cpu)


def _broadcast(found: dict[str, float], there: int, doubled: int, cut: int) -> Broadcast:
    is_quiet = found["other_cpu_ms"] <= 30 + 0.12 * found["wall_ms"]
    cpu_us = found["cpu_ms"] * 1000 / max(1, found["got"])
    return Broadcast(
        int(found["seq"]),
        int(found["got"]),
        found["p50"],
        found["p99"],
        found["max"],
        cpu_us,
        max(0, there - int(found["got"])),
        doubled,
        cut,
        is_quiet,
    )
