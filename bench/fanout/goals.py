"""What the fan-out is to reach, in ratios to the others in the same run, and whether a run saw it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bench.fanout.load import Broadcast, Connected, Load, median
from bench.fanout.measuring import FLOOR, NCHAN, PENNON, QUIET_S, Results
from bench.fanout.tools import workers_for

_LARGEST = 100_000
_INTERVAL_S = 25


class Outcome(NamedTuple):
    """A goal, and what was found; None: it was not measured."""

    what: str
    goal: str
    found: str
    met: bool | None


def outcomes(results: Results) -> list[Outcome]:
    """Return each goal with its outcome."""
    return [*_deliveries(results), *_connections(results), *_herd(results), *_beats(results), *_whole(results)]


def _deliveries(results: Results) -> Iterator[Outcome]:
    largest = results.extent.sizes[-1]

    def ratio(other: str, of: Callable[[Broadcast], float]) -> float | None:
        return _ratio(results, other, lambda load: median(load.broadcasts, of))

    at = f"at {largest:,} streams"
    yield _at_most(f"CPU a delivery {at} to the C floor", ratio(FLOOR, lambda each: each.cpu_us), 1.2)
    yield _at_most(f"CPU a delivery {at} to nchan", ratio(NCHAN, lambda each: each.cpu_us), 0.8)
    yield _at_most(f"p99 {at} to nchan", ratio(NCHAN, lambda each: each.p99_ms), 1.0)


def _connections(results: Results) -> Iterator[Outcome]:
    found = results.loads.get((PENNON, results.extent.sizes[-1]))
    yield _at_most("server memory of a stream", found.connected.memory_kib if found else None, 2.5, " KiB")
    yield _at_least(
        "streams established, to nchan", _ratio(results, NCHAN, lambda load: load.connected.per_second), 0.7
    )


def _herd(results: Results) -> Iterator[Outcome]:
    ours, static = results.herds.get((PENNON, "snapshot")), results.herds.get((NCHAN, "snapshot"))
    ratio = _served(ours) / _served(static) if ours and static and _served(static) else None
    yield _at_least("compressed snapshots, to nginx with a static file", ratio, 0.85)
    resumed = results.herds.get((PENNON, "resume"))
    yield _at_least("resumes with a delta", _served(resumed) if resumed else None, 8_000, "/s")


def _beats(results: Results) -> Iterator[Outcome]:
    share = worker = None
    if len(results.idle) > 1:
        (_, without), (streams, beside) = sorted(results.idle.items())
        beating = results.extent.hold_s / (results.extent.hold_s - QUIET_S)
        share = 100 * max(0.0, beside - without) * beating * _LARGEST / streams
        worker = 100 * without / workers_for(results.extent.sizes[-1])
    bare = results.loads.get((FLOOR, results.extent.sizes[-1]))
    bare_us = median(bare.broadcasts, lambda each: each.cpu_us) if bare and bare.broadcasts else None
    # Sends all at once, to sockets that a broadcast has just passed: no program does with less.
    least = "" if bare_us is None else f" (as many bare sends: {bare_us * _LARGEST / _INTERVAL_S / 10_000:.2f} %)"
    yield _at_most(f"heartbeats of {_LARGEST:,} every 25 s{least}", share, 4.2, " % of a core")
    yield _at_most("a worker with hardly a stream, and no change", worker, 0.3, " % of a core")


def _whole(results: Results) -> Iterator[Outcome]:
    wrong = [each.wrong for (name, _), load in results.loads.items() if name == PENNON for each in load.broadcasts]
    what = "events lost, doubled, cut or out of order"
    yield _at_most(what, float(sum(wrong)) if wrong else None, 0, "")
    for held in results.long:
        made = len(held.broadcasts)
        what = (
            f"the same of {held.connected.streams:,} streams in {results.extent.long_s / 60:g} minutes, {made} changes"
        )
        failed = held.connected.failed + len(held.complaints)
        yield _at_most(what, float(failed + sum(each.wrong for each in held.broadcasts)) if made else None, 0, "")


def _served(herd: Connected | None) -> float:
    return 0.0 if herd is None or herd.failed else herd.per_second


def _ratio(results: Results, other: str, of: Callable[[Load], float]) -> float | None:
    ours, theirs = (results.loads.get((name, results.extent.sizes[-1])) for name in (PENNON, other))
    if ours is None or theirs is None or not of(theirs):
        return None
    return of(ours) / of(theirs)


def _at_most(what: str, found: float | None, most: float, unit: str = "×") -> Outcome:
    return _outcome(what, f"≤ {most:g}{unit}", found, unit, lambda value: value <= most)


def _at_least(what: str, found: float | None, least: float, unit: str = "×") -> Outcome:
    return _outcome(what, f"≥ {least:,g}{unit}", found, unit, lambda value: value >= least)


def _outcome(what: str, goal: str, found: float | None, unit: str, is_met: Callable[[float], bool]) -> Outcome:
    if found is None:
        return Outcome(what, goal, "not measured", None)
    return Outcome(what, goal, f"{found:,.2f}{unit}", is_met(found))
