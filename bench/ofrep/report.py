"""A run as tables for people, as JSON, and beside the goals."""

import platform
from typing import Any, NamedTuple

from bench.ofrep.measuring import TITLES, WAYS, Results
from bench.ofrep.servers import SERVERS

OF_BARE = 0.6
"""Pennon's single evaluation, to a bare answer of the same server."""
_WAYS = {"single": "one flag", "bulk": "100 flags"}


class Outcome(NamedTuple):
    """A goal, and what was found; None: it was not measured."""

    goal: str
    found: str
    met: bool | None


def outcomes(results: Results) -> list[Outcome]:
    """Return each goal with its outcome."""
    bare = results.ratio("pennon", "bare", "single")
    found = [_outcome(f"one flag: at least {OF_BARE} of a bare answer's rate", bare, bare, OF_BARE)]
    for way in WAYS:
        # Processor time for a request: who is served by one core has the same rate by it, and it is disturbed less.
        ratio = results.ratio("flagd", "pennon", way, "cpu_us")
        found.append(_outcome(f"{_WAYS[way]}: no slower than flagd on the same core", ratio, ratio, 1.0))
    return found


def _outcome(goal: str, ratio: float | None, shown: float | None, least: float) -> Outcome:
    if ratio is None or shown is None:
        return Outcome(goal, "not measured", None)
    return Outcome(goal, f"{shown:.2f}×", ratio >= least)


def show(results: Results) -> None:
    """Print a run."""
    extent = results.extent
    print(f"\nCPython {platform.python_version()}, {extent.rounds} rounds of {extent.slice_s} s, one core a server")
    for way in WAYS:
        _show_way(results, way)
    if results.absent:
        print("\nNot measured")
        for name, why in results.absent.items():
            print(f"  {TITLES[name]}: {why}")
    print("\nNotes")
    for name in dict.fromkeys(name for name, _ in results.slices):
        print(f"  {TITLES[name]}: {SERVERS[name].note}")
    print("\nGoals")
    for goal, found, met in outcomes(results):
        print(f"  {'?' if met is None else 'met' if met else 'MISSED':7}{goal}: {found}")


def _show_way(results: Results, way: str) -> None:
    print(f"\n{_WAYS[way]:36}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'× bare':>9}{'failed':>8}")
    for name in dict.fromkeys(name for name, of in results.slices if of == way):
        found, ratio = results.middle(name, way), results.ratio(name, "bare", way)
        if found is not None:
            shown = "" if ratio is None else f"{ratio:.2f}"
            print(f"  {TITLES[name]:34}{found.rate:10,.0f}{found.p50_ms:9.2f}{found.p99_ms:9.2f}", end="")
            print(f"{found.cpu_us:9.1f}{shown:>9}{found.failed:8}")


def document(results: Results) -> dict[str, Any]:
    """Return a run as JSON."""
    return {
        "python": platform.python_version(),
        "rounds": results.extent.rounds,
        "slice_s": results.extent.slice_s,
        "slices": [
            {"server": name, "way": way, "rounds": [each._asdict() for each in found]}
            for (name, way), found in results.slices.items()
        ],
        "absent": results.absent,
        "goals": [outcome._asdict() for outcome in outcomes(results)],
    }
