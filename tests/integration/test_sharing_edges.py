"""What may happen to a shared store and its leader: nobody is mixed up, nobody falls behind, nobody breaks."""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pennon.sdk import Level
from pennon.sdk._async.sharing import AsyncSharing
from pennon.sdk._sync.sharing import Sharing
from pennon.sdk.sharing import seat as seats
from pennon.sdk.sharing import wakeups
from pennon.sdk.sharing.seat import Seat
from pennon.sdk.stores import FileStore, Stored
from pennon.sdk.stores.file import Journal
from pennon.testing import InMemorySource, flag
from tests.integration.clients import Clients, Held, clients
from tests.integration.upstream import KEY, Upstream, eventually, running

pytest.importorskip("fcntl")
U1 = {"targetingKey": "u1"}


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Clients]:
    with clients(request.param) as made:
        yield made


@pytest.fixture(params=["sync", "async"] if os.environ.get("PENNON_LONG_TESTS") else ["sync"])
def make_one(request: pytest.FixtureRequest) -> Iterator[Clients]:
    """What the two sorts do with the same lines: tried with both in the long form only."""
    with clients(request.param) as made:
        yield made


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.heartbeat_s = 0.1  # so it notices soon who is gone
        server.put(flag("new-checkout").on(), flag("other"), flag("third").on())
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "flags"


def sharing(held: Held) -> Sharing | AsyncSharing:
    client: Any = held.flags
    return client._running._sharing  # type: ignore[no-any-return]


def pair(make: Clients, upstream: Upstream, store: Path, **options: Any) -> tuple[Held, Held]:
    """Return two clients of one store: the leader, who was first and streams, and a follower."""
    leader = make(upstream, store=store, **options)
    assert leader.wait_until_ready()
    eventually(lambda: sharing(leader)._leads)
    eventually(lambda: leader.flags.status().level is Level.STREAMING)
    follower = make(upstream, store=store, **options)
    assert follower.wait_until_ready()
    eventually(lambda: follower.flags.status().level is Level.STREAMING)
    return leader, follower


def revisions(*held: Held) -> list[int]:
    return [each.flags.status().revision for each in held]


def follow(upstream: Upstream, *held: Held, within_s: float = 60) -> None:
    """Make a change, and wait until all know it."""
    upstream.put(flag("new-checkout").off())
    revision = upstream.source.revision
    eventually(lambda: revisions(*held) == [revision] * len(held), within_s)
    assert [each.flags.boolean("new-checkout", U1) for each in held] == [False] * len(held)


def test_one_streams_and_the_other_knows_as_soon_and_counts_for_itself(
    make: Clients, upstream: Upstream, store: Path
) -> None:
    leader, follower = pair(make, upstream, store)
    assert (upstream.streams, sharing(follower)._leads) == (1, False)
    follow(upstream, leader, follower)
    status = follower.flags.status()
    assert (status.level, status.environment, status.problem) == (Level.STREAMING, "shop/production", "")
    for held, times in ((leader, 2), (follower, 3)):
        for _ in range(times):
            held.flags.boolean("third", U1)
        assert held.flush()
    counts = Counter(
        {batch.instance: each.count for batch in upstream.batches for each in batch.counters if each.flag == "third"}
    )
    assert counts == {leader.flags.status().instance: 2, status.instance: 3}
    assert upstream.streams == 1


def test_a_listener_of_a_follower_is_told_what_changed(make: Clients, upstream: Upstream, store: Path) -> None:
    _, follower = pair(make, upstream, store)
    told: list[tuple[int, set[str]]] = []
    follower.flags.on_change(lambda change: told.append((change.revision, set(change.flags))))
    upstream.put(flag("other").on())
    upstream.delete("third")
    eventually(lambda: told == [(2, {"other"}), (3, {"third"})])
    assert follower.flags.boolean("third", U1) is False


def test_closing_the_leader_hands_over_at_once(make: Clients, upstream: Upstream, store: Path) -> None:
    leader, follower = pair(make, upstream, store)
    leader.close()
    eventually(lambda: sharing(follower)._leads)
    follow(upstream, follower)
    eventually(lambda: upstream.streams == 1)
    follower.close()
    found = FileStore(store).load()
    assert found is not None
    assert found.snapshot.revision == upstream.source.revision
    assert abs(found.known_at - time.time()) < 600


def test_without_inotify_followers_look_for_themselves(
    make_one: Clients, upstream: Upstream, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: wakeups.Wakeups) -> None:
        self.handle = None
        self._watch = -1

    monkeypatch.setattr(wakeups.Wakeups, "__init__", none)
    leader, follower = pair(make_one, upstream, store)
    follow(upstream, leader, follower)
    leader.close()
    eventually(lambda: sharing(follower)._leads)
    follow(upstream, follower)


