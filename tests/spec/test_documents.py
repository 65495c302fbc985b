"""What is written is read back the same, byte for byte: snapshots, deltas and the items in them."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.model import ITEM_KINDS, Delta, Flag, Item, ItemKind, Layer, Position, Segment, Snapshot
from tests.spec.strategies import any_json, snapshot

Json = Any
MODELS: dict[ItemKind, Any] = {"flag": Flag, "segment": Segment, "layer": Layer}
SPACES = st.sampled_from(["", " ", "\n  "])


def records(document: dict[str, Json]) -> dict[ItemKind, dict[str, Item]]:
    """Return the readable items of a snapshot's JSON as the control plane would store them."""
    found: dict[ItemKind, dict[str, Item]] = {}
    for kind, model in MODELS.items():
        items = document[f"{kind}s"].items()
        found[kind] = {key: Item.of(msgspec.convert(item, model)) for key, item in items}
    return found


def snapshots() -> st.SearchStrategy[Snapshot]:
    def of(seed: int, epoch: int, revision: int) -> Snapshot:
        position = Position(epoch, revision)
        return Snapshot.of(records(snapshot(seed)), environment="shop/production", position=position, digest="0" * 64)

    return st.builds(of, st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 2**40))


@settings(max_examples=50)
@given(snapshots())
def test_a_snapshot_is_read_back_as_it_was_written(known: Snapshot) -> None:
    text = known.to_json()
    read = Snapshot.from_json(text)
    assert read == known
    assert read.to_json() == text
    for kind in ITEM_KINDS:
        for key, item in read.items(kind).items():
            assert item.is_intact
            assert item == known.items(kind)[key]


@settings(max_examples=50)
@given(snapshots(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_a_delta_is_read_back_as_it_was_written(known: Snapshot, chance: Any, steps: int) -> None:
    touched = {
        kind: {key: None if chance.random() < 0.3 else item for key, item in known.items(kind).items()}
        for kind in ITEM_KINDS
    }
    delta = Delta(
        environment=known.environment,
        epoch=known.epoch,
        from_=known.revision,
        to=known.revision + steps,
        digest=known.digest,
        flags=touched["flag"],
        segments=touched["segment"],
        layers=touched["layer"],
    )
    text = delta.to_json()
    read = Delta.from_json(text)
    assert read == delta
    assert read.to_json() == text


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), SPACES, SPACES)
def test_the_text_of_an_item_travels_as_it_came(seed: int, comma: str, colon: str) -> None:
    document = snapshot(seed)
    text = json.dumps(document, separators=("," + comma, ":" + colon))
    read = Snapshot.from_json(text)
    again = Snapshot.from_json(read.to_json())
    for kind in MODELS:
        assert again.items(kind) == read.items(kind)
        for key, item in again.items(kind).items():
            assert item.text.decode() in text
            assert json.loads(item.text) == document[f"{kind}s"][key]


@given(st.dictionaries(st.text(max_size=3), any_json(), max_size=3))
def test_items_that_cannot_be_read_travel_too(items: dict[str, Json]) -> None:
    encoded = json.dumps({key: value for key, value in items.items() if value is not None})
    well_formed = encoded.encode().replace(b"\\ud", b"\\ue")  # halves of surrogate pairs are no JSON on the wire
    text = b'{"flags":%b}' % well_formed
    read = Snapshot.from_json(text)
    assert Snapshot.from_json(read.to_json()) == read
    for item in read.flags.records.values():
        assert item.text in text


@settings(max_examples=50)
@given(snapshots())
def test_equal_snapshots_give_equal_bytes_in_whatever_order_their_items_came(known: Snapshot) -> None:
    turned = {kind: dict(reversed([*known.items(kind).items()])) for kind in ITEM_KINDS}
    other = Snapshot.of(turned, environment=known.environment, position=known.position, digest=known.digest)
    assert other.to_json() == known.to_json()
