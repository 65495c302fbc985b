"""The local store with a client and a server: a start with everything else dead has flags, and knows their age."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.sdk import Level
from pennon.sdk.stores import FileStore, Stored
from pennon.testing import flag
from tests.integration.clients import Clients, clients
from tests.integration.upstream import Upstream, eventually, running


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Clients]:
    with clients(request.param) as made:
        yield made


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.put(flag("new-checkout").on())
        yield server


def test_a_start_with_a_dead_server_serves_what_the_last_run_knew(
    make: Clients, upstream: Upstream, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    first = make(upstream, store=path)
    assert first.wait_until_ready()
    eventually(path.exists)
    upstream.put(flag("new-checkout").off(), flag("extra").on())
    eventually(lambda: first.flags.status().revision == 2)
    first.close()
    upstream.stop()
    second = make(upstream, store=str(path))
    assert second.flags.boolean("extra") is True
    assert second.wait_until_ready(60)
    eventually(lambda: second.flags.status().level is Level.LAST_KNOWN)
    status = second.flags.status()
    assert status.revision == 2
    assert status.age_s is not None
    assert status.age_s < 600
    upstream.start()
    eventually(lambda: second.flags.status().level is Level.STREAMING)
    assert upstream.paths("/sdk/v1/stream")[-1].endswith("since=1.2")


def test_the_age_of_what_was_stored_survives(make: Clients, upstream: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "state"
    FileStore(path).save(Stored(upstream.source.snapshot, time.time() - 1000))
    upstream.stop()
    client = make(upstream, store=path)
    assert 1000 <= (client.flags.status().age_s or 0) < 1600


def test_what_was_stored_too_long_ago_is_not_served(make: Clients, upstream: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "state"
    FileStore(path).save(Stored(upstream.source.snapshot, time.time() - 1000))
    upstream.stop()
    client = make(upstream, store=path, last_known_ttl=900)
    assert client.flags.boolean("new-checkout") is False
    assert client.flags.status().level is Level.DEFAULTS


def test_a_corrupt_store_is_reported_ignored_and_replaced(
    make: Clients, upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"\x00garbage")
    client = make(upstream, store=path)
    assert client.wait_until_ready()
    assert "state is not usable" in caplog.text
    eventually(lambda: path.read_bytes() != b"\x00garbage")
    stored = FileStore(path).load()
    assert stored is not None
    assert stored.snapshot.revision == 1


def test_a_store_that_cannot_be_used_costs_no_more_than_a_warning(
    make: Clients, upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    client = make(upstream, store=tmp_path / "file" / "state")
    assert client.wait_until_ready()
    eventually(lambda: "the local store cannot be written" in caplog.text)
    assert "the local store cannot be read" in caplog.text
    assert client.flags.boolean("new-checkout") is True


def test_the_store_of_another_environment_is_left_for_what_the_server_sends(
    make: Clients, upstream: Upstream, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    with running() as other:
        other.source._environment = "shop/staging"
        for _ in range(5):
            other.source.put(flag("new-checkout").off())
        FileStore(path).save(Stored(other.source.snapshot, time.time()))
    client = make(upstream, store=path)
    eventually(lambda: client.flags.status().environment == "shop/production")
    assert client.flags.boolean("new-checkout") is True


def test_processes_may_share_a_store(make: Clients, upstream: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "state"
    for _ in range(3):
        assert make(upstream, store=path).wait_until_ready()
    for _ in range(10):
        upstream.put(flag("new-checkout").on())
    eventually(lambda: (found := FileStore(path).load()) and found.snapshot.revision == 11)
