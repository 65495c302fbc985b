"""Patterns, searched for by RE2: as RE2JS, its port, finds them, and as Rust's regex does where the two agree.

Neither of the two takes back-references or look-around; such a pattern is never found there, and so it is here.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from pennon.engine.regex import LONGEST, pattern_problem

Search: TypeAlias = Callable[[str], bool]

_FLAGS = re.compile(r"(?<!\\)\(\?[ims]{1,3}\)")
_NAMED_CLASS = re.compile(r"\[:\^?[a-z]+:\]")
_REFUSED_BY_BOTH = (
    r"invalid perl operator: \(\?[=!<]|missing [\)\]]:|unexpected \):"
    r"|no argument for repetition|invalid escape sequence: \\[1-9]"
)
"""RE2's words for what Rust's regex refuses as well."""
_MEMORY = 8 << 20
_TOKEN = re.compile(r"\\.|\[:\^?[a-z]+:\]|\[\^?\]?|\]", re.DOTALL)
_WORD = (
    r"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200c}\x{200d}"
    r"\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}"
)
_SPACE = r"\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_UNICODE = {"d": r"\p{Nd}", "s": _SPACE, "w": _WORD}


def node_search(pattern: str, *, ignore_case: bool) -> Search | None:
    """Return the search for *pattern*, None where RE2JS does not take it either. Raises `ValueError`."""
    if len(pattern) > LONGEST or r"\C" in pattern:
        raise ValueError(f"the pattern {pattern[:100]!r} is not taken here")
    return _search(pattern, ignore_case=ignore_case, refused=".*")


def rust_search(pattern: str, *, ignore_case: bool) -> Search | None:
    """Return the search for *pattern*, None where Rust's regex does not take it either.

    Raises `ValueError` where it is not known to mean the same to both.
    """
    problem = pattern_problem(_NAMED_CLASS.sub("a", _FLAGS.sub("", pattern)))
    if problem is None:
        if re.search(r"&&|--|~~", pattern) and "[" in pattern:
            raise ValueError(f"the pattern {pattern[:100]!r} has set operations, perhaps, which RE2 does not have")
        return _search(_unicode(pattern), ignore_case=ignore_case, refused=_REFUSED_BY_BOTH)
    try:
        is_taken = _search(pattern, ignore_case=ignore_case, refused=_REFUSED_BY_BOTH) is not None
    except ValueError:
        is_taken = True  # not by RE2, but perhaps by Rust
    if is_taken:
        raise ValueError(f"the pattern {pattern[:100]!r} is not taken here: {problem}")
    return None


def is_ascii_only(pattern: str) -> bool:
    """Whether RE2 and Rust may find *pattern* in different places where a text is not ASCII."""
    return re.search(r"\\[bB]", pattern) is not None


def _unicode(pattern: str) -> str:
    """Write shorthands out as Rust means them: by Unicode, where RE2 stays within ASCII."""
    is_class = False

    def written(match: re.Match[str]) -> str:
        nonlocal is_class
        found = match[0]
        if found[0] == "[":
            is_class = True
        elif found == "]":
            is_class = False
        elif found[0] == "\\" and (meant := _UNICODE.get(found[1].lower())) is not None:
            if found[1].islower():
                return meant if is_class else f"[{meant}]"
            if is_class:
                raise ValueError(f"{found} within a class is not taken here")
            return f"[^{meant}]"
        return found

    return _TOKEN.sub(written, pattern)


def _search(pattern: str, *, ignore_case: bool, refused: str) -> Search | None:
    try:
        import re2  # type: ignore[import-untyped]  # noqa: PLC0415  # only who uses patterns pays for them
    except ImportError as error:
        raise ValueError("google-re2, which searches for patterns, is not installed") from error
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.case_sensitive = not ignore_case
    try:
        found = re2.compile(pattern, options)
    except re2.error as error:
        message = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        if re.search(refused, message, re.DOTALL) is None:
            raise ValueError(f"the pattern {pattern[:100]!r} is not taken here: {message}") from error
        return None
    return lambda text: found.search(text) is not None
