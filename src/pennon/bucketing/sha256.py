"""Pennon's own hash: SHA-256 of `{salt}.{flag key}.{unit}`, first eight bytes modulo 100000. See spec/bucketing.md."""

from hashlib import sha256

BUCKETS = 100_000


def bucket(salt: str, flag_key: str, unit: str) -> int:
    """Return the bucket of *unit*, 0 to 99999. Lone surrogates count as U+FFFD.

    >>> bucket("s1", "checkout", "user-1")
    94464
    """
    try:
        text = f"{salt}.{flag_key}.{unit}".encode()
    except UnicodeEncodeError:
        text = f"{_replaced(salt)}.{_replaced(flag_key)}.{_replaced(unit)}".encode()
    return int.from_bytes(sha256(text).digest()[:8], "big") % BUCKETS


def bucket_prefix(salt: str, flag_key: str) -> bytes:
    """Return the bytes that come before the unit in what is hashed."""
    return f"{_replaced(salt)}.{_replaced(flag_key)}.".encode()


def _replaced(text: str) -> str:
    """Return *text* with each lone surrogate as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
