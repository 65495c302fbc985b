"""JavaScript's and Python's patterns through RE2: the same texts, or a refusal."""

import json
import os
import re
import shutil
import subprocess
import warnings
from random import Random

import pytest

from pennon.engine import regex
from pennon.engine.dialects.growthbook.patterns import is_for_ascii, javascript_search, python_search

ATOMS = (
    *("a", "k", "s", "i", "K", "Z", "_", "1", " ", "-", "/", "\u0141", "\U0001f600", "\ue000", "]", "}", ","),
    *("\\.", "\\-", "\\/", "\\]", "\\\\", "\\n", "\\x61", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "."),
    *("[a-z]", "[^a-z]", "[h-l]", "[\\d-]", "[^\\s]", "[a-\u0142]", "[a\U0001f600]", "[!-k]", "[r-t\\x41]", "[^\\n]"),
)
REPEATED = ("", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "+?")
LETTERS = (
    *("a", "k", "s", "i", "K", "S", "I", "\u212a", "\u017f", "\u0130", "\u0131", "1", "_", " ", "\n", "\r", "\u2028"),
    *("\xa0", "\x85", "\x1c", "\ufeff", "\u0141", "\u0142", "\U0001f600", "\ue000", "-", "/", "z", "Z", "\u0661", "]"),
)


def _drawn(count: int) -> list[tuple[str, bool, list[str]]]:
    chance = Random(7)

    def sequence(deep: int) -> str:
        parts = ["^" if chance.random() < 0.1 else ""]
        for _ in range(chance.randrange(4)):
            inner = f"({choice(deep - 1)})" if deep and chance.random() < 0.2 else chance.choice(ATOMS)
            parts.append(inner + chance.choice(REPEATED))
        return "".join(parts) + chance.choice(("", "", "$", "\\b" if not deep else ""))

    def choice(deep: int) -> str:
        return "|".join(sequence(deep) for _ in range(chance.choice((1, 1, 2))))

    def text() -> str:
        return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(6)))

    return [(choice(2), chance.random() < 0.4, ["", "a\n", *(text() for _ in range(12))]) for _ in range(count)]


def test_drawn_patterns_are_found_as_python_finds_them() -> None:
    found = 0
    for pattern, ignore_case, texts in _drawn(600):
        try:
            search = python_search(pattern, ignore_case=ignore_case)
        except ValueError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            theirs = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        for text in texts:
            if text.isascii() or not is_for_ascii(pattern):
                found += 1
                assert search(text) == (theirs.search(text) is not None), (pattern, ignore_case, text)
    assert found > 2000


@pytest.mark.skipif(not (shutil.which("node") or os.environ.get("CI")), reason="there is no Node here to ask")
def test_drawn_patterns_are_found_as_javascript_finds_them() -> None:
    drawn = _drawn(600)
    program = (
        "const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(cases.map(([p, i, texts]) => {"
        "try { const r = new RegExp(p, i ? 'i' : ''); return texts.map((t) => r.test(t)); }"
        "catch { return null; } })));"
    )
    done = subprocess.run(
        ["node", "-e", program], input=json.dumps(drawn), capture_output=True, text=True, check=True, timeout=60
    )
    found = 0
    for (pattern, ignore_case, texts), answers in zip(drawn, json.loads(done.stdout), strict=True):
        try:
            search = javascript_search(pattern, ignore_case=ignore_case)
        except ValueError:
            continue
        found += len(texts)
        assert [search(text) for text in texts] == answers, (pattern, ignore_case)
    assert found > 4000


