"""Patterns of each SDK's language, searched for in linear time: those within the subset of spec/regex.md.

A pattern means here what it means to that language, as far as `python_exception` and the like do not say otherwise.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from pennon.bucketing import well_formed
from pennon.engine.regex import NotSearchable, Patterns, pattern_problem

Finder: TypeAlias = Callable[[str], bool]

_PARTS = re.compile(r"\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\.|\[\^?|.", re.DOTALL)
"""The parts of a pattern in the subset: an escape, the start of a class, or a character."""
_UNICODE_AWARE = frozenset({r"\d", r"\D", r"\w", r"\W", r"\b", r"\B"})

# Python


def python_finder(patterns: Sequence[str]) -> Finder:
    """Return the search for any of *patterns* as `re.search` finds them. Raises `ValueError`."""
    anywhere = _search([_python_text(pattern) for pattern in patterns])
    ended = [_python_text(pattern) for pattern in patterns if _anchors_end(pattern)]
    before_newline = _search(ended)

    def find(text: str) -> bool:
        # Python's $ also lies before a newline that is the last character.
        return anywhere(text) or (bool(ended) and text.endswith("\n") and before_newline(text[:-1]))

    return find


def python_exception(pattern: str) -> str | None:
    """Say for which values Python's `re` would find *pattern* otherwise; None if for none."""
    parts = [part for part, _ in _parts(pattern)]
    if pattern.startswith("(?i)") or not _UNICODE_AWARE.isdisjoint(parts):
        return r"values beyond ASCII, where Python's \d, \w, \b and (?i) go by Unicode"
    if not _ends_with_anchors(pattern):
        return "values that end in a newline, before which Python's $ also lies"
    return None


def has_long_escape(pattern: str) -> bool:
    r"""Tell whether *pattern* has a `\x{…}`, which Python's `re` does not take and JavaScript reads otherwise."""
    return any(part.startswith("\\x{") for part, _ in _parts(pattern))


_PYTHON_SPACE = r"\t\n\v\f\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_PYTHON_NO_SPACE = (
    r"\x00-\x08\x0e-\x1b\x21-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}"
    r"\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{d7ff}\x{e000}-\x{10ffff}"
)


def _python_text(pattern: str) -> str:
    if has_long_escape(pattern):
        raise ValueError(rf"Python's re takes no \x{{…}}, as in {pattern!r}")
    return "".join(
        _respaced(part, _PYTHON_SPACE, _PYTHON_NO_SPACE, in_class=in_class) for part, in_class in _parts(pattern)
    )


def _respaced(part: str, space: str, no_space: str, *, in_class: bool) -> str:
    if part == r"\s":
        return space if in_class else f"[{space}]"
    if part == r"\S":
        return no_space if in_class else f"[^{space}]"
    return part


def _anchors_end(pattern: str) -> bool:
    return any(part == "$" and not in_class for part, in_class in _parts(pattern))


def _ends_with_anchors(pattern: str) -> bool:
    """Tell whether nothing can come after any `$`: only the ends of groups, and what is beside it at the top."""
    parts = list(_parts(pattern))
    for index, (part, in_class) in enumerate(parts):
        if part == "$" and not in_class:
            rest = [after for after, _ in parts[index + 1 :]]
            beside = rest.index("|") if "|" in rest and _depth(parts[:index]) == 0 else len(rest)
            if any(after not in {")", "$"} for after in rest[:beside]):
                return False
    return True


def _depth(parts: Sequence[tuple[str, bool]]) -> int:
    return sum({"(": 1, ")": -1}.get(part, 0) for part, in_class in parts if not in_class)


# JavaScript: without its flag `u` a string is a sequence of UTF-16 units, half of a pair being one


def node_finder(patterns: Sequence[str]) -> Finder:
    """Return the search for any of *patterns* as JavaScript's `RegExp` finds them. Raises `ValueError`."""
    # A flag at the start is no syntax of JavaScript: the SDK takes such a pattern for one that is never found.
    search = _search([_node_text(pattern) for pattern in patterns if not pattern.startswith("(?i)")])
    return lambda text: search(_units(text))


_HALVES = re.compile("[\ud800-\udfff]")
_FIRST_HALF, _AWAY = 0xD800, 0x100000
_NODE_ANY = r"[^\n\r\x{2028}\x{2029}]"
_AWAY_HALVES = r"\x{100000}-\x{1007ff}"
_NODE_SPACE = r"\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
_NODE_NO_SPACE = (
    r"\x00-\x08\x0e-\x1f\x21-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}"
    r"\x{2060}-\x{2fff}\x{3001}-\x{d7ff}\x{e000}-\x{fefe}\x{ff00}-\x{10ffff}"
)


def _units(text: str) -> str:
    """Return *text* with each half of a pair as a character of its own, far from all that UTF-16 units can be."""
    if text.isascii():
        return text
    raw = text.encode("utf-16-le", "surrogatepass")
    units = "".join(chr(raw[at] | raw[at + 1] << 8) for at in range(0, len(raw), 2))
    return _HALVES.sub(lambda half: chr(ord(half[0]) - _FIRST_HALF + _AWAY), units)


def _node_text(pattern: str) -> str:
    if has_long_escape(pattern):
        raise ValueError(rf"JavaScript reads \x{{…}} as a repetition, as in {pattern!r}")
    parts = list(_parts(_units(pattern)))
    written = []
    for index, (part, in_class) in enumerate(parts):
        if part == "." and not in_class:
            written.append(_NODE_ANY)
            continue
        written.append(_respaced(part, _NODE_SPACE, _NODE_NO_SPACE, in_class=in_class))
        if in_class and index >= 2 and parts[index - 1] == ("-", True) and _spans_halves(parts[index - 2][0], part):
            written.append(_AWAY_HALVES)
    return "".join(written)


def _spans_halves(low: str, high: str) -> bool:
    return len(low) == len(high) == 1 and ord(low) < _FIRST_HALF <= ord(high) < _AWAY


# All


def go_finder(patterns: Sequence[str]) -> Finder:
    """Return the search for any of *patterns* as Go's `regexp` finds them, which is RE2. Raises `ValueError`."""
    return _search(list(patterns))


def _parts(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a pattern in the subset, and whether each lies within a class."""
    in_class = False
    for match in _PARTS.finditer(pattern):
        part = match[0]
        if in_class and part[0] == "[":
            yield "[", True
            if part == "[^":
                yield "^", True
            continue
        if in_class and part == "]":
            in_class = False
            yield part, False
            continue
        yield part, in_class
        in_class = in_class or part[0] == "["


def _search(patterns: list[str]) -> Finder:
    if not patterns:
        return lambda _text: False
    for pattern in patterns:
        if (problem := pattern_problem(pattern)) is not None:
            raise ValueError(f"the pattern {pattern!r} cannot be searched for, {problem}")
    try:
        search = Patterns().search(patterns, ignore_case=False)
    except NotSearchable as error:
        raise ValueError(f"the patterns cannot be searched for: {error} ({error.mend})") from error
    return lambda text: search(well_formed(text)) is not None
