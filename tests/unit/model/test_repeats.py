"""Members that an object has twice are found where they are, whatever else there is."""

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.model.repeats import repeated_key, repeated_members


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('{"on": true, "on": false}', ["/on"]),
        ('{"a": {"b": [0, {"c": 1, "d": 2, "c": 1}]}}', ["/a/b/1/c"]),
        ('{"a": 1, "\\u0061": 2, "a": 3}', ["/a"]),
        ('{"x/y": 1, "x/y": {"~": 1, "~": 2}}', ["/x~1y", "/x~1y/~0"]),
        ('[{"b": 1, "b": 2}, {"a": 1, "a": 2}]', ["/0/b", "/1/a"]),
        ('{"": 1, "": 2}', ["/"]),
    ],
)
def test_each_is_named_in_the_order_in_which_they_are_read(text: str, paths: list[str]) -> None:
    found = repeated_members(text.encode())
    assert [problem.path for problem in found] == paths
    assert all(problem.message and problem.mend for problem in found)


def test_only_the_first_few_of_a_flood_are_named() -> None:
    assert len(repeated_members("[" + ",".join(['{"a":1,"a":2}'] * 1000) + "]")) == 20


@pytest.mark.parametrize("text", ['"a\x7f"', "1" + "0" * 300, '{"a": {"b": 1}, "c": {"b": 1}}', '["a", "a"]', '"Ł"'])
def test_what_msgspec_takes_is_taken(text: str) -> None:
    msgspec.json.decode(text)
    assert repeated_members(text) == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=100)
@given(VALUES)
def test_nothing_is_found_in_what_is_written_from_values(value: object) -> None:
    assert repeated_members(msgspec.json.encode(value)) == ()


def test_a_mapping_of_yaml_has_each_key_once_by_its_kind() -> None:
    def found(text: str) -> object:
        key = repeated_key(yaml.compose(text))
        return key and key.value

    assert found("{a: 1, b: 2, a: 3}") == "a"
    assert found("{1: a, '1': b, [x]: c, [x]: d}") is None
