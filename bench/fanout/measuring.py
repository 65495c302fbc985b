"""A run: every server at every size, one after the other, and the herd."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.fanout.load import Connected, Herd, Load, Plan, come, load
from bench.fanout.servers import Target, floor, nchan, pennon, publisher
from bench.fanout.tools import Tools, has_nchan, workers_for

FLOOR, NCHAN, PENNON = "C floor", "nginx + nchan", "Pennon"
LONG_S = 600
QUIET_S = 12.5
"""For half an interval after the last event nobody needs a heartbeat."""


class Extent(NamedTuple):
    """How much is done."""

    sizes: tuple[int, ...]
    broadcasts: int
    flags: int
    comers: int
    hold_s: int
    is_long: bool = False


FULL = Extent((1_000, 10_000, 50_000, 100_000), 8, 10_000, 4_000, 63)
QUICK = Extent((1_000, 10_000), 5, 2_000, 1_000, 0)


class Results(NamedTuple):
    """What was found, by server and number of streams; and of the herd, by what it came for."""

    extent: Extent
    loads: dict[tuple[str, int], Load]
    herds: dict[tuple[str, str], Connected]
    snapshot_bytes: int
    idle: dict[int, float]
    """Of one core: what Pennon takes beside no streams, and beside so many that get nothing but heartbeats."""
    long: Load | None
    """Held for ten minutes, with a change a second."""


def run(tools: Tools, extent: Extent, tell: Callable[[str], None]) -> Results:
    """Measure everything that can be measured here."""
    results = Results(extent, {}, {}, 0, {}, None)
    for streams in extent.sizes:
        plan = Plan(streams, extent.broadcasts)
        for name, start in _servers(tools, workers_for(streams)).items():
            tell(f"{name} {streams:,}")
            with start as target:
                results.loads[name, streams] = load(tools, target, plan)
    if extent.hold_s:
        for streams in (10, extent.sizes[-1]):
            tell(f"heartbeats of {streams:,}")
            with _pennon(workers_for(extent.sizes[-1])) as target:
                held = load(tools, target, Plan(streams, 1, hold_s=extent.hold_s))
                results.idle[streams] = held.idle_cpu or 0.0
    if extent.is_long:
        tell("ten minutes")
        with _pennon(workers_for(extent.sizes[-1])) as target:
            plan = Plan(extent.sizes[-1], LONG_S, every_ms=1000, for_s=LONG_S)
            results = results._replace(long=load(tools, target, plan))
    return _herd(tools, results, tell)


def _servers(tools: Tools, workers: int) -> dict[str, AbstractContextManager[Target]]:
    servers: dict[str, AbstractContextManager[Target]] = {FLOOR: floor(tools, workers)}
    if has_nchan():
        servers[NCHAN] = nchan(tools, workers)
    return {**servers, PENNON: _pennon(workers)}


@contextmanager
def _pennon(workers: int) -> Iterator[Target]:
    with pennon(workers) as server, publisher(server.change) as address:
        yield server.target(address)


def _herd(tools: Tools, results: Results, tell: Callable[[str], None]) -> Results:
    """Let clients come for a compressed snapshot and for one delta, at Pennon's and for the same bytes at nginx's."""
    extent, herds = results.extent, results.herds
    folder = tools.folder / "snapshots"
    folder.mkdir(exist_ok=True)
    with pennon(2) as server:
        tell(f"{extent.flags:,} flags")
        server.fill(extent.flags)
        packed = server.snapshot("gzip")
        (folder / "snapshot.json").write_bytes(packed)
        target = server.target("", behind=1)
        whole = Herd(extent.comers, "/sdk/v1/snapshot", is_document=True, headers=("Accept-Encoding: gzip",))
        tell("snapshots")
        herds[PENNON, "snapshot"] = come(tools, target, whole)
        tell("resumes")
        resumes = Herd(extent.comers * 2, target.path, is_document=False)
        herds[PENNON, "resume"] = come(tools, target, resumes)
    if has_nchan():
        tell("nginx")
        with nchan(tools, 2, Path(folder)) as target:
            static = Herd(extent.comers, "/snap/snapshot.json", is_document=True)
            herds[NCHAN, "snapshot"] = come(tools, target, static)
    return results._replace(snapshot_bytes=len(packed))
