from pathlib import Path
from typing import Any

import pytest

from pennon.sdk.config import Config, Options, configure
from pennon.sdk.errors import InvalidConfiguration, InvalidOverrides
from pennon.sdk.sources.file import FileSource
from pennon.sdk.stores.file import FileStore
from pennon.testing import InMemorySource


def made(url: Any = None, environ: dict[str, str] | None = None, **given: Any) -> Config:
    key, file, store = given.pop("key", None), given.pop("file", None), given.pop("store", None)
    options = Options(**given)  # type: ignore[typeddict-item]
    return configure(url, key=key, file=file, store=store, options=options, environ=environ or {})


def test_the_environment_stands_in_for_what_the_caller_leaves_out() -> None:
    environ = {"PENNON_URL": "https://flags.example/", "PENNON_KEY": "k", "PENNON_OVERRIDES": "a=on,b=1"}
    config = made(environ=environ, overrides={"b": 2})
    assert (config.urls, config.key) == (("https://flags.example",), "k")
    assert config.overrides == {"a": True, "b": 2}
    assert made("http://own:1", environ=environ, key="mine").urls == ("http://own:1",)


def test_several_urls_keep_their_order() -> None:
    assert made(["http://a", "http://b/x/"], key="k").urls == ("http://a", "http://b/x")


def test_files_and_stores_may_be_paths(tmp_path: Path) -> None:
    config = made(file=tmp_path / "flags.json", store=str(tmp_path / "store"), environ={"PENNON_URL": "http://a"})
    assert isinstance(config.source, FileSource)
    assert isinstance(config.store, FileStore)
    assert config.urls == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": "flags.example", "key": "k"}, "write http://host:port"),
        ({"url": "ftp://flags", "key": "k"}, "write http://host:port"),
        ({"url": "http://", "key": "k"}, "write http://host:port"),
        ({"url": "http://a?x=1", "key": "k"}, "write http://host:port"),
        ({"url": "http://a"}, "a server wants a key"),
        ({"url": "http://a", "key": "k\n"}, "stray line break"),
        ({"url": "http://a", "key": "ключ"}, "printable ASCII"),
        ({"url": "http://a", "key": "k", "file": "flags.json"}, "from a server or from a file"),
        ({"file": "flags.json", "source": InMemorySource()}, "from a file or from a source"),
        ({"url": "http://a", "key": "k", "flush_interval_s": 0}, "flush_interval_s is 0"),
        ({"url": "http://a", "key": "k", "poll_interval_s": "30"}, "poll_interval_s is '30'"),
        ({"url": "http://a", "key": "k", "timeout_s": True}, "timeout_s is True"),
        ({"url": "http://a", "key": "k", "last_known_ttl": -1}, "last_known_ttl is -1"),
        ({"url": "http://a", "key": "k", "bucket_cache": -1}, "bucket_cache is -1"),
        ({"url": "http://a", "key": "k", "private_attributes": "email"}, "private_attributes is a list"),
        ({"url": "http://a", "key": "k", "application": "checkout web"}, "as in checkout-web/2.3.0"),
        ({"url": "http://a", "key": "k", "application": "checkout-web"}, "as in checkout-web/2.3.0"),
        ({"url": "http://a", "key": "k", "bucket_cache": 1e5}, "bucket_cache is 100000.0"),
        ({"url": "http://a", "key": "k", "retries": 3}, "there is no option 'retries'"),
    ],
)
def test_what_cannot_be_is_refused_with_a_mend(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message.replace("(", r"\(")):
        made(given.pop("url", None), **given)


def test_a_broken_override_in_the_environment_is_refused() -> None:
    with pytest.raises(InvalidOverrides):
        made(environ={"PENNON_OVERRIDES": "nonsense"})


def test_last_known_flags_are_served_without_end_unless_told() -> None:
    assert made().last_known_ttl is None
    assert made(last_known_ttl=3600.0).last_known_ttl == 3600


def test_a_store_belongs_to_one_url_key_and_environment(tmp_path: Path) -> None:
    def owner(url: Any = "http://a", **given: Any) -> str:
        options: dict[str, Any] = {"key": "k", "store": tmp_path / "store", **given}
        store = made(url, **options).store
        assert isinstance(store, FileStore)
        return store.owner

    assert owner() == owner("http://a/") == owner(["http://a"]) == owner(timeout_s=3)
    others = [owner("http://b"), owner(["http://a", "http://b"]), owner(key="l"), owner(environment="shop/staging")]
    assert len({owner(), *others}) == 5
    own = FileStore(tmp_path / "own")
    assert made("http://a", key="k", store=own).store is own


def test_a_store_that_the_environment_names_is_for_a_servers_flags(tmp_path: Path) -> None:
    environ = {"PENNON_URL": "http://a", "PENNON_KEY": "k", "PENNON_STORE": str(tmp_path / "store")}
    store = made(environ=environ).store
    assert isinstance(store, FileStore)
    assert store.path == tmp_path / "store"
    other = made(environ=environ, store=tmp_path / "other").store
    assert isinstance(other, FileStore)
    assert other.path == tmp_path / "other"
    assert made(environ=environ, source=InMemorySource()).store is None
    assert made(environ=environ | {"PENNON_STORE": ""}).store is None
