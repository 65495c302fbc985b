"""`pennon serve` as a process: it starts with what people need, says what is wrong, and ends in good order."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import msgspec
import pytest

from pennon.control.app import create_app
from pennon.control.assembly import FirstStart
from pennon.control.config import Settings
from pennon.control.environments.views import environment_names
from pennon.control.log import INSTALLATION
from pennon.control.storage import open_storage
from pennon.protocol.sse import Decoder
from tests.processes import processes
from tests.serving import STOP_S, Api, Process, process

E = "projects/default/environments/production"
SECRET = "pennon_token_"


def serve(*options: str) -> subprocess.CompletedProcess[str]:
    """Run `pennon serve`, which must end by itself."""
    return processes().run(["serve", *options])


class Stream:
    """What a stream of *api*'s production environment said, read in a thread until it ended."""

    def __init__(self, api: Api, key: str) -> None:
        self.events: list[str] = []
        self.ended = threading.Event()
        self._opened = threading.Event()
        self._url = f"{api.url}/sdk/v1/stream"
        self._headers = {"X-API-Key": key}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        assert self._opened.wait(60)

    def _read(self) -> None:
        decoder = Decoder()
        with httpx2.stream("GET", self._url, headers=self._headers, timeout=60) as response:
            for chunk in response.iter_raw():
                self.events += [frame.event for frame in decoder.feed(chunk)]
                if self.events:
                    self._opened.set()
        self.ended.set()

    def wait(self) -> None:
        self._thread.join(60)
        assert self.ended.is_set(), "the stream was cut off"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Process, Api]]:
    with process(tmp_path / "data") as both:
        yield both


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_status_0_and_a_goodbye_on_every_stream(
    running: tuple[Process, Api], number: signal.Signals
) -> None:
    server, api = running
    streams = [Stream(api, api.key()) for _ in range(3)]
    assert server.stop(number) == 0
    for stream in streams:
        stream.wait()
        assert (stream.events[0], stream.events[-1]) == ("snapshot", "goodbye")
    assert "Traceback" not in server.said()
    assert '"level": "error"' not in server.said()


def test_a_change_reaches_a_stream_at_once(running: tuple[Process, Api]) -> None:
    server, api = running
    stream = Stream(api, api.key())

    def took(number: int) -> float:
        started = time.monotonic()
        api.made("POST", "projects/default/flags", {"key": f"quick-{number}"})
        while stream.events.count("delta") <= number:
            assert time.monotonic() - started < 60
            time.sleep(0.001)
        return time.monotonic() - started

    # The machine may be busy meanwhile, but hardly each time.
    assert min(took(number) for number in range(5)) < 0.5
    assert server.stop() == 0
    stream.wait()


def test_another_program_that_runs_the_application_gets_the_goodbye_too(tmp_path: Path) -> None:
    code = (
        "import sys, uvicorn\n"
        "from pennon.cli.http import BoundedHttp\n"
        "from pennon.control.app import create_app\n"
        "from pennon.control.config import Settings\n"
        "app = create_app(Settings(data=sys.argv[1]), announce=lambda first: print(first.administrator_token))\n"
        "sys.stdout.flush()\n"
        "fd = int(sys.argv[2])\n"
        "uvicorn.run(app, fd=fd, http=BoundedHttp, log_level='error', timeout_graceful_shutdown=600)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-c", code, str(tmp_path / "data"), str(listener.fileno())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[listener.fileno()]) as running:
            assert running.stdout is not None
            token = running.stdout.readline().strip()
            with Api(f"http://127.0.0.1:{listener.getsockname()[1]}", token) as api:
                stream = Stream(api, api.key())
                running.terminate()
                running.wait(STOP_S)  # and not for as long as streams may be waited for
                stream.wait()
    assert stream.events[-1] == "goodbye"


def test_everything_is_there_after_a_restart_and_no_second_token_is_made(tmp_path: Path) -> None:
    with process(tmp_path / "data") as (server, api):
        api.made("POST", "projects/default/flags", {"key": "kept"})
        key = api.key()
        token = api.token
        assert server.stop() == 0
    with process(tmp_path / "data") as (server, stranger):
        assert server.ready["administratorToken"] is None
        with stranger.as_holder_of(token) as again:
            assert again.made("GET", f"{E}/flags/kept")["key"] == "kept"
        snapshot = httpx2.get(f"{server.url}/sdk/v1/snapshot", headers={"X-API-Key": key})
        assert "kept" in snapshot.json()["flags"]


