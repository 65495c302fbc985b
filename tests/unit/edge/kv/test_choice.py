"""Addresses of stores: which adapter each asks for, and what is said of one that cannot be."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from pennon.edge.kv import KvUnusable, store_at
from pennon.edge.kv.file import FileKv
from pennon.edge.kv.nats import Address


def test_a_folder_is_named_by_its_path() -> None:
    store = store_at("file:///var/lib/a%20b")
    assert isinstance(store, FileKv)
    assert store.folder == Path("/var/lib/a b")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://127.0.0.1:1/0", "RedisKv('pennon:edge:kv')"),
        ("rediss://127.0.0.1:1/0?prefix=shop", "RedisKv('shop:kv')"),
        ("redis://user:pass@127.0.0.1:1/0?prefix=shop&max_connections=3", "RedisKv('shop:kv')"),
        ("nats://127.0.0.1:1/flags", "NatsKv('flags')"),
        ("tls://a:1,b:2/flags?replicas=3", "NatsKv('flags')"),
    ],
)
def test_an_address_asks_for_an_adapter_and_says_no_password_when_it_is_shown(url: str, name: str) -> None:
    assert repr(store_at(url)) == name


def test_several_nats_servers_have_one_bucket() -> None:
    assert Address.parse("nats://a:1,b:2/flags") == Address(["nats://a:1", "nats://b:2"], "flags")
    assert Address.parse("tls://me:pass@a:1/flags?replicas=3") == Address(["tls://me:pass@a:1"], "flags", 3)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no key-value store speaks ''"),
        ("http://a/b", "redis://host:port/0"),
        ("file://folder", "three slashes"),
        ("file:///", "three slashes"),
        ("redis://host:port/0", "write redis://host:6379"),
        ("redis://h:1/0?socket_timeout=never", "write redis://host:6379"),
        ("nats://host:4222", "names no bucket"),
        ("nats://host:4222/a.b", "names no bucket"),
        ("nats://host:4222/flags?replicas=2", "1, 3 or 5"),
    ],
)
def test_an_address_that_cannot_be_says_what_to_write(url: str, said: str) -> None:
    with pytest.raises(KvUnusable) as raised:
        store_at(url)
    assert said in str(raised.value)


@pytest.mark.parametrize(("url", "extra"), [("rediss://h:1/0", "redis"), ("tls://h:1/bucket", "nats")])
def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, url: str, extra: str) -> None:
    imported = builtins.__import__

    def missing(name: str, *arguments: Any, **others: Any) -> Any:
        if name.startswith("pennon.edge.kv."):
            raise ImportError(name)
        return imported(name, *arguments, **others)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(KvUnusable, match=rf"pip install 'pennon\[{extra}\]'"):
        store_at(url)
