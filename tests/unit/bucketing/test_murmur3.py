"""MurmurHash3 against values that others published or computed."""

from struct import unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing.murmur3 import murmur3_32

# The first block: the values that SMHasher's users check their own by. The second: of Unleash's SDKs.
KNOWN = [
    (b"", 0, 0x00000000),
    (b"", 1, 0x514E28B7),
    (b"", 0xFFFFFFFF, 0x81F16F39),
    (b"\xff\xff\xff\xff", 0, 0x76293B50),
    (b"\x21\x43\x65\x87", 0, 0xF55B516B),
    (b"\x21\x43\x65\x87", 0x5082EDEE, 0x2362F9DE),
    (b"\x21\x43\x65", 0, 0x7E4A8634),
    (b"\x21\x43", 0, 0xA0F7B07A),
    (b"\x21", 0, 0x72661CF4),
    (b"\x00\x00\x00\x00", 0, 0x2362F9DE),
    (b"\x00\x00\x00", 0, 0x85F0B427),
    (b"\x00\x00", 0, 0x30F4C306),
    (b"\x00", 0, 0x514E28B7),
    (b"Hello, world!", 0x9747B28C, 0x24884CBA),
    (b"The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
    (b"checkout:1", 0, 2874413057),
    (b"checkout:2", 0, 196861284),
    (b"checkout:alice", 0, 3211913009),
    (b"checkout:bob", 0, 3207306439),
    (b"checkout:alice", 86028157, 1858768478),
    (b"checkout:bob", 86028157, 1048028171),
]


@pytest.mark.parametrize(("data", "seed", "expected"), KNOWN)
def test_published_values(data: bytes, seed: int, expected: int) -> None:
    assert murmur3_32(data, seed) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [(255, 0x97B61BBA), (256, 0x1A2F767A), (259, 0xA58474FB), (260, 0x820D30C3), (263, 0x2FE9E854), (1000, 0x61144A78)],
)
def test_long_data_hash_as_in_appleby_s_own_code(length: int, expected: int) -> None:
    data = bytes(place * 7 % 256 for place in range(length))
    assert murmur3_32(data, 86028157) == expected


def plain(data: bytes, seed: int) -> int:
    """The algorithm as it is published, every step cut to 32 bits."""

    def times(one: int, other: int) -> int:
        return one * other % 2**32

    def turned(number: int, by: int) -> int:
        return (number << by | number >> (32 - by)) % 2**32

    hashed, whole = seed, len(data) // 4 * 4
    for start in range(0, whole, 4):
        hashed ^= times(turned(times(unpack("<I", data[start : start + 4])[0], 0xCC9E2D51), 15), 0x1B873593)
        hashed = (times(turned(hashed, 13), 5) + 0xE6546B64) % 2**32
    rest = sum(byte << 8 * place for place, byte in enumerate(data[whole:]))
    hashed ^= times(turned(times(rest, 0xCC9E2D51), 15), 0x1B873593) ^ len(data)
    hashed = times(hashed ^ hashed >> 16, 0x85EBCA6B)
    hashed = times(hashed ^ hashed >> 13, 0xC2B2AE35)
    return hashed ^ hashed >> 16


@given(st.binary(max_size=80), st.integers(0, 2**32 - 1))
def test_it_is_the_published_algorithm(data: bytes, seed: int) -> None:
    assert murmur3_32(data, seed) == plain(data, seed)
