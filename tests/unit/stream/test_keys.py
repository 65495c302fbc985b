"""Whom keys open what."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Item, Items, KeyKind, KeyRecord
from pennon.stream.http import Refusal, Request
from pennon.stream.keys import KeyRing, admit

NOW = 1_760_000_000.0


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def record(secret: str, kind: KeyKind = "server", **fields: object) -> KeyRecord:
    return KeyRecord(key=digest(secret), kind=kind, **fields)  # type: ignore[arg-type]


def items(*records: KeyRecord) -> Items[KeyRecord]:
    return Items("key", {found.key: Item.of(found) for found in records})


def ring(**environments: Items[KeyRecord]) -> KeyRing:
    made = KeyRing()
    for name, keys in environments.items():
        assert made.load(name, keys) == []
    return made


def request(*headers: tuple[str, str]) -> Request:
    lines = [(name.encode(), value.encode()) for name, value in headers]

    async def receive() -> object:
        raise AssertionError("nobody reads the body")

    return Request({"type": "http", "method": "GET", "path": "/", "headers": lines}, receive)


def test_key_opens_its_environment_and_no_other() -> None:
    keys = ring(a=items(record("s1")), b=items(record("s2", "client")))
    access = keys.check("s1", NOW)
    assert access is not None
    assert (access.kind, set(access.records), access.key_hash) == ("server", {"a"}, digest("s1"))
    assert keys.check("s3", NOW) is None


def test_edge_key_opens_every_environment_that_has_it() -> None:
    keys = ring(a=items(record("e", "edge")), b=items(record("e", "edge")))
    access = keys.check("e", NOW)
    assert access is not None
    assert set(access.records) == {"a", "b"}
    assert access.environment("b") == "b"
    with pytest.raises(Refusal, match="400"):
        access.environment(None)
    with pytest.raises(Refusal, match="403"):
        access.environment("c")


def test_revoked_key_opens_nothing() -> None:
    assert ring(a=items(record("s", revoked=True))).check("s", NOW) is None


def test_key_is_good_until_its_time_and_not_after() -> None:
    keys = ring(a=items(record("s", not_after=int(NOW))))
    assert keys.check("s", NOW - 0.1) is not None
    assert keys.check("s", NOW) is None


def test_changed_keys_are_taken_anew_and_deleted_ones_dropped() -> None:
    keys = ring(a=items(record("s1"), record("s2"), record("s3")))
    after = items(record("s1", revoked=True), record("s3"), record("s4"))
    assert keys.change("a", [digest("s1"), digest("s2"), digest("s4")], after) == []
    assert [keys.check(secret, NOW) is not None for secret in ("s1", "s2", "s3", "s4")] == [False, False, True, True]


def test_forgotten_environment_takes_its_keys_along() -> None:
    keys = ring(a=items(record("s")), b=items(record("s")))
    keys.forget("a")
    access = keys.check("s", NOW)
    assert access is not None
    assert set(access.records) == {"b"}
    keys.forget("b")
    assert keys.check("s", NOW) is None


def test_record_that_cannot_be_read_opens_nothing_and_is_reported() -> None:
    broken = Items[KeyRecord](
        "key", {digest("s"): Item.from_text(digest("s"), b'{"key":1}'), **items(record("t")).records}
    )
    keys = KeyRing()
    assert keys.load("a", broken) == [digest("s")]
    assert keys.check("s", NOW) is None
    assert keys.check("t", NOW) is not None


def test_origins_limit_pages_and_nobody_else() -> None:
    access = ring(a=items(record("c", "client", origins=("https://shop.example",)))).check("c", NOW)
    assert access is not None
    assert access.allows_origin("a", "https://shop.example")
    assert access.allows_origin("a", None)
    assert not access.allows_origin("a", "https://shop.example.evil")
    assert not access.allows_origin("a", "null")


@pytest.mark.parametrize(
    "headers",
    [
        (("authorization", "Bearer s1"),),
        (("authorization", "bearer  s1 "),),
        (("x-api-key", "s1"),),
        (("authorization", "Basic abc"), ("x-api-key", "s1")),
    ],
)
def test_key_travels_as_bearer_or_as_api_key(headers: tuple[tuple[str, str], ...]) -> None:
    assert admit(ring(a=items(record("s1"))), request(*headers), NOW, complete=True).kind == "server"


@pytest.mark.parametrize(
    "headers", [(), (("authorization", "s1"),), (("authorization", "Bearer "),), (("x-api-key", ""),)]
)
def test_request_without_a_key_is_401_and_says_how_to_send_one(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(Refusal, match="Authorization: Bearer") as refused:
        admit(ring(a=items(record("s1"))), request(*headers), NOW, complete=True)
    assert refused.value.status == 401
    assert "www-authenticate" in dict(refused.value.headers)


def test_unknown_key_is_401_only_when_every_environment_is_known() -> None:
    asked = request(("x-api-key", "unknown"))
    with pytest.raises(Refusal) as refused:
        admit(KeyRing(), asked, NOW, complete=True)
    assert refused.value.status == 401
    with pytest.raises(Refusal) as refused:
        admit(KeyRing(), asked, NOW, complete=False)
    assert refused.value.status == 503
    assert "retry-after" in dict(refused.value.headers)


@given(st.text())
def test_any_text_may_be_presented(secret: str) -> None:
    assert ring(a=items(record("s1"))).check(secret + "x", NOW) is None


def test_token_of_a_key_opens_what_the_key_does_and_dies_with_it() -> None:
    keys = ring(a=items(record("c", "client")))
    token = keys.token(digest("c"), NOW, 600)
    access = keys.by_token(token, NOW)
    assert access is not None
    assert (access.kind, set(access.records)) == ("client", {"a"})
    assert keys.by_token(token, NOW + 1300) is None
    keys.change("a", [digest("c")], items(record("c", "client", revoked=True)))
    assert keys.by_token(token, NOW) is None
    keys.forget("a")
    assert keys.by_token(token, NOW) is None
