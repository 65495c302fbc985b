"""MurmurHash3, x86, 32 bit (Austin Appleby, public domain): what Unleash and flagd bucket by."""

from struct import Struct

_MASK = 0xFFFFFFFF
_KEPT = 64
_WORDS = tuple(Struct(f"<{count}I").unpack_from for count in range(_KEPT + 1))


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """Return the hash of *data*, 0 to 2^32 - 1.

    >>> murmur3_32(b"checkout:1")
    2874413057
    """
    length = len(data)
    count = length >> 2
    hashed = seed
    # A product is cut to 32 bits where high bits would come down again, and nowhere else: each cut costs as much as it.
    for word in _WORDS[count](data) if count <= _KEPT else Struct(f"<{count}I").unpack_from(data):
        mixed = word * 0xCC9E2D51 & _MASK
        hashed ^= (mixed << 15 | mixed >> 17) * 0x1B873593 & _MASK
        hashed = (hashed << 13 | hashed >> 19) * 5 + 0xE6546B64 & _MASK
    if length & 3:
        mixed = int.from_bytes(data[length & ~3 :], "little") * 0xCC9E2D51 & _MASK
        hashed ^= (mixed << 15 | mixed >> 17) * 0x1B873593 & _MASK
    hashed ^= length
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & _MASK
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & _MASK
    return hashed ^ hashed >> 16
