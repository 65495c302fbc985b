"""Where a unit lands in flagd's `fractional`, by its three generations: all of them MurmurHash3 of bytes.

The first hashes text and compares percentages as floats; the second, since flagd 0.15, text and integers; the third
hashes CBOR, see `cbor`, and goes on as the second.
"""

from pennon.bucketing.murmur3 import murmur3_32

HEAVIEST = 2**31 - 1
"""The most that weights may sum to since the second generation."""
_SIGN = 2**31


def percentage(data: bytes) -> float:
    """Return where *data* lands in the first generation, 0 to 100: the hash is signed there, and its sign is dropped.

    Of one hash in 2^32, and of that alone, it is a little above 100.
    """
    hashed = murmur3_32(data)
    signed = hashed - 2 * _SIGN if hashed >= _SIGN else hashed
    return abs(signed) / (_SIGN - 1) * 100


def share(data: bytes, total: int) -> int:
    """Return where *data* lands since the second generation, 0 to *total* - 1."""
    return murmur3_32(data) * total >> 32
