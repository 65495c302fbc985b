from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Item, ItemKind
from pennon.protocol import digest
from tests.unit.protocol.builders import by_kind, damaged, flag, layer, record, segment

ITEMS: list[tuple[ItemKind, Item]] = [
    ("flag", flag("a")),
    ("flag", flag("b", 7)),
    ("segment", segment("a")),
    ("layer", layer("a")),
    ("key", record("a")),
]


def test_item_counts_by_kind_key_version_and_hash() -> None:
    item = flag("checkout", 5)
    line = f"flag:checkout:5:{item.hash}"
    assert digest.item_digest("flag", item) == int(sha256(line.encode()).hexdigest(), 16)


def test_digest_of_nothing_is_64_zeros() -> None:
    assert digest.combined({}) == digest.EMPTY == "0" * 64


def test_digest_of_several_items_is_the_exclusive_or_of_each() -> None:
    a, b = flag("a"), segment("b")
    combined = digest.item_digest("flag", a) ^ digest.item_digest("segment", b)
    assert digest.combined(by_kind(("flag", a), ("segment", b))) == f"{combined:064x}"


def test_kinds_with_the_same_key_count_apart() -> None:
    assert len({digest.item_digest(kind, flag("a")) for kind, _ in ITEMS}) == 4


def test_damaged_text_shows_though_it_claims_the_old_hash() -> None:
    item = flag("a")
    assert damaged(item).hash == item.hash
    assert digest.item_digest("flag", damaged(item)) != digest.item_digest("flag", item)


def test_damaged_hash_shows_though_the_text_is_right() -> None:
    item = flag("a")
    text = item.text.replace(item.hash.encode(), b"0" * 16)
    assert digest.item_digest("flag", Item.from_text("a", text)) != digest.item_digest("flag", item)


@given(st.permutations(ITEMS), st.integers(0, len(ITEMS)))
def test_updating_one_by_one_gives_the_digest_of_the_whole(order: list[tuple[ItemKind, Item]], kept: int) -> None:
    value = digest.EMPTY
    for kind, item in order:
        value = digest.updated(value, kind, None, item)
    assert value == digest.combined(by_kind(*order))
    for kind, item in order[kept:]:
        value = digest.updated(value, kind, item, None)
    assert value == digest.combined(by_kind(*order[:kept]))


def test_replacing_an_item_is_deleting_and_adding() -> None:
    before, after = flag("a", 1), flag("a", 2)
    old = digest.combined(by_kind(("flag", before)))
    assert digest.updated(old, "flag", before, after) == digest.combined(by_kind(("flag", after)))


@given(st.integers(0, 2**256 - 1))
def test_written_digest_reads_back(value: int) -> None:
    assert digest.number(digest.text(value)) == value


@pytest.mark.parametrize("text", ["", "0", "g" * 64, "A" * 64, " " + "0" * 63, "0" * 65, "0x" + "0" * 62, "１" * 64])
def test_what_is_not_64_lower_case_hex_digits_is_no_digest(text: str) -> None:
    assert digest.number(text) is None