@pytest.mark.parametrize(
    ("pattern", "text", "javascript", "python"),
    [
        ("^.$", "\U0001f600", False, True),
        ("^..$", "\U0001f600", True, False),
        ("^[\U0001f600]$", "\U0001f600", False, True),
        ("^\U0001f600+$", "\U0001f600\U0001f600", False, True),
        ("a$", "a\n", False, True),
        (".", "\r", False, True),
        ("\\s", "\ufeff", True, False),
        ("\\s", "\x1c", False, True),
        ("^\\S$", "\ufeff", False, True),
        ("[a-\U0001f600]", "\uf000", False, True),
    ],
    ids=[
        *("one-point", "two-units", "class", "repeated", "end", "line-end", "bom", "separator", "no-space", "range"),
    ],
)
def test_flavours_differ(pattern: str, text: str, javascript: bool, python: bool) -> None:
    assert javascript_search(pattern, ignore_case=False)(text) is javascript
    assert python_search(pattern, ignore_case=False)(text) is python


@pytest.mark.parametrize(
    ("pattern", "text", "javascript", "python"),
    [
        ("k", "\u212a", False, True),
        ("[j-l]", "\u212a", False, True),
        ("s", "\u017f", False, True),
        ("i", "\u0130", False, True),
        ("I", "\u0131", False, True),
        ("AbC", "aBc", True, True),
        ("\u2026", "\u2026", True, True),
    ],
    ids=["kelvin", "kelvin-in-a-range", "long-s", "dotted", "dotless", "letters", "no-letter"],
)
def test_letters_of_either_case_differ(pattern: str, text: str, javascript: bool, python: bool) -> None:
    assert javascript_search(pattern, ignore_case=True)(text) is javascript
    assert python_search(pattern, ignore_case=True)(text) is python


def test_python_has_a_flag_within_the_pattern() -> None:
    assert python_search("(?i)a", ignore_case=False)("A")
    with pytest.raises(ValueError, match="means something else"):
        javascript_search("(?i)a", ignore_case=False)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=a)", "look-around"),
        ("(a", "never closed"),
        ("\\x{41}", "something else"),
        ("\\Ba", r"\\B is not taken"),
        ("[\ud7ff-\U0001f600]\\B", r"\\B is not taken"),
        ("[\U0001f600-\U0001f602]", "half characters"),
        ("[\ue000-\U0001f600]", "half characters"),
    ],
    ids=["look-around", "open", "hex", "no-boundary", "after-a-class", "range", "high-range"],
)
def test_what_is_not_found_the_same_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        javascript_search(pattern, ignore_case=False)


def test_what_may_follow_the_end_is_refused_in_python() -> None:
    for pattern in ("a$b", "(a$|b)c", "(?:a$)*"):
        with pytest.raises(ValueError, match="move it to the end"):
            python_search(pattern, ignore_case=False)
    assert python_search("a$|(b$)", ignore_case=False)("b\n")


def test_letters_beyond_ascii_are_refused_where_case_does_not_count() -> None:
    for search in (javascript_search, python_search):
        with pytest.raises(ValueError, match="beyond ASCII"):
            search("\u0141", ignore_case=True)


def test_a_pattern_that_grows_too_long_is_refused() -> None:
    pattern = "".join(f"[{chr(97 + i % 26)}-{chr(97 + i % 26)}A-Z]" for i in range(300))
    with pytest.raises(ValueError, match="too long once"):
        javascript_search(pattern * 2, ignore_case=True)


def test_what_no_text_can_have_is_never_found() -> None:
    search = javascript_search("[^\\s\\S]", ignore_case=False)
    assert not search("a")
    assert not search("")


def test_without_re2_a_pattern_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise regex.NotSearchable("google-re2 is not installed", "install it")

    monkeypatch.setattr(regex.Patterns, "search", missing)
    with pytest.raises(ValueError, match="install it"):
        python_search("a", ignore_case=False)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("\\d", True), ("a\\b", True), ("\\\\d", False), ("\\\\\\w", True), ("d", False), ("\\s", False)],
    ids=["digit", "boundary", "backslash", "backslash-and-word", "letter", "space"],
)
def test_shorthands_of_python_are_for_ascii(pattern: str, expected: bool) -> None:
    assert is_for_ascii(pattern) is expected
