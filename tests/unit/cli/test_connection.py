"""A server that is busy for a moment is asked again, under the same key."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import typer

from pennon.cli import connection
from pennon.cli.connection import UNREACHABLE, Login, Server

BUSY = {"type": "urn:pennon:problem:busy", "status": 503, "detail": "The database is busy."}
DOWN = {"type": "urn:pennon:problem:unavailable", "status": 503, "detail": "The database does not answer."}
MADE = {"changed": True}


@contextmanager
def answering(*answers: tuple[int, object]) -> Iterator[tuple[Server, list[str]]]:
    """Give a server that answers so, one after the other, and the idempotency keys that it was sent."""
    left, keys = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers["Idempotency-Key"])
            status, body = left.pop(0)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            with Server(Login(url=f"http://127.0.0.1:{http.server_port}", token="t")) as server:
                yield server, keys
        finally:
            http.shutdown()
            thread.join()


def test_busy_server_is_asked_again_under_the_same_key_and_the_person_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with answering((503, BUSY), (503, BUSY), (200, MADE)) as (server, keys):
        assert server.send("POST", "changes", {}) == MADE
    assert len(keys) == 3
    assert len(set(keys)) == 1
    told = capsys.readouterr()
    assert told.err == "The server is busy. Trying again in 0 s …\n" * 2
    assert told.out == ""


def test_server_that_stays_busy_is_given_up_with_what_it_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_PATIENCE_S", -1.0)
    with answering((503, BUSY)) as (server, _), pytest.raises(typer.Exit) as ended:
        server.send("POST", "changes", {})
    assert ended.value.exit_code == UNREACHABLE
    assert "The database is busy." in capsys.readouterr().err


@pytest.mark.parametrize("body", [DOWN, "not a problem", ["nor", "this"]])
def test_server_that_is_not_just_busy_is_asked_once(body: object) -> None:
    with answering((503, body)) as (server, keys), pytest.raises(typer.Exit):
        server.send("POST", "changes", {})
    assert len(keys) == 1