def test_a_follower_stands_where_its_leader_stands(make: Clients, upstream: Upstream, store: Path) -> None:
    leader, follower = pair(make, upstream, store)
    upstream.refuse["/sdk/v1/stream"] = (503, {})
    upstream.drop_streams()
    eventually(lambda: follower.flags.status().level is Level.POLLING)
    upstream.put(flag("new-checkout").off())
    eventually(lambda: revisions(leader, follower) == [2, 2])
    eventually(lambda: "503" in follower.flags.status().problem)
    upstream.refuse["/sdk/v1/snapshot"] = (503, {})
    eventually(lambda: follower.flags.status().level is Level.LAST_KNOWN)
    before = follower.flags.age_s or 0
    eventually(lambda: (follower.flags.age_s or 0) > before + 0.5)
    ages = [held.flags.age_s or 0 for held in (leader, follower, leader)]
    assert ages[0] - 0.5 < ages[1] < ages[2] + 0.5
    upstream.refuse.clear()
    # The longer it was refused, the longer it waits, at random up to half a minute.
    eventually(lambda: [each.flags.status().level for each in (leader, follower)] == [Level.STREAMING] * 2, within_s=60)
    assert follower.flags.status().problem == ""
    assert upstream.streams == 1


def test_a_bound_on_age_holds_in_a_follower_too(make_one: Clients, upstream: Upstream, store: Path) -> None:
    upstream.put(flag("strict").on().stale_after(1.0, serve="off"))
    _, follower = pair(make_one, upstream, store, last_known_ttl=8.0)

    def is_fresh() -> bool:
        upstream.beat()
        return follower.flags.boolean("strict", U1)

    eventually(is_fresh)
    upstream.stop()
    eventually(lambda: follower.flags.boolean("strict", U1) is False)
    assert follower.flags.boolean("third", U1) is True
    eventually(lambda: follower.flags.status().level is Level.DEFAULTS)
    assert follower.flags.boolean("third", U1) is False


def test_a_refused_key_is_known_to_followers(make_one: Clients, upstream: Upstream, store: Path) -> None:
    first = make_one(upstream, store=store, key="pennon_server_wrong")
    second = make_one(upstream, store=store, key="pennon_server_wrong")
    # Each is told at once, and does not wait for the time to be over.
    assert not first.wait_until_ready(60)
    assert not second.wait_until_ready(60)
    assert [each.flags.status().is_refused for each in (first, second)] == [True, True]


