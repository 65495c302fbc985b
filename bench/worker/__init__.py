"""A worker in workerd with 10,000 flags: how long its answers take, beside a worker that answers a constant."""

import argparse
import shutil
import subprocess
from pathlib import Path

_RUN = Path(__file__).with_name("run.js")
_RUNTIME = Path(__file__).parents[2] / "js/node_modules/miniflare"


def main(arguments: list[str] | None = None) -> None:
    """Measure evaluation at the edge over HTTP: flags in an isolate, out of Workers KV, at a moderate rate."""
    options = _parser().parse_args(arguments or [])
    if shutil.which("node") is None or not _RUNTIME.is_dir():
        print("not measured: the workers' runtime is not installed; make js installs it")
        return
    rounds = ["--rounds", "1"] if options.quick else []
    said = ["--json", str(options.json)] if options.json is not None else []
    subprocess.run(["node", str(_RUN), *rounds, *said], check=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench worker", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found to FILE, too")
    return parser
