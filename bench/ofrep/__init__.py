"""OFREP over HTTP: one flag and a hundred, beside a bare answer of the same server, and the servers of others."""

import argparse
import json
from pathlib import Path

from bench.ofrep.measuring import FULL, QUICK, run
from bench.ofrep.peers import build
from bench.ofrep.report import document, show
from bench.ofrep.servers import SERVERS


def main(arguments: list[str] | None = None) -> None:
    """Measure whatever of the servers lies on PATH or in the cache: --build fetches and builds those that can be."""
    options = _parser().parse_args(arguments or [])
    if options.build:
        build()
    results = run(
        options.only or tuple(SERVERS),
        QUICK if options.quick else FULL,
        tell=lambda what: print(what, end=" … ", flush=True),
    )
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(document(results), indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench ofrep", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--build", action="store_true", help="build what is missing into $XDG_CACHE_HOME/pennon/ofrep")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found to FILE, too")
    parser.add_argument("--only", nargs="+", choices=SERVERS, metavar="SERVER", help=f"of {', '.join(SERVERS)}")
    return parser
