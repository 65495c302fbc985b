"""A run as tables for people."""

from bench.fanout.goals import Outcome, outcomes
from bench.fanout.load import median
from bench.fanout.measuring import FLOOR, NCHAN, Results

_WRONG_SHOWN = 10


def show(results: Results) -> None:
    """Print a run."""
    print("\n")
    _show_broadcasts(results)
    _show_connections(results)
    _show_herd(results)
    _show_long(results)
    _show_goals(results)
    for failure in results.failures:
        print(f"  FAILED   {failure}")


def _show_goals(results: Results) -> None:
    rows = [("", "goal", "found", "met"), *(_row(outcome) for outcome in outcomes(results))]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    print()
    for what, goal, found, met in rows:
        print(f"{what:{widths[0]}}  {goal:>{widths[1]}}  {found:>{widths[2]}}  {met}")


def _row(outcome: Outcome) -> tuple[str, str, str, str]:
    met = "?" if outcome.met is None else "yes" if outcome.met else "NO"
    return outcome.what, outcome.goal, outcome.found, met


def _show_long(results: Results) -> None:
    """Print how the long run went, and the first broadcasts in which something was wrong."""
    for held in results.long:
        each = held.broadcasts
        print(f"\n{held.connected.streams:,} streams, {held.connected.failed} refused, {len(each)} changes", end="")
        if each:
            p99, longest = median(each, lambda one: one.p99_ms), max(one.max_ms for one in each)
            print(f": p99 {p99:.0f} ms (median), longest {longest:.0f} ms", end="")
        print()
        for one in [one for one in each if one.wrong][:_WRONG_SHOWN]:
            print(f"  change {one.number}: {one.lost} lost, {one.doubled} doubled or out of order, {one.cut} cut")
        for complaint in held.complaints:
            print(f"  {complaint}")


def _show_broadcasts(results: Results) -> None:
    if not results.loads:
        return
    print(f"{'One event of 1 KiB to all':30}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'CPU µs each':>13}", end="")
    print(f"{'× floor':>9}{'× nchan':>9}{'wrong':>7}{'quiet':>7}")
    for (name, streams), load in results.loads.items():
        each = load.broadcasts
        if not each:
            continue
        cpu_us = median(each, lambda one: one.cpu_us)
        print(f"{name:16}{streams:>12,}  ", end="")
        for milliseconds in (
            median(each, lambda one: one.p50_ms),
            median(each, lambda one: one.p99_ms),
            median(each, lambda one: one.max_ms),
        ):
            print(f"{milliseconds:9.0f}", end="")
        print(f"{cpu_us:13.2f}", end="")
        for other in (FLOOR, NCHAN):
            beside = results.loads.get((other, streams))
            found = cpu_us / median(beside.broadcasts, lambda one: one.cpu_us) if beside and beside.broadcasts else None
            print(f"{'–' if found is None else f'{found:.2f}':>9}", end="")
        print(f"{sum(one.wrong for one in each):7}{sum(one.is_quiet for one in each):7}")


def _show_connections(results: Results) -> None:
    if not results.loads:
        return
    print(f"\n{'Streams established':30}{'a second':>9}{'CPU µs':>9}{'p99 ms':>9}{'KiB each':>10}{'failed':>8}")
    for (name, streams), load in results.loads.items():
        found = load.connected
        print(f"{name:16}{streams:>12,}  {found.per_second:9,.0f}{found.cpu_us:9.1f}{found.p99_ms:9.1f}", end="")
        print(f"{found.memory_kib:10.2f}{found.failed:8}")


def _show_herd(results: Results) -> None:
    if not results.herds and not results.idle:
        return
    whole, size = (bytes_ / 1e6 for bytes_ in results.snapshot_bytes or (0, 0))
    print(f"\n{f'A herd ({whole:.2f} MB, packed {size:.2f})':40}{'a second':>9}{'CPU µs':>9}{'MB/s':>9}{'failed':>8}")
    for (name, what), found in results.herds.items():
        rate = found.per_second * size if what == "snapshot" else 0.0
        print(f"{f'{name}, {what}':40}{found.per_second:9,.0f}{found.cpu_us:9.0f}{rate:9,.0f}{found.failed:8}")
    for streams, share in sorted(results.idle.items()):
        print(f"{f'Pennon with {streams:,} streams and no change':40}{100 * share:8.2f} % of a core")
