"""Whose request it is, and that nobody but a trusted proxy can say."""

import asyncio
from typing import Any

import pytest

from pennon.stream.proxied import Header, Proxied, Proxies

TRUSTED = ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]


def client(peer: str, *lines: str, header: Header = "x-forwarded-for", name: str | None = None) -> str:
    sent = [((name or header).title().encode(), line.encode("latin-1")) for line in lines]
    return Proxies(TRUSTED, header).client(peer, [(b"Host", b"flags.example"), *sent])


@pytest.mark.parametrize(
    ("peer", "lines", "found"),
    [
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1, 203.0.113.9, 10.2.2.2"], "203.0.113.9"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["203.0.113.9, unknown"], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9, "], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.1.1.1", ["203.0.113.9:port"], "10.1.1.1"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("fd00::1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("fd00::1", ["[2001:db8::7]x"], "fd00::1"),
        ("::ffff:10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("a socket", ["203.0.113.9"], "a socket"),
    ],
)
def test_the_first_from_the_right_that_is_no_trusted_proxy_is_the_client(
    peer: str, lines: list[str], found: str
) -> None:
    assert client(peer, *lines) == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["for=203.0.113.9"], "203.0.113.9"),
        (["for=198.51.100.1, For=203.0.113.9;proto=https;by=10.1.1.1"], "203.0.113.9"),
        (["proto=https;for=203.0.113.9", 'for="10.2.2.2:80"'], "203.0.113.9"),
        (['for="[2001:db8::7]:443";host="a,b;c"'], "2001:db8::7"),
        (["for=_hidden"], "10.1.1.1"),
        (["proto=https"], "10.1.1.1"),
        (['for="203.0.113.9, for=198.51.100.1'], "198.51.100.1"),
    ],
)
def test_forwarded_says_it_where_that_is_the_header(lines: list[str], found: str) -> None:
    assert client("10.1.1.1", *lines, header="forwarded") == found


def test_the_header_that_is_not_chosen_is_not_looked_at() -> None:
    assert client("10.1.1.1", "for=203.0.113.9", name="forwarded") == "10.1.1.1"
    assert client("10.1.1.1", "203.0.113.9", header="forwarded", name="x-forwarded-for") == "10.1.1.1"


def test_what_is_no_network_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"'10\.0\.0\.1/8' is no network: .*; write one as in"):
        Proxies(["10.0.0.1/8"], "x-forwarded-for")


def test_the_application_is_told_of_each_request_whose_it_is() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope.get("client"))

    async def main() -> None:
        proxied = Proxied(app, Proxies(TRUSTED, "x-forwarded-for"))
        headers = [(b"x-forwarded-for", b"203.0.113.9")]
        for peer in (("10.1.1.1", 5), ("203.0.113.7", 5), None):
            await proxied({"type": "http", "client": peer, "headers": headers}, None, None)
        await proxied({"type": "lifespan"}, None, None)

    asyncio.run(main())
    assert seen == [("203.0.113.9", 0), ("203.0.113.7", 5), None, None]
