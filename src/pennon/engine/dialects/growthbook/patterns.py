"""Regular expressions of JavaScript and of Python as RE2 finds them, so that no text takes more than linear time.

A pattern is taken where Pennon's own subset (spec/regex.md) has its syntax; what means something else there is written
anew: classes, `.`, `$`, letters without regard to case. All else is refused.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from pennon.bucketing import well_formed
from pennon.engine.regex import NotSearchable, Patterns, pattern_problem

Search: TypeAlias = Callable[[str], bool]
Range: TypeAlias = tuple[int, int]

_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_SHIFT = 0x100000
"""Half of a pair of UTF-16 units is searched for as a private character, which a text of units has not otherwise."""

_DIGITS: tuple[Range, ...] = ((0x30, 0x39),)
_WORDS: tuple[Range, ...] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES = ((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029))
_MORE_SPACES = ((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000))
_SPACES_OF: dict[str, tuple[Range, ...]] = {
    "javascript": (*_SPACES, *_MORE_SPACES, (0xFEFF, 0xFEFF)),
    "python": (*_SPACES, (0x1C, 0x1F), (0x85, 0x85), *_MORE_SPACES),
}
_LINE_ENDS_OF: dict[str, tuple[Range, ...]] = {
    "javascript": ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)),
    "python": ((0x0A, 0x0A),),
}
_PYTHON_CASES = {"i": "iI\u0130\u0131", "k": "kK\u212a", "s": "sS\u017f"}
"""The letters whose other forms, as Python's re has them, are more than the small and the capital one."""

_CONTROLS = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D}
_HEX = re.compile("x([0-9A-Fa-f]{2})")
_COUNT = re.compile(r"[*+?]\??|\{[0-9]+(?:,[0-9]*)?\}\??")


def javascript_search(pattern: str, *, ignore_case: bool) -> Search:
    """Return the search that `new RegExp(pattern).test` makes. Raises `ValueError`."""
    translated = _Translation(pattern, "javascript", ignore_case=ignore_case).text()
    search = _search(translated)
    return lambda text: search(_units(text)) is not None


def python_search(pattern: str, *, ignore_case: bool) -> Search:
    """Return the search that `re.search` makes. Raises `ValueError`.

    `\\d`, `\\w` and `\\b` know ASCII only, where Python's know all of Unicode: see `is_for_ascii`.
    """
    translated = _Translation(pattern, "python", ignore_case=ignore_case).text()
    search = _search(translated)
    return lambda text: search(well_formed(text)) is not None


def is_for_ascii(pattern: str) -> bool:
    """Tell whether a pattern of Python, which is taken, is found as Python finds it in ASCII texts only."""
    return re.search(r"(?<!\\)(?:\\\\)*\\[dDwWbB]", pattern) is not None


def _search(translated: str) -> Callable[[str], object]:
    if (problem := pattern_problem(translated)) is not None:
        raise ValueError(f"the pattern is too long once it is written for RE2: {problem}")
    try:
        return Patterns().search([translated], ignore_case=False)
    except NotSearchable as error:
        raise ValueError(f"{error}: {error.mend}") from error


def _units(text: str) -> str:
    """Return *text* with a character for each of its UTF-16 units."""
    if text.isascii():
        return text
    data = text.encode("utf-16-le", "surrogatepass")
    units = (low | high << 8 for low, high in zip(data[::2], data[1::2], strict=True))
    return "".join(chr(unit + _SHIFT if _SURROGATES[0] <= unit <= _SURROGATES[1] else unit) for unit in units)


