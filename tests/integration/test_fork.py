"""A forked process works without a call from its program: it follows, evaluates and reports as an instance itself."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pennon.testing import flag
from tests.integration.upstream import KEY, Upstream, eventually, running
from tests.ports import free_port

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PRELUDE = """
import json, os, sys, time
from pennon import AsyncClient, Client
U1 = {"targetingKey": "u1"}
def until(claim, seconds=60.0):
    end = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > end:
            raise SystemExit("it did not come true in time")
        time.sleep(0.005)
def say(**words):
    os.write(1, (json.dumps(words) + "\\n").encode())
"""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.put(flag("new-checkout").on(), flag("go"))
        yield server


class Program:
    """A program that runs beside the test, and says JSON lines."""

    def __init__(self, upstream: Upstream, code: str) -> None:
        code = PRELUDE + textwrap.dedent(code).replace("URL", repr(upstream.url)).replace("KEY", repr(KEY))
        command = [sys.executable, "-W", "error", "-c", code]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def rest(self) -> list[Any]:
        out, err = self._process.communicate(timeout=200)
        assert (self._process.returncode, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]

    def end(self) -> None:
        """Kill it if it still runs, with its children: they hold its output."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()


Run: TypeAlias = Callable[[str], Program]


@pytest.fixture
def run(upstream: Upstream) -> Iterator[Run]:
    programs: list[Program] = []

    def start(code: str) -> Program:
        programs.append(Program(upstream, code))
        return programs[-1]

    yield start
    for program in programs:
        program.end()


def reported(upstream: Upstream) -> dict[str, int]:
    """Return the evaluations of new-checkout by instance. A batch that came twice counts once, as it really does."""
    tally: Tally[str] = Tally()
    for batch in {(batch.instance, batch.sequence): batch for batch in upstream.batches}.values():
        tally[batch.instance] += sum(each.count for each in batch.counters if each.flag == "new-checkout")
    return {instance: count for instance, count in tally.items() if count}


FORK = """
    client = Client(URL, key=KEY, flush_interval_s=0.2)
    assert client.wait_until_ready(60)
    for _ in range(3):
        client.boolean("new-checkout", U1)
    child = os.fork()
    name = "parent" if child else "child"
    value = client.boolean("new-checkout", U1)
    until(lambda: client.boolean("go") and client.status().level == 0)
    say(name=name, value=value, instance=client.status().instance, level=client.status().level)
    if child:
        assert os.waitpid(child, 0)[1] == 0
"""


def test_parent_and_child_follow_and_report_each_for_itself(upstream: Upstream, run: Run) -> None:
    program = run(FORK)
    eventually(lambda: upstream.streams >= 2)
    upstream.put(flag("go").on())
    said = {line["name"]: line for line in program.rest()}
    assert (said["parent"]["value"], said["child"]["value"]) == (True, True)
    assert (said["parent"]["level"], said["child"]["level"]) == (0, 0)
    assert said["parent"]["instance"] != said["child"]["instance"]
    assert reported(upstream) == {said["parent"]["instance"]: 4, said["child"]["instance"]: 1}


def test_a_fork_before_anything_is_known_ends_in_two_clients_that_know(upstream: Upstream, run: Run) -> None:
    code = """
    client = Client(URL, key=KEY)
    child = os.fork()
    ready = client.wait_until_ready(60)
    say(ready=ready, value=client.boolean("new-checkout", U1))
    if child:
        assert os.waitpid(child, 0)[1] == 0
    """
    assert run(code).rest() == [{"ready": True, "value": True}] * 2


