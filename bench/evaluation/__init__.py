"""Evaluation of flags: Pennon beside the SDKs of others and beside the floor, ratios, memory, and the goals."""

import argparse
import json
from pathlib import Path

from bench.evaluation.measuring import FULL, QUICK, run
from bench.evaluation.report import document, show
from bench.evaluation.sdks import MODES, SDKS
from bench.evaluation.worlds import WORKLOADS


def main(arguments: list[str] | None = None) -> None:
    """Measure whatever of the SDKs is installed: `make bench-peers` installs them all."""
    options = _parser().parse_args(arguments or [])
    results = run(
        options.only or SDKS,
        QUICK if options.quick else FULL,
        workloads=options.workloads or tuple(WORKLOADS),
        modes=options.modes or MODES,
        tell=lambda what: print(what, end=" … ", flush=True),
    )
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(document(results), indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench evaluation", description=main.__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="at most a minute: fewer rounds, flags in W4, and workloads through OpenFeature, no memory",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found to FILE, too")
    parser.add_argument("--only", nargs="+", choices=SDKS, metavar="SDK", help=f"of {', '.join(SDKS)}")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, metavar="W", help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--modes", nargs="+", choices=MODES, metavar="MODE", help=f"of {', '.join(MODES)}")
    return parser
