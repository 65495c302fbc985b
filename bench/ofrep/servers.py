"""The servers: how each starts with the flags of `world`, and how it is asked."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx2
import msgspec

from bench.ofrep import peers, world

_PLACE = "projects/default/environments/production"
_STARTS_S = 20.0
_SINGLE, _BULK = f"/ofrep/v1/evaluate/flags/{world.ASKED}", "/ofrep/v1/evaluate/flags"


class Absent(Exception):
    """A server is not here. The text says why."""


class Asking(NamedTuple):
    """A request, always the same."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"


class Running(NamedTuple):
    """A server that answers: its process, and how it is asked for one flag and for all."""

    url: str
    process: int
    single: Asking
    bulk: Asking


class Server(NamedTuple):
    """One that may be measured. `note` is what is to be known of its numbers."""

    title: str
    start: Callable[[Path], contextlib.AbstractContextManager[Running]]
    note: str = ""


def _asking(path: str, headers: Mapping[str, str] | None = None) -> Asking:
    json_headers = {"content-type": "application/json", **(headers or {})}
    return Asking(path, json.dumps({"context": world.CONTEXT}).encode(), json_headers)


@contextlib.contextmanager
def started(program: list[str], *, cpus: set[int], log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run *program* on *cpus* until the end of the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            on_cpus(program, cpus),
            stdout=subprocess.PIPE,
            stderr=out,
            env=os.environ | {"GOMAXPROCS": str(len(cpus)), **env},
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def on_cpus(program: list[str], cpus: set[int]) -> list[str]:
    """Return *program* as it is run on *cpus*."""
    return ["taskset", "-c", ",".join(map(str, sorted(cpus))), *program]


def server_cpus() -> set[int]:
    """Return the processor that servers get, the load's too if there is only one."""
    return {min(os.sched_getaffinity(0))}


def load_cpus() -> set[int]:
    """Return the processor that the load gets."""
    return {max(os.sched_getaffinity(0))}


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes], asking: Asking) -> None:
    """Wait until *asking* is answered well. Raises `Absent`."""
    until = time.monotonic() + _STARTS_S
    said = "it does not listen"
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx2.HTTPError):
            answer = httpx2.request(
                asking.method, url + asking.path, content=asking.body or None, headers=dict(asking.headers)
            )
            if answer.status_code == 200:
                return
            said = f"it answers {answer.status_code} {answer.text[:100]}"
        time.sleep(0.05)
    raise Absent(f"it did not start: {said}")


@contextlib.contextmanager
def _pennon(folder: Path) -> Iterator[Running]:
    program = [sys.executable, "-c", "from pennon.cli import main; main()", "serve", "--json", "--port", "0"]
    options = ["--log-level", "error", "--data", str(folder / "data")]
    with started([*program, *options], cpus=server_cpus(), log=folder / "log") as process:
        assert process.stdout is not None
        ready = msgspec.json.decode(process.stdout.readline(), type=dict[str, str | None])
        url, token = str(ready["url"]), str(ready["administratorToken"])
        with httpx2.Client(base_url=f"{url}/api/v1/", headers={"authorization": f"Bearer {token}"}) as http:
            _post(http, f"{_PLACE}/changes", {"why": "", "edits": world.pennon_edits()})
            key = str(_post(http, f"{_PLACE}/keys", {"kind": "server", "name": "bench"})["secret"])
        headers = {"authorization": f"Bearer {key}"}
        running = Running(url, process.pid, _asking(_SINGLE, headers), _asking(_BULK, headers))
        _answers(url, process, running.single)
        yield running


def _post(http: httpx2.Client, path: str, body: object) -> dict[str, object]:
    answer = http.post(path, content=msgspec.json.encode(body), headers={"content-type": "application/json"})
    assert answer.is_success, answer.text
    return msgspec.json.decode(answer.content, type=dict[str, object])


