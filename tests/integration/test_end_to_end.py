"""Whole ways through real processes: change, log, stream, SDK and back, while servers die, are two, or are crowded."""

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pennon import Client
from pennon.sdk import Level
from tests.integration.attached import BOOLEAN, PLACE, eventually
from tests.ports import free_port
from tests.postgres import Postgres
from tests.serving import Api, Process, process

FLAG = "flow"
U1 = {"targetingKey": "u1"}
QUICK: dict[str, Any] = {"poll_interval_s": 0.2, "timeout_s": 2.0, "chance": lambda: 0.05}


class Restarted:
    """A server that comes back on the same port with the same data, however it ended. `api` is its administrator."""

    def __init__(self, folder: Path) -> None:
        self._options = ("--port", str(free_port()))
        self._folder = folder
        self.process = Process(folder, *self._options)
        self.url = self.process.url
        self.api = Api(self.url, self.process.ready["administratorToken"])

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it."""
        if self.process.process.poll() is None:
            self.process.stop(number)

    def start(self) -> None:
        """Start it again."""
        self.process.ended()
        self.process = Process(self._folder, *self._options)

    def __enter__(self) -> "Restarted":
        return self

    def __exit__(self, *_: object) -> None:
        self.api.http.close()
        self.process.process.kill()
        self.process.ended()


def make_flag(api: Api, key: str = FLAG, **fields: Any) -> None:
    api.made("POST", "projects/default/flags", {"key": key, "kind": "boolean", "variations": BOOLEAN, **fields})


def switch(api: Api, key: str = FLAG, *, on: bool) -> int:
    edit = {"do": "turnOn" if on else "turnOff", "flag": key}
    return int(api.made("POST", f"{PLACE}/changes", {"why": "", "edits": [edit]})["revision"])


def target(api: Api, who: str) -> int:
    """Make a change that no other one repeats or hides, and return its revision."""
    edit = {"do": "addTarget", "flag": FLAG, "variation": "on", "values": [who]}
    return int(api.made("POST", f"{PLACE}/changes", {"why": who, "edits": [edit]})["revision"])


def changes(api: Api) -> list[dict[str, Any]]:
    """Return all changes, oldest first."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = api.made("GET", f"{PLACE}/changes?limit=100{after}")
        found += page["items"]
        if page["next"] is None:
            return found[::-1]
        after = f"&after={page['next']}"


def assert_equal(client: Client, api: Api) -> None:
    """Check that the SDK comes to hold what the server does, byte for byte."""
    state = api.send("GET", f"{PLACE}/state").content
    eventually(lambda: client.rules().snapshot.to_json() == state)


@contextlib.contextmanager
def repeating(work: Callable[[int], object], *, pause_s: float = 0.0) -> Iterator[None]:
    """Do *work* over and over in a thread meanwhile, with a number that counts up. What it raises is raised here."""
    is_over = threading.Event()

    def run() -> None:
        for number in itertools.count():
            if is_over.wait(pause_s):
                return
            work(number)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            yield
        finally:
            is_over.set()
            running.result(60)


def test_server_that_is_killed_between_changes_loses_none_and_its_sdk_evaluates_throughout(tmp_path: Path) -> None:
    acknowledged: dict[str, int] = {}
    with Restarted(tmp_path / "data") as server, Client(server.url, key=server.api.key(), **QUICK) as client:
        make_flag(server.api)
        assert client.wait_until_ready(60)
        eventually(lambda: FLAG in client.rules().flag_keys())

        def evaluate(_: int) -> None:
            result = client.evaluation(FLAG, U1, default=None)
            assert result.value in (True, False)
            assert result.error_code is None

        with repeating(evaluate, pause_s=0.001):
            for life in range(3):
                write_until_killed(server, life, acknowledged)
                eventually(lambda: client.status().level is Level.LAST_KNOWN)
                server.start()
            eventually(lambda: client.status().level is Level.STREAMING)
            log = changes(server.api)
            assert_equal(client, server.api)
    assert [change["revision"] for change in log] == list(range(1, len(log) + 1))
    made = {change["why"]: change["revision"] for change in log}
    assert {who: made.get(who) for who in acknowledged} == acknowledged
    assert len(acknowledged) > 30


def write_until_killed(server: Restarted, life: int, acknowledged: dict[str, int]) -> None:
    """Make change after change; the server is killed in the middle of one, and nothing answers any more."""
    killing = threading.Timer(0.0, server.process.process.kill)
    with contextlib.suppress(httpx2.HTTPError), server.api.as_holder_of(server.api.token) as writer:
        for number in itertools.count():
            if number == 12 + 7 * life:
                killing.start()
            who = f"u{life}-{number}"
            acknowledged[who] = target(writer, who)
    killing.join()


