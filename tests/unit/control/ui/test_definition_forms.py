"""What is typed into the fields of a flag's values."""

import pytest

from pennon.control.errors import Invalid
from pennon.control.ui.definition_forms import value_of


def test_a_value_is_read_as_json_unless_it_is_a_string() -> None:
    assert value_of('{"a": 1}', "object", "value") == {"a": 1}
    assert value_of('{"a": 1, "a": 2}', "string", "value") == '{"a": 1, "a": 2}'


@pytest.mark.parametrize(
    ("text", "path"), [("{", "/value"), ('{"a": 1, "a": 2}', "/value/a"), ('{"b": [{"a": 1, "a": 2}]}', "/value/b/0/a")]
)
def test_what_is_no_one_value_is_refused_with_its_path(text: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        value_of(text, "object", "value")
    assert [problem.path for problem in caught.value.problems] == [path]
