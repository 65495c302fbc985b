"""LaunchDarkly's hash: the first 60 bits of SHA-1, divided by 2^60, in double or in single precision.

See spec/dialects/launchdarkly.md. Running sums of weights are kept in the same precision, in the order of the weights.
"""

from collections.abc import Iterable
from struct import Struct

try:
    # CPython's own code starts sooner than OpenSSL's, as for sha256.
    from _sha1 import sha1 as _sha1  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # pragma: no cover  # a Python that is built without it
    from hashlib import sha1 as _sha1

_BITS = 60
_SCALE = float(1 << _BITS)
_SINGLE = Struct("<f")
_SINGLE_BITS = 24


def sha1_60(text: bytes) -> int:
    """Return the first 60 bits of SHA-1 of *text*: its first 15 hex digits as an integer.

    >>> f"{sha1_60(b'hashKey.saltyA.userKeyA'):x}"
    '6bec658111d6ad9'
    """
    return int.from_bytes(_sha1(text).digest()[:8], "big") >> 4


def place_f64(number: int) -> float:
    """Return the bucket of 60 bits in double precision, 0 to 1.

    >>> place_f64(sha1_60(b"hashKey.saltyA.userKeyA"))
    0.4215758743392494
    """
    # The vendors divide by 2^60 - 1, which no double holds: what they divide by is 2^60.
    return number / _SCALE


def place_f32(number: int) -> float:
    """Return the bucket of 60 bits in single precision: rounded once, half to even, from the integer."""
    spare = number.bit_length() - _SINGLE_BITS
    if spare > 0:
        half, rest = 1 << (spare - 1), number & ((1 << spare) - 1)
        number >>= spare
        number += rest > half or (rest == half and number & 1)
        number <<= spare
    return number / _SCALE


def single(number: float) -> float:
    """Return the single-precision number nearest to *number*. Beyond the largest it is infinity, as in hardware."""
    try:
        return float(_SINGLE.unpack(_SINGLE.pack(number))[0])
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def share_f64(weight: float) -> float:
    """Return what a weight, out of 100000, comes to."""
    return weight / 100_000.0


def share_f32(weight: float) -> float:
    """Return what a weight, out of 100000, comes to in single precision."""
    return single(single(weight) / 100_000.0)


def bounds_f64(weights: Iterable[float]) -> list[float]:
    """Return the running sums of what *weights* come to, each addition rounded to double precision."""
    bounds, total = [], 0.0
    for weight in weights:
        total += share_f64(weight)
        bounds.append(total)
    return bounds


def bounds_f32(weights: Iterable[float]) -> list[float]:
    """Return the running sums of what *weights* come to, each addition rounded to single precision."""
    bounds, total = [], 0.0
    for weight in weights:
        total = single(total + share_f32(weight))
        bounds.append(total)
    return bounds
