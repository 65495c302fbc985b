"""What a server does with requests that lie, smuggle or make no sense: a clear error, and nobody is harmed.

Each would change the flag `victim` if it were taken as it was not meant. A real SDK is attached all the while.
"""

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from pennon.cli import http
from tests.integration.attached import BOOLEAN, PLACE, Attached, attached, problem_of, status_of
from tests.serving import serving

BODY = json.dumps({"why": "smuggled", "edits": [{"do": "turnOn", "flag": "victim"}]}).encode()
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = f"Content-Length: {len(BODY)}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attached]:
    with attached(tmp_path_factory.mktemp("requests") / "data") as made:
        made.api.made("POST", "projects/default/flags", {"key": "victim", "kind": "boolean", "variations": BOOLEAN})
        yield made


def test_request_that_is_in_order_makes_the_change_so_that_the_others_could(place: Attached) -> None:
    before = place.state()
    assert status_of(place.raw(place.post(LENGTH, BODY))) == 200
    assert status_of(place.raw(place.post("Transfer-Encoding: chunked", CHUNKED))) == 200
    assert place.state() != before
    place.change({"do": "turnOff", "flag": "victim"})


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (f"Content-Length: {len(BODY) + 50}", BODY),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (len(BODY), BODY)),
        ("Transfer-Encoding: chunked", b"%x\r\n%b" % (len(BODY) + 50, BODY)),
        ("Content-Length: 18446744073709551615", BODY),
    ],
    ids=["longer", "chunks without an end", "chunk cut short", "enormous"],
)
def test_body_that_promises_more_than_it_has_changes_nothing(place: Attached, head: str, body: bytes) -> None:
    with place.unharmed():
        assert status_of(place.raw(place.post(head, body), is_all=True)) in (0, 400, 413)


FRAMES = {
    "length and chunks": (f"{LENGTH}\nTransfer-Encoding: chunked", CHUNKED),
    "chunks and length": (f"Transfer-Encoding: chunked\nContent-Length: {len(CHUNKED)}", CHUNKED),
    "two lengths": (f"{LENGTH}\nContent-Length: 5", BODY),
    "list of lengths": (f"Content-Length: {len(BODY)}, 5", BODY),
    "negative length": ("Content-Length: -1", BODY),
    "signed length": (f"Content-Length: +{len(BODY)}", BODY),
    "hexadecimal length": (f"Content-Length: {len(BODY):#x}", BODY),
    "length of nothing": ("Content-Length: ", BODY),
    "two codings": ("Transfer-Encoding: chunked\nTransfer-Encoding: identity", CHUNKED),
    "unknown coding": ("Transfer-Encoding: xchunked", CHUNKED),
    "chunks not last": ("Transfer-Encoding: chunked, gzip", CHUNKED),
    "blank before colon": ("Transfer-Encoding : chunked", CHUNKED),
    "folded header": (f"X-Folded: a\n b\n{LENGTH}", BODY),
    "name that is none": (f"X Y: a\n{LENGTH}", BODY),
    "no name": (f": a\n{LENGTH}", BODY),
    "NUL in header": (f"X-Odd: a\0b\n{LENGTH}", BODY),
    "return in header": (f"X-Odd: a\rContent-Length: 5\n{LENGTH}", BODY),
    "negative chunk": ("Transfer-Encoding: chunked", b"-1\r\n" + CHUNKED),
    "enormous chunk": ("Transfer-Encoding: chunked", b"f" * 20 + b"\r\n" + BODY),
    "chunk of nonsense": ("Transfer-Encoding: chunked", b"zz\r\n" + BODY),
    "chunk too long": ("Transfer-Encoding: chunked", b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk without end": ("Transfer-Encoding: chunked", b"%x\r\n%b0\r\n\r\n" % (len(BODY), BODY)),
    "bare line feeds": ("Transfer-Encoding: chunked", CHUNKED.replace(b"\r\n", b"\n")),
}


@pytest.mark.parametrize(("head", "body"), FRAMES.values(), ids=FRAMES)
def test_request_of_two_meanings_has_none(place: Attached, head: str, body: bytes) -> None:
    follower = place.post(LENGTH, BODY)
    with place.unharmed():
        answer = place.raw(place.post(head, body + follower))
        assert status_of(answer) == 400, answer
        assert problem_of(answer)["status"] == 400
        assert b"connection: close" in answer


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: test\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.7\r\n",
        b"CONNECT other:80 HTTP/1.1\r\nHost: test\r\n\r\n",
        b"G\xc3\x89T / HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: test\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: test\r\n\r\n",
        b"\0" * 100_000,
    ],
    ids=["TLS", "HTTP/2", "version", "SSH", "proxy", "method", "bytes", "blank", "zeros"],
)
def test_what_is_no_request_is_told_so(place: Attached, data: bytes) -> None:
    with place.unharmed():
        answer = place.raw(data)
        assert status_of(answer) == 400, answer
        assert "HTTP/1.1" in problem_of(answer)["detail"]


