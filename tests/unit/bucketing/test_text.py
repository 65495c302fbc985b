"""Well-formed text."""

from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing import well_formed

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert well_formed("a\ud800b\udc00") == "a\ufffdb\ufffd"


def test_a_pair_of_surrogates_becomes_its_character() -> None:
    assert well_formed("\ud83d\ude00") == "😀"


def test_a_pair_the_wrong_way_round_is_two_lone_ones() -> None:
    assert well_formed("\ude00\ud83d") == "\ufffd\ufffd"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_well_formed_text_is_left_alone(text: str) -> None:
    assert well_formed(text) == text


@given(ANY_TEXT)
def test_the_result_can_always_be_encoded_and_is_as_long_in_utf_16(text: str) -> None:
    found = well_formed(text)
    assert len(found.encode("utf-16-le")) == len(text.encode("utf-16-le", "surrogatepass"))
