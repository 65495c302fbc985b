"""Requests as they come, bodies as they are sent."""

import asyncio
from typing import Any

import pytest

from pennon.stream.http import Gone, Refusal, Request


def request(*messages: dict[str, Any], headers: dict[str, str] | None = None, **scope: Any) -> Request:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    lines = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": lines, **scope}, receive)


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def read(asked: Request, limit: int = 100) -> bytes:
    return asyncio.run(asked.body(limit))


def refused(asked: Request, limit: int = 100) -> int:
    with pytest.raises(Refusal) as caught:
        read(asked, limit)
    return caught.value.status


def test_body_is_read_to_its_end() -> None:
    assert read(request(piece(b"ab", more=True), piece(b"", more=True), piece(b"c"))) == b"abc"


def test_body_beyond_the_limit_is_refused_without_reading_all_of_it() -> None:
    assert refused(request(piece(b"x" * 60, more=True), piece(b"x" * 60, more=True)), 100) == 413


def test_body_that_says_it_is_too_large_is_not_read_at_all() -> None:
    assert refused(request(headers={"content-length": "101"}), 100) == 413


@pytest.mark.parametrize("length", ["2", "4"])
def test_length_that_is_a_lie_is_refused(length: str) -> None:
    assert refused(request(piece(b"abc"), headers={"content-length": length})) == 400


@pytest.mark.parametrize("length", ["-1", "three", "²", "", "9" * 30])
def test_length_that_is_no_number_is_refused(length: str) -> None:
    assert refused(request(piece(b"abc"), headers={"content-length": length})) == 400


def test_client_that_leaves_in_the_middle_gets_no_answer() -> None:
    with pytest.raises(Gone):
        read(request(piece(b"ab", more=True), {"type": "http.disconnect"}))


def test_compressed_body_is_refused() -> None:
    assert refused(request(piece(b"abc"), headers={"content-encoding": "gzip"})) == 415


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/problem+json"])
def test_json_is_taken(kind: str) -> None:
    request(headers={"content-type": kind}).require_json()
    request().require_json()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_other_media_types_are_refused(kind: str) -> None:
    with pytest.raises(Refusal, match="415"):
        request(headers={"content-type": kind}).require_json()


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/flags/a/b", "/flags/a/b"),
        (b"/flags/a%2Fb", "/flags/a/b"),
        (b"/flags/a//b/", "/flags/a//b/"),
        (b"/flags/%C5%81", "/flags/Ł"),
        ("/flags/Ł".encode(), "/flags/Ł"),
        (b"/flags/%ff", "/flags/\ufffd"),
        (b"/flags/a%20b?x=1", "/flags/a b"),
        (b"/flags/100%", "/flags/100%"),
    ],
)
def test_path_is_decoded_once_and_keeps_its_slashes(raw: bytes, path: str) -> None:
    assert request(raw_path=raw).path == path


def test_path_is_what_lies_below_the_root() -> None:
    assert request(raw_path=b"/proxied/sdk", root_path="/proxied").path == "/sdk"


def test_query_is_read_and_bounded() -> None:
    assert request(query_string=b"since=1.2&empty=&a=%C5%81").query == {"since": "1.2", "empty": "", "a": "Ł"}
    with pytest.raises(Refusal, match="400"):
        request(query_string=b"&".join(b"a=1" for _ in range(60)))


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
    ],
)
def test_tags_are_compared_weakly(header: str, matches: bool) -> None:
    asked = request(headers={"if-none-match": header})
    assert asked.matches('"a"') is matches
    assert asked.matches('W/"a"') is matches
    assert not request().matches('"a"')


@pytest.mark.parametrize("first", [[], [piece(b"ab", more=True)]], ids=["nothing", "a beginning"])
def test_body_that_does_not_come_to_its_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, first: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr("pennon.stream.http.BODY_S", 0.01)

    async def receive() -> dict[str, Any]:
        if not first:
            await asyncio.Event().wait()
        return first.pop()

    with pytest.raises(Refusal) as caught:
        read(Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive))
    assert caught.value.status == 408
    assert caught.value.headers == (("connection", "close"),)
