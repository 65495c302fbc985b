"""Fan-out of changes to streams: Pennon beside a bare server in C and nginx with nchan, in one run, and the goals."""

import argparse
from collections.abc import Sequence

from bench.fanout.measuring import FULL, LONG_S, PARTS, QUICK, run
from bench.fanout.report import show
from bench.fanout.tools import Missing, tools


def main(arguments: Sequence[str] = ()) -> None:
    """Measure with real keys, environments and flags, over loopback, without TLS.

    The machine is shared by clients and servers, and by whatever else runs on it: of a run with few quiet broadcasts,
    the CPU a delivery is what can be relied on.
    """
    options = _parser().parse_args(list(arguments))
    extent = QUICK if options.quick else FULL
    if options.streams:
        extent = extent._replace(sizes=(options.streams,))
    parts = tuple(options.only or extent.parts)
    if options.long and "long" not in parts:
        parts = (*parts, "long")
    try:
        with tools() as found:
            show(run(found, extent._replace(parts=parts, long_s=options.minutes * 60)))
    except Missing as reason:
        print(f"   left out: {reason}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench fanout", description=(main.__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute: up to 10,000 streams, no heartbeats")
    parser.add_argument("--streams", type=int, metavar="N", help="so many streams, and no other number of them")
    parser.add_argument("--long", action="store_true", help="the most streams for ten minutes, too, a change a second")
    parser.add_argument("--minutes", type=int, default=LONG_S // 60, metavar="M", help="so long, for --long")
    parser.add_argument("--only", choices=PARTS, nargs="+", help="these parts of it, and no others")
    return parser
