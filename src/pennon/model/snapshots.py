"""Snapshots and deltas: an environment whole, and the step between two of its revisions.

Both keep the text of every item as it came, and write it again byte for byte.
"""

import codecs
import io
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self, TypeAlias

import msgspec

from pennon.model.flags import Flag
from pennon.model.heads import Head
from pennon.model.items import ITEM_KINDS, Item, ItemKind, Items
from pennon.model.keys import KeyRecord
from pennon.model.problems import DECODE_ERRORS, InvalidJson, Problem, decoding_problem, pointer
from pennon.model.segments import Layer, Segment

SPEC = 1
"""The number of the format. A document with a higher one is refused whole: its meaning may have changed."""

_MEMBERS: Mapping[ItemKind, str] = {kind: f"{kind}s" for kind in ITEM_KINDS}
_NONE: Mapping[str, Item] = MappingProxyType({})
_PIECE = 1 << 20
_encode = msgspec.json.Encoder().encode


class Position(msgspec.Struct, frozen=True, order=True):
    """Where an environment stands: the epoch, raised by each restore, then the revision, raised by each change."""

    epoch: int
    revision: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.revision}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position written `epoch.revision`. Raises `ValueError` for any other text."""
        epoch, dot, revision = text.partition(".")
        if not (dot and epoch.isascii() and epoch.isdecimal() and revision.isascii() and revision.isdecimal()):
            raise ValueError(f"{text!r} is not a position: write epoch.revision, as in 1.42")
        if len(text) > 40:
            raise ValueError("a position has at most 40 characters")
        return cls(int(epoch), int(revision))


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An environment whole, at one position. `keys` is there in the edge projection only; `heads` where it is signed.

    `flags`, `segments`, `layers` and `keys` decode an item when it is looked up; see `Items`.
    """

    environment: str = ""
    epoch: int = 1
    revision: int = 0
    digest: str = ""
    heads: tuple[Head, ...] = ()
    flags: Items[Flag] = msgspec.field(default_factory=lambda: Items("flag", _NONE))
    segments: Items[Segment] = msgspec.field(default_factory=lambda: Items("segment", _NONE))
    layers: Items[Layer] = msgspec.field(default_factory=lambda: Items("layer", _NONE))
    keys: Items[KeyRecord] = msgspec.field(default_factory=lambda: Items("key", _NONE))

    @property
    def position(self) -> Position:
        """Epoch and revision."""
        return Position(self.epoch, self.revision)

    def items(self, kind: ItemKind) -> Mapping[str, Item]:
        """Return the records of one kind by key."""
        records: Mapping[ItemKind, Mapping[str, Item]] = {
            "flag": self.flags.records,
            "segment": self.segments.records,
            "layer": self.layers.records,
            "key": self.keys.records,
        }
        return records[kind]

    @classmethod
    def of(
        cls,
        items: Mapping[ItemKind, Mapping[str, Item]],
        *,
        environment: str = "",
        position: Position = Position(1, 0),  # noqa: B008  # immutable
        digest: str = "",
        heads: tuple[Head, ...] = (),
    ) -> Self:
        """Return the snapshot of *items*, which must not change any more."""
        return cls(
            environment=environment,
            epoch=position.epoch,
            revision=position.revision,
            digest=digest,
            heads=heads,
            flags=Items("flag", items.get("flag", _NONE)),
            segments=Items("segment", items.get("segment", _NONE)),
            layers=Items("layer", items.get("layer", _NONE)),
            keys=Items("key", items.get("key", _NONE)),
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a snapshot. One item that cannot be read harms no other; it shows when it is looked up.

        Raises `InvalidJson` with the path where the document itself is not a snapshot.
        """
        wire, members = _read(data, _SNAPSHOT_DECODER)
        items = {
            kind: {k: item for k, raw in raws.items() if (item := _item(k, raw)) is not None} for kind, raws in members
        }
        return cls.of(
            items,
            environment=wire.environment,
            position=Position(wire.epoch, wire.revision),
            digest=wire.digest,
            heads=wire.heads,
        )

    @classmethod
    def over(cls, data: bytes) -> Self:
        """Read a snapshot as `from_json` does, and leave its items in *data*: each is made when it is looked up.

        For whoever puts the items elsewhere: copied, they would take as much memory again.
        """
        wire, members = _read(data, _SNAPSHOT_DECODER)
        return cls.of(
            {kind: _Laid({k: raw for k, raw in raws.items() if bytes(raw) != b"null"}) for kind, raws in members},
            environment=wire.environment,
            position=Position(wire.epoch, wire.revision),
            digest=wire.digest,
            heads=wire.heads,
        )

    def to_json(self) -> bytes:
        """Write the snapshot: equal snapshots give equal bytes, whatever order their items arrived in."""
        written = io.BytesIO()  # joined, the pieces would be in memory beside the whole
        for piece in self.pieces():
            written.write(piece)
        return written.getvalue()

    def pieces(self) -> Iterator[bytes]:
        """Write the snapshot piece by piece. An item and its key are one, and such a piece begins with a quote."""
        head = {
            "spec": SPEC,
            "environment": self.environment,
            "epoch": self.epoch,
            "revision": self.revision,
            "digest": self.digest,
            **_signed(self.heads),
        }
        kinds: list[ItemKind] = [kind for kind in ITEM_KINDS if kind != "key" or self.keys]
        return _pieces(head, ((kind, self.items(kind)) for kind in kinds))


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """The step from one revision to a later one of the same epoch: items by key, None for a deleted one.

    `digest` is that of the state after it. A delta without items moves the revision only.
    """

    environment: str = ""
    epoch: int
    from_: int
    to: int
    digest: str
    heads: tuple[Head, ...] = ()
    flags: Mapping[str, Item | None] = _NONE
    segments: Mapping[str, Item | None] = _NONE
    layers: Mapping[str, Item | None] = _NONE
    keys: Mapping[str, Item | None] = _NONE

    def items(self, kind: ItemKind) -> Mapping[str, Item | None]:
        """Return the items of one kind by key."""
        return {"flag": self.flags, "segment": self.segments, "layer": self.layers, "key": self.keys}[kind]

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a delta. Raises `InvalidJson` with the path where the document itself is not a delta."""
        wire, members = _read(data, _DELTA_DECODER)
        items = {kind: {k: _item(k, raw) for k, raw in raws.items()} for kind, raws in members}
        return cls(
            environment=wire.environment,
            epoch=wire.epoch,
            from_=wire.from_,
            to=wire.to,
            digest=wire.digest,
            heads=wire.heads,
            flags=items["flag"],
            segments=items["segment"],
            layers=items["layer"],
            keys=items["key"],
        )

    def to_json(self) -> bytes:
        """Write the delta, its items in the order of their keys."""
        head = {
            "spec": SPEC,
            "environment": self.environment,
            "epoch": self.epoch,
            "from": self.from_,
            "to": self.to,
            "digest": self.digest,
            **_signed(self.heads),
        }
        return b"".join(_pieces(head, ((kind, self.items(kind)) for kind in ITEM_KINDS if self.items(kind))))


_Raws: TypeAlias = dict[str, msgspec.Raw]


class _Laid(Mapping[str, Item]):
    """Items that lie in a document."""

    __slots__ = ("_raws",)

    def __init__(self, raws: _Raws) -> None:
        self._raws = raws

    def __getitem__(self, key: str) -> Item:
        return Item.from_text(key, bytes(self._raws[key]))

    def __contains__(self, key: object) -> bool:
        return key in self._raws

    def __iter__(self) -> Iterator[str]:
        return iter(self._raws)

    def __len__(self) -> int:
        return len(self._raws)


class _Members(msgspec.Struct, frozen=True, kw_only=True):
    spec: int = SPEC
    environment: str = ""
    heads: tuple[Head, ...] = ()
    flags: _Raws = {}
    segments: _Raws = {}
    layers: _Raws = {}
    keys: _Raws = {}


class _SnapshotWire(_Members, frozen=True, kw_only=True):
    epoch: int = 1
    revision: int = 0
    digest: str = ""


class _DeltaWire(_Members, frozen=True, kw_only=True):
    epoch: int
    from_: int = msgspec.field(name="from")
    to: int
    digest: str


_SNAPSHOT_DECODER = msgspec.json.Decoder(_SnapshotWire)
_DELTA_DECODER = msgspec.json.Decoder(_DeltaWire)


def _read(data: bytes | str, decoder: msgspec.json.Decoder[Any]) -> tuple[Any, list[tuple[ItemKind, _Raws]]]:
    try:
        if isinstance(data, bytes):
            _check_text(data)  # msgspec does not check the bytes that it skips or hands on raw
        wire = decoder.decode(data)
    except DECODE_ERRORS as error:
        raise InvalidJson([decoding_problem(error)]) from error
    if wire.spec > SPEC:
        message = f"spec {wire.spec} is newer than this Pennon reads ({SPEC})"
        raise InvalidJson([Problem(pointer("spec"), message, "update the SDK")])
    members = [(kind, getattr(wire, member)) for kind, member in _MEMBERS.items()]
    return wire, members


def _check_text(data: bytes) -> None:
    """Raise `UnicodeDecodeError` for what is not UTF-8. Piece by piece: the whole text is large, and is not wanted."""
    if len(data) <= _PIECE:
        data.decode()
        return
    decoder, view = codecs.getincrementaldecoder("utf-8")(), memoryview(data)
    for at in range(0, len(data), _PIECE):
        decoder.decode(view[at : at + _PIECE], at + _PIECE >= len(data))


def _signed(heads: tuple[Head, ...]) -> dict[str, object]:
    return {"heads": heads} if heads else {}


def _item(key: str, raw: msgspec.Raw) -> Item | None:
    text = bytes(raw)
    return None if text == b"null" else Item.from_text(key, text)


def _pieces(head: dict[str, object], members: Iterable[tuple[ItemKind, Mapping[str, Item | None]]]) -> Iterator[bytes]:
    yield _encode(head)[:-1]
    for kind, items in members:
        between = b',"%b":{' % _MEMBERS[kind].encode()
        for key in sorted(items):
            yield between
            yield b"%b:%b" % (_encode(key), b"null" if (item := items[key]) is None else item.text)
            between = b","
        yield b"}" if items else between + b"}"
    yield b"}"
