"""The bytes of a log's row, and their hash. Rows are never written anew: what is stored is what was hashed."""

import hashlib
import re
from datetime import datetime

import msgspec

from pennon.control.errors import Invalid
from pennon.control.log import Actor, Change, Edit
from pennon.model import pointer

# A backslash before it that is itself escaped does not count: "\\u0000" is a backslash and five letters.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class _RowEdit(msgspec.Struct, frozen=True):
    kind: str
    key: str
    before: msgspec.Raw
    after: msgspec.Raw


class _Row(msgspec.Struct, frozen=True, rename="camel"):
    log: str
    epoch: int
    revision: int
    change_id: str
    time: datetime
    actor: Actor
    action: str
    why: str
    edits: tuple[_RowEdit, ...]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Row).decode


def chained(previous: str, row: bytes) -> str:
    """Return the hash of *row* behind the row whose hash is *previous*: SHA-256 of both, in hex."""
    return hashlib.sha256(bytes.fromhex(previous) + row).hexdigest()


def write_row(change: Change) -> tuple[bytes, Change]:
    """Return the bytes of *change*, and the change with its hash."""
    edits = tuple(_RowEdit(e.kind, e.key, _raw(e.before), _raw(e.after)) for e in change.edits)
    row = _encode(
        _Row(
            change.log,
            change.epoch,
            change.revision,
            change.change_id,
            change.time,
            change.actor,
            change.action,
            change.why,
            edits,
        )
    )
    return row, msgspec.structs.replace(change, hash=chained(change.previous, row))


def read_row(row: bytes, previous: str, digest: str) -> Change:
    """Return the change whose bytes are *row*. Raises msgspec's errors for bytes that are no row."""
    read = _decode(row)
    return Change(
        log=read.log,
        epoch=read.epoch,
        revision=read.revision,
        change_id=read.change_id,
        time=read.time,
        actor=read.actor,
        action=read.action,
        why=read.why,
        edits=tuple(Edit(e.kind, e.key, _text(e.before), _text(e.after)) for e in read.edits),
        previous=previous,
        hash=digest,
    )


def has_nul(text: bytes) -> bool:
    """Return whether a string in the JSON *text* has a NUL, which PostgreSQL does not take in text."""
    return _NUL.search(text) is not None


def check_text(value: object, *path: str | int) -> None:
    """Refuse what one storage would take and another not: NUL and lone surrogates, in any string of *value*.

    Raises `Invalid` with the path of the first one, below *path*.
    """
    try:
        if not has_nul(_encode(value)):
            return
    except UnicodeEncodeError:
        pass
    way = _bad_path(msgspec.to_builtins(value)) or ()
    message = "NUL characters and lone surrogates cannot be stored"
    raise Invalid.at(pointer(*path, *way), message, "leave them out")


def _bad_path(value: object) -> tuple[str | int, ...] | None:
    """Return the way to the first string that cannot be stored; a bad key of an object names the object."""
    if isinstance(value, str):
        return () if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value) else None
    if isinstance(value, dict):
        if any(_bad_path(key) is not None for key in value):
            return ()
        members = list(value.items())
    elif isinstance(value, list | tuple):
        members = list(enumerate(value))
    else:
        return None
    return next(((step, *deeper) for step, member in members if (deeper := _bad_path(member)) is not None), None)


def _raw(text: bytes | None) -> msgspec.Raw:
    return msgspec.Raw(b"null" if text is None else text)


def _text(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    return None if text == b"null" else text