@pytest.mark.parametrize("told_twice", [False, True], ids=["by uWSGI only", "by Python too"])
def test_a_worker_of_uwsgi_follows_although_python_is_told_of_no_fork(
    upstream: Upstream, run: Run, *, told_twice: bool
) -> None:
    # uWSGI forks in C and calls the hook of its module; with py-call-osafterfork it also tells Python.
    code = f"""
    import ctypes, types
    sys.modules["uwsgi"] = uwsgi = types.ModuleType("uwsgi")
    hooked = []
    uwsgi.post_fork_hook = lambda: hooked.append("earlier")
    client = Client(URL, key=KEY)
    assert client.wait_until_ready(60)
    # Nobody stops its thread before this fork: what that holds, a lock of an import, the child would wait for.
    until(lambda: client.status().level == 0)
    tells_before = {told_twice} and sys.version_info >= (3, 12)
    if tells_before:
        ctypes.pythonapi.PyOS_BeforeFork()
    child = ctypes.PyDLL(None).fork()
    if child and tells_before:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    if not child:
        if {told_twice}:
            ctypes.pythonapi.PyOS_AfterFork_Child()
        uwsgi.post_fork_hook()
        assert hooked == ["earlier"]
    until(lambda: client.boolean("go") and client.status().level == 0)
    say(value=client.boolean("new-checkout", U1), instance=client.status().instance)
    if child:
        assert os.waitpid(child, 0)[1] == 0
    os._exit(0)
    """
    program = run(code)
    eventually(lambda: upstream.streams >= 2)
    upstream.put(flag("go").on())
    said = program.rest()
    assert [line["value"] for line in said] == [True, True]
    assert said[0]["instance"] != said[1]["instance"]


def test_thirty_forks_in_a_row_all_work_and_the_parent_too(upstream: Upstream, run: Run) -> None:
    code = """
    client = Client(URL, key=KEY)
    assert client.wait_until_ready(60)
    for number in range(30):
        child = os.fork()
        if not child:
            until(lambda: client.status().level == 0)
            os._exit(0 if client.boolean("new-checkout", U1) else 1)
        assert os.waitpid(child, 0)[1] == 0
    until(lambda: client.status().level == 0)
    say(value=client.boolean("new-checkout", U1))
    """
    assert run(code).rest() == [{"value": True}]


def test_children_of_children_work(upstream: Upstream, run: Run) -> None:
    code = """
    client = Client(URL, key=KEY)
    assert client.wait_until_ready(60)
    for generation in range(3):
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0
            break
    until(lambda: client.status().level == 0)
    say(value=client.boolean("new-checkout", U1))
    """
    assert run(code).rest() == [{"value": True}] * 4


def test_processes_of_multiprocessing_report_when_they_end(upstream: Upstream, run: Run) -> None:
    code = """
    import multiprocessing
    client = Client(URL, key=KEY, flush_interval_s=1000)
    assert client.wait_until_ready(60)
    def work():
        assert client.wait_until_ready(60)
        say(value=client.boolean("new-checkout", U1), instance=client.status().instance)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    """
    said = run(code).rest()
    assert [line["value"] for line in said] == [True] * 3
    assert reported(upstream) == {line["instance"]: 1 for line in said}


def test_a_fork_from_c_works(upstream: Upstream, run: Run) -> None:
    """uWSGI forks so. Up to Python 3.11 nothing is told before, and nothing in the parent."""
    code = """
    import ctypes
    client = Client(URL, key=KEY)
    assert client.wait_until_ready(60)
    if sys.version_info >= (3, 12):
        ctypes.pythonapi.PyOS_BeforeFork()
    child = ctypes.PyDLL(None).fork()
    if not child:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    elif sys.version_info >= (3, 12):
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    until(lambda: client.boolean("go") and client.status().level == 0)
    say(name="parent" if child else "child", level=client.status().level)
    if child:
        assert os.waitpid(child, 0)[1] == 0
    """
    program = run(code)
    eventually(lambda: upstream.streams >= 2)
    upstream.put(flag("go").on())
    assert sorted((line["name"], line["level"]) for line in program.rest()) == [("child", 0), ("parent", 0)]