def test_change_through_one_of_two_servers_reaches_an_sdk_on_the_other_within_two_seconds(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.database()
    with (
        process(tmp_path / "one", "--database-url", url) as (one, api),
        process(tmp_path / "two", "--database-url", url) as (two, stranger),
        stranger.as_holder_of(api.token) as second,
    ):
        make_flag(api)
        key = api.key()
        with Client(one.url, key=key, **QUICK) as here, Client(two.url, key=key, **QUICK) as there:
            assert here.wait_until_ready(60)
            assert there.wait_until_ready(60)
            took = []
            for number in range(3):
                for writer, reader in ((api, there), (second, here)):
                    revision = target(writer, f"u{number}")
                    started = time.monotonic()
                    eventually(lambda at=revision, of=reader: of.status().revision >= at)  # type: ignore[misc]
                    took.append(time.monotonic() - started)
                    revision = target(writer, f"other{number}-{writer.url}")
            assert min(took) < 2  # the machine may be busy meanwhile, but hardly each time
            with ThreadPoolExecutor(4) as pool:
                writers = [(api, "a"), (second, "b"), (api, "c"), (second, "d")]
                list(pool.map(lambda who: [target(who[0], f"{who[1]}{n}") for n in range(15)], writers))
            log = changes(second)
            assert [change["revision"] for change in log] == list(range(1, len(log) + 1))
            assert_equal(here, second)
            assert_equal(there, api)
            assert here.rules().snapshot.to_json() == there.rules().snapshot.to_json()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to end"])
def test_every_evaluation_is_counted_once_though_the_server_is_restarted_meanwhile(tmp_path: Path, number: int) -> None:
    evaluated = {True: 0, False: 0}
    with Restarted(tmp_path / "data") as server, contextlib.ExitStack() as stack:
        api = server.api
        make_flag(api)
        split = {"split": {"weights": [{"variation": "on", "weight": 30_000}, {"variation": "off", "weight": 70_000}]}}
        api.made("PUT", f"{PLACE}/flags/{FLAG}", {"on": True, "fallthrough": split})
        key, quick = api.key(), {"flush_interval_s": 0.05, **QUICK}
        reporters = [stack.enter_context(Client(server.url, key=key, **quick)) for _ in range(3)]
        assert all(reporter.wait_until_ready(60) for reporter in reporters)

        def evaluate(times: int) -> None:
            for at in range(times):
                for reporter in reporters:
                    evaluated[reporter.boolean(FLAG, {"targetingKey": f"u{at}"}, default=False)] += 1

        def counted() -> dict[bool, int]:
            counts = {"on": 0, "off": 0}
            for hour in api.made("GET", f"{PLACE}/counts?flag={FLAG}")["items"]:
                counts[hour["variation"]] += hour["count"]
            return {True: counts["on"], False: counts["off"]}

        evaluate(500)
        with repeating(lambda _: evaluate(20), pause_s=0.01):
            eventually(lambda: any(counted().values()))
            server.stop(number)
            server.start()
            eventually(lambda: sum(counted().values()) > 3000)
        evaluate(500)
        for reporter in reporters:
            reporter.close(60)
        eventually(lambda: counted() == evaluated)
        server.stop(number)
        server.start()  # what the spool holds is read again, and counts nothing twice
        make_flag(api, "later")
        assert counted() == evaluated


def test_streams_of_a_revoked_key_end_and_those_of_others_go_on(tmp_path: Path) -> None:
    with process(tmp_path / "data") as (server, api):
        make_flag(api)
        made = [api.made("POST", f"{PLACE}/keys", {"kind": "server", "name": name}) for name in ("bad", "good")]
        with contextlib.ExitStack() as stack:
            bad, good = (stack.enter_context(Client(server.url, key=key["secret"], **QUICK)) for key in made)
            assert bad.wait_until_ready(60)
            assert good.wait_until_ready(60)
            before = bad.boolean(FLAG, U1, default=True)
            http = stack.enter_context(httpx2.Client(base_url=server.url, timeout=60))
            stream = stack.enter_context(http.stream("GET", "/sdk/v1/stream", headers={"X-API-Key": made[0]["secret"]}))
            pieces = stream.iter_raw()
            next(pieces)
            api.made("DELETE", f"{PLACE}/keys/{made[0]['key']['key']}")
            assert len(list(pieces)) <= 1  # the delta of the revocation shows nothing, but it may come
            eventually(lambda: bad.status().is_refused)
            revision = switch(api, on=True)
            eventually(lambda: good.status().revision >= revision)
            assert good.boolean(FLAG, U1, default=False) is True
            assert bad.boolean(FLAG, U1, default=not before) is before
            assert bad.status().level is Level.LAST_KNOWN


def test_two_hundred_quick_changes_of_one_flag_by_four_writers_are_all_kept(tmp_path: Path) -> None:
    with process(tmp_path / "data") as (server, api), Client(server.url, key=api.key(), **QUICK) as client:
        make_flag(api)
        assert client.wait_until_ready(60)
        seen: list[int] = []
        client.on_change(lambda change: seen.append(change.revision))

        def write(writer: int) -> list[int]:
            with api.as_holder_of(api.token) as own:
                return [target(own, f"w{writer}-{number}") for number in range(50)]

        with ThreadPoolExecutor(4) as pool:
            revisions = sorted(itertools.chain.from_iterable(pool.map(write, range(4))))
        log = changes(api)
        assert [change["revision"] for change in log] == list(range(1, len(log) + 1))
        assert revisions == [change["revision"] for change in log if change["why"]]
        assert len(revisions) == 200
        assert_equal(client, api)
        flag = client.rules().snapshot.flags[FLAG]
        (targets,) = [each.values for each in flag.targets]
        assert set(targets) == {f"w{writer}-{number}" for writer in range(4) for number in range(50)}
        assert seen == sorted(seen)
        assert flag.changed_at == revisions[-1] == client.status().revision
