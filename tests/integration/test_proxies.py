"""nginx and Caddy with the files of `deploy/`, before a real server: nothing is held back, and nobody is another."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import httpx2
import msgspec
import pytest

from pennon import Client
from pennon.protocol import Frame
from pennon.protocol.sse import Decoder
from pennon.sdk import Level
from tests.ports import free_port
from tests.serving import Api, Process, process

ROOT = Path(__file__).parents[2]
E = "projects/default/environments/production"
_PATIENCE_S = 60.0


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Proxy(ABC):
    """A proxy with our file for it, on a free port of this machine, in front of *upstream*."""

    program: str

    def __init__(self, folder: Path, certificate: tuple[Path, Path], upstream: str) -> None:
        self.folder = folder
        self.certificate = certificate
        self.upstream = upstream.removeprefix("http://")
        while not self._starts():  # somebody else may take a port that was free a moment ago
            assert "in use" in (folder / "said").read_text(), (folder / "said").read_text()

    def _starts(self) -> bool:
        """Start it on a port that seems to be free, and return whether it serves."""
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        with (self.folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=said, stderr=said, env={**os.environ, **self.environ()}
            )
        until(lambda: self._answers() or self._process.poll() is not None)
        return self._process.poll() is None

    @abstractmethod
    def command(self) -> list[str]:
        """Write what it needs, and return how it is started, in the foreground."""

    def environ(self) -> dict[str, str]:
        return {}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(_PATIENCE_S)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


class Nginx(Proxy):
    program = "nginx"

    def command(self) -> list[str]:
        text = (ROOT / "deploy" / "nginx" / "pennon.conf").read_text()
        certificate, key = self.certificate
        for ours, here in {
            "server 127.0.0.1:8000 ": f"server {self.upstream} ",
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "/etc/ssl/pennon/certificate.pem": str(certificate),
            "/etc/ssl/pennon/key.pem": str(key),
            "/var/log/nginx/pennon.log": str(self.folder / "access.log"),
        }.items():
            assert text.count(ours) == 1, ours
            text = text.replace(ours, here)
        (self.folder / "pennon.conf").write_text(text)
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(
            f"user {getpass.getuser()}; daemon off; pid {self.folder}/pid; error_log stderr;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ {paths} include {self.folder}/pennon.conf; }}\n"
        )
        return [_found(self.program), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]


class Caddy(Proxy):
    program = "caddy"

    def command(self) -> list[str]:
        ours = ROOT / "deploy" / "caddy" / "Caddyfile"
        (self.folder / "Caddyfile").write_text(
            "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
            f"import {ours}\n"
        )
        return [_found(self.program), "run", "--config", str(self.folder / "Caddyfile"), "--adapter", "caddyfile"]

    def environ(self) -> dict[str, str]:
        certificate, key = self.certificate
        return {
            "PENNON_SITE": self.url,
            "PENNON_UPSTREAM": self.upstream,
            "PENNON_TLS": f"tls {certificate} {key}",
            "XDG_DATA_HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder),
        }


_PATH = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"


def _found(program: str) -> str:
    return shutil.which(program, path=_PATH) or _give_up(program)


def _give_up(program: str) -> NoReturn:
    reason = f"{program} is not here; scripts/debian-packages installs it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    if shutil.which("openssl") is None:
        _give_up("openssl")
    subprocess.run([*command.split(), "-keyout", paths[1], "-out", paths[0]], check=True, capture_output=True)
    paths[1].chmod(0o644)  # for a proxy whose workers are another user
    return paths


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Api]]:
    folder = tmp_path_factory.mktemp("proxied")
    options = ("--workers", "2", "--trusted-proxies", "127.0.0.1/32", "--drain-timeout-s", "5")
    with process(folder / "data", *options) as (running, api):
        yield running, api
        assert running.stop() == 0
        assert "Traceback" not in running.said()


class Behind:
    """A proxy, the server behind it, and what a client needs to ask it."""

    def __init__(self, proxy: Proxy, server: tuple[Process, Api], certificate: Path) -> None:
        self.url = proxy.url
        self.server, self.api = server
        self.trust = ssl.create_default_context(cafile=certificate)

    def client(self, **headers: str) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, verify=self.trust, headers=headers, timeout=_PATIENCE_S)

    def streams(self, projection: str) -> float:
        text = self.api.http.get(f"{self.api.url}/metrics").text
        lines = [line for line in text.splitlines() if line.startswith(f'pennon_streams{{projection="{projection}"}}')]
        return float(lines[0].split()[-1]) if lines else 0.0


Behinds = dict[type[Proxy], Behind]


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path], server: tuple[Process, Api]
) -> Iterator[Behinds]:
    """Every proxy that is here."""
    with contextlib.ExitStack() as stack:
        made: Behinds = {}
        for kind in (Nginx, Caddy):
            if shutil.which(kind.program, path=_PATH) is not None:
                folder = tmp_path_factory.mktemp(kind.program)
                folder.chmod(0o755)
                proxy = kind(folder, certificate, server[0].url)
                stack.callback(proxy.stop)
                made[kind] = Behind(proxy, server, certificate[0])
        yield made


@pytest.fixture(params=[Nginx, Caddy], ids=lambda kind: kind.program)
def behind(request: pytest.FixtureRequest, running: Behinds) -> Behind:
    return running.get(request.param) or _give_up(request.param.program)


class Frames:
    """The frames of a stream, as they arrive."""

    def __init__(self, response: httpx2.Response) -> None:
        self._chunks = response.iter_raw()
        self._decoder = Decoder()
        self._waiting: list[Frame] = []

    def next(self, event: str) -> Frame:
        """Return the next frame of that kind."""
        while True:
            while not self._waiting:
                self._waiting += self._decoder.feed(next(self._chunks))
            if (frame := self._waiting.pop(0)).event == event:
                return frame


def test_frames_and_heartbeats_of_a_stream_arrive_as_they_are_sent(behind: Behind) -> None:
    name = f"at-once-{behind.url.rpartition(':')[2]}"
    # An edge key's: its heartbeats come every two seconds.
    with (
        behind.client(**{"X-API-Key": behind.api.key(kind="edge")}) as client,
        client.stream("GET", "/sdk/v1/stream") as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        frames = Frames(response)
        frames.next("snapshot")
        behind.api.made("POST", "projects/default/flags", {"key": name})
        # It could not come while anything waits for more of it: no more is sent.
        assert name.encode() in frames.next("delta").data
        frames.next("heartbeat")
        assert behind.streams("edge") == 1
    # Whoever leaves the proxy leaves the server too.
    until(lambda: behind.streams("edge") == 0)


def test_a_client_speaks_http_2_to_the_proxy(behind: Behind) -> None:
    context = behind.trust
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, _, port = behind.url.removeprefix("https://").partition(":")
    with (
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        assert wrapped.selected_alpn_protocol() == "h2"
    context.set_alpn_protocols(["http/1.1"])


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-For": "203.0.113.9, 127.0.0.1"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
    ],
    ids=["nothing", "one hop", "two hops", "in the other header", "in a third one"],
)
def test_the_log_has_the_clients_address_whatever_the_client_says(behind: Behind, forged: dict[str, str]) -> None:
    # Another address of this machine than the proxy's, so that the two can be told apart.
    transport = httpx2.HTTPTransport(verify=behind.trust, local_address="127.0.0.77")
    identity = f"asked-{time.monotonic_ns()}"
    with httpx2.Client(transport=transport, headers={"X-Request-Id": identity, **forged}) as client:
        assert client.get(f"{behind.url}/api/v1/projects").status_code == 401
    until(lambda: identity in behind.server.said())
    line = next(line for line in behind.server.said().splitlines() if identity in line)
    assert msgspec.json.decode(line)["client"] == "127.0.0.77"


def test_who_does_not_come_by_the_proxy_is_not_believed(server: tuple[Process, Api]) -> None:
    running, api = server
    transport = httpx2.HTTPTransport(local_address="127.0.0.78")
    with httpx2.Client(transport=transport, headers={"X-Forwarded-For": "203.0.113.9"}) as client:
        client.get(f"{api.url}/api/v1/projects", headers={"X-Request-Id": "not-by-the-proxy"})
    until(lambda: "not-by-the-proxy" in running.said())
    line = next(line for line in running.said().splitlines() if "not-by-the-proxy" in line)
    assert msgspec.json.decode(line)["client"] == "127.0.0.78"


def test_sdks_live_behind_them_and_are_told_goodbye(running: Behinds, server: tuple[Process, Api]) -> None:
    if len(running) < 2:
        _give_up("one of the proxies")
    process, api = server
    api.made("POST", "projects/default/flags", {"key": "behind"})
    key = api.key()
    with contextlib.ExitStack() as stack:
        clients, streams = [], []
        for behind in running.values():
            clients.append(stack.enter_context(Client(behind.url, key=key, ssl_context=behind.trust)))
            other = stack.enter_context(behind.client(**{"X-API-Key": key}))
            streams.append(Frames(stack.enter_context(other.stream("GET", "/sdk/v1/stream"))))
        assert all(client.wait_until_ready(timeout=_PATIENCE_S) for client in clients)
        until(lambda: all(client.status().level is Level.STREAMING for client in clients))
        api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "behind"}]})
        until(lambda: all(client.boolean("behind", {"targetingKey": "u"}, default=False) for client in clients))
        process.process.send_signal(signal.SIGHUP)
        assert all(stream.next("goodbye").retry_ms is not None for stream in streams)
        until(lambda: "all workers are renewed" in process.said())
        until(lambda: all(client.status().level is Level.STREAMING for client in clients))
        for client in clients:
            client.flush()
    until(lambda: _counts(api, "behind") >= len(clients))


def _counts(api: Api, flag: str) -> int:
    return sum(found["count"] for found in api.made("GET", f"{E}/counts?flag={flag}")["items"])


def test_web_clients_hear_that_something_changed(behind: Behind) -> None:
    name = f"web-{behind.url.rpartition(':')[2]}"
    behind.api.made("POST", "projects/default/flags", {"key": name, "clientSide": True})
    key = behind.api.key(kind="client")
    with behind.client() as client, client.stream("GET", f"/ofrep/v1/stream?key={key}") as response:
        assert response.status_code == 200
        chunks = response.iter_raw()
        heard = b""
        while b"data:" not in heard:  # on connecting, as nothing is known of what the client has
            heard += next(chunks)
        behind.api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": name}]})
        heard = b""
        while b"data:" not in heard:
            heard += next(chunks)
    until(lambda: behind.streams("notify") == 0)


def test_large_bodies_pass_and_metrics_do_not(behind: Behind) -> None:
    with behind.client(Authorization=f"Bearer {behind.api.token}") as client:
        many = [f"{number:060}" for number in range(20_000)]
        body = {"key": f"large-{behind.url.rpartition(':')[2]}", "included": many}
        assert client.post(f"/api/v1/{E}/segments", json=body).status_code == 201
        assert client.get("/metrics").status_code == 404
        assert client.get("/readyz").status_code == 200
