"""The digest of an environment: the XOR over its items of SHA-256 of `{kind}:{key}:{version}:{hash}`.

Order does not matter and a change costs two hashes, so both ends keep it up to date with every delta. It finds
accidents, not forgers. Written as 64 hex digits, computed as an integer.

An item whose text does not have the hash that it claims counts with the hash of its whole text: so damage shows.
"""

from collections.abc import Mapping
from hashlib import sha256

from pennon.model import Item, ItemKind, text_hash

DIGITS = 64
EMPTY = "0" * DIGITS
"""The digest of an environment without items."""


def item_digest(kind: ItemKind, item: Item) -> int:
    """Return what *item* contributes to the digest."""
    hash_ = item.hash if item.is_intact else text_hash(item.text)
    line = f"{kind}:{item.key}:{item.version}:{hash_}"
    return int.from_bytes(sha256(line.encode()).digest(), "big")


def step(kind: ItemKind, before: Item | None, after: Item | None) -> int:
    """Return what the digest changes by when *before* becomes *after*; None is no item."""
    value = 0
    if before is not None:
        value ^= item_digest(kind, before)
    if after is not None:
        value ^= item_digest(kind, after)
    return value


def total(items: Mapping[ItemKind, Mapping[str, Item]]) -> int:
    """Return the digest of *items* as an integer."""
    value = 0
    for kind, records in items.items():
        for item in records.values():
            value ^= item_digest(kind, item)
    return value


def combined(items: Mapping[ItemKind, Mapping[str, Item]]) -> str:
    """Return the digest of *items*."""
    return text(total(items))


def updated(old: str, kind: ItemKind, before: Item | None, after: Item | None) -> str:
    """Return the digest after *before* became *after* in a state with the digest *old*."""
    return text(int(old, 16) ^ step(kind, before, after))


def text(value: int) -> str:
    """Return a digest as it is written."""
    return f"{value:0{DIGITS}x}"


def number(digest: str) -> int | None:
    """Return a written digest as an integer; None if it is not one."""
    if len(digest) != DIGITS or not set(digest) <= set("0123456789abcdef"):
        return None
    return int(digest, 16)
