"""Application servers for tests: a program forks workers, each has a client with one store, and says what it knows."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pennon.sdk.sharing.notice import PAGE, Notice

MASTER = """
import asyncio, json, os, signal, sys, time
import httpx2
from pennon import AsyncClient, Client
options = json.loads(sys.argv[1])
workers, preload, asynchronous = options.pop("workers"), options.pop("preload"), options.pop("asynchronous")
if (patience_s := options.pop("patience_s")) is not None:
    import pennon.sdk._async.sharing, pennon.sdk._sync.sharing
    for sort in (pennon.sdk._async.sharing, pennon.sdk._sync.sharing):
        sort._SILENT_S = sort._UNFIT_S = patience_s
client = Client(**options) if preload else None

def say(**words):
    os.write(1, (json.dumps({"pid": os.getpid(), "at": time.monotonic()} | words) + "\\n").encode())

last = None
def look(made):
    global last
    status = made.status()
    said = {"revision": status.revision, "level": status.level, "value": made.string("theme", {"targetingKey": "u1"})}
    if said != last:
        say(**said)
        last = said

async def work_in_a_loop():
    async with AsyncClient(**options) as made:
        while True:
            look(made)
            await asyncio.sleep(0.004)

def work():
    if asynchronous:
        asyncio.run(work_in_a_loop())
    made = client or Client(**options)
    while True:
        look(made)
        time.sleep(0.004)

children = set()
def end(*_):
    for child in children:
        os.kill(child, signal.SIGKILL)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
while True:
    while len(children) < workers:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            work()
        children.add(child)
    children.discard(os.wait()[0])
"""


class Workers:
    """A program that forks as many `workers`, each with a client of *options*: made before, with `preload`.

    `patience_s` is how long they bear with a leader that is silent or slow, so that a machine which stands still for
    seconds makes nobody stream by himself.
    """

    def __init__(self, *, store: Path, **options: Any) -> None:
        self.store = store
        told = json.dumps({"preload": False, "asynchronous": False, "patience_s": None, "store": str(store), **options})
        self._process = subprocess.Popen(
            [sys.executable, "-c", MASTER, told],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said: dict[int, list[dict[str, Any]]] = {}
        """By process, in the order of time."""
        self.errors: list[str] = []
        self._readers = [threading.Thread(target=read) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    @property
    def master(self) -> int:
        """The process that forks the workers."""
        return self._process.pid

    def leader(self) -> int | None:
        """Return the process that leads, None if none does now."""
        try:
            notice = Notice.from_page(self.store.with_name(self.store.name + ".lock").read_bytes()[:PAGE])
        except OSError:
            return None
        return None if notice is None or notice.is_leaving or notice.level is None else notice.pid

    def last(self) -> dict[int, dict[str, Any]]:
        """Return what each living worker said last."""
        return {pid: said[-1] for pid, said in list(self.said.items()) if said and os.path.exists(f"/proc/{pid}")}

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        os.kill(pid, number)

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)
        for reader in self._readers:
            reader.join(60)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            self.said.setdefault(said.pop("pid"), []).append(said)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self.errors += self._process.stderr


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Workers]:
    workers = Workers(**options)
    try:
        yield workers
    finally:
        workers.stop()


class Changes:
    """Makes changes, one every *pause_s*, until the block ends. `made_at` is when each revision was made."""

    def __init__(self, make: Any, *, pause_s: float) -> None:
        self.made_at: dict[int, float] = {}
        self._make = make
        self._pause_s = pause_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Changes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    @property
    def newest(self) -> int:
        return max(self.made_at, default=0)

    def _run(self) -> None:
        while not self._over.wait(self._pause_s):
            at = time.monotonic()
            self.made_at[self._make(len(self.made_at))] = at
