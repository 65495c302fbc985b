"""How a local store is laid out: a line that says what follows, the snapshot as it travels, its index, a journal.

The line is a JSON object: `pennonStore` (the format, 2), `knownAt` (when the state was last known to be current, in
seconds since 1970), `owner` (whose state it is), `bytes` and `index` (how long the snapshot and its index are),
`sha256` of both. Format 1 had neither index nor journal.

The journal is what happened since: records of length, CRC-32 and a JSON object with `knownAt` and, where something
changed, a `delta` as it travels. It grows until the file is written anew. A record that is cut short or damaged ends
it. No input, no output.
"""

import hashlib
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping

import msgspec

from pennon.model import DECODE_ERRORS, ITEM_KINDS, Delta, ItemKind, Position, Snapshot
from pennon.model import Head as SignedHead
from pennon.sdk.errors import CorruptStore

FORMAT = 2
_RECORD = struct.Struct("<II")
LINE = 512
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
    heads: tuple[SignedHead, ...]
    tables: Mapping[ItemKind, Table]


class Record(msgspec.Struct, frozen=True):
    """What a journal says: when the state was known to be current and, if it changed, how and to where.

    `end` is where the record ends in what was read.
    """

    known_at: float
    delta: bytes
    position: Position | None
    end: int


class _IndexHead(msgspec.Struct, frozen=True):
    environment: str
    epoch: int
    revision: int
    digest: str
    rows: dict[ItemKind, int]
    heads: tuple[SignedHead, ...] = ()


class _RecordText(msgspec.Struct, frozen=True, rename="camel"):
    known_at: float
    delta: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class _Step(msgspec.Struct, frozen=True):
    epoch: int
    to: int


_STEP_DECODER = msgspec.json.Decoder(_Step)
_HEAD_DECODER = msgspec.json.Decoder(Head)
_INDEX_DECODER = msgspec.json.Decoder(_IndexHead)
_RECORD_DECODER = msgspec.json.Decoder(_RecordText)


def read_head(start: bytes) -> tuple[Head, int]:
    """Return the first line of a file that begins with *start*, and how long it is. Raises `CorruptStore`."""
    line, newline, _ = start.partition(b"\n")
    try:
        head = _HEAD_DECODER.decode(line)
    except DECODE_ERRORS as error:
        raise CorruptStore("its first line is not that of a store") from error
    if head.pennon_store > FORMAT:
        raise CorruptStore(f"format {head.pennon_store} is newer than this SDK reads ({FORMAT})")
    if not newline or head.bytes < 0 or head.index < 0:
        raise CorruptStore("its first line is not that of a store")
    return head, len(line) + 1


def write_head(head: Head) -> bytes:
    """Return a first line, as long as every other one: it is written last, over the place that was left for it."""
    return _encode(head).ljust(LINE - 1) + b"\n"


def hash_of(key: str) -> int:
    """Return what a key is looked for by."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass"))


class Written(msgspec.Struct, frozen=True):
    """How long a snapshot's text and its index are, and the SHA-256 of both."""

    body: int
    index: int
    sha256: str


def write_body(snapshot: Snapshot, write: Callable[[bytes], object]) -> Written:
    """Write *snapshot* and its index by *write*, in small pieces: joined, they would take as much memory again."""
    check = hashlib.sha256()
    keys = iter([(kind, key) for kind in ITEM_KINDS for key in sorted(snapshot.items(kind))])
    tables: dict[ItemKind, list[array[int]]] = {kind: [array("I") for _ in range(5)] for kind in ITEM_KINDS}
    at = 0
    for piece in snapshot.pieces():
        if piece.startswith(b'"'):
            kind, key = next(keys)
            size = len(_encode(key))
            row = (hash_of(key), at, size, len(piece) - size - 1, zlib.crc32(piece))
            for column, value in zip(tables[kind], row, strict=True):
                column.append(value)
        check.update(piece)
        write(piece)
        at += len(piece)
    rows = {kind: len(table[0]) for kind, table in tables.items()}
    said = snapshot.environment, snapshot.epoch, snapshot.revision, snapshot.digest
    head = _IndexHead(*said, rows, snapshot.heads)
    index = _encode(head) + b"\n" + b"".join(_columns(table) for table in tables.values())
    check.update(index)
    write(index)
    return Written(at, len(index), check.hexdigest())


def _columns(table: list["array[int]"]) -> bytes:
    """Return the columns of a `Table`, of those that were filled row by row."""
    hashes = table[0]
    order = sorted(range(len(hashes)), key=hashes.__getitem__)
    columns = [array("I", sorted(hashes)), array("I", order), *table[1:]]
    return b"".join(_little(column).tobytes() for column in columns)


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
    return Index(head.environment, head.epoch, head.revision, head.digest, head.heads, tables)


def _little(column: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        column.byteswap()
    return column


def write_record(known_at: float, delta: Delta | None = None) -> bytes:
    """Return a record of a journal."""
    said = b"" if delta is None else b',"delta":' + delta.to_json()
    payload = b'{"knownAt":%.3f%b}' % (known_at, said)
    return _RECORD.pack(len(payload), zlib.crc32(payload)) + payload


def read_records(data: bytes) -> Iterator[Record]:
    """Yield each record that *data* begins with. One that is not whole or not sound ends it."""
    at = 0
    while len(data) - at >= _RECORD.size:
        size, check = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        payload = data[at : at + size]
        if len(payload) < size or zlib.crc32(payload) != check:
            return
        try:
            record = _RECORD_DECODER.decode(payload)
            delta = bytes(record.delta)
            step = _STEP_DECODER.decode(delta) if delta else None
        except DECODE_ERRORS:
            return
        at += size
        yield Record(record.known_at, delta, None if step is None else Position(step.epoch, step.to), at)
