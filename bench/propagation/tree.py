"""Through a tree: an origin, 4 hubs, 200 PoP replicas, 20 SDK processes two levels down, and 2,000 plain streams.

The hubs and two of the PoPs are `pennon edge run` processes. The 200 PoP replicas are the real replica on real streams,
but live in one process and share one parsed snapshot, for a machine cannot hold 200 processes of 10,000 flags. The SDKs
are processes of their own, each behind origin, hub and PoP.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from bench.propagation.servers import Origin, Servers
from bench.propagation.watchers import Watcher, readers, replicas, sdk, watching

HUBS = 4
POPS = 2
GOAL_S = 0.2
_SETTLE_S = 3.0


class Size:
    """How large a run is."""

    def __init__(self, *, quick: bool) -> None:
        self.flags = 1_000 if quick else 10_000
        self.replicas = 20 if quick else 200
        self.sdks = 4 if quick else 20
        self.readers = 100 if quick else 2_000
        self.changes = 5 if quick else 60
        self.bursts = 2 if quick else 5


def main(*, quick: bool) -> None:
    """Measure single changes a second apart, then bursts of ten."""
    size = Size(quick=quick)
    print(
        f"   origin, {HUBS} hubs, {size.replicas} PoP replicas (one process, one parsed snapshot), {POPS} PoPs with "
        f"{size.sdks} SDK processes, {size.readers:,} streams; {size.flags:,} flags",
        flush=True,
    )
    with Servers() as servers, _watched(servers, size) as (origin, watchers):
        time.sleep(_SETTLE_S)
        _measure_singles(origin, watchers, size.changes)
        _measure_bursts(origin, watchers, size.bursts)


@contextmanager
def _watched(servers: Servers, size: Size) -> Iterator[tuple[Origin, list[Watcher]]]:
    origin = servers.origin()
    origin.fill(size.flags)
    edge_key, server_key = origin.key("edge"), origin.key("server")
    since = f"1.{origin.turn(on=True)}"
    hubs = [servers.edge(f"hub-{number}", origin.url, edge_key) for number in range(HUBS)]
    pops = [servers.edge(f"pop-{number}", hubs[number], edge_key) for number in range(POPS)]
    with origin, ExitStack() as stack:
        found = [
            stack.enter_context(watching("PoP replicas", size.replicas, replicas, hubs, edge_key, size.replicas)),
            stack.enter_context(watching("streams", size.readers, readers, hubs, server_key, size.readers, since)),
            *(
                stack.enter_context(watching("SDKs", 1, sdk, pops[number % POPS], server_key))
                for number in range(size.sdks)
            ),
        ]
        yield origin, found


def _measure_singles(origin: Origin, watchers: Sequence[Watcher], changes: int) -> None:
    waited: dict[str, list[float]] = {}
    slowest: list[float] = []
    _changed(origin, watchers, on=False)  # what is done for the first time takes longer
    for number in range(changes):
        started, times = _changed(origin, watchers, on=number % 2 == 0)
        for watcher, arrivals in zip(watchers, times, strict=True):
            waited.setdefault(watcher.kind, []).extend(moment - started for moment in arrivals)
        slowest.append(max(max(arrivals) for arrivals in times) - started)
        time.sleep(max(0.0, started + 1 - time.monotonic()))
    for kind, times_of in waited.items():
        goal = "" if kind == "streams" else f"   goal {GOAL_S * 1000:.0f} ms: {_met(times_of)}"
        print(f"   commit to applied, {kind:24} {_row(times_of)}{goal}", flush=True)
    print(f"   {'commit to the last of all':44} {_row(slowest)}", flush=True)


def _changed(origin: Origin, watchers: Sequence[Watcher], *, on: bool) -> tuple[float, list[list[float]]]:
    """Change the flag; return when that was asked for, which is before the commit, and when all held it."""
    started = time.monotonic()
    revision = origin.turn(on=on)
    return started, [watcher.arrivals(revision) for watcher in watchers]


def _measure_bursts(origin: Origin, watchers: Sequence[Watcher], bursts: int) -> None:
    took = []
    for _ in range(bursts):
        started = time.monotonic()
        revisions = [origin.turn(on=number % 2 == 0) for number in range(10)]
        last = [max(watcher.arrivals(revisions[-1])) for watcher in watchers]
        took.append(max(last) - started)
        time.sleep(1)
    print(f"   {'a burst of 10, first request to all at the last':44} {_row(took)}", flush=True)


def _row(times: Sequence[float]) -> str:
    p50, p99, most = (sorted(times)[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.99, 1.0))
    return f"p50 {p50 * 1000:7.1f} ms   p99 {p99 * 1000:7.1f} ms   max {most * 1000:7.1f} ms"


def _met(times: Sequence[float]) -> str:
    p99 = sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]
    return "met" if p99 < GOAL_S else "NOT met"
