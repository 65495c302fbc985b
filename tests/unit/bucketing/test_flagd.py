"""flagd's buckets against values that its own SDKs computed."""

import pytest

from pennon.bucketing import flagd
from pennon.bucketing.cbor import cbor
from pennon.bucketing.murmur3 import murmur3_32

KEY = "frac"
# unit, percentage of the first generation, hash and bucket of the second, bucket of the third (out of 100)
KNOWN = [
    ("alice", 85.2418, 1830553975, 42, 48),
    ("bob", 62.7856, 2946655802, 68, 87),
    ("jon@company.com", 78.1151, 1677508730, 39, 24),
    ("Łukasz", 2.8251, 4234299027, 98, 5),
    ("user1", 49.2025, 1056614619, 24, 19),
]


@pytest.mark.parametrize(("unit", "percentage", "hashed", "second", "third"), KNOWN)
def test_published_buckets(unit: str, percentage: float, hashed: int, second: int, third: int) -> None:
    text = (KEY + unit).encode()
    assert round(flagd.percentage(text), 4) == percentage
    assert murmur3_32(text) == hashed
    assert flagd.share(text, 100) == second
    assert flagd.share(cbor([KEY, unit]), 100) == third


@pytest.mark.parametrize(
    ("value", "bucket"),
    [("alice", 38), (42, 33), (True, 19), (1.0, 89), (1, 89), ({"a": 1}, 98), (1.5, 8), (-2.0, 44)],
    ids=str,
)
def test_published_buckets_of_values_that_are_no_text(value: object, bucket: int) -> None:
    assert flagd.share(cbor(value), 100) == bucket


def test_the_least_signed_hash_is_above_a_hundred_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flagd, "murmur3_32", lambda _data: 2**31)
    assert flagd.percentage(b"") > 100
    monkeypatch.setattr(flagd, "murmur3_32", lambda _data: 2**31 + 1)
    assert flagd.percentage(b"") == 100
