"""flagd's `sem_ver`: Semantic Versioning to the letter, an optional v in front, and since its second generation parts
that are left out."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

_PART = r"(0|[1-9][0-9]*)"
_NAME = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"
_VERSION = re.compile(
    rf"{_PART}\.{_PART}\.{_PART}(?:-({_NAME}(?:\.{_NAME})*))?(?:\+{_BUILD}(?:\.{_BUILD})*)?", re.ASCII
)

Rank: TypeAlias = tuple[int, int, int, tuple[Any, ...]]
"""Major, minor, patch and what comes before the release: these compare as versions do."""
_RELEASE = (1,)


def rank(value: Any, *, whole: bool) -> Rank | None:
    """Return the rank of a version, None of what is none. *whole*: all three parts must be there.

    A number is a version too where parts may be left out: 1.2 is 1.2.0.
    """
    if isinstance(value, str):
        written = value
    elif isinstance(value, (int, float)):
        written = str(value)
    else:
        return None
    written = written[1:] if written.startswith(("v", "V")) else written
    if not whole:
        core = written.split("-")[0].split("+")[0]
        written = core + ".0" * (2 - core.count(".")) + written[len(core) :]
    return _rank(written)


def _rank(written: str) -> Rank | None:
    match = _VERSION.fullmatch(written)
    if match is None:
        return None
    try:
        major, minor, patch = int(match[1]), int(match[2]), int(match[3])
    except ValueError:  # Python reads no integer of more than 4300 digits, and the SDK takes that for no version
        return None
    if match[4] is None:
        return major, minor, patch, _RELEASE
    names = tuple((0, len(name), name) if name.isdecimal() else (1, 0, name) for name in match[4].split("."))
    return major, minor, patch, (0, names)


COMPARISONS: Mapping[str, Callable[[Rank, Rank], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "^": lambda one, other: one[0] == other[0],
    "~": lambda one, other: one[:2] == other[:2],
}
"""The operators of `sem_ver`; `^`: the same major, `~`: the same major and minor."""


def sem_ver(*args: Any, whole: bool) -> bool | None:
    """Compare versions: [value, operator, version]. None (not false) where any of them is none."""
    if len(args) != 3:
        return None
    left, right = rank(args[0], whole=whole), rank(args[2], whole=whole)
    if left is None or right is None or not isinstance(args[1], str) or args[1] not in COMPARISONS:
        return None
    return COMPARISONS[args[1]](left, right)
