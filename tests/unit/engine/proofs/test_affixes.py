"""Beginnings, ends and parts: what is said of all texts is so of those that a test can think of."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pennon.engine.proofs.affixes import clash, covers
from pennon.engine.proofs.claims import Affixes

LETTERS = "abAΣσςİß"
TEXTS = st.text(LETTERS, max_size=4)


def affixes(how: str, literals: list[str], any_case: bool) -> Affixes:
    any_case = any_case or how == "is"  # a text that is one of some, in one case, is known by name
    return Affixes(how, tuple(each.lower() if any_case else each for each in literals), any_case)


AFFIXES = st.builds(
    affixes, st.sampled_from(["starts", "ends", "has", "is"]), st.lists(TEXTS, min_size=1, max_size=2), st.booleans()
)


def satisfies(text: str, of: Affixes, literals: tuple[str, ...] | None = None) -> bool:
    known = text.lower() if of.any_case else text
    tests: dict[str, Any] = {"starts": str.startswith, "ends": str.endswith, "has": str.__contains__, "is": str.__eq__}
    return any(tests[of.how](known, literal) for literal in literals or of.literals)


def likely(one: Affixes, other: Affixes) -> st.SearchStrategy[str]:
    """Return texts that are put together from the literals."""
    parts = [*one.literals, *other.literals, *(literal.upper() for literal in one.literals), "a", "Σ"]
    return st.lists(st.sampled_from(parts), max_size=4).map("".join)


@given(st.data(), AFFIXES, AFFIXES)
def test_what_is_covered_or_clashes_is_so_of_every_text(data: st.DataObject, one: Affixes, other: Affixes) -> None:
    literal = one.literals[0]
    texts = data.draw(st.lists(likely(one, other), min_size=5, max_size=10))
    met = [text for text in texts if satisfies(text, one, (literal,))]
    if covers(other, one, literal):
        assert all(satisfies(text, other) for text in met)
    if clash(one, literal, other):
        assert not any(satisfies(text, other) for text in met)


@given(TEXTS, TEXTS)
@example("", "")
def test_of_two_in_the_same_case_nothing_is_overlooked(one: str, other: str) -> None:
    starts, ends = Affixes("starts", (one,), any_case=False), Affixes("ends", (one,), any_case=False)
    assert covers(Affixes("starts", (other,), any_case=False), starts, one) == one.startswith(other)
    assert covers(Affixes("ends", (other,), any_case=False), ends, one) == one.endswith(other)
    assert covers(Affixes("has", (other,), any_case=False), starts, one) == (other in one)
    either = one.startswith(other) or other.startswith(one)
    assert clash(starts, one, Affixes("starts", (other,), any_case=False)) == (not either)


def test_of_patterns_only_the_same_one_is_known() -> None:
    pattern, more = Affixes("matches", ("^a",), any_case=False), Affixes("matches", ("b", "^a"), any_case=False)
    assert covers(more, pattern, "^a")
    assert not covers(pattern, more, "b")
    assert not covers(more._replace(any_case=True), pattern, "^a")
    assert not covers(Affixes("starts", ("a",), any_case=False), pattern, "^a")
    assert not clash(pattern, "^a", Affixes("starts", ("b",), any_case=False))
