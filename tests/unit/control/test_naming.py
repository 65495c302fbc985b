import pytest

from pennon.control.errors import Invalid
from pennon.control.naming import LONGEST_DESCRIPTION, LONGEST_NAME, accept, key_problems, name_problems


@pytest.mark.parametrize("key", ["a", "shop", "shop-2.eu_west", "0", "a" * 64])
def test_key_of_a_place_is_lower_case_and_short(key: str) -> None:
    assert list(key_problems(key)) == []


@pytest.mark.parametrize("key", ["", "Shop", "a/b", ".", "..", "-a", "a b", "ä", "a\n", "a" * 65, "a%2fb", "a\0"])
def test_key_that_could_be_mistaken_in_a_path_is_refused(key: str) -> None:
    [problem] = key_problems(key)
    assert problem.path == "/key"
    assert problem.mend


def test_names_are_one_line_and_descriptions_are_not_endless() -> None:
    assert list(name_problems("Łódź 🚩", "two\nlines")) == []
    paths = [problem.path for problem in name_problems("a\nb" * LONGEST_NAME, "x" * (LONGEST_DESCRIPTION + 1))]
    assert paths == ["/name", "/name", "/description"]


def test_problems_are_raised_together() -> None:
    accept([])
    with pytest.raises(Invalid) as refused:
        accept([*key_problems("A"), *name_problems("\t")])
    assert [problem.path for problem in refused.value.problems] == ["/key", "/name"]
