"""Semantic versions, strictly: three integers, pre-release and build as semver.org has them. Build is not compared."""

import re
from typing import TypeAlias

Version: TypeAlias = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]
"""Compares as versions do: a release comes after its pre-releases, a number before a word."""

_NUMBER = r"(0|[1-9][0-9]*)"
_PRE = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_STRICT = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_PRE}(?:\.{_PRE})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def version(text: str, largest: int) -> Version | None:
    """Read *text*, whose three integers may be up to *largest*; None where it is no version."""
    match = _STRICT.fullmatch(text)
    if match is None or any(len(match[part]) > 20 or int(match[part]) > largest for part in (1, 2, 3)):
        return None
    parts = () if match[4] is None else tuple(map(_identifier, match[4].split(".")))
    return int(match[1]), int(match[2]), int(match[3]), match[4] is None, parts


def _identifier(text: str) -> tuple[bool, int, str]:
    # A number compares by its length and then its digits, so that none is too long to be read.
    return (False, len(text), text) if text.isdigit() else (True, 0, text)
