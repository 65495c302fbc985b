"""Pennon's own hash: SHA-256 of `{salt}.{flag key}.{unit}`, first eight bytes modulo 100000. See spec/bucketing.md."""

from collections.abc import Callable
from struct import Struct

from pennon.bucketing.text import well_formed

try:
    # CPython's own code, in 3.11, starts a quarter sooner than OpenSSL's; from 3.12 on there is nothing to gain.
    from _sha256 import sha256 as _sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from hashlib import sha256 as _sha256

sha256 = _sha256

BUCKETS = 100_000

unpack: Callable[[bytes], tuple[int]] = Struct(">Q24x").unpack
"""Read the first eight bytes of a SHA-256 digest as one big-endian integer."""


def bucket(salt: str, flag_key: str, unit: str) -> int:
    """Return the bucket of *unit*, 0 to 99999. Lone surrogates count as U+FFFD.

    >>> bucket("s1", "checkout", "user-1")
    94464
    """
    return bucket_after(bucket_prefix(salt, flag_key), unit)


def bucket_prefix(salt: str, flag_key: str) -> bytes:
    """Return the bytes that come before the unit in what is hashed."""
    return f"{well_formed(salt)}.{well_formed(flag_key)}.".encode()


def bucket_after(prefix: bytes, unit: str) -> int:
    """Return the bucket of *unit* after what `bucket_prefix` returned."""
    number: int = unpack(sha256(prefix + well_formed(unit).encode()).digest())[0]
    return number % BUCKETS