def test_a_fork_while_threads_evaluate_loses_and_doubles_nothing(upstream: Upstream, run: Run) -> None:
    code = """
    import threading, warnings
    # The threads of the program itself are what Python warns of here.
    warnings.simplefilter("ignore", DeprecationWarning)
    client = Client(URL, key=KEY, flush_interval_s=0.05)
    assert client.wait_until_ready(60)
    def evaluate():
        for _ in range(20_000):
            client.boolean("new-checkout", U1)
    threads = [threading.Thread(target=evaluate) for _ in range(3)]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(5):
        child = os.fork()
        if not child:
            until(lambda: client.status().level == 0)
            client.boolean("new-checkout", U1)
            client.close()
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    for thread in threads:
        thread.join()
    client.close()
    say(instance=client.status().instance)
    """
    [said] = run(code).rest()
    totals = reported(upstream)
    assert totals.pop(said["instance"]) == 60_000
    assert sorted(totals.values()) == [1] * 5


def test_the_fork_of_an_asynchronous_client_starts_anew_in_the_childs_loop(upstream: Upstream, run: Run) -> None:
    code = """
    import asyncio
    client = AsyncClient(URL, key=KEY)
    async def follow(name):
        async with client:
            assert await client.wait_until_ready(60)
            while not (client.boolean("go") and client.status().level == 0):
                await asyncio.sleep(0.005)
            say(name=name, level=client.status().level)
    child = os.fork()
    asyncio.run(follow("parent" if child else "child"))
    if child:
        assert os.waitpid(child, 0)[1] == 0
    """
    program = run(code)
    eventually(lambda: upstream.streams >= 2)
    upstream.put(flag("go").on())
    assert sorted((line["name"], line["level"]) for line in program.rest()) == [("child", 0), ("parent", 0)]


def test_a_running_asynchronous_client_can_be_started_again_in_a_child(upstream: Upstream, run: Run) -> None:
    code = """
    import asyncio
    async def follow(name):
        async with client:
            assert await client.wait_until_ready(60)
            while not (client.boolean("go") and client.status().level == 0):
                await asyncio.sleep(0.005)
            say(name=name, level=client.status().level)
    async def main():
        global client
        client = AsyncClient(URL, key=KEY)
        assert await client.wait_until_ready(60)
        child = os.fork()
        if not child:
            assert client.boolean("new-checkout", U1)
            asyncio.run(follow("child"))
            os._exit(0)
        await follow("parent")
        assert os.waitpid(child, 0)[1] == 0
    asyncio.run(main())
    """
    program = run(code)
    eventually(lambda: upstream.streams >= 2)
    upstream.put(flag("go").on())
    assert sorted((line["name"], line["level"]) for line in program.rest()) == [("child", 0), ("parent", 0)]


GUNICORN = """
import os
from pennon import Client
client = Client({url!r}, key={key!r}, flush_interval_s=0.2)
client.wait_until_ready(60)

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    body = '{{"pid": %d, "go": %d, "level": %d, "instance": "%s"}}' % (
        os.getpid(), client.boolean("go"), client.status().level, client.status().instance)
    return [body.encode()]
"""


class Gunicorn:
    """Three workers of one preloaded program, and how often they were asked."""

    def __init__(self, upstream: Upstream, folder: Path) -> None:
        (folder / "web.py").write_text(GUNICORN.format(url=upstream.url, key=KEY), "utf-8")
        self._port = free_port()
        self.asked = 0
        bind = f"--bind=127.0.0.1:{self._port}"
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=3", bind, "web:app"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    def answers(self) -> list[Any]:
        """Return an answer of each worker."""
        answers: dict[int, Any] = {}

        def ask() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=10) as response:
                    answer = json.load(response)
            except OSError:
                return False
            self.asked += 1
            answers[answer["pid"]] = answer
            return len(answers) == 3

        eventually(ask, 60)
        return list(answers.values())

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


def test_the_workers_of_gunicorn_with_preload_follow_each_for_itself(upstream: Upstream, tmp_path: Path) -> None:
    server = Gunicorn(upstream, tmp_path)
    try:
        assert {answer["go"] for answer in server.answers()} == {0}
        upstream.put(flag("go").on())
        eventually(lambda: all(answer["go"] and answer["level"] == 0 for answer in server.answers()))
        assert len({answer["instance"] for answer in server.answers()}) == 3
    finally:
        server.stop()
    counted = sum(each.count for batch in upstream.batches for each in batch.counters if each.flag == "go")
    assert counted == server.asked
