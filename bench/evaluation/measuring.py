"""A run: every SDK prepares, is checked, and is measured in slices that take turns with the yardstick's.

Rates are per CPU second of the SDK's process. A ratio is formed in each round between neighbours, and the median taken:
whatever else the machine does slows both.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.evaluation.pool import Died, Pool, Process
from bench.evaluation.sdks import MODES, SDKS, Mode
from bench.evaluation.worlds import CROWD, FLOORS, SHORT_CROWD, WORKLOADS

YARDSTICK = "launchdarkly"


class Cell(NamedTuple):
    """What is measured: an SDK, a workload, a mode."""

    sdk: str
    workload: str
    mode: Mode


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    slice_s: float
    crowd: int
    loads: int
    patience_s: float
    openfeature: tuple[str, ...] = tuple(WORKLOADS)

    def settings(self) -> dict[str, float]:
        """Return what an SDK prepares by."""
        return {"crowd": self.crowd, "patience_s": self.patience_s}


FULL = Extent(rounds=9, slice_s=0.04, crowd=CROWD, loads=3, patience_s=10.0)
QUICK = Extent(rounds=2, slice_s=0.01, crowd=SHORT_CROWD, loads=0, patience_s=0.15, openfeature=("W1", "W2", "W3"))
TINY = Extent(rounds=1, slice_s=0.002, crowd=20, loads=0, patience_s=0.0)


@dataclass
class Results:
    """What a run found: calls a CPU second by cell and round, the yardstick's beside them; memory; what failed."""

    extent: Extent
    versions: dict[str, str] = field(default_factory=dict)
    offline: bool = True
    yardstick: str = "floor"
    rates: dict[Cell, list[float]] = field(default_factory=dict)
    yardsticks: dict[Cell, list[float]] = field(default_factory=dict)
    unable: dict[Cell, str] = field(default_factory=dict)
    wrong: dict[Cell, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)

    def rate(self, cell: Cell) -> float | None:
        """Return the calls a CPU second of the quietest slice."""
        return max(self.rates[cell]) if cell in self.rates else None

    def ratio(self, cell: Cell) -> float | None:
        """Return how many times the yardstick's `value` on the same workload."""
        if cell not in self.yardsticks:
            return None
        pairs = zip(self.rates[cell], self.yardsticks[cell], strict=True)
        return statistics.median(rate / beside for rate, beside in pairs)

    def between(self, cell: Cell, other: Cell) -> float | None:
        """Return how many times another cell that was measured in the same rounds."""
        if cell not in self.rates or other not in self.rates:
            return None
        pairs = zip(self.rates[cell], self.rates[other], strict=True)
        return statistics.median(rate / beside for rate, beside in pairs)


def run(
    names: Iterable[str],
    extent: Extent,
    *,
    workloads: Iterable[str] = tuple(WORKLOADS),
    modes: Iterable[Mode] = MODES,
    tell: Callable[[str], None] = print,
) -> Results:
    """Measure the SDKs that are called *names*, those that can be."""
    results = Results(extent)
    with Pool(name for name in SDKS if name in set(names)) as pool:
        _greet(pool, results)
        run = _Run(pool, results)
        for workload in FLOORS:
            run.measure(workload, "value", [name for name in results.versions if name == "floor"])
        for workload in workloads:
            run.take_yardstick(workload)
            for mode in modes:
                if mode == "openfeature" and workload not in extent.openfeature:
                    continue
                tell(f"{workload} {mode}")
                run.measure(workload, mode, list(results.versions))
    for name in results.versions if extent.loads else ():
        tell(f"memory of {name}")
        _weigh(name, results)
    return results


def _greet(pool: Pool, results: Results) -> None:
    for name, answer in pool.each(list(pool.processes), "hello").items():
        if "unable" in answer:
            results.absent[name] = answer["unable"]
        else:
            results.versions[name] = answer["version"]
            results.offline = results.offline and answer["offline"]


class _Run:
    """The processes, and a second one of the yardstick's, which asks in its own mode all the time."""

    def __init__(self, pool: Pool, results: Results) -> None:
        self._pool = pool
        self._results = results
        if YARDSTICK in results.versions:
            results.yardstick = YARDSTICK
        self._yardstick = pool.add(results.yardstick)

    def take_yardstick(self, workload: str) -> None:
        """Prepare the yardstick for a workload: LaunchDarkly's `value`, or the floor's bucket where it is not there."""
        asked = workload if self._results.yardstick == YARDSTICK else "bucket"
        answer = self._yardstick.ask("prepare", workload=asked, mode="value", **self._results.extent.settings())
        if answer.keys() & {"unable", "wrong"}:
            raise RuntimeError(f"the yardstick is broken on {workload}: {answer}")

    def measure(self, workload: str, mode: Mode, names: list[str]) -> None:
        """Measure a workload in a mode, of all who can."""
        extent, results = self._results.extent, self._results
        ready = []
        for name, answer in self._pool.each(
            names, "prepare", workload=workload, mode=mode, **extent.settings()
        ).items():
            cell = Cell(name, workload, mode)
            if "unable" in answer:
                results.unable[cell] = answer["unable"]
            elif "wrong" in answer:
                results.wrong[cell] = answer["wrong"]
            else:
                ready.append(cell)
        ready.sort(key=lambda cell: names.index(cell.sdk))
        for _ in range(extent.rounds):
            self._round(ready, is_compared=workload not in FLOORS)

    def _round(self, cells: list[Cell], *, is_compared: bool) -> None:
        """Take a slice of each. The yardstick's come after every second: each is next to one."""
        beside = self._slice(self._yardstick) if is_compared else 0.0
        for number, cell in enumerate(cells):
            rate = self._slice(self._pool.processes[cell.sdk])
            self._results.rates.setdefault(cell, []).append(rate)
            if not is_compared:
                continue
            if number % 2 == 0:
                self._results.yardsticks.setdefault(cell, []).append(beside)
            else:
                beside = self._slice(self._yardstick)
                self._results.yardsticks.setdefault(cell, []).append(beside)

    def _slice(self, process: Process) -> float:
        answer = process.ask("slice", seconds=self._results.extent.slice_s)
        return float(answer["calls"] / answer["seconds"])


def _weigh(name: str, results: Results) -> None:
    """Load many flags in fresh processes, which never saw how the configuration was made."""
    crowd = results.extent.crowd
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "configuration")
        answer = _alone(name, "document", path, crowd)
        loads = [] if "unable" in answer else [_alone(name, "memory", path, crowd) for _ in range(results.extent.loads)]
    if good := [each for each in loads if "load_s" in each]:
        results.memory[name] = {key: statistics.median(each[key] for each in good) for key in good[0]}
    else:
        results.unable[Cell(name, "memory", "value")] = (loads[0] if loads else answer)["unable"]


def _alone(name: str, do: str, path: str, crowd: int) -> dict[str, Any]:
    process = Process(name)
    try:
        return process.ask(do, path=path, crowd=crowd)
    except Died as error:
        return {"unable": str(error)}
    finally:
        process.close()