@pytest.mark.parametrize(
    "head",
    ["X-Long: " + "a" * 70_000, "\n".join(f"X-{n}: a" for n in range(9_000)), "Cookie: " + "a=b; " * 20_000],
    ids=["one", "many", "cookies"],
)
def test_head_beyond_64_kib_is_too_large(place: Attached, head: str) -> None:
    with place.unharmed():
        answer = place.raw(place.post(f"{head}\n{LENGTH}", BODY))
        assert status_of(answer) == 431, answer[:300]
        assert problem_of(answer)["status"] == 431


def test_head_without_end_is_not_kept(place: Attached) -> None:
    host, _, port = place.server.url.removeprefix("http://").partition(":")
    sent = 0
    with place.unharmed(), socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            while sent < 50_000_000:
                sent += connection.send(b"a" * 65536)
    assert sent < 20_000_000


def test_head_that_does_not_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_S", 0.3)
    with serving(tmp_path / "data") as (server, api):
        host, _, port = server.url.removeprefix("http://").partition(":")
        for begun in (b"", b"GET /healthz HTTP/1.1\r\nX-Slow:"):
            with socket.create_connection((host, int(port)), timeout=60) as connection:
                connection.sendall(begun)
                assert connection.recv(1) == b""
        with httpx2.Client(base_url=server.url) as slow:
            assert slow.get("/healthz").is_success
        assert api.send("GET", "projects").is_success


def test_bodies_that_never_end_hold_up_nobody(place: Attached) -> None:
    host, _, port = place.server.url.removeprefix("http://").partition(":")
    waiting = [socket.create_connection((host, int(port))) for _ in range(200)]
    try:
        for connection in waiting:
            connection.sendall(place.post("Transfer-Encoding: chunked", b'5\r\n{"why\r\n'))
        with place.unharmed():
            assert place.api.send("GET", "projects").is_success
    finally:
        for connection in waiting:
            connection.close()
    place.check_life()


@pytest.mark.parametrize(
    "body", [gzip.compress(BODY, mtime=0), gzip.compress(b" " * 50_000_000, mtime=0), b"\x1f\x8b" + b"\0" * 100]
)
@pytest.mark.parametrize("coding", ["gzip", "GZIP, gzip", "br", "deflate"])
def test_compressed_body_is_not_unpacked(place: Attached, coding: str, body: bytes) -> None:
    with place.unharmed():
        answer = place.raw(place.post(f"Content-Encoding: {coding}\nContent-Length: {len(body)}", body))
        assert status_of(answer) == 415, answer
        assert "Content-Encoding" in problem_of(answer)["detail"]


