"""The subset of RE2 that `matches` takes (spec/regex.md), and searching with it.

google-re2 is imported when a pattern is first needed, so that nobody pays for it who has no `matches`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

Search: TypeAlias = Callable[[str], object]
"""Returns None for a text in which nothing is found."""

LONGEST = 10_000
REPEATS = 1000
PLACES = 2000
NESTED = 50

_MEMORY = 8 << 20
"""RE2's bound on a program and its states. `PLACES` keeps programs far below; a set that ran out would find nothing."""


class NotSearchable(Exception):
    """Patterns that cannot be searched for here."""

    def __init__(self, message: str, mend: str) -> None:
        self.mend = mend
        super().__init__(message)


def pattern_problem(pattern: str) -> str | None:
    """Say what in *pattern* is outside of the subset, where, and what to write instead; None if nothing is."""
    try:
        _measured(pattern)
    except _Outside as problem:
        return f"at {problem.at}: {problem}"
    return None


class _Outside(Exception):
    def __init__(self, at: int, message: str) -> None:
        self.at = at
        super().__init__(message)


def _measured(pattern: str) -> int:
    """Return the number of places of *pattern*. Raises `_Outside`."""
    if len(pattern) > LONGEST:
        raise _Outside(LONGEST, f"a pattern has at most {LONGEST} characters")
    parser = _Parser(pattern)
    places, _ = parser.choice(0)
    if parser.at < len(pattern):
        raise _Outside(parser.at, "this ) closes no group; write \\)")
    if places > PLACES:
        raise _Outside(0, f"with its repetitions written out it has {places} places; at most {PLACES} are taken")
    return places


