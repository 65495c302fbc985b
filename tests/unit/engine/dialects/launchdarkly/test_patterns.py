"""Patterns of Python, JavaScript and Go, searched for in linear time."""

from collections.abc import Callable, Sequence

import pytest

from pennon.engine.dialects.launchdarkly.patterns import Finder, go_finder, node_finder, python_exception, python_finder
from pennon.engine.regex import NotSearchable, Patterns


@pytest.mark.parametrize(
    ("pattern", "text", "python", "node", "go"),
    [
        ("^a", "ab", True, True, True),
        ("a$", "a\n", True, False, False),
        ("^$", "\n", True, False, False),
        (r"\s", "\xa0", True, True, False),
        (r"\s", "\x1c", True, False, False),
        (r"\s", "\ufeff", False, True, False),
        (r"\S", "\xa0", False, False, True),
        (r"[^\s]", "\xa0", False, False, True),
        (r"[\S]", "\x1c", False, True, True),
        (r"[\s-]", "\v", True, True, False),
        (".", "\r", True, False, True),
        (".", "\u2028", True, False, True),
        ("^.$", "😀", True, False, True),
        ("^..$", "😀", False, True, False),
        ("😀", "x😀", True, True, True),
        ("^[😀]$", "😀", True, False, True),
        ("[一-\uffff]", "😀", False, True, False),
        ("[-a]", "-", True, True, True),
        ("[[a]", "[", True, True, True),
        ("[[^]", "^", True, True, True),
        ("(?i)ab", "AB", True, False, True),
        (r"\x41", "A", True, True, True),
    ],
)
def test_a_pattern_means_what_it_means_to_the_language(
    pattern: str, text: str, python: bool, node: bool, go: bool
) -> None:
    assert python_finder([pattern])(text) is python
    assert node_finder([pattern])(text) is node
    assert go_finder([pattern])(text) is go


@pytest.mark.parametrize("finder", [python_finder, node_finder, go_finder])
def test_any_of_the_patterns_may_be_found_and_none_are_never(finder: Callable[[Sequence[str]], Finder]) -> None:
    assert finder(["^a", "b$"])("xb") is True
    assert finder(["^a", "b$"])("xa") is False
    assert finder([])("a") is False


@pytest.mark.parametrize("finder", [python_finder, node_finder, go_finder])
def test_what_cannot_be_searched_for_is_refused(finder: Callable[[Sequence[str]], Finder]) -> None:
    with pytest.raises(ValueError, match="cannot be searched for"):
        finder(["(?<!a)b"])


@pytest.mark.parametrize("finder", [python_finder, node_finder])
def test_a_long_escape_is_none_of_these_languages(finder: Callable[[Sequence[str]], Finder]) -> None:
    with pytest.raises(ValueError, match=r"\\x\{"):
        finder([r"\x{41}"])


def test_half_a_surrogate_pair_is_searched_as_the_language_has_it() -> None:
    assert node_finder(["^.$"])("\ud800") is True
    assert python_finder(["\ufffd"])("\ud800") is True


@pytest.mark.parametrize(
    ("pattern", "exception"),
    [
        ("^a$", None),
        ("a|b$", None),
        ("a$|b", None),
        ("(a|b$)", None),
        (r"\s[$]\$", None),
        ("a$c", "end in a newline"),
        ("(a$|b)c", "end in a newline"),
        (r"\d", "beyond ASCII"),
        (r"[\w]", "beyond ASCII"),
        (r"\b", "beyond ASCII"),
        ("(?i)a", "beyond ASCII"),
    ],
)
def test_where_python_goes_its_own_way_is_told(pattern: str, exception: str | None) -> None:
    found = python_exception(pattern)
    assert found is None if exception is None else exception in (found or "")


def test_patterns_need_what_searches_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise NotSearchable("google-re2 is not installed", "install it")

    monkeypatch.setattr(Patterns, "search", missing)
    with pytest.raises(ValueError, match="install it"):
        go_finder(["a"])
