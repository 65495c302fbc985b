"""A run as tables for people, and as JSON."""

import platform
from typing import Any

from bench.evaluation.goals import outcomes
from bench.evaluation.measuring import YARDSTICK, Cell, Results
from bench.evaluation.sdks import MODES, SDKS, Mode
from bench.evaluation.worlds import FLOORS, WORKLOADS

_TITLES: dict[Mode, str] = {
    "value": "value: true or false, and no more; exposures off where they can be",
    "detail": "detail: with variation, reason and what else there is",
    "counted": "counted: with exposures or evaluations counted",
    "openfeature": "through the OpenFeature client",
}


def show(results: Results) -> None:
    """Print a run."""
    extent = results.extent
    print(
        f"\nCPython {platform.python_version()}, {extent.rounds} rounds of {extent.slice_s * 1000:.0f} ms slices, ",
        end="",
    )
    print("no network" if results.offline else "the network could not be taken away")
    _show_floors(results)
    for mode in MODES:
        _show_mode(results, mode)
    _show_memory(results)
    _show_silent(results)
    print("\nGoals")
    for goal, found, met in outcomes(results):
        print(f"  {'?' if met is None else 'met' if met else 'NOT met':8}{goal}: {found}")


def _show_floors(results: Results) -> None:
    rates = {name: results.rate(Cell("floor", name, "value")) for name in FLOORS}
    if not any(rates.values()):
        return
    print(f"\n{'The floor':60}{'ns':>8}{'per second':>14}")
    for name, rate in rates.items():
        if rate is not None:
            print(f"{FLOORS[name]:60}{1e9 / rate:8.0f}{rate:14,.0f}")


def _show_mode(results: Results, mode: Mode) -> None:
    names = [
        name for name in results.versions if any(cell.sdk == name and cell.mode == mode for cell in results.yardsticks)
    ]
    workloads = [name for name in WORKLOADS if any(cell.workload == name for cell in results.yardsticks)]
    if not names:
        return
    of = "LaunchDarkly's value" if results.yardstick == YARDSTICK else "the bare bucket"
    print(
        f"\n{_TITLES[mode]}\n{f'calls a CPU second, and × of {of}':34}" + "".join(f"{name:>18}" for name in workloads)
    )
    for name in names:
        cells = [Cell(name, workload, mode) for workload in workloads]
        print(f"{f'{SDKS[name].title} {results.versions[name]}':34}" + "".join(_cell(results, cell) for cell in cells))


def _cell(results: Results, cell: Cell) -> str:
    rate, ratio = results.rate(cell), results.ratio(cell)
    if rate is None or ratio is None:
        return f"{'wrong' if cell in results.wrong else '–':>18}"
    return f"{_short(rate):>9}{_times(ratio):>8}×"


def _short(rate: float) -> str:
    return f"{rate / 1e6:.2f} M" if rate >= 1e6 else f"{rate / 1e3:.3g} k"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def _show_memory(results: Results) -> None:
    if not results.memory:
        return
    flags = results.extent.crowd
    print(
        f"\n{f'{flags:,} flags of W2':34}{'text MB':>10}{'load CPU s':>12}{'RSS MiB':>10}"
        f"{'KiB a flag':>12}{'peak MiB':>10}"
    )
    for name, found in sorted(results.memory.items(), key=lambda item: item[1]["used"]):
        used, peak = found["used"] / 2**20, found["peak"] / 2**20
        print(f"{SDKS[name].title:34}{found['bytes'] / 1e6:10.1f}{found['load_s']:12.2f}", end="")
        print(f"{used:10.0f}{found['used'] / flags / 1024:12.1f}{peak:10.0f}")


def _show_silent(results: Results) -> None:
    """Say why something is not there, each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    own = {"floor", "closures", "engine"}
    for cell, why in (results.unable | results.wrong).items():
        if cell.sdk not in own:
            reasons.setdefault((SDKS[cell.sdk].title, why), []).append(f"{cell.workload} {cell.mode}")
    for name, why in results.absent.items():
        reasons[SDKS[name].title, why] = ["everything"]
    if reasons:
        print("\nNot measured")
    for (title, why), what in reasons.items():
        print(f"  {title}: {', '.join(what)}: {why}")
    notes = [(SDKS[name].title, SDKS[name].note) for name in results.versions if SDKS[name].note]
    print("\nNotes" if notes else "")
    for title, note in notes:
        print(f"  {title}: {note}")


def document(results: Results) -> dict[str, Any]:
    """Return a run as JSON."""
    return {
        "python": platform.python_version(),
        "rounds": results.extent.rounds,
        "slice_s": results.extent.slice_s,
        "flags": results.extent.crowd,
        "offline": results.offline,
        "yardstick": results.yardstick,
        "versions": results.versions,
        "cells": [
            {
                **cell._asdict(),
                "rate": results.rate(cell),
                "ratio": results.ratio(cell),
                "rates": rates,
                "yardsticks": results.yardsticks.get(cell, []),
            }
            for cell, rates in results.rates.items()
        ],
        "memory": results.memory,
        "unable": [{**cell._asdict(), "why": why} for cell, why in results.unable.items()],
        "wrong": [{**cell._asdict(), "why": why} for cell, why in results.wrong.items()],
        "absent": results.absent,
        "goals": [outcome._asdict() for outcome in outcomes(results)],
    }
