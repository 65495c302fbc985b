"""A run: every server at every size, one after the other, and the herd."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import httpx2

from bench.fanout.load import Connected, Herd, Load, Plan, come, load
from bench.fanout.progress import Progress, Step
from bench.fanout.servers import Target, floor, nchan, pennon, publisher
from bench.fanout.tools import Tools, has_nchan, workers_for

FLOOR, NCHAN, PENNON = "C floor", "nginx + nchan", "Pennon"
LONG_S = 600
QUIET_S = 12.5
"""For half an interval after the last event nobody needs a heartbeat."""


PARTS = ("streams", "heartbeats", "herd", "long")
_START_S, _BROADCAST_S = 4.0, 1.0


class Extent(NamedTuple):
    """How much is done, of each of `parts`."""

    sizes: tuple[int, ...]
    broadcasts: int
    flags: int
    comers: int
    hold_s: int
    parts: tuple[str, ...] = PARTS[:-1]
    long_s: int = LONG_S


FULL = Extent((1_000, 10_000, 50_000, 100_000), 8, 10_000, 4_000, 63)
QUICK = Extent((1_000, 10_000), 5, 2_000, 1_000, 0)


class Results(NamedTuple):
    """What was found, by server and number of streams; and of the herd, by what it came for."""

    extent: Extent
    loads: dict[tuple[str, int], Load]
    herds: dict[tuple[str, str], Connected]
    snapshot_bytes: list[int]
    """Before it was compressed, and after."""
    idle: dict[int, float]
    """Of one core: what Pennon takes beside no streams, and beside so many that get nothing but heartbeats."""
    long: list[Load]
    """Held for ten minutes, with a change a second."""
    failures: list[str]
    """What could not be measured, and why."""


def run(tools: Tools, extent: Extent) -> Results:
    """Measure everything that can be measured here. A part that fails is told of, and the others go on."""
    results = Results(extent, {}, {}, [], {}, [], [])
    steps = [step for part in extent.parts for step in _steps(tools, results, part)]
    progress = Progress(sum(expected_s for _, expected_s, _ in steps))
    for what, expected_s, do in steps:
        with progress.step(what, expected_s) as step:
            try:
                do(step)
            except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError, httpx2.HTTPError) as error:
                results.failures.append(f"{what}: {error!r}")
    return results


_Step: TypeAlias = tuple[str, float, Callable[[Step], None]]


def _steps(tools: Tools, results: Results, part: str) -> Iterator[_Step]:
    """Yield what is to be done for *part*: what it is, about how long it takes, and how it is done."""
    extent = results.extent
    largest = extent.sizes[-1]
    if part == "streams":
        for streams in extent.sizes:
            for name in _servers(tools, 1):
                about_s = _START_S + streams / 15_000 + extent.broadcasts * (_BROADCAST_S + streams / 100_000)
                yield f"{name}, {streams:,} streams", about_s, partial(_measure_streams, tools, results, name, streams)
    if part == "heartbeats" and extent.hold_s:
        for streams in (10, largest):
            about_s = extent.hold_s + 2 * _START_S + streams / 15_000
            yield f"heartbeats of {streams:,}", about_s, partial(_measure_heartbeats, tools, results, streams)
    if part == "long":
        what = f"{largest:,} streams for {extent.long_s / 60:g} minutes, a change a second"
        yield what, extent.long_s + 3 * _START_S, partial(_measure_long, tools, results)
    if part == "herd":
        yield f"a herd, {extent.flags:,} flags", 10 + extent.flags / 500, partial(_measure_herd, tools, results)


def _measure_streams(tools: Tools, results: Results, name: str, streams: int, step: Step) -> None:
    with _servers(tools, workers_for(streams))[name] as target:
        plan = Plan(streams, results.extent.broadcasts)
        results.loads[name, streams] = load(tools, target, plan, step.done)


def _measure_heartbeats(tools: Tools, results: Results, streams: int, _step: Step) -> None:
    with _pennon(workers_for(results.extent.sizes[-1])) as target:
        held = load(tools, target, Plan(streams, 1, hold_s=results.extent.hold_s))
        if held.idle_cpu is not None:
            results.idle[streams] = held.idle_cpu


def _measure_long(tools: Tools, results: Results, step: Step) -> None:
    extent = results.extent
    with _pennon(workers_for(extent.sizes[-1])) as target:
        plan = Plan(extent.sizes[-1], extent.long_s, every_ms=1000, for_s=extent.long_s)
        results.long.append(load(tools, target, plan, step.done))


def _servers(tools: Tools, workers: int) -> dict[str, AbstractContextManager[Target]]:
    servers: dict[str, AbstractContextManager[Target]] = {FLOOR: floor(tools, workers)}
    if has_nchan():
        servers[NCHAN] = nchan(tools, workers)
    return {**servers, PENNON: _pennon(workers)}


@contextmanager
def _pennon(workers: int) -> Iterator[Target]:
    with pennon(workers) as server, publisher(server.change) as address:
        yield server.target(address)


def _measure_herd(tools: Tools, results: Results, _step: Step) -> None:
    """Let clients come for a compressed snapshot and for one delta, at Pennon's and for the same bytes at nginx's."""
    extent, herds = results.extent, results.herds
    folder = tools.folder / "snapshots"
    folder.mkdir(exist_ok=True)
    with pennon(2) as server:
        server.fill(extent.flags)
        packed = server.snapshot("gzip")
        results.snapshot_bytes[:] = [len(server.snapshot("identity")), len(packed)]
        (folder / "snapshot.json").write_bytes(packed)
        target = server.target("", behind=1)
        whole = Herd(extent.comers, "/sdk/v1/snapshot", is_document=True, headers=("Accept-Encoding: gzip",))
        herds[PENNON, "snapshot"] = come(tools, target, whole)
        resumes = Herd(extent.comers * 2, target.path, is_document=False)
        herds[PENNON, "resume"] = come(tools, target, resumes)
    if has_nchan():
        with nchan(tools, 2, Path(folder)) as target:
            static = Herd(extent.comers, "/snap/snapshot.json", is_document=True)
            herds[NCHAN, "snapshot"] = come(tools, target, static)
