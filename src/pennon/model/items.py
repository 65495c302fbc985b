"""Items: flags, segments, layers and key records as they are stored and as they travel, text and all.

An item's text is kept as it came and decoded when somebody looks, so that a node passes on what it received byte for
byte, and a snapshot of 10,000 flags costs the memory of its text.

The text of an item starts with `{"hash":"` and 16 hex digits of the SHA-256 of the text without that member.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal, Protocol, Self, TypeAlias, TypeVar, cast

import msgspec

from pennon.model.flags import Flag, Wire
from pennon.model.keys import KeyRecord
from pennon.model.problems import DECODE_ERRORS, InvalidItem, Problem, decoding_problem
from pennon.model.segments import Layer, Segment

ItemKind: TypeAlias = Literal["flag", "segment", "layer", "key"]
ITEM_KINDS: tuple[ItemKind, ...] = ("flag", "segment", "layer", "key")

Model = TypeVar("Model", Flag, Segment, Layer, KeyRecord)

MODELS: Mapping[ItemKind, type[Flag] | type[Segment] | type[Layer] | type[KeyRecord]] = {
    "flag": Flag,
    "segment": Segment,
    "layer": Layer,
    "key": KeyRecord,
}

_HASH_START = b'{"hash":"'
_HASH_DIGITS = 16
_STORED_FROM = len(_HASH_START) + _HASH_DIGITS + len(b'",')
_ENCODER = msgspec.json.Encoder()


class _Head(Wire, frozen=True):
    version: int = 1
    changed_at: int = 0
    hash: str = ""


_HEAD_DECODER = msgspec.json.Decoder(_Head)


class ItemModel(Protocol):
    """Any struct that can be an item: flags, segments, layers, key records, and what the control plane's logs hold."""

    @property
    def key(self) -> str:
        """What it is called, unique among its kind in its log."""

    @property
    def version(self) -> int:
        """Raised by each change of the item, never used twice, not even after deletion."""

    @property
    def changed_at(self) -> int:
        """The revision that made it what it is."""

    @property
    def hash(self) -> str:
        """See `text_hash`."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """A flag, segment, layer or key record: its key, its head, and its text as it travels."""

    key: str
    version: int
    changed_at: int
    hash: str
    text: bytes

    @classmethod
    def of(cls, model: ItemModel) -> Self:
        """Return the item of *model*, its hash computed anew."""
        stored = _ENCODER.encode(msgspec.structs.replace(cast("Flag", model), hash=""))
        digits = text_hash(stored)
        text = _HASH_START + digits.encode() + b'",' + stored[1:]
        return cls(model.key, model.version, model.changed_at, digits, text)

    @classmethod
    def from_text(cls, key: str, text: bytes) -> Self:
        """Return the item that travels as *text* (UTF-8, a JSON object).

        Never raises: text that is no item becomes one of version 0, and whoever decodes it learns what is wrong.
        """
        try:
            head = _HEAD_DECODER.decode(text)
        except DECODE_ERRORS:
            return cls(key, 0, 0, text_hash(text), text)
        return cls(key, head.version, head.changed_at, head.hash or text_hash(text), text)

    @property
    def stored(self) -> bytes:
        """The text that the hash is taken of: the travelling text without its leading hash."""
        return b"{" + self.text[_STORED_FROM:] if self.text.startswith(_HASH_START) else self.text

    @property
    def is_intact(self) -> bool:
        """Whether the hash is that of the text."""
        return text_hash(self.stored) == self.hash


def text_hash(stored: bytes) -> str:
    """Return the hash of an item whose text, without its hash member, is *stored*: 16 hex digits."""
    return hashlib.sha256(stored).hexdigest()[:_HASH_DIGITS]


class Items(Mapping[str, Model]):
    """Items of one kind by key, each decoded when it is asked for. `records` has them as they are.

    Looking up a key that is not there raises `KeyError`; one whose text cannot be read, `InvalidItem`.
    """

    __slots__ = ("_decoder", "kind", "records")

    def __init__(self, kind: ItemKind, records: Mapping[str, Item]) -> None:
        self.kind: ItemKind = kind
        self.records = records
        self._decoder = _DECODERS[kind]

    def __getitem__(self, key: str) -> Model:
        item = self.records[key]
        try:
            model = cast("Model", self._decoder.decode(item.text))
        except DECODE_ERRORS as error:
            raise InvalidItem([decoding_problem(error)]) from error
        if model.key != key:
            raise InvalidItem(
                [Problem("/key", f"the key is {model.key!r} inside", f"make it {key!r}, or move the item")]
            )
        return model

    def __contains__(self, key: object) -> bool:
        return key in self.records

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Items) and self.kind == other.kind and self.records == other.records

    __hash__ = None  # type: ignore[assignment]  # equal by content, and the content may be large

    def __repr__(self) -> str:
        return f"Items({self.kind!r}, {len(self.records)} items)"


_DECODERS: Mapping[ItemKind, msgspec.json.Decoder[Flag | Segment | Layer | KeyRecord]] = {
    kind: msgspec.json.Decoder(model) for kind, model in MODELS.items()
}
