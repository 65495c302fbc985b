"""Sizes as people write them: `256MiB`, `1.5 GB`, or bytes alone."""

import re
from collections.abc import Mapping

SIZE = r"^[0-9]+(\.[0-9]+)? ?([KMG]i?B|B)?$"
"""What a size is written by."""
_UNITS: Mapping[str, int] = {
    "": 1,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}


def size_of(text: str) -> int:
    """Return the bytes that *text* says. Raises `ValueError` for what is no size."""
    if not re.fullmatch(SIZE, text):
        raise ValueError(f"{text!r} is no size: write 256MiB, 1GiB, or bytes")
    number = re.match(r"[0-9.]+", text)
    assert number is not None  # the pattern begins with it
    return int(float(number[0]) * _UNITS[text[number.end() :].strip()])
