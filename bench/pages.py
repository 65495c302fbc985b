"""How long pages take at 10,000 flags, beside a floor that does nothing, and how large they are on the wire.

The floor is /healthz of the same server, asked in turn with each page by the same client.
"""

import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import msgspec

from pennon.cli.demo.embedded import Embedded
from pennon.cli.logs import set_up_logs

FLAGS, BATCH, TEAMS = 10_000, 1000, 50
ROUNDS = 15
_LATELY = 60
"""Small changes after the flags were made, as logs have them."""
_ACCOUNT, _PASSWORD = "bench", "correct horse battery"
_PRODUCTION = "/projects/default/environments/production"
_FLAG = "team-07.feature-00007"
PATHS = (
    "/projects/default",
    "/projects/default/flags",
    "/projects/default/flags?q=number+77",
    "/projects/default/flags?q=there+is+none",
    "/projects/default/flags?tag=team-7",
    "/projects/default/flags?after=team-30.feature-00000",
    "/projects/default/flags?state=on",
    "/projects/default/flags?reason=pastRemoval",
    f"{_PRODUCTION}/flags/{_FLAG}",
    f"/projects/default/definitions/{_FLAG}",
    f"{_PRODUCTION}/turn-off?flag={_FLAG}",
    f"{_PRODUCTION}/compare?flag={_FLAG}&with=development",
    "/projects/default/kill",
    f"{_PRODUCTION}/changes",
    f"{_PRODUCTION}/changes/2",
    f"{_PRODUCTION}/as-of",
    f"{_PRODUCTION}/why?flag={_FLAG}&key=ada",
    f"{_PRODUCTION}/segments",
    f"{_PRODUCTION}/propagation",
    f"{_PRODUCTION}/schedules",
    "/projects/default/requests",
    "/projects/default/settings",
    "/people",
)


class Measured(msgspec.Struct, frozen=True):
    """One page: the medians of its answer and of the floor, in milliseconds, and its bytes, whole and as sent."""

    path: str
    status: int
    page_ms: float
    floor_ms: float
    whole: int
    sent: int


def main() -> None:
    """Measure every page once the flags are there."""
    set_up_logs(level="critical", form="auto")
    with _installation() as client:
        print(f"   {FLAGS:,} flags; median of {ROUNDS}; the floor is /healthz")
        for path in PATHS:
            _show(_measured(client, path))


def _show(found: Measured) -> None:
    sizes = f"{found.whole / 1000:5.1f} kB, {found.sent / 1000:4.1f} sent"
    times = f"{found.page_ms:6.1f} ms, {found.page_ms / found.floor_ms:5.1f} x the floor"
    print(f"   {times}  {sizes}  {found.path}{'' if found.status == 200 else f'  ({found.status})'}")


def _measured(client: httpx2.Client, path: str) -> Measured:
    sent, status = _sent(client, path)
    whole = len(client.get(path).content)
    pairs = [(_took(lambda: client.get(path)), _took(lambda: client.get("/healthz"))) for _ in range(ROUNDS)]
    page_ms, floor_ms = (statistics.median(each) for each in zip(*pairs, strict=True))
    return Measured(path, status, page_ms, floor_ms, whole, sent)


def _sent(client: httpx2.Client, path: str) -> tuple[int, int]:
    with client.stream("GET", path, headers={"Accept-Encoding": "br, gzip"}) as answer:
        return sum(len(piece) for piece in answer.iter_raw()), answer.status_code


def _took(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


@contextmanager
def _installation() -> Iterator[httpx2.Client]:
    """Run a server with its flags, half of them on, and give a client that is signed in."""
    with tempfile.TemporaryDirectory() as folder, Embedded(Path(folder), 0) as server:
        token = server.first.administrator_token if server.first else ""
        with httpx2.Client(base_url=f"{server.url}/api/v1/", timeout=60) as api:
            api.headers["Authorization"] = f"Bearer {token}"
            _fill(api)
        with httpx2.Client(base_url=server.url, timeout=60, follow_redirects=True) as client:
            said = client.post("/sign-in", data={"account": _ACCOUNT, "password": _PASSWORD})
            if re.search(r'name="password"', said.text):
                raise RuntimeError("the benchmark is not let in")
            yield client


def _fill(api: httpx2.Client) -> None:
    grants = [{"role": "administrator"}]
    api.post("accounts", json={"key": _ACCOUNT, "grants": grants}).raise_for_status()
    api.put(f"accounts/{_ACCOUNT}/password", json={"password": _PASSWORD}).raise_for_status()
    for first in range(0, FLAGS, BATCH):
        edits = [
            {
                "do": "putFlag",
                "definition": {
                    "key": f"team-{n % TEAMS:02d}.feature-{n:05d}",
                    "name": f"Feature number {n}",
                    "tags": [f"team-{n % TEAMS}"],
                },
                "configuration": {"on": n % 2 == 0, "fallthrough": {"variation": "on"}, "offVariation": "off"},
            }
            for n in range(first, first + BATCH)
        ]
        api.post(_PRODUCTION[1:] + "/changes", json={"edits": edits}).raise_for_status()
    for turn in ("turnOn", "turnOff") * (_LATELY // 2):
        edit = {"do": turn, "flag": "team-01.feature-00001"}
        api.post(_PRODUCTION[1:] + "/changes", json={"edits": [edit]}).raise_for_status()