PATHS = [
    "/api/v1/projects/default/../../../healthz",
    "/api/v1/projects/%2e%2e/%2e%2e/flags",
    "/api/v1/projects/..%2f..%2f..%2fetc%2fpasswd",
    "/api/v1/projects/%00",
    "/api/v1/projects/%ff%fe",
    "/api/v1/projects/%ED%A0%80",
    "/api/v1/projects/%E2%80%AEtluafed",
    "/api/v1/projects/%0d%0aX-Injected:%20yes",
    "/api/v1/projects/%zz",
    "/api/v1/projects/%",
    "/api/v1/projects/%2525",
    "/api/v1/projects/" + "a" * 10_000,
    "/api/v1/projects/" + "%F0%9F%9A%A9" * 3_000,
    "/api/v1/projects/default/flags/a%2F..%2Fvictim",
    "/api/v1/projects/default/flags/victim%00",
    "/api/v1/projects/default/flags/victim/..",
    "/api/v1/projects/default;x=y/flags/victim",
    "/api/v1//projects///default/flags/no//such",
    "/sdk/v1/../../api/v1/projects",
    "/sdk/v1/snapshot/%2e%2e/stream",
    "/client/v1/rules/..%2f..",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/.git/config",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_path_of_nonsense_leads_nowhere(place: Attached, method: str, path: str) -> None:
    lines = (f"{method} {path} HTTP/1.1", "Host: test", f"Authorization: Bearer {place.api.token}", "\r\n")
    with place.unharmed():
        answer = place.raw("\r\n".join(lines).encode())
        assert status_of(answer) in (400, 401, 403, 404, 405), answer
        assert problem_of(answer)["status"] == status_of(answer)
        assert b"X-Injected" not in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "no tag"},
        {"If-Match": '"' + "a" * 5000 + '"'},
        {"Idempotency-Key": "x" * 5000},
        {"Content-Type": "text/html"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a b"},
        {"Authorization": "Bearer \xff"},
    ],
    ids=str,
)
def test_header_of_nonsense_is_refused(place: Attached, headers: dict[str, str]) -> None:
    usual = {"Authorization": f"Bearer {place.api.token}", "Content-Type": "application/json"}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (usual | headers).items()]
    # A flag's configuration takes If-Match, a change of several things does not.
    flag, body = f"{PLACE}/flags/victim", b'{"fallthrough": {"variation": "on"}}'
    with place.unharmed():
        answer = httpx2.put(f"{place.server.url}/api/v1/{flag}", content=body, headers=raw)
        assert answer.status_code in (400, 401, 412, 415), answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    "secret", [b"wrong", b"pennon_server_" + b"a" * 43, "pennon_token_é".encode(), b"\x7f", b"x" * 9000]
)
def test_wrong_key_or_token_opens_nothing(place: Attached, secret: bytes) -> None:
    with place.unharmed():
        for path in ("/sdk/v1/snapshot", "/sdk/v1/stream", f"/api/v1/{PLACE}/state"):
            answer = httpx2.get(place.server.url + path, headers=[(b"Authorization", b"Bearer " + secret)])
            assert answer.status_code == (400 if secret == b"\x7f" else 401), answer.text
            assert answer.headers["content-type"].startswith("application/problem+json")


def test_hundred_requests_in_one_go_are_answered_in_their_order(place: Attached) -> None:
    request = b"GET /api/v1/projects/p%d HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %b\r\n\r\n"
    token = (place.api.token or "").encode()
    host, _, port = place.server.url.removeprefix("http://").partition(":")
    received = b""
    with place.unharmed(), socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"".join(request % (number, token) for number in range(100)))
        until = time.monotonic() + 60
        while received.count(b"requestId") < 100:
            assert time.monotonic() < until
            received += connection.recv(65536)
    order = [received.index(b"There is no project 'p%d'." % number) for number in range(100)]
    assert order == sorted(order)


def test_nothing_of_all_that_was_an_error_of_the_servers_own(place: Attached) -> None:
    lines = [json.loads(line) for line in place.server.said().splitlines() if line.startswith("{")]
    assert lines
    assert [line for line in lines if line.get("level") in ("error", "critical") or "exception" in line] == []