_PUNCTUATION = frozenset(" !\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_SHORTHANDS = frozenset("dDwWsS")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_COUNT = re.compile(r"\{([0-9]{1,6})(,?)([0-9]{0,6})\}")
_INSTEAD = {
    "p": "Unicode properties are not taken; list the characters in a class",
    "P": "Unicode properties are not taken; list the characters in a class",
    "C": "\\C, a byte, is not taken; write . for a character",
    "A": "\\A is not taken; write ^",
    "B": "\\B is not taken; name the characters beside it",
    "z": "\\z is not taken; write $",
    "Z": "\\Z is not taken; write $",
    "Q": "\\Q is not taken; escape each character with \\",
    "E": "\\E is not taken; escape each character with \\",
    "u": "\\u is not taken; write \\x{…}",
    "U": "\\U is not taken; write \\x{…}",
    "k": "back-references are not taken; write out what is repeated",
}


class _Parser:
    """Reads a pattern from left to right, counting places. Each method leaves `at` behind what it read."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 4 if pattern.startswith("(?i)") else 0

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def choice(self, nested: int) -> tuple[int, int]:
        """Read alternatives up to a `)` or the end. Return their places and their largest product of counts."""
        places, product = 0, 1
        while (character := self._peek()) and character != ")":
            if character == "|":
                self.at += 1
                continue
            more, counts = self._piece(character, nested)
            places += more
            product = max(product, counts)
        return places, product

    def _piece(self, character: str, nested: int) -> tuple[int, int]:
        if character in "^$" or self.pattern.startswith("\\b", self.at):
            self.at += 1 if character in "^$" else 2
            self._no_repetition("an anchor cannot be repeated")
            return 0, 1
        start = self.at
        places, product = self._atom(character, nested)
        least, most = self._repetition()
        if product * most > REPEATS:
            raise _Outside(start, f"it is repeated {product * most} times in all; at most {REPEATS} are taken")
        return places * max(least, 1), product * max(most, 1)

    def _no_repetition(self, message: str) -> None:
        if self._peek() and self._peek() in "*+?{":
            raise _Outside(self.at, message)

    def _atom(self, character: str, nested: int) -> tuple[int, int]:
        if character == "(":
            return self._group(nested)
        if character == "[":
            return self._class(), 1
        if character == "\\":
            self._escape()
            return 1, 1
        if character in "*+?":
            raise _Outside(self.at, f"nothing comes before this {character}; write \\{character} for the character")
        if character == "{":
            raise _Outside(self.at, "this { repeats nothing; write \\{ for the character")
        self.at += 1
        return 1, 1

    def _repetition(self) -> tuple[int, int]:
        """Read a repetition, if one is there. Return how often it counts in places, and in the product."""
        character = self._peek()
        if not character or character not in "*+?{":
            return 1, 1
        counts = self._counts() if character == "{" else (1, 1)
        if character != "{":
            self.at += 1
        if self._peek() == "?":
            self.at += 1
        self._no_repetition("a repetition cannot be repeated; put a group around the first")
        return counts

    def _counts(self) -> tuple[int, int]:
        match = _COUNT.match(self.pattern, self.at)
        if match is None:
            raise _Outside(self.at, "write {n}, {n,} or {n,m}, or \\{ for the character")
        least = int(match[1])
        most = int(match[3]) if match[3] else least
        if max(least, most) > REPEATS or most < least:
            raise _Outside(self.at, f"the counts of a repetition go up, to {REPEATS} at most")
        self.at = match.end()
        return (least + 1 if match[2] and not match[3] else most), most

    def _group(self, nested: int) -> tuple[int, int]:
        start = self.at
        if nested >= NESTED:
            raise _Outside(start, f"at most {NESTED} groups stand within one another")
        self.at += 3 if self.pattern.startswith("(?:", start) else 1
        if self._peek() == "?":
            raise _Outside(start, self._kind_of_group(start))
        found = self.choice(nested + 1)
        if self._peek() != ")":
            raise _Outside(start, "this ( is never closed; write \\( for the character")
        self.at += 1
        return found

    def _kind_of_group(self, start: int) -> str:
        if self.pattern.startswith(("(?=", "(?!", "(?<=", "(?<!"), start):
            return "look-around is not taken; use a second condition, negated if need be"
        if self.pattern.startswith(("(?P", "(?<"), start):
            return "named groups are not taken; write (?:…)"
        return "only (?:…) is taken here, and (?i) at the very start of the pattern"

    def _escape(self) -> str | None:
        """Read an escape. Return the character that it stands for, None for a shorthand."""
        start = self.at
        character = self.pattern[start + 1 : start + 2]
        self.at += 2
        if character in _SHORTHANDS:
            return None
        if character in _PUNCTUATION:
            return character
        if character in _CONTROLS:
            return _CONTROLS[character]
        match = _HEX.match(self.pattern, start + 1)
        if match is None:
            raise _Outside(start, self._unknown_escape(character))
        self.at = match.end()
        point = int(match[1] or match[2], 16)
        if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise _Outside(start, f"{point:X} is no character")
        return chr(point)

    def _unknown_escape(self, character: str) -> str:
        if not character:
            return "nothing comes after this \\; write \\\\ for the character"
        if character in "0123456789":
            return "back-references and octal escapes are not taken; write \\x{…} for a character"
        if character == "x":
            return "write \\x and two hex digits, or \\x{…}"
        return _INSTEAD.get(character, f"\\{character} means nothing; write the character without \\")

    def _class(self) -> int:
        start = self.at
        self.at += 2 if self.pattern.startswith("[^", start) else 1
        if self._peek() == "]":
            raise _Outside(self.at, "a class is not empty; write \\] for the character")
        places = 0
        while self._peek() != "]":
            if not self._peek():
                raise _Outside(start, "this [ is never closed; write \\[ for the character")
            self._item(is_first=places == 0)
            places += 1
        self.at += 1
        return places

    def _item(self, *, is_first: bool) -> None:
        start = self.at
        if self._peek() == "-":
            self.at += 1
            if not is_first and self._peek() != "]":
                raise _Outside(start, "this - is neither first nor last nor between two characters; write \\-")
            return
        low = self._single()
        if self._peek() != "-" or self.pattern.startswith("-]", self.at):
            return
        self.at += 1
        high = self._single() if self._peek() not in {"", "]", "-"} else None
        if low is None or high is None:
            raise _Outside(start, "a range goes from one character to another; write \\- for the character")
        if low > high:
            raise _Outside(start, "this range goes down; write the lower character first")

    def _single(self) -> str | None:
        if self._peek() == "\\":
            return self._escape()
        if self.pattern.startswith("[:", self.at):
            raise _Outside(self.at, "named classes are not taken; list the characters, or write \\[")
        self.at += 1
        return self.pattern[self.at - 1]


class Patterns:
    """Compiled patterns, the last ones shared by all conditions that ask for the same."""

    KEPT = 256

    def __init__(self) -> None:
        self._kept: dict[tuple[tuple[str, ...], bool], Search] = {}

    def search(self, patterns: Sequence[str], *, ignore_case: bool) -> Search:
        """Return the search for any of *patterns*, which are in the subset. Raises `NotSearchable`."""
        key = (tuple(patterns), ignore_case)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= self.KEPT:
                self._kept.clear()
            options = {"case_sensitive": not ignore_case}
            found = self._kept[key] = _any_of([_set(group, **options) for group in _groups(patterns)])
        return found


def _any_of(sets: Sequence[Search]) -> Search:
    if len(sets) == 1:
        return sets[0]
    return lambda text: next((found for search in sets if (found := search(text)) is not None), None)


def _groups(patterns: Sequence[str]) -> Iterator[list[str]]:
    """Cut *patterns* into lists that one set each can hold."""
    group: list[str] = []
    places = 0
    for pattern in patterns:
        more = _measured(pattern)
        if group and places + more > PLACES:
            yield group
            group, places = [], 0
        group.append(pattern)
        places += more
    if group:
        yield group


def _set(patterns: Sequence[str], *, case_sensitive: bool) -> Search:
    """Return RE2's search for any of *patterns*: a set takes a tenth of the time of the wrapper's own search."""
    try:
        import re2  # type: ignore[import-untyped]  # noqa: PLC0415  # only who uses patterns pays for them
    except ImportError as error:
        raise NotSearchable("google-re2, which searches for patterns, is not installed", _INSTALL) from error
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MEMORY
    options.case_sensitive = case_sensitive
    found = re2.Set.SearchSet(options)
    try:
        for pattern in patterns:
            found.Add(pattern)
        found.Compile()
    except re2.error as error:
        raise NotSearchable(f"RE2 does not take it: {error}", "see spec/regex.md") from error
    search: Search = found.Match
    return search


_INSTALL = "install it: pip install google-re2"
