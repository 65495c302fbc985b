"""CBOR (RFC 8949) of JSON values, one text for one value: what flagd hashes since its third generation.

Lengths and integers in the fewest bytes, floats in the shortest form that keeps them, maps in the order of their keys'
bytes, shorter ones first. A float without a fraction is an integer where 64 bits hold it, so that 1 and 1.0 are one.
"""

import math
from collections.abc import Mapping
from struct import Struct
from typing import Any

_HALF, _SINGLE, _DOUBLE = Struct(">Be"), Struct(">Bf"), Struct(">Bd")
_BYTE, _SHORT, _WORD, _LONG = Struct(">BB"), Struct(">BH"), Struct(">BI"), Struct(">BQ")
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
_POSITIVE_BIG, _NEGATIVE_BIG = b"\xc2", b"\xc3"
_LARGEST = 2**64 - 1
_SIMPLE: Mapping[object, bytes] = {None: b"\xf6", False: b"\xf4", True: b"\xf5"}


def cbor(value: Any) -> bytes:
    """Return the one encoding of a JSON value.

    Raises `ValueError` for half a surrogate pair, `TypeError` for what is no JSON, `RecursionError` for a cycle.

    >>> cbor(["frac", "bob"]).hex()
    '82646672616363626f62'
    """
    return b"".join(_parts(value))


def _parts(value: Any) -> list[bytes]:
    if isinstance(value, str):
        return [_text(value)]
    if value is None or isinstance(value, bool):
        return [_SIMPLE[value]]
    if isinstance(value, int):
        return [_integer(value)]
    if isinstance(value, float):
        return [_float(value)]
    if isinstance(value, (list, tuple)):
        return [_head(_ARRAY, len(value)), *(part for item in value for part in _parts(item))]
    if isinstance(value, dict):
        return [_head(_MAP, len(value)), *_members(value)]
    raise TypeError(f"{type(value).__name__} is no JSON")


def _members(value: dict[Any, Any]) -> list[bytes]:
    encoded = {cbor(key): item for key, item in value.items()}
    return [key + b"".join(_parts(encoded[key])) for key in sorted(encoded, key=lambda key: (len(key), key))]


def _text(value: str) -> bytes:
    data = value.encode()
    return _head(_TEXT, len(data)) + data


def _integer(value: int) -> bytes:
    kind, size, tag = (_UNSIGNED, value, _POSITIVE_BIG) if value >= 0 else (_NEGATIVE, -1 - value, _NEGATIVE_BIG)
    if size <= _LARGEST:
        return _head(kind, size)
    data = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + _head(_BYTES, len(data)) + data


def _head(kind: int, size: int) -> bytes:
    if size < 24:
        return bytes((kind | size,))
    if size < 1 << 8:
        return _BYTE.pack(kind | 24, size)
    if size < 1 << 16:
        return _SHORT.pack(kind | 25, size)
    return _WORD.pack(kind | 26, size) if size < 1 << 32 else _LONG.pack(kind | 27, size)


def _float(value: float) -> bytes:
    if math.isnan(value):
        return b"\xf9\x7e\x00"
    if value.is_integer() and -(2**63) <= value <= _LARGEST:
        return _integer(int(value))
    for form, tag in ((_HALF, 0xF9), (_SINGLE, 0xFA)):
        try:
            packed = form.pack(tag, value)
        except OverflowError:
            continue
        if form.unpack(packed)[1] == value:
            return packed
    return _DOUBLE.pack(0xFB, value)