class _Translation:
    """Writes a pattern, which is in the subset, for RE2. Goes through it from left to right."""

    def __init__(self, pattern: str, language: str, *, ignore_case: bool) -> None:
        if language == "python" and pattern.startswith("(?i)"):
            pattern, ignore_case = pattern[len("(?i)") :], True
        if pattern.startswith("(?i)") or "\\x{" in pattern:
            raise ValueError(f"the pattern {pattern!r:.80} means something else here")
        if (problem := pattern_problem(pattern)) is not None:
            raise ValueError(f"the pattern {pattern!r:.80} is not one that is searched for here: {problem}")
        self._pattern = pattern
        self._language = language
        self._ignore_case = ignore_case
        self._at = 0
        self._deep = 0

    def text(self) -> str:
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        while self._at < len(self._pattern):
            character = self._pattern[self._at]
            if character == "[":
                yield self._class()
            elif character == "$":
                self._at += 1
                yield self._end()
            elif self._pattern.startswith("\\b", self._at):
                yield self._taken(2)
            elif character in "(|)^":
                self._deep += (character == "(") - (character == ")")
                yield self._taken(3 if self._pattern.startswith("(?:", self._at) else 1)
            elif (count := _COUNT.match(self._pattern, self._at)) is not None:
                yield self._taken(len(count[0]))
            else:
                yield self._single()

    def _taken(self, length: int) -> str:
        self._at += length
        return self._pattern[self._at - length : self._at]

    def _end(self) -> str:
        if self._language == "javascript":
            return "$"
        # Python's also stands before a newline that ends the text. What could follow it is not foreseen here.
        rest = self._pattern[self._at :]
        if rest.strip(")") == "" or (rest.startswith("|") and self._deep == 0):
            return "\\n?$"
        raise ValueError(f"the pattern {self._pattern!r:.80} has a $ that more comes after: move it to the end")

    def _single(self) -> str:
        """Write one character, `.` or shorthand outside of a class."""
        if self._pattern[self._at] == ".":
            self._at += 1
            return _class_of(_complement(_LINE_ENDS_OF[self._language]))
        if self._language == "javascript" and ord(self._pattern[self._at]) > 0xFFFF:
            # Only its second half is what a repetition would repeat.
            return "".join(_escaped(ord(half)) for half in _units(self._taken(1)))
        ranges = self._item()
        is_one = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
        return _escaped(ranges[0][0]) if is_one else _class_of(ranges)

    def _class(self) -> str:
        is_negated = self._pattern.startswith("[^", self._at)
        self._at += 2 if is_negated else 1
        ranges: list[Range] = []
        while self._pattern[self._at] != "]":
            ranges += self._item(in_class=True)
        self._at += 1
        return _class_of(_complement(ranges) if is_negated else ranges)

    def _item(self, *, in_class: bool = False) -> tuple[Range, ...]:
        """Read a character, a shorthand or, in a class, a range. Return what it stands for, both cases included."""
        low = self._point()
        if isinstance(low, tuple):
            return low
        high = low
        if in_class and self._pattern[self._at] == "-" and self._pattern[self._at + 1] != "]":
            self._at += 1
            end = self._point()
            assert isinstance(end, int), "in the subset a range ends with a character"
            high = end
        return tuple(self._cases(self._halves(low, high)))

    def _point(self) -> int | tuple[Range, ...]:
        character = self._taken(1)
        if character != "\\":
            return ord(character)
        escaped = self._taken(1)
        if escaped in "dDwWsS":
            known = {"d": _DIGITS, "w": _WORDS, "s": _SPACES_OF[self._language]}[escaped.lower()]
            return tuple(known if escaped.islower() else _complement(known))
        if (digits := _HEX.match(self._pattern, self._at - 1)) is not None:
            self._at += 2
            return int(digits[1], 16)
        return _CONTROLS.get(escaped, ord(escaped))

    def _halves(self, low: int, high: int) -> list[Range]:
        """Return a range of a class as JavaScript, which reads UTF-16 units, takes it."""
        if self._language != "javascript" or high <= 0xFFFF:
            return [(low, high)]
        if low <= 0xFFFF:
            first, second = map(ord, _units(chr(high)))
            if low != high and low <= _SURROGATES[0]:
                return [(low, _SURROGATES[0] - 1), (_SHIFT + _SURROGATES[0], first), (second, second)]
        elif low == high:
            return [(ord(half), ord(half)) for half in _units(chr(high))]
        raise ValueError(f"the pattern {self._pattern!r:.80} has a range of half characters")

    def _cases(self, ranges: list[Range]) -> Iterator[Range]:
        yield from ranges
        if not self._ignore_case:
            return
        for low, high in ranges:
            if high > 0x7F and any(chr(point).lower() != chr(point).upper() for point in range(low, high + 1)):
                raise ValueError(f"the pattern {self._pattern!r:.80} has letters beyond ASCII, of either case")
            for point in range(low, min(high, 0x7F) + 1):
                yield from ((ord(other), ord(other)) for other in self._other_cases(chr(point)))

    def _other_cases(self, character: str) -> str:
        if not character.isalpha():
            return ""
        both = character.lower() + character.upper()
        return _PYTHON_CASES.get(character.lower(), both) if self._language == "python" else both


def _complement(ranges: Iterable[Range]) -> list[Range]:
    found, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _LAST:
        found.append((start, _LAST))
    return found


def _class_of(ranges: Iterable[Range]) -> str:
    """Write ranges as a class. Halves of pairs, which no text has by themselves, are left out."""
    kept: list[Range] = []
    for low, high in sorted(ranges):
        parts = [(low, min(high, _SURROGATES[0] - 1)), (max(low, _SURROGATES[1] + 1), high)]
        kept += [part for part in parts if part[0] <= part[1]]
    if not kept:
        return "[^\\x{0}-\\x{10FFFF}]"
    return (
        "[" + "".join(_escaped(low) if low == high else f"{_escaped(low)}-{_escaped(high)}" for low, high in kept) + "]"
    )


def _escaped(point: int) -> str:
    return chr(point) if chr(point).isascii() and chr(point).isalnum() else f"\\x{{{point:X}}}"