def test_an_acknowledged_change_survives_a_kill(tmp_path: Path) -> None:
    with process(tmp_path / "data") as (server, api):
        revision = api.made("POST", f"{E}/segments", {"key": "kept"})["changedAt"]
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        token = api.token
    with process(tmp_path / "data") as (_, stranger), stranger.as_holder_of(token) as again:
        assert again.made("GET", f"{E}/segments/kept")["changedAt"] == revision


def test_the_first_start_tells_people_where_it_is_and_the_token_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from pennon.cli import main; main()", "serve"]
    options = ["--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        said = ""
        while "has the environments" not in said:
            line = started.stderr.readline()
            assert line, said
            said += line
        started.terminate()
        assert started.wait(STOP_S) == 0
    assert "Pennon listens on http://127.0.0.1:" in said
    assert str(tmp_path / "data") in said
    assert said.count(SECRET) == 1


def test_no_secret_is_logged(running: tuple[Process, Api]) -> None:
    server, api = running
    key = api.key()
    token = str(api.token)
    httpx2.get(f"{api.url}/sdk/v1/snapshot", headers={"X-API-Key": key})
    httpx2.get(f"{api.url}/api/v1/projects/{token}?x={key}", headers={"Authorization": f"Bearer {token}"})
    httpx2.get(f"{api.url}/ofrep/v1/stream?key={key}")
    assert server.stop() == 0
    said = server.said()
    assert token not in said
    assert key not in said
    lines = [msgspec.json.decode(line) for line in said.splitlines()]
    shown = next(line for line in lines if line.get("path", "").startswith(f"/api/v1/projects/{SECRET}"))
    assert (shown["method"], shown["status"], shown["level"]) == ("GET", 404, "info")
    assert shown["request_id"]


def test_a_second_server_on_the_same_folder_is_refused(running: tuple[Process, Api], tmp_path: Path) -> None:
    _, api = running
    ended = serve("--data", str(tmp_path / "data"), "--port", "0")
    assert ended.returncode == 1
    assert str(tmp_path / "data") in ended.stderr
    assert "Traceback" not in ended.stderr
    assert api.made("GET", "projects")["items"]


def test_a_worker_that_cannot_start_says_why_and_the_token_is_told_all_the_same(tmp_path: Path) -> None:
    events = tmp_path / "data" / "events"
    events.mkdir(parents=True)
    (events / "worker-1").write_text("in the way")
    ended = serve("--data", str(tmp_path / "data"), "--port", "0", "--workers", "2")
    assert ended.returncode == 1
    assert f"The folder {tmp_path / 'data'} cannot be used" in ended.stderr
    assert ended.stderr.count(SECRET) == 1
    assert "Traceback" not in ended.stderr


def test_two_servers_on_one_database_show_each_others_changes(running: tuple[Process, Api], tmp_path: Path) -> None:
    server, api = running
    url = f"sqlite:///{tmp_path / 'data' / 'pennon.db'}"
    key = api.key()
    with process(tmp_path / "other", "--database-url", url) as (other, stranger):
        assert other.ready["administratorToken"] is None
        stream = Stream(stranger, key)
        api.made("POST", "projects/default/flags", {"key": "shared"})
        until = time.monotonic() + 60
        while "delta" not in stream.events:
            assert time.monotonic() < until
            time.sleep(0.01)
        with stranger.as_holder_of(api.token) as second:
            second.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "shared"}]})
        assert api.made("GET", f"{E}/flags/shared")["on"] is True
        assert other.stop() == 0
        stream.wait()
    assert server.process.poll() is None


def test_variables_and_a_file_set_what_options_do_not(tmp_path: Path) -> None:
    file = tmp_path / "pennon.toml"
    file.write_text('metrics_open = true\nlog_format = "console"\n')
    environ = {"PENNON_LOG_FORMAT": "json"}
    with process(tmp_path / "data", "--config", str(file), environ=environ) as (server, _):
        assert httpx2.get(f"{server.url}/metrics").status_code == 200
        httpx2.get(f"{server.url}/nothing")
        assert server.stop() == 0
        assert all(line.startswith("{") for line in server.said().splitlines())
        assert "/nothing" in server.said()


def test_servers_that_start_at_once_on_a_new_database_make_one_token(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pennon.db'}"
    told: list[FirstStart] = []

    def start(name: str) -> None:
        create_app(Settings(data=str(tmp_path / name), database_url=url), announce=told.append)

    with ThreadPoolExecutor() as threads:
        list(threads.map(start, ("one", "two", "three", "four")))
    assert len(told) == 1
    storage = open_storage(url)
    with storage.log.reading() as reading:
        assert reading.count(INSTALLATION, "token") == 1
        assert [name.environment for name in environment_names(reading)] == ["development", "production"]
    storage.close()
