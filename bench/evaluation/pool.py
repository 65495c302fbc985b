"""The processes in which the SDKs are measured, one for each, seen from the one that leads."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

_ROOT = Path(__file__).parents[2]
_LAST_WORDS = 2000


class Died(Exception):
    """A process ended, or broke its promise to answer."""


class Process:
    """One SDK's process. `send` and `receive` are apart, so that several can prepare at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.evaluation.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=_ROOT,
        )

    def send(self, do: str, **arguments: object) -> None:
        """Tell the process to do something."""
        assert self._process.stdin is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise Died(self._last_words()) from None

    def receive(self) -> dict[str, Any]:
        """Return what came of it. Raises `Died`."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Died(self._last_words())
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Tell the process to do something, and return what came of it."""
        self.send(do, **arguments)
        return self.receive()

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        return f"its process ended ({self._process.returncode}): {self._errors.read()[-_LAST_WORDS:].strip()}"

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


class Pool:
    """All processes of a run; `with` ends them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.processes = {name: Process(name) for name in names}
        self._beside: list[Process] = []

    def add(self, name: str) -> Process:
        """Return a process beside the others."""
        self._beside.append(Process(name))
        return self._beside[-1]

    def each(self, names: Iterable[str], do: str, **arguments: object) -> dict[str, dict[str, Any]]:
        """Tell several processes the same at once, and return what came of it; one that died is unable."""
        answers, sent = {}, []
        for name in names:
            try:
                self.processes[name].send(do, **arguments)
                sent.append(name)
            except Died as error:
                answers[name] = {"unable": str(error)}
        for name in sent:
            try:
                answers[name] = self.processes[name].receive()
            except Died as error:
                answers[name] = {"unable": str(error)}
        return answers

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in (*self.processes.values(), *self._beside):
            process.close()
