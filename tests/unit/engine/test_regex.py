"""The subset of RE2: what is in it, what is refused and how, and what it finds."""

import builtins
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.engine import regex
from pennon.engine.regex import NotSearchable, Patterns, pattern_problem


def _finds(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    assert pattern_problem(pattern) is None, pattern_problem(pattern)
    return Patterns().search([pattern], ignore_case=ignore_case)(text) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "abc",
        "|",
        "()",
        "(?:)",
        "(?i)",
        "(?i)a|b",
        "a*b+?c??d{2}e{2,}f{2,3}?",
        "a{0}",
        "a{1000}",
        "(a{10}){100}",
        "[abc]",
        "[^abc]",
        "[-a]",
        "[a-]",
        "[a^]",
        "[a[]",
        "[\\]]",
        "[\\d\\-x]",
        "[a-c0-9]",
        "[^\\s]",
        r"\^\$\.\|\?\*\+\(\)\[\]\{\}\\\/\-\ \"\!",
        r"\t\n\r\f\v",
        r"\x41\x{1F600}\x{0}",
        "^$",
        r"\bfoo\b",
        "]}",
        "é😀",
        "(" * 50 + ")" * 50,
        "a" * 2000,
    ],
)
def test_what_is_taken(pattern: str) -> None:
    assert pattern_problem(pattern) is None
    Patterns().search([pattern], ignore_case=False)


@pytest.mark.parametrize(
    ("pattern", "at", "says"),
    [
        ("(?=a)", 0, "look-around"),
        ("x(?<!a)", 1, "look-around"),
        ("(?P<n>a)", 0, "named groups"),
        ("(?<n>a)", 0, "named groups"),
        ("(?s)a", 0, "only (?:…)"),
        ("a(?i)b", 1, "only (?:…)"),
        ("(?:?a)", 0, "only (?:…)"),
        ("(?i:a)", 0, "only (?:…)"),
        ("(a", 0, "never closed"),
        ("a)", 1, "closes no group"),
        ("*a", 0, "nothing comes before"),
        ("a|+", 2, "nothing comes before"),
        ("(?)", 0, "only (?:…)"),
        ("a**", 2, "cannot be repeated"),
        ("a*+", 2, "cannot be repeated"),
        ("a{2}{3}", 4, "cannot be repeated"),
        ("a+??", 3, "cannot be repeated"),
        ("^*", 1, "anchor"),
        ("$?", 1, "anchor"),
        (r"\b{2}", 2, "anchor"),
        ("{", 0, "repeats nothing"),
        ("a{", 1, "write {n}"),
        ("a{,3}", 1, "write {n}"),
        ("a{x}", 1, "write {n}"),
        ("a{1001}", 1, "go up"),
        ("a{3,2}", 1, "go up"),
        ("(a{100}){11}", 0, "1100 times"),
        ("((a{2}){20,}b{3}){30}", 0, "1200 times"),
        ("a" * 2001, 0, "2001 places"),
        ("[a-z0-9]{1000}x", 0, "2001 places"),
        ("a" * 10_001, 10_000, "10000 characters"),
        ("(" * 51 + ")" * 51, 50, "50 groups"),
        ("[]", 1, "not empty"),
        ("[^]a]", 2, "not empty"),
        ("[a", 0, "never closed"),
        ("[a-", 1, "a range goes"),
        ("[z-a]", 1, "goes down"),
        ("[a-b-c]", 4, "neither first nor last"),
        ("[--a]", 2, "neither first nor last"),
        (r"[\d-z]", 1, "a range goes"),
        (r"[a-\d]", 1, "a range goes"),
        ("[[:alpha:]]", 1, "named classes"),
        (r"[\b]", 1, "means nothing"),
        (r"\p{L}", 0, "Unicode properties"),
        (r"\P{L}", 0, "Unicode properties"),
        (r"\C", 0, "a byte"),
        (r"\A", 0, "write ^"),
        (r"a\B", 1, "beside it"),
        (r"\z", 0, "write $"),
        (r"\Z", 0, "write $"),
        (r"\Qa\E", 0, "escape each"),
        (r"\u0041", 0, r"\x{…}"),
        (r"\1", 0, "back-references"),
        (r"\012", 0, "octal"),
        (r"\k", 0, "back-references"),
        (r"\_", 0, "means nothing"),
        (r"\é", 0, "means nothing"),
        ("a\\", 1, "nothing comes after"),
        (r"\x4", 0, "two hex digits"),
        (r"\x{110000}", 0, "no character"),
        (r"\x{D800}", 0, "no character"),
    ],
)
def test_what_is_refused_says_where_and_why(pattern: str, at: int, says: str) -> None:
    problem = pattern_problem(pattern)
    assert problem is not None
    assert problem.startswith(f"at {at}: ")
    assert says in problem


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("a$", "a\n", False),
        ("^b", "a\nb", False),
        ("^.$", "😀", True),
        ("^.$", "\n", False),
        ("^.$", "\r", True),
        ("^.$", "\u2028", True),
        (r"^\d$", "٣", False),
        (r"^\w$", "é", False),
        (r"^\s$", "\v", False),
        (r"^\s$", "\u00a0", False),
        (r"^\S$", "\n", False),
        (r"^\D$", "\n", True),
        ("^[^a]$", "\n", True),
        (r"\bé", "é", False),
        ("(?i)k", "\u212a", True),
        ("(?i)\\w", "\u017f", True),
        ("(?i)\\W", "\u017f", False),
        ("(?i)[^k]", "\u212a", False),
        ("(?i)ß", "ẞ", True),
        ("(?i)ß", "ss", False),
        ("(?i)\\bk\\b", "\u212a", False),
        ("(?i)σ", "ς", True),
        ("", "", True),
        ("a||b", "x", True),
    ],
)
def test_what_is_found(pattern: str, text: str, expected: bool) -> None:
    assert _finds(pattern, text) is expected


