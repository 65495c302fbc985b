"""One SDK in a process of its own: it does what it is told on standard input, one JSON line a command.

`python -m bench.evaluation.worker SDK` answers on standard output; whatever the SDK prints goes to standard error.
"""

import ctypes
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bench.evaluation.sdks import SDKS, Mode, Unable, Way, sdk
from bench.evaluation.worlds import World, world

_WARM_S = 0.02
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000


class Wrong(Exception):
    """An SDK answered a probe wrongly."""


def cut_off() -> bool:
    """Leave the network, for good. Return whether the system let us."""
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    return any(unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def compiled(way: Way) -> tuple[Callable[[str, Any], Any], Callable[[Any], None]]:
    """Return the question as a function, and as a loop over (flag, user)."""
    source = (
        f"def ask(flag, user):\n return {way.expression}\n"
        f"def loop(pairs):\n for flag, user in pairs:\n  {way.expression}\n"
    )
    scope: dict[str, Any] = dict(way.names)
    exec(compile(source, "<way>", "exec"), scope)
    return scope["ask"], scope["loop"]


def check(ask: Callable[[str, Any], Any], way: Way, asked: World) -> None:
    """Ask every probe, the splits twice. Raises `Wrong`."""
    shares: dict[str, list[bool]] = {}
    for probe in asked.probes:
        answer = way.value(ask(probe.flag, way.user(probe.user)))
        if answer is not True and answer is not False:
            raise Wrong(f"{probe.flag} answered {answer!r} to {probe.user}")
        if probe.answer is None:
            shares.setdefault(probe.flag, []).append(answer)
            if way.value(ask(probe.flag, way.user(probe.user))) is not answer:
                raise Wrong(f"{probe.flag} answered {probe.user} two things")
        elif answer is not probe.answer:
            raise Wrong(f"{probe.flag} answered {answer} to {probe.user}")
    for flag, answers in shares.items():
        share = sum(answers) / len(answers)
        if not 0.42 < share < 0.58:  # five standard deviations for 1,000 users
            raise Wrong(f"{flag} split {len(answers)} users {share:.0%} to {1 - share:.0%}")


class Worker:
    """Keeps what is being measured."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._way: Way | None = None
        self._loop: Callable[[Any], None] = lambda _: None
        self._pairs: Any = iter(())
        self._per_second = 1.0

    def hello(self) -> dict[str, Any]:
        """Return which version is measured, or why none can be."""
        sdk(self._name)
        distribution = SDKS[self._name].distribution
        return {"version": "" if distribution is None else version(distribution)}

    def prepare(self, workload: str, mode: Mode, crowd: int, patience_s: float) -> dict[str, Any]:
        """Open the SDK for a workload, check its answers, and warm up."""
        if self._way is not None:
            self._way.close()
        self._way = None
        gc.collect()
        asked, document = _document(self._name, workload, crowd)
        way = self._way = sdk(self._name).open(document, mode)
        ask, self._loop = compiled(way)
        if way.checked:
            check(ask, way, asked)
        users = {id(each): way.user(each) for _, each in asked.asked}
        pairs = [(flag, users[id(each)]) for flag, each in asked.asked]
        self._pairs = cycle(pairs)
        self._warm_up(len(pairs), patience_s)
        return {}

    def _warm_up(self, pairs: int, patience_s: float) -> None:
        """Ask everything once, unless that takes too long: what is compiled on first use is not what is measured."""
        started, done, step = time.process_time(), 0, 1
        while (spent := time.process_time() - started) < _WARM_S or (done < pairs and spent < patience_s):
            self._loop(islice(self._pairs, step))
            done += step
            step = min(step * 2, pairs)
        self._per_second = done / spent
        _, seconds = self._timed(max(int(self._per_second * _WARM_S), 1))
        self._per_second = max(int(self._per_second * _WARM_S), 1) / seconds

    def _timed(self, calls: int) -> tuple[int, float]:
        started = time.process_time()
        self._loop(islice(self._pairs, calls))
        return calls, max(time.process_time() - started, 1e-9)

    def slice(self, seconds: float) -> dict[str, Any]:
        """Ask for about *seconds* of CPU time, and return how much was done."""
        calls, spent = self._timed(max(int(self._per_second * seconds), 1))
        return {"calls": calls, "seconds": spent}

    def document(self, path: str, crowd: int) -> dict[str, Any]:
        """Write the configuration of W4 to *path*."""
        Path(path).write_bytes(sdk(self._name).document(world("W4", crowd)))
        return {}

    def memory(self, path: str, crowd: int) -> dict[str, Any]:
        """Load the configuration at *path*, use each flag, and return what that took."""
        adapter = sdk(self._name)
        asked = world("W4", crowd)
        before, data = _rss(), Path(path).read_bytes()
        size, started = len(data), time.process_time()
        way = adapter.open(data, "value")
        ask, loop = compiled(way)
        flag, first = asked.asked[0]
        ask(flag, way.user(first))
        loaded_s = time.process_time() - started
        del data
        loaded = _rss() - before
        loop((flag, way.user(each)) for _ in range(2) for flag, each in asked.asked)
        used = _rss() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        return {"bytes": size, "load_s": loaded_s, "loaded": loaded, "used": used, "peak": peak}


@lru_cache(maxsize=1)
def _document(name: str, workload: str, crowd: int) -> tuple[World, bytes]:
    asked = world(workload, crowd)
    return asked, sdk(name).document(asked)


def _rss() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main(name: str) -> None:
    """Do what standard input says, line by line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    offline = cut_off()
    worker = Worker(name)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command) | {"offline": offline}
        except Unable as error:
            answer = {"unable": str(error)}
        except Wrong as error:
            answer = {"wrong": str(error)}
        except Exception as error:  # noqa: BLE001  # boundary: an SDK may raise anything, and the others go on
            answer = {"unable": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    answers.close()
    sys.stderr.flush()
    os._exit(0)  # an SDK's threads may wait for a network that is not there


if __name__ == "__main__":
    main(sys.argv[1])
