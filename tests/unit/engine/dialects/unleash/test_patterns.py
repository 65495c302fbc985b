"""Patterns, as RE2JS and Rust's regex find them."""

import sys

import pytest

from pennon.engine.dialects.unleash.patterns import is_ascii_only, node_search, rust_search


@pytest.mark.parametrize(
    ("pattern", "text", "rust", "node"),
    [
        (r"^\w+$", "Łuß", True, False),
        (r"^\W$", "ß", False, True),
        (r"^[\d\s]+$", "٣\u00a0", True, False),
        (r"^[[:alpha:]\d]+$", "a٣", True, False),
        (r"^[[:alpha:]]+$", "Ł", False, False),
        (r"^\S+$", "\x85", False, True),
        ("(?i)k", "K", True, True),
        ("^(?s)a.b$", "a\nb", True, True),
        ("(?m)^b$", "a\nb", True, True),
        ("a$", "a\n", False, False),
        (r"\.", "a", False, False),
    ],
)
def test_shorthands_are_of_all_scripts_to_rust(pattern: str, text: str, rust: bool, node: bool) -> None:
    for search, expected in ((rust_search, rust), (node_search, node)):
        found = search(pattern, ignore_case=False)
        assert found is not None
        assert found(text) is expected


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "*a", "a(?=b)", "(?!a)", "(?<=a)b", r"(a)\1"])
def test_what_neither_takes_is_found_nowhere(pattern: str) -> None:
    assert rust_search(pattern, ignore_case=False) is None
    assert node_search(pattern, ignore_case=False) is None


@pytest.mark.parametrize("pattern", [r"[\W]", "[a&&b]", "[a--b]", r"\pL", r"\Qa\E", "a**", "(?x)a", r"\u0041"], ids=str)
def test_what_may_mean_something_else_to_rust_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"not taken here|set operations"):
        rust_search(pattern, ignore_case=False)


def test_what_node_would_take_for_long_is_refused() -> None:
    with pytest.raises(ValueError, match="not taken here"):
        node_search("a" * 10_001, ignore_case=False)
    with pytest.raises(ValueError, match="not taken here"):
        node_search(r"\C", ignore_case=False)


def test_without_re2_a_pattern_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    with pytest.raises(ValueError, match="google-re2"):
        node_search("a", ignore_case=False)


def test_an_edge_of_a_word_is_where_the_two_differ() -> None:
    assert is_ascii_only(r"\bcat\b")
    assert not is_ascii_only(r"\w")
