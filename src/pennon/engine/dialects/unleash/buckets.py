"""Where a unit lands: murmur3 of `{group}:{unit}`, as UTF-8 or as the low byte of each UTF-16 unit."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from pennon.bucketing.murmur3 import murmur3_32

Place: TypeAlias = Callable[[str], int]
"""Takes a unit; returns where it lands, from 0 on."""

VARIANTS_SEED = 86028157
ROLLOUT_PLACES = 100


def _utf8(text: str) -> bytes:
    return text.encode()


def _low_bytes(text: str) -> bytes:
    return text.encode() if text.isascii() else text.encode("utf-16-le", "surrogatepass")[::2]


_BYTES: Mapping[str, Callable[[str], bytes]] = MappingProxyType({"murmur3-utf8": _utf8, "murmur3-utf16lo": _low_bytes})


def rollout_place(hash_name: str | None, group: str) -> Place:
    """Return the function from units to 0 … 99. Raises `ValueError` for a hash that is not Unleash's."""
    return _place(hash_name, group, ROLLOUT_PLACES, 0)


def variant_place(hash_name: str | None, group: str, total: int) -> Place:
    """Return the function from units to 0 … *total* - 1. Raises `ValueError` for a hash that is not Unleash's."""
    return _place(hash_name, group, total, VARIANTS_SEED)


def _place(hash_name: str | None, group: str, places: int, seed: int) -> Place:
    encoded = _BYTES.get(hash_name or "")
    if encoded is None:
        raise ValueError(f"the hash {hash_name!r} is none of Unleash's: {', '.join(_BYTES)}")
    prefix = encoded(f"{group}:")
    return lambda unit: murmur3_32(prefix + encoded(unit), seed) % places