def test_ignore_case_is_the_leading_flag() -> None:
    assert _finds("straße", "STRAẞE", ignore_case=True)
    assert not _finds("straße", "STRAẞE")


_ATOMS = [
    r"a",
    r"b",
    r"é",
    r"\.",
    r".",
    r"[ab]",
    r"[^a]",
    r"[a-b.]",
    r"\d",
    r"\w",
    r"\s",
    r"\W",
    r"^",
    r"$",
    r"\b",
    r"\x{e9}",
    r"\-",
]


@st.composite
def _patterns(draw: st.DrawFn, depth: int = 2) -> str:
    """Patterns of the subset that mean the same to Python's `re` once `$` and `.` are rewritten."""
    if depth:
        parts = st.one_of(
            _patterns(depth - 1),
            _patterns(depth - 1).map(lambda inner: f"({inner})"),
            st.tuples(_patterns(depth - 1), _patterns(depth - 1)).map(lambda two: f"(?:{two[0]}|{two[1]})"),
            st.tuples(_patterns(0), st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}"])).map(
                lambda two: f"(?:{two[0]}){two[1]}"
            ),
        )
        return "".join(draw(st.lists(parts, min_size=1, max_size=3)))
    return "".join(draw(st.lists(st.sampled_from(_ATOMS), max_size=3)))


@given(_patterns(), st.text("ab.é1 \n_-", max_size=8))
def test_what_is_found_is_what_a_back_tracking_engine_finds(pattern: str, text: str) -> None:
    as_python = pattern.replace("$", "\\Z").replace("\\x{e9}", "é").replace("\\s", "[\\t\\n\\f\\r ]")
    expected = re.search(as_python, text, re.ASCII) is not None
    assert _finds(pattern, text) is expected


@given(st.text(r"ab\()[]{}?*+^$|.-,01:iPdwbx😀", max_size=12))
def test_what_is_taken_is_always_taken_by_re2(pattern: str) -> None:
    if pattern_problem(pattern) is None:
        Patterns().search([pattern], ignore_case=False)


def test_the_largest_patterns_fit_and_find() -> None:
    pattern = "(?i)[\\x{0}-\\x{24f}]{1000}[^\\x{370}]{1000}"
    assert _finds(pattern, "ab" * 1000)
    assert not _finds(pattern, "ab" * 999)


def test_a_pattern_that_explodes_elsewhere_takes_linear_time() -> None:
    assert not _finds("(?:a*)*b", "a" * 100_000)
    assert not _finds("(?:a|a)*(?:a|a)*(?:a|a)*$b?\\d", "a" * 100_000)


def test_many_large_patterns_are_cut_into_several_searches() -> None:
    patterns = [f"{letter}{{1000}}x" for letter in "abcdef"]
    search = Patterns().search(patterns, ignore_case=False)
    assert search("f" * 1000 + "x") is not None
    assert search("a" * 1000 + "x") is not None
    assert search("f" * 999 + "x") is None


def test_no_pattern_finds_nothing() -> None:
    assert Patterns().search([], ignore_case=False)("") is None


def test_equal_patterns_are_searched_for_once_and_kept_within_bounds() -> None:
    patterns = Patterns()
    first = patterns.search(["a"], ignore_case=False)
    assert patterns.search(["a"], ignore_case=False) is first
    assert patterns.search(["a"], ignore_case=True) is not first
    for number in range(Patterns.KEPT):
        patterns.search([str(number)], ignore_case=False)
    assert patterns.search(["a"], ignore_case=False) is not first


def test_what_re2_does_not_take_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "_MEMORY", 1 << 16)
    with pytest.raises(NotSearchable, match="RE2 does not take it"):
        Patterns().search(["[^a]{1000}"], ignore_case=False)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_re2(name: str, *rest: Any) -> Any:
        if name == "re2":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_re2)
    with pytest.raises(NotSearchable) as caught:
        Patterns().search(["a"], ignore_case=False)
    assert caught.value.mend == "install it: pip install google-re2"
