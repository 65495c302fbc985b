"""What Pennon's evaluation is to reach, and whether a run saw it."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from bench.evaluation.measuring import YARDSTICK, Cell, Results
from bench.evaluation.sdks import MODES, SDKS
from bench.evaluation.worlds import WORKLOADS

RATIOS = {"W1": 50, "W2": 35, "W3": 24} if sys.version_info < (3, 12) else {"W1": 40, "W2": 28, "W3": 18}
"""Pennon counted, to LaunchDarkly's `value`."""
CORES = ("eppo", "statsig")
CORES_RATIO = 2
OF_NULL = {"W1": 0.85, "W2": 0.7}
W3_PER_SECOND = 1_000_000
LOAD_S = 1.0
FLAG_KIB = 8.0


class Outcome(NamedTuple):
    """A goal, and what was found; None: it was not measured."""

    goal: str
    found: str
    met: bool | None


def outcomes(results: Results) -> list[Outcome]:
    """Return each goal with its outcome."""
    return [
        *_to_yardstick(results),
        *_to_cores(results),
        *_remembering(results),
        *_alone(results),
        *_through_openfeature(results),
    ]


def _outcome(goal: str, found: float | None, at_least: float, unit: str = "×") -> Outcome:
    if found is None:
        return Outcome(goal, "not measured", None)
    return Outcome(goal, f"{found:,.2f}{unit}", found >= at_least)


def _to_yardstick(results: Results) -> Iterator[Outcome]:
    is_there = results.yardstick == YARDSTICK
    for workload, least in RATIOS.items():
        found = results.ratio(Cell("pennon", workload, "counted")) if is_there else None
        yield _outcome(f"{workload} counted, with details: at least {least} × LaunchDarkly's value", found, least)


def _to_cores(results: Results) -> Iterator[Outcome]:
    for core in CORES:
        for mode in MODES[1:3]:
            found = {
                workload: ratio
                for workload in WORKLOADS
                if (ratio := results.between(Cell("pennon", workload, mode), Cell(core, workload, mode))) is not None
            }
            goal = f"at least {CORES_RATIO} × {SDKS[core].title}'s {mode} on every workload"
            listed = " ".join(f"{workload} {ratio:.1f}×" for workload, ratio in found.items())
            met = all(ratio >= CORES_RATIO for ratio in found.values())
            yield Outcome(goal, listed or "not measured", met if found else None)


def _remembering(results: Results) -> Iterator[Outcome]:
    """Eppo counts nothing and says no reason here; Pennon does both, and remembers the users."""
    found = results.between(Cell("remembering", "W2", "value"), Cell("eppo", "W2", "value"))
    yield _outcome("W2 with buckets remembered: ahead of Eppo's value", found, 1)


def _alone(results: Results) -> Iterator[Outcome]:
    rate = results.rate(Cell("pennon", "W3", "counted"))
    yield _outcome(f"W3 counted over {W3_PER_SECOND:,} a second", rate, W3_PER_SECOND, "/s")
    memory = results.memory.get("pennon")
    flags = results.extent.crowd
    load, size = (None, None) if memory is None else (memory["load_s"], memory["used"] / flags / 1024)
    yield Outcome(f"{flags:,} flags ready within {LOAD_S:.0f} CPU second", *_at_most(load, LOAD_S, " s"))
    yield Outcome(f"at most {FLAG_KIB:.0f} KiB a flag, all of them used", *_at_most(size, FLAG_KIB, " KiB"))


def _at_most(found: float | None, most: float, unit: str) -> tuple[str, bool | None]:
    return ("not measured", None) if found is None else (f"{found:.2f}{unit}", found <= most)


def _through_openfeature(results: Results) -> Iterator[Outcome]:
    for workload, least in OF_NULL.items():
        found = results.between(Cell("pennon", workload, "openfeature"), Cell("floor", workload, "openfeature"))
        yield _outcome(f"{workload} through OpenFeature: at least {least} of its null provider", found, least)