@contextlib.contextmanager
def _bare(folder: Path) -> Iterator[Running]:
    port = free_port()
    program = [sys.executable, "-m", "bench.ofrep.hello", str(port)]
    with _plain(program, port, folder) as running:
        yield running


@contextlib.contextmanager
def _plain(program: list[str], port: int, folder: Path, **env: str) -> Iterator[Running]:
    """Run a server that takes OFREP without a key."""
    with started(program, cpus=server_cpus(), log=folder / "log", **env) as process:
        url = f"http://127.0.0.1:{port}"
        running = Running(url, process.pid, _asking(_SINGLE), _asking(_BULK))
        _answers(url, process, running.single)
        yield running


def _binary(name: str) -> str:
    if (found := peers.binary(name)) is None:
        raise Absent(peers.missing(name))
    return str(found)


@contextlib.contextmanager
def _go_floor(folder: Path) -> Iterator[Running]:
    port = free_port()
    with _plain([_binary("ofrep-floor"), str(port)], port, folder) as running:
        yield running


@contextlib.contextmanager
def _flagd(folder: Path) -> Iterator[Running]:
    flags, port = folder / "flags.json", free_port()
    flags.write_text(json.dumps(world.flagd_flags()))
    others = ["--port", str(free_port()), "--management-port", str(free_port()), "--sync-port", str(free_port())]
    program = [_binary("flagd"), "start", "--uri", f"file:{flags}", "--ofrep-port", str(port), *others]
    with _plain(program, port, folder) as running:
        yield running


@contextlib.contextmanager
def _goff(folder: Path) -> Iterator[Running]:
    flags, settings, port = folder / "flags.json", folder / "goff.json", free_port()
    flags.write_text(json.dumps(world.goff_flags()))
    retriever = {"kind": "file", "path": str(flags)}
    settings.write_text(json.dumps({"listen": port, "fileFormat": "json", "retriever": retriever, "logLevel": "ERROR"}))
    with _plain([_binary("relayproxy"), "--config", str(settings)], port, folder) as running:
        yield running


@contextlib.contextmanager
def _unleash(folder: Path) -> Iterator[Running]:
    features, port = folder / "features.json", free_port()
    features.write_text(json.dumps(world.unleash_features()))
    token = "*:development.bench"
    offline = ["offline", "--bootstrap-file", str(features), "--frontend-tokens", token, "--client-tokens", token]
    program = [_binary("unleash-edge"), "--port", str(port), "--interface", "127.0.0.1", *offline]
    query = "userId=user-1&properties[country]=DE&properties[plan]=pro"
    headers = {"authorization": token}
    single = Asking(f"/api/frontend/features/{world.ASKED}?{query}", b"", headers, "GET")
    bulk = Asking(f"/api/frontend?{query}", b"", headers, "GET")
    with started(program, cpus=server_cpus(), log=folder / "log", TOKIO_WORKER_THREADS="1") as process:
        url = f"http://127.0.0.1:{port}"
        _answers(url, process, bulk)
        yield Running(url, process.pid, single, bulk)


SERVERS: Mapping[str, Server] = {
    "bare": Server("a bare answer by uvicorn", _bare, "it reads no body and answers 17 bytes, single or bulk"),
    "pennon": Server("Pennon", _pennon, "with a key, one in two flags by rule and split, each evaluation counted"),
    "go": Server("Go's net/http, evaluating nothing", _go_floor, "what a server in Go costs at least"),
    "flagd": Server("flagd", _flagd, "without keys"),
    "goff": Server("GO Feature Flag relay proxy", _goff, "without keys"),
    "unleash": Server("Unleash Edge", _unleash, "its own frontend API, not OFREP; bulk tells only what is on"),
}


@contextlib.contextmanager
def running(name: str) -> Iterator[Running]:
    """Run the server *name*. Raises `Absent`."""
    with tempfile.TemporaryDirectory(prefix="pennon-ofrep-") as folder, SERVERS[name].start(Path(folder)) as server:
        yield server
