"""The servers of a run, as processes of their own, and what they are told."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx2
import msgspec

PLACE = "projects/default/environments/production"
_PROGRAM = [sys.executable, "-c", "from pennon.cli import main; main()"]
_AT_ONCE = 500
_STOP_S = 20


class Servers:
    """Starts servers, and ends them when it is left. Their data lies in one temporary folder."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pennon-bench-"))
        self._running: list[subprocess.Popen[bytes]] = []
        self.pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def origin(self, *options: str) -> "Origin":
        """Start `pennon serve` and return it."""
        said = self._start("origin", ["serve", *options], {})
        return Origin(str(said["url"]), str(said["administratorToken"]))

    def edge(self, name: str, upstream: str, key: str, *options: str) -> str:
        """Start `pennon edge run` below *upstream* and return its URL."""
        arguments = ["edge", "run", "--name", name, "--upstream", upstream, *options]
        return str(self._start(name, arguments, {"PENNON_EDGE_KEY": key})["url"])

    def _start(self, name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> dict[str, object]:
        options = ["--json", "--port", "0", "--log-level", "error", "--data", str(self._folder / name)]
        process = subprocess.Popen(
            [*_PROGRAM, *arguments, *options], stdout=subprocess.PIPE, env={**os.environ, **environ}
        )
        self._running.append(process)
        self.pids[name] = process.pid
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"{name} did not start"
        return msgspec.json.decode(line, type=dict[str, object])


class Origin:
    """An origin, and a client of its admin API."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=f"{url}/api/v1/", timeout=60, headers={"authorization": f"Bearer {token}"})

    def key(self, kind: str) -> str:
        """Make a key of production and return its secret."""
        return str(self.made(f"{PLACE}/keys", {"kind": kind, "name": kind})["secret"])

    def fill(self, count: int, *, client_side: bool = False) -> None:
        """Make the flag `bench`, and *count* others as large as flags are: two rules and a split."""
        self.change({"do": "putFlag", "definition": definition("bench", client_side=client_side)})
        for start in range(0, count, _AT_ONCE):
            names = [f"flag-{number}" for number in range(start, min(start + _AT_ONCE, count))]
            definitions = [definition(name, client_side=client_side) for name in names]
            self.change(
                *({"do": "putFlag", "definition": each, "configuration": _configuration()} for each in definitions)
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def turn(self, *, on: bool) -> int:
        """Turn the flag on or off, and return the revision of that."""
        return self.change({"do": "turnOn" if on else "turnOff", "flag": "bench"})

    def change(self, *edits: Mapping[str, object]) -> int:
        """Make one change, and return its revision."""
        return int(str(self.made(f"{PLACE}/changes", {"why": "", "edits": list(edits)})["revision"]))

    def made(self, path: str, body: object) -> dict[str, object]:
        """Post *body* and return what was made."""
        answer = self.http.post(path, content=msgspec.json.encode(body), headers={"content-type": "application/json"})
        assert answer.is_success, answer.text
        return msgspec.json.decode(answer.content, type=dict[str, object])


def definition(key: str, *, client_side: bool = False) -> dict[str, object]:
    """Return a boolean flag's definition."""
    return {
        "key": key,
        "kind": "boolean",
        "clientSide": client_side,
        "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}],
    }


def _configuration() -> dict[str, object]:
    """Return a configuration of the size that flags have: two rules and a split."""
    halves = [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]
    return {
        "on": True,
        "salt": "bench",
        "offVariation": "off",
        "rules": [
            _rule("r1", [{"attribute": "country", "op": "in", "values": ["DE", "FR", "PL"]}]),
            _rule("r2", [{"attribute": "appVersion", "op": "versionGreaterOrEqual", "values": ["2.3.0"]}]),
        ],
        "fallthrough": {"split": {"by": "targetingKey", "weights": halves}},
    }


def _rule(name: str, conditions: list[dict[str, object]]) -> dict[str, object]:
    return {"id": name, "conditions": conditions, "serve": {"variation": "on"}}
