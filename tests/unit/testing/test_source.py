"""A source in the hands of a test: what it puts is served at once, to every client of it."""

import pytest

from pennon import Client
from pennon.model import Layer, Slot, Snapshot
from pennon.testing import InMemorySource, flag, segment


def test_what_is_put_is_served_at_once_and_what_is_deleted_is_gone() -> None:
    source = InMemorySource()
    with Client(source=source) as client, Client(source=source) as other:
        assert client.boolean("a", default=True) is True
        source.put(flag("a").off())
        assert client.boolean("a", default=True) is False
        assert other.boolean("a", default=True) is False
        source.delete("a")
        assert client.boolean("a", default=True) is True
        with pytest.raises(KeyError):
            source.delete("a")
        assert source.revision == client.status().revision == 2


def test_a_closed_client_hears_no_more() -> None:
    source = InMemorySource(flag("a").on())
    client = Client(source=source)
    client.close()
    source.put(flag("a").off())
    assert client.boolean("a") is True


def test_each_call_is_one_revision_and_versions_rise_and_are_never_used_twice() -> None:
    source = InMemorySource(flag("a"), segment("s"), Layer("l", slots=(Slot(0, 50_000, "exp"),)))
    source.put(flag("a"), flag("b"))
    source.delete("a")
    source.put(flag("a"))
    source.advance()
    snapshot = source.snapshot
    assert snapshot.revision == source.revision == 5
    assert [(flag.key, flag.version, flag.changed_at) for flag in snapshot.flags.values()] == [("b", 1, 2), ("a", 3, 4)]
    assert (snapshot.segments["s"].version, snapshot.layers["l"].version) == (1, 1)
    assert snapshot.flags.records["a"].is_intact


def test_its_snapshot_is_one_that_a_server_could_send() -> None:
    source = InMemorySource(flag("a").on(), environment="shop/production")
    assert Snapshot.from_json(source.snapshot.to_json()).to_json() == source.snapshot.to_json()
    assert source.snapshot.environment == "shop/production"


def test_segments_and_layers_can_be_deleted() -> None:
    source = InMemorySource(segment("s"))
    source.delete("s", kind="segment")
    assert len(source.snapshot.segments) == 0