def test_clients_of_other_servers_or_keys_do_not_mix(
    make_one: Clients, upstream: Upstream, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leader, follower = pair(make_one, upstream, store)
    with running() as other:
        other.heartbeat_s = 0.1
        other.put(flag("new-checkout").off(), flag("elsewhere").on())
        stranger = make_one(other, store=store)
        assert "of another url, key or environment" in caplog.text
        assert stranger.flags.boolean("new-checkout", U1) is False
        assert stranger.wait_until_ready(60)
        assert "give each a path of its own; this process streams by itself" in caplog.text
        assert stranger.flags.boolean("elsewhere", U1) is True
        eventually(lambda: (other.streams, upstream.streams) == (1, 1))
        follow(upstream, leader, follower)
        leader.close()
        eventually(lambda: sharing(follower)._leads or sharing(stranger)._leads)
        follow(upstream, follower)
        follow(other, stranger)
        assert "elsewhere" not in follower.flags.rules().flag_keys()
        stranger.close()


@pytest.mark.parametrize("how", ["cut", "emptied", "overwritten", "deleted", "replaced"])
def test_whatever_happens_to_the_file_flags_are_served_and_it_is_written_again(
    make_one: Clients, upstream: Upstream, store: Path, how: str
) -> None:
    leader, follower = pair(make_one, upstream, store)
    assert follower.flags.boolean("new-checkout", U1) is True
    size, inode = store.stat().st_size, store.stat().st_ino
    match how:
        case "cut":
            os.truncate(store, size // 2)
        case "emptied":
            os.truncate(store, 0)
        case "overwritten":
            store.write_bytes(b"x" * size)
        case "deleted":
            store.unlink()
        case _:
            FileStore(store).save(Stored(InMemorySource(flag("new-checkout").off()).snapshot, time.time() + 1000))
    assert [each.flags.boolean("new-checkout", U1) for each in (leader, follower)] == [True, True]
    eventually(lambda: store.exists() and store.stat().st_ino != inode and _revision(store) == 1, 60)
    eventually(lambda: follower.flags.boolean("third", U1), 60)
    follow(upstream, leader, follower)
    assert upstream.streams == 1
    leader.close()
    eventually(lambda: sharing(follower)._leads)
    follow(upstream, follower)


def _revision(store: Path) -> int:
    found = FileStore(store).load()
    return 0 if found is None or found.snapshot.environment != "shop/production" else found.snapshot.revision


def test_a_leader_killed_with_its_file_leaves_a_follower_that_asks_for_the_whole(
    make_one: Clients, upstream: Upstream, store: Path
) -> None:
    leader, follower = pair(make_one, upstream, store)
    assert follower.flags.boolean("new-checkout", U1) is True
    client: Any = leader.flags
    seat = sharing(leader)._share.seat
    os.truncate(store, 600)
    # As one that was killed: it says nothing any more, writes nothing, and does not take the seat again.
    sharing(leader)._leads = False
    sharing(leader)._stopping = True
    seat.leave()
    eventually(lambda: sharing(follower)._leads)
    follow(upstream, follower)
    assert follower.flags.boolean("third", U1) is True
    assert client.boolean("third", U1) is True


def test_a_lock_that_was_deleted_does_not_make_two_leaders(make_one: Clients, upstream: Upstream, store: Path) -> None:
    leader, follower = pair(make_one, upstream, store)
    store.with_name("flags.lock").unlink()
    third = make_one(upstream, store=store)
    assert third.wait_until_ready()
    everybody = (leader, follower, third)
    eventually(lambda: sum(sharing(each)._leads for each in everybody) == 1 and upstream.streams == 1)
    follow(upstream, *everybody)
    eventually(lambda: upstream.streams == 1)


def test_a_journal_that_is_long_is_written_into_a_new_file_which_all_follow(
    make_one: Clients, upstream: Upstream, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.sdk.stores.file._LONG_JOURNAL", 2000)
    leader, follower = pair(make_one, upstream, store)
    inodes = set()
    for _ in range(40):
        follow(upstream, leader, follower)
        inodes.add(store.stat().st_ino)
        if len(inodes) > 1:
            break
        time.sleep(0.05)
    assert len(inodes) > 1
    follow(upstream, leader, follower)
    opened = sharing(follower)._share.store.opened
    assert opened is not None
    assert opened.is_in_place(store)
    assert upstream.streams == 1


def test_a_full_disk_makes_each_stream_by_itself_until_there_is_room(
    make: Clients, upstream: Upstream, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leader, follower = pair(make, upstream, store)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", full)
        patch.setattr(FileStore, "begin", full)
        follow(upstream, leader, follower)
        eventually(lambda: upstream.streams == 2)
        follow(upstream, leader, follower)
        assert caplog.text.count("No space left on device") == 1
        assert "has another state than it writes; this process streams by itself" in caplog.text
    eventually(lambda: upstream.streams == 1)
    follow(upstream, leader, follower)


@pytest.mark.parametrize("why", ["no flock", "Operation not supported", "Not a directory"])
def test_where_there_are_no_locks_each_streams_by_itself_with_one_warning(
    make_one: Clients,
    upstream: Upstream,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    why: str,
) -> None:
    def flock(_handle: int, _operation: int) -> None:
        raise OSError(95, "Operation not supported")

    if why == "no flock":
        monkeypatch.setattr(seats, "fcntl", None)
    elif why == "Operation not supported":
        monkeypatch.setattr(seats.fcntl, "flock", flock)
    else:
        monkeypatch.setattr(Seat, "_open", lambda _: os.open(f"{os.devnull}/lock", os.O_RDWR))
    first, second = (make_one(upstream, store=store) for _ in range(2))
    assert first.wait_until_ready()
    assert second.wait_until_ready()
    follow(upstream, first, second)
    eventually(lambda: upstream.streams == 2)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 2
    assert all("cannot be shared with other processes" in warning and why in warning for warning in warnings)
    eventually(lambda: _revision(store) == 2)


def test_a_store_that_says_nonsense_is_replaced_by_the_leader_and_followed(
    make_one: Clients, upstream: Upstream, store: Path
) -> None:
    for nonsense in (b"", b"\x00garbage", b'{"pennonStore":99,"knownAt":1,"bytes":1,"sha256":""}\n'):
        store.write_bytes(nonsense)
        with clients("sync") as made:
            leader, follower = pair(made, upstream, store)
            follow(upstream, leader, follower)
            assert _revision(store) == upstream.source.revision
    leader, follower = pair(make_one, upstream, store)
    assert revisions(leader, follower) == [upstream.source.revision] * 2


def test_a_program_that_names_no_server_shares_nothing(make_one: Clients, store: Path) -> None:
    source = InMemorySource(flag("a").on())
    held = make_one(source=source, store=store)
    assert held.wait_until_ready()
    assert sharing(held) is None
    assert not store.with_name("flags.lock").exists()


def test_a_store_may_be_named_by_the_environment(
    make_one: Clients, upstream: Upstream, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNON_STORE", str(store))
    held = make_one(upstream, key=KEY)
    assert held.wait_until_ready()
    eventually(store.exists)
    assert sharing(held) is not None
