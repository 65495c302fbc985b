import hashlib
import re
from datetime import UTC, datetime
from typing import Literal

import pytest

from pennon.control.access.credentials import Token, is_hash_prefix, new_secret, origin_fault, secret_hash


def token(role: str = "developer", **fields: object) -> Token:
    return Token(**{"key": "ab" * 32, "name": "CI", "role": role, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["token", "server", "client", "edge"])
def test_secret_says_what_it_is_and_is_long_and_never_the_same(
    kind: Literal["token", "server", "client", "edge"],
) -> None:
    secrets = {new_secret(kind) for _ in range(100)}
    assert len(secrets) == 100
    assert all(re.fullmatch(rf"pennon_{kind}_[A-Za-z0-9_-]{{43}}", secret) for secret in secrets)


def test_what_is_stored_of_a_secret_is_its_sha256() -> None:
    assert secret_hash("pennon_token_x") == hashlib.sha256(b"pennon_token_x").hexdigest()
    assert len(secret_hash("\ud800")) == 64


def test_token_is_good_until_its_time_or_its_revocation() -> None:
    now = datetime(2026, 3, 14, tzinfo=UTC)
    at = int(now.timestamp())
    assert token().is_good(now)
    assert token(not_after=at + 1).is_good(now)
    assert not token(not_after=at).is_good(now)
    assert not token(revoked=True).is_good(now)


def test_actor_of_a_token_is_named_by_its_hash() -> None:
    assert token().actor.kind == "token"
    assert (token().actor.id, token().actor.name) == ("abababababab", "CI")


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:8080", "https://a-b.c"],
)
def test_origin_as_browsers_send_it_is_accepted(origin: str) -> None:
    assert origin_fault(origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "null",
        "shop.example",
        "https://shop.example/",
        "https://shop.example/path",
        "https://Shop.example",
        "https://user@shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:0",
        "https://shop.example:080",
        "https://shop.example:70000",
        "https://shop.example:٣",
        "ftp://shop.example",
        "https://shop.example\n",
        "https://*.shop.example",
        "https://-shop.example",
    ],
)
def test_what_no_browser_sends_as_origin_is_refused(origin: str) -> None:
    assert origin_fault(origin)


def test_hashes_are_named_by_hexadecimal_digits() -> None:
    assert is_hash_prefix("0a")
    assert is_hash_prefix("f" * 64)
    for text in ("", "g", "A", "f" * 65, "0a\n", "%"):
        assert not is_hash_prefix(text)
