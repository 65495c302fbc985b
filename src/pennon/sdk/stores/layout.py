"""How a local store is laid out: a line that says what follows, the snapshot as it travels, its index, a journal.

The line is a JSON object: `pennonStore` (the format, 2), `knownAt` (when the state was last known to be current, in
seconds since 1970), `owner` (whose state it is), `bytes` and `index` (how long the snapshot and its index are),
`sha256` of both. Format 1 had neither index nor journal.

The journal is what happened since: records of length, CRC-32 and a JSON object with `knownAt` and, where something
changed, a `delta` as it travels. It grows until the file is written anew. A record that is cut short or damaged ends
it. No input, no output.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping

import msgspec

from pennon.model import DECODE_ERRORS, ITEM_KINDS, Delta, Item, ItemKind, Position, Snapshot
from pennon.sdk.errors import CorruptStore

FORMAT = 2
_RECORD = struct.Struct("<II")
_LONGEST_LINE = 4096
_encode = msgspec.json.Encoder().encode


class Head(msgspec.Struct, frozen=True, rename="camel"):
    """The first line of a store."""

    pennon_store: int
    known_at: float
    bytes: int
    sha256: str
    index: int = 0
    owner: str = ""


class Table(msgspec.Struct, frozen=True):
    """Where the items of one kind are in a snapshot's text, as columns in the order of the text.

    `hashes` are the CRC-32 of the keys, sorted; `rows` says which row each belongs to. An item's text stands behind its
    key, with a colon between; `checks` are the CRC-32 of all three.
    """

    hashes: "array[int]"
    rows: "array[int]"
    starts: "array[int]"
    key_sizes: "array[int]"
    text_sizes: "array[int]"
    checks: "array[int]"


class Index(msgspec.Struct, frozen=True):
    """What a snapshot says of itself, and where its items are."""

    environment: str
    epoch: int
    revision: int
    digest: str
    tables: Mapping[ItemKind, Table]


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """What a journal says: when the state was known to be current and, if it changed, how."""

    known_at: float
    delta: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class _IndexHead(msgspec.Struct, frozen=True):
    environment: str
    epoch: int
    revision: int
    digest: str
    rows: dict[ItemKind, int]


class _Step(msgspec.Struct, frozen=True):
    epoch: int
    to: int


_STEP_DECODER = msgspec.json.Decoder(_Step)
_HEAD_DECODER = msgspec.json.Decoder(Head)
_INDEX_DECODER = msgspec.json.Decoder(_IndexHead)
_RECORD_DECODER = msgspec.json.Decoder(Record)


def read_head(start: bytes) -> tuple[Head, int]:
    """Return the first line of a file that begins with *start*, and how long it is. Raises `CorruptStore`."""
    line, newline, _ = start[:_LONGEST_LINE].partition(b"\n")
    try:
        head = _HEAD_DECODER.decode(line)
    except DECODE_ERRORS as error:
        raise CorruptStore("its first line is not that of a store") from error
    if head.pennon_store > FORMAT:
        raise CorruptStore(f"format {head.pennon_store} is newer than this SDK reads ({FORMAT})")
    if not newline or head.bytes < 0 or head.index < 0:
        raise CorruptStore("its first line is not that of a store")
    return head, len(line) + 1


def hash_of(key: str) -> int:
    """Return what a key is looked for by."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass"))


def index_of(snapshot: Snapshot, body: bytes) -> bytes:
    """Return the index of *snapshot*, whose text is *body*."""
    rows: dict[ItemKind, int] = {}
    columns: list[array[int]] = []
    at = 0
    for kind in ITEM_KINDS:
        items = snapshot.items(kind)
        if items:
            at = body.index(b'"%bs":{' % kind.encode(), at) + len(kind) + 5
            table, at = _table(items, body, at)
            columns += table
        rows[kind] = len(items)
    head = _IndexHead(snapshot.environment, snapshot.epoch, snapshot.revision, snapshot.digest, rows)
    return _encode(head) + b"\n" + b"".join(_little(column).tobytes() for column in columns)


def _table(items: Mapping[str, Item], body: bytes, at: int) -> tuple[list["array[int]"], int]:
    """Return the columns of *items*, whose texts begin at *at*, and where they end."""
    starts, key_sizes, text_sizes, checks = (array("I") for _ in range(4))
    hashes = []
    for row, key in enumerate(sorted(items)):
        key_size, text_size = len(_encode(key)), len(items[key].text)
        end = at + key_size + 1 + text_size
        starts.append(at)
        key_sizes.append(key_size)
        text_sizes.append(text_size)
        checks.append(zlib.crc32(memoryview(body)[at:end]))
        hashes.append((hash_of(key), row))
        at = end + 1
    hashes.sort()
    return [array("I", column) for column in zip(*hashes, strict=True)] + [starts, key_sizes, text_sizes, checks], at


def read_index(data: bytes) -> Index:
    """Return what `index_of` wrote. Raises `CorruptStore`."""
    line, _, columns = data.partition(b"\n")
    try:
        head = _INDEX_DECODER.decode(line)
    except DECODE_ERRORS as error:
        raise CorruptStore("its index cannot be read") from error
    if sum(head.rows.values()) * 6 * 4 != len(columns):
        raise CorruptStore("its index is cut short")
    tables: dict[ItemKind, Table] = {}
    at = 0
    for kind in ITEM_KINDS:
        size = 4 * head.rows.get(kind, 0)
        cut = [columns[at + column * size : at + (column + 1) * size] for column in range(6)]
        tables[kind] = Table(*(_little(array("I", each)) for each in cut))
        at += 6 * size
    return Index(head.environment, head.epoch, head.revision, head.digest, tables)


def _little(column: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        column.byteswap()
    return column


def position_after(delta: bytes) -> Position:
    """Return where the text of a delta leads."""
    step = _STEP_DECODER.decode(delta)
    return Position(step.epoch, step.to)


def write_record(known_at: float, delta: Delta | None = None) -> bytes:
    """Return a record of a journal."""
    said = b"" if delta is None else b',"delta":' + delta.to_json()
    payload = b'{"knownAt":%.3f%b}' % (known_at, said)
    return _RECORD.pack(len(payload), zlib.crc32(payload)) + payload


def read_records(data: bytes) -> Iterator[tuple[Record, int]]:
    """Yield each record that *data* begins with, and where it ends. One that is not whole or not sound is the last."""
    at = 0
    while len(data) - at >= _RECORD.size:
        size, check = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        payload = data[at : at + size]
        if len(payload) < size or zlib.crc32(payload) != check:
            return
        try:
            record = _RECORD_DECODER.decode(payload)
        except DECODE_ERRORS:
            return
        at += size
        yield record, at
