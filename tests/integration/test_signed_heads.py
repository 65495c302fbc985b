"""Signed heads on real sockets: strict clients and edge nodes, forgers between, keys that rotate, stores."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pennon import Client
from pennon.model import Item, Snapshot
from pennon.protocol import digest
from pennon.protocol.state import items_of
from pennon.sdk import InvalidConfiguration, Level
from pennon.sdk.stores import FileStore
from tests.edges import PRODUCTION, edge
from tests.integration.nodes import EDGE, ENVIRONMENT, SERVER, boolean, eventually
from tests.integration.signed import signed_node
from tests.serving import serving
from tests.unit.protocol.signing import Signer

FIRST, EVIL = Signer("first"), Signer("evil")
QUICK: dict[str, Any] = {"poll_interval_s": 0.2, "timeout_s": 2.0, "heartbeat_s": 0.5, "chance": lambda: 0.05}
ANYBODY = {"targetingKey": "u1"}
FLAG = "new-checkout"
ON, OFF = boolean(FLAG), boolean(FLAG, on=False)


@contextlib.contextmanager
def strict(*urls: str, keys: tuple[str, ...] = (FIRST.key,), key: str = SERVER, **options: Any) -> Iterator[Client]:
    options = {"environment": ENVIRONMENT, "strict_signatures": True, "trusted_keys": keys, **QUICK, **options}
    with Client(list(urls), key=key, **options) as client:
        yield client


def is_on(client: Client) -> bool:
    return client.boolean(FLAG, ANYBODY, default=False)


def test_a_strict_client_keeps_what_was_signed_while_its_upstream_forges() -> None:
    with signed_node(FIRST, ON) as (node, log), strict(node.url) as client:
        assert client.wait_until_ready(60)
        status = client.status()
        assert (is_on(client), status.signed_by) == (True, FIRST.key)
        assert status.head_age_s is not None
        log.forge(OFF)
        node.write(boolean(FLAG, salt="s2"))
        eventually(lambda: "signature not trusted" in client.status().problem)
        eventually(lambda: client.status().level >= Level.LAST_KNOWN)
        assert is_on(client)
        assert client.status().revision == status.revision
        log.forged.clear()
        after = node.write(OFF)
        # The forged state is in the node's hub: it forgets that when it reads the whole.
        log.forget(ENVIRONMENT)
        node.run(reloaded(node))
        eventually(lambda: client.status().revision == after.revision)
        assert not is_on(client)
        eventually(lambda: client.status().problem == "")


async def reloaded(node: Any) -> None:
    node.node.environments[ENVIRONMENT].is_doubtful = True
    node.node.environments[ENVIRONMENT].grown.set()


def test_a_client_that_is_not_strict_reports_a_forgery_and_serves_it(caplog: pytest.LogCaptureFixture) -> None:
    trusting: dict[str, Any] = {"trusted_keys": [FIRST.key], **QUICK}
    with signed_node(FIRST, ON) as (node, log), Client(node.url, key=SERVER, **trusting) as client:
        assert client.wait_until_ready(60)
        assert client.status().signed_by == FIRST.key
        log.forge(OFF)
        node.write(boolean(FLAG, salt="s2"))
        eventually(lambda: not is_on(client))
        assert "signature not trusted" in caplog.text
        assert client.status().signed_by == ""


@pytest.mark.parametrize("signer", [None, EVIL], ids=["nobody", "another"])
def test_a_strict_client_takes_nothing_that_its_key_did_not_sign(signer: Signer | None) -> None:
    with signed_node(signer, ON) as (node, _), strict(node.url) as client:
        said = "no signature" if signer is None else "not one of the trusted keys"
        eventually(lambda: said in client.status().problem)
        assert not client.status().ready
        assert client.evaluation(FLAG, ANYBODY, default=False).error_code is not None


def test_a_strict_client_goes_on_to_an_upstream_that_does_not_forge() -> None:
    with (
        signed_node(EVIL, OFF) as (forger, _),
        signed_node(FIRST, ON) as (honest, _),
        strict(forger.url, honest.url) as client,
    ):
        assert client.wait_until_ready(60)
        assert is_on(client)
        eventually(lambda: client.status().level is Level.STREAMING)


def test_heads_that_come_after_their_state_reach_who_waits_for_them() -> None:
    with signed_node(FIRST, ON) as (node, log), strict(node.url) as client:
        assert client.wait_until_ready(60)
        log.is_late = True
        after = node.write(OFF)
        eventually(lambda: client.status().revision == after.revision)
        assert not is_on(client)


def test_a_client_that_can_only_poll_hears_of_younger_heads() -> None:
    with signed_node(FIRST, ON, max_streams=0) as (node, _), strict(node.url, max_head_age_s=60.0) as client:
        assert client.wait_until_ready(60)
        began = time.time()

        def is_renewed() -> bool:
            age_s = client.status().head_age_s
            return age_s is not None and time.time() - age_s > began + 0.3

        eventually(is_renewed)
        assert client.status().level is Level.POLLING


def test_a_rotation_is_followed_and_the_old_key_believed_no_more(tmp_path: Path) -> None:
    with signed_node(FIRST, ON) as (node, log), strict(node.url, store=tmp_path / "store") as client:
        assert client.wait_until_ready(60)
        second = FIRST.rotated("second")
        log.signer = second
        after = node.write(OFF)
        eventually(lambda: client.status().revision == after.revision)
        eventually(lambda: client.status().signed_by == second.key)
        log.signer = FIRST
        node.write(ON)
        eventually(lambda: "was replaced" in client.status().problem)
        assert not is_on(client)


def test_a_strict_client_starts_from_its_store_and_not_from_a_forged_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store"
    with signed_node(FIRST, ON) as (node, _):
        url = node.url
        with strict(url, store=path) as client:
            assert client.wait_until_ready(60)
            eventually(path.exists)
    with strict(url, store=path) as client:
        assert is_on(client)
        assert client.status().signed_by == FIRST.key
    store = FileStore(path)
    stored = store.load()
    assert stored is not None
    with contextlib.closing(_Forged(path)) as forged:
        forged.write(stored.snapshot, stored.known_at)
    with strict(url, store=path) as client:
        assert not client.status().ready
        assert "in the local store, 1.1 is not proved" in caplog.text


def test_processes_that_share_a_store_verify_what_they_read_there(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "store"
    with signed_node(FIRST, ON) as (node, log), strict(node.url, store=path, max_head_age_s=30.0) as leader:
        assert leader.wait_until_ready(60)
        # Two in one process are as two processes: each has its own hold on the seat.
        with strict(node.url, store=path, max_head_age_s=30.0) as follower:
            assert follower.wait_until_ready(60)
            eventually(lambda: node.value("pennon_streams", projection="server") == 1)
            began = time.time()
            after = node.write(OFF)
            eventually(lambda: follower.status().revision == after.revision)
            assert not is_on(follower)
            assert follower.status().signed_by == FIRST.key
            eventually(lambda: time.time() - (follower.status().head_age_s or 1e9) > began + 0.3)
            assert node.value("pennon_streams", projection="server") == 1
            log.forge(ON)
            node.write(boolean(FLAG, on=False, salt="s2"))
            eventually(lambda: "not trusted" in leader.status().problem)
            assert (is_on(leader), is_on(follower)) == (False, False)


class _Forged:
    """Writes a store as whoever can write the file would: all sums right, one flag another."""

    def __init__(self, path: Path) -> None:
        opened = FileStore(path).open()
        assert opened is not None
        self._store = FileStore(path, opened.head.owner)

    def write(self, snapshot: Snapshot, known_at: float) -> None:
        items = {kind: dict(records) for kind, records in items_of(snapshot).items()}
        items["flag"][FLAG] = Item.of(msgspec.structs.replace(OFF, version=1))
        forged = Snapshot.of(
            items,
            environment=snapshot.environment,
            position=snapshot.position,
            digest=digest.combined(items),
            heads=snapshot.heads,
        )
        self._store.save(msgspec.structs.replace(self._stored(), snapshot=forged, known_at=known_at))

    def _stored(self) -> Any:
        stored = self._store.load()
        assert stored is not None
        return stored

    def close(self) -> None:
        self._store.opened = None


@pytest.mark.parametrize("limit", [{}, {"memory_limit": "2GiB"}], ids=["in memory", "in files"])
def test_a_strict_edge_serves_the_last_good_state_while_its_upstream_forges(
    tmp_path: Path, limit: dict[str, str]
) -> None:
    trust: dict[str, Any] = {"trusted_keys": (FIRST.key,), "strict_signatures": True, **limit}
    with signed_node(FIRST, ON) as (node, log):
        with edge(tmp_path / "edge", [node.url], EDGE, **trust) as pop, strict(pop.url) as client:
            assert client.wait_until_ready(60)
            found = pop.environment(ENVIRONMENT)
            assert found is not None
            assert (found.signed_by, is_on(client)) == (FIRST.key, True)
            log.forge(OFF)
            node.write(boolean(FLAG, salt="s2"))
            eventually(lambda: (it := pop.environment(ENVIRONMENT)) and "not trusted" in it.problem)
            assert is_on(client)
            assert pop.revision(ENVIRONMENT) == found.revision
            url = pop.url
        log.forged.clear()
    assert url
    with edge(tmp_path / "edge", [node.url], EDGE, **trust) as again, strict(again.url) as client:
        # Its upstream is dead: this is from its store.
        assert client.wait_until_ready(60)
        assert is_on(client)


def test_what_a_control_plane_signs_is_proved_two_levels_down(tmp_path: Path) -> None:
    place, flags = "projects/default/environments/production", "projects/default/flags"

    def turn(*, on: bool) -> int:
        edit = {"do": "turnOn" if on else "turnOff", "flag": FLAG}
        revision: int = api.made("POST", f"{place}/changes", {"why": "", "edits": [edit]})["revision"]
        return revision

    with serving(tmp_path / "origin") as (_, api):
        api.made("POST", flags, {"key": FLAG, "kind": "boolean", "clientSide": True})
        first = api.made("POST", "signing-keys", {"name": "first"})["key"]
        edge_key, server_key = api.key(kind="edge"), api.key()
        strictly: dict[str, Any] = {"trusted_keys": (first,), "strict_signatures": True}
        with (
            edge(tmp_path / "hub", [api.url], edge_key, name="hub") as hub,
            edge(tmp_path / "pop", [hub.url], edge_key, name="pop", **strictly) as pop,
            strict(pop.url, key=server_key, keys=(first,), environment=PRODUCTION) as client,
        ):
            assert client.wait_until_ready(60)
            revision = turn(on=True)
            eventually(lambda: client.status().revision == revision)
            second = api.made("POST", "signing-keys/rotate", {"name": "second"})["key"]
            revision = turn(on=False)
            eventually(lambda: client.status().revision == revision)
            eventually(lambda: client.status().signed_by == second)
            assert [key["replacedBy"] for key in api.made("GET", "signing-keys")["items"] if not key["active"]] == [
                second
            ]
            api.made("DELETE", f"signing-keys/{first}")
            assert api.send("DELETE", f"signing-keys/{second}").status_code == 409
            with strict(pop.url, key=server_key, keys=(first,), environment=PRODUCTION) as late:
                revision = turn(on=True)
                eventually(lambda: client.status().revision == revision)
                eventually(lambda: late.status().problem)
            assert pop.environment() is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trusted_keys": ["AAAA"]}, "is not a public key"),
        ({"trusted_keys": FIRST.key}, "is a list"),
        ({"strict_signatures": True}, "wants trusted_keys"),
        ({"strict_signatures": True, "trusted_keys": [FIRST.key]}, "wants to know whose flags"),
        ({"trusted_keys": [FIRST.key], "max_head_age_s": 60.0}, "strict_signatures=True only"),
    ],
    ids=["no key", "no list", "no trust", "no environment", "age without strictness"],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        Client("http://127.0.0.1:1", key=SERVER, **options)


def test_flags_of_a_file_cannot_be_signed(tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    file.write_text('{"flags": {}}')
    with pytest.raises(InvalidConfiguration, match="are not signed"):
        Client(file=file, trusted_keys=[FIRST.key])
