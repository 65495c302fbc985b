"""Replay two years of a browser's studies: `python -m examples.brave_studies HISTORY.jsonl.gz`."""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from examples.brave_studies.replay import (
    Follower,
    Server,
    check_eligibility,
    check_past,
    current_studies,
    replay,
    timed,
)

_SEED = 2026


@contextmanager
def own_server() -> Iterator[Server]:
    """Run a Pennon server with its data in a temporary folder, as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="pennon-studies-") as folder:
        command = [sys.executable, "-m", "pennon.cli", "serve", "--port", "0", "--data", folder, "--json"]
        command += ["--log-level", "error"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                ready = json.loads(process.stdout.readline())
                with closing(Server(ready["url"], ready["administratorToken"])) as server:
                    server.set_up()
                    yield server
            finally:
                process.terminate()


def main(
    history: Annotated[Path, typer.Argument(help="The history: JSON lines, gzipped.", exists=True, dir_okay=False)],
    limit: Annotated[int | None, typer.Option(help="Only the first changes.")] = None,
    contexts: Annotated[int, typer.Option(help="How many browsers to evaluate at the end.")] = 2000,
) -> None:
    """Replay each change of the history through a Pennon server of its own, and compare what an SDK client sees."""
    with gzip.open(history, "rt") as lines:
        changes = [json.loads(line) for line in lines][:limit]
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with own_server() as server, Follower(server.url, server.key) as follower, Progress(*bars) as progress:
        task = progress.add_task("changes", total=len(changes))
        started = time.monotonic()
        rows = replay(server, follower, changes, lambda _: progress.advance(task))
        progress.print(timed(f"{len(rows)} changes: client and server equal, byte for byte, after each", started))
        started = time.monotonic()
        past = check_past(server, follower, rows, seed=_SEED, count=20)
        progress.print(timed(f"{past} states as of random times: as the client saw them", started))
        started = time.monotonic()
        enrolled = check_eligibility(follower, current_studies(changes), seed=_SEED, count=contexts)
        progress.print(timed(f"{contexts} browsers, {enrolled} enrolments: an independent reading agrees", started))


if __name__ == "__main__":
    typer.run(main)
