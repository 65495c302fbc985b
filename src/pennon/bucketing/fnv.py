"""FNV-1a of 32 bits over UTF-16 code units, as GrowthBook's SDKs hash: its two versions, and their places.

A unit of 16 bits is XORed whole, so this is not FNV-1a of any bytes. See spec/dialects/growthbook.md.
"""

OFFSET = 0x811C9DC5
"""The hash of no text."""
_PRIME = 0x01000193
_MASK = 0xFFFFFFFF

PLACES_V1 = 1000
PLACES_V2 = 10_000


def fnv1a_32(text: str, after: int = OFFSET) -> int:
    """Return the hash of *text*, unsigned; *after* is the hash of the text before it, if there is any.

    A character beyond the basic plane is two units; a lone surrogate is one.

    >>> fnv1a_32("1exp1")
    4259145390
    """
    value = after
    if text.isascii():
        for unit in text.encode():
            value = ((value ^ unit) * _PRIME) & _MASK
        return value
    data = text.encode("utf-16-le", "surrogatepass")
    for low, high in zip(data[::2], data[1::2], strict=True):
        value = ((value ^ (low | high << 8)) * _PRIME) & _MASK
    return value


def place_v1(seed: str, unit: str) -> int:
    """Return the place of *unit*, 0 to 999, under version 1: the hash of the unit and then the seed.

    >>> place_v1("exp1", "alice")
    837
    """
    return fnv1a_32(unit + seed) % PLACES_V1


def place_v2(seed: str, unit: str) -> int:
    """Return the place of *unit*, 0 to 9999, under version 2: the hash of the decimal digits of the seed's and unit's.

    >>> place_v2("s-exp2", "1")
    5637
    """
    return fnv1a_32(str(fnv1a_32(seed + unit))) % PLACES_V2
