"""`pennon doctor` looks at a real deployment, and finds what is wrong with it."""

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from typer.testing import CliRunner

from pennon.cli.root import app
from tests.serving import serving


def doctor(*words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    result = CliRunner().invoke(app, ["doctor", "--json", *words])
    found = msgspec.json.decode(result.stdout.splitlines()[-1])
    return result.exit_code, {each["what"]: each for each in found}


@pytest.fixture(autouse=True)
def unconfigured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PENNON_KEY", raising=False)


def test_a_good_deployment_is_well_and_an_odd_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path / "data") as (_, api):
        monkeypatch.setenv("PENNON_URL", api.url)
        monkeypatch.setenv("PENNON_TOKEN", str(api.token))
        key = api.key()
        status, found = doctor("--key", key)
        assert status == 0, found
        assert not [each for each in found.values() if each["level"] == "bad"]
        for what in ("streams come through at once", "the bus carries word", "the change logs are sound"):
            assert found[what]["level"] == "well", found[what]
        assert found["production is protected"]["level"] == "note"
        shown = CliRunner().invoke(app, ["doctor"]).output
        assert "looked at:" in shown
        assert "docs/how-to/runbooks/protection.md" in shown

        status, found = doctor("--ready")
        assert (status, list(found)) == (0, ["the server answers", "the server can serve"])

        health = api.http.get("health", headers={"X-Forwarded-For": "192.0.2.7"}).json()["items"]
        (proxy,) = [each for each in health if each["what"] == "the server sees who asks"]
        assert proxy["level"] == "warn"

        reader = api.made("POST", "tokens", {"name": "ci", "role": "reader"})["secret"]
        monkeypatch.setenv("PENNON_TOKEN", reader)
        assert doctor()[1]["the server says how it is"]["level"] == "note"
        monkeypatch.setenv("PENNON_TOKEN", "pennon_token_gone")
        status, found = doctor()
        assert status == 1
        assert found["the token is good"]["level"] == "bad"
        status, found = doctor("--key", "pennon_server_gone")
        assert found["streams come through at once"]["detail"] == "HTTP 401"


def test_a_log_that_was_tampered_with_is_found(tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415  # behind the server's back

    with serving(tmp_path / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "a"})
        with sqlite3.connect(tmp_path / "data" / "pennon.db") as database:
            database.execute("UPDATE items SET version = version + 1 WHERE key = 'a'")
        database.close()
        items = {each["what"]: each for each in api.made("GET", "health")["items"]}
    assert items["the change logs are sound"]["level"] == "bad"
    assert "projects/default" in items["the change logs are sound"]["detail"]


def test_a_proxy_that_keeps_what_streams_say_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pennon.cli.checkup.STREAM_S", 0.5)
    with serving(tmp_path / "data") as (_, api), _Keeping(api.url) as proxy:
        monkeypatch.setenv("PENNON_URL", proxy.url)
        monkeypatch.setenv("PENNON_TOKEN", str(api.token))
        status, found = doctor("--key", api.key())
    assert status == 1
    assert found["streams come through at once"]["level"] == "bad"


class _Keeping:
    """A proxy that hands an answer on when it is whole, which a stream never is."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "_Keeping":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with line, contextlib.suppress(OSError):  # who asked may have given up
                self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (piece := line.recv(65536)):
                return
            head += piece
        first, *rest = head.decode().partition("\r\n\r\n")[0].split("\r\n")
        path = first.split(" ")[1]
        if "/stream" in path:
            line.settimeout(60)
            line.recv(1)  # until the client gives up
            return
        headers = {name: value for name, _, value in (each.partition(": ") for each in rest) if name != "host"}
        answer = httpx2.get(f"{self._upstream}{path}", headers=headers, timeout=60)
        kept = f"HTTP/1.1 {answer.status_code} x\r\ncontent-length: {len(answer.content)}\r\nconnection: close\r\n\r\n"
        line.sendall(kept.encode() + answer.content)
