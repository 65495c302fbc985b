"""Problems: where, what, and how to mend it."""

from typing import Any

import msgspec
import pytest

from pennon.model import DECODE_ERRORS, Flag, InvalidItem, ModelError, Problem, decoding_problem, pointer


def raised(text: bytes | str, model: Any) -> Exception:
    with pytest.raises(DECODE_ERRORS) as caught:
        msgspec.json.decode(text, type=model)
    return caught.value


def test_a_pointer_escapes_what_has_a_meaning_in_it() -> None:
    assert pointer() == ""
    assert pointer("rules", 0, "id") == "/rules/0/id"
    assert pointer("a/b", "c~d", "") == "/a~1b/c~0d/"


def test_a_problem_says_where_what_and_how_to_mend_it() -> None:
    assert str(Problem("/rules/0", "it serves nothing", "name a variation")) == (
        "/rules/0: it serves nothing (name a variation)"
    )
    assert str(Problem("", "no flag")) == "/: no flag"
    assert msgspec.json.encode(Problem("", "no flag")) == b'{"path":"","message":"no flag"}'


def test_a_problem_is_seen_from_the_document_that_holds_it() -> None:
    assert Problem("/rules/0", "no", "yes").under("/flags/a") == Problem("/flags/a/rules/0", "no", "yes")


def test_an_error_has_its_problems_in_its_message() -> None:
    error = InvalidItem([Problem("/a", "one"), Problem("/b", "two")])
    assert isinstance(error, ModelError)
    assert isinstance(error, ValueError)
    assert [problem.path for problem in error.problems] == ["/a", "/b"]
    assert str(error) == "/a: one; /b: two"


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (b'{"key":1}', "/key", "Expected `str`, got `int`"),
        (b'{"variations":[{"key":"on","value":1},{}]}', "/variations/1", "Object missing required field `key`"),
        (b"{}", "", "Object missing required field `key`"),
        (b'{"key":', "", "Input data was truncated"),
        (b"[" * 100_000, "", "Expected `object`, got `array`"),
    ],
)
def test_what_msgspec_says_gets_a_pointer(text: bytes, path: str, message: str) -> None:
    assert decoding_problem(raised(text, Flag)) == Problem(path, message)


def test_a_key_of_a_mapping_is_not_known_to_msgspec() -> None:
    assert decoding_problem(raised(b'{"a":{"key":1}}', dict[str, Flag])).path == "/*/key"
    assert decoding_problem(raised(b'{"a":1}', dict[int, int])).path == ""


def test_bytes_that_are_no_utf_8_and_depth_without_end_are_problems_too() -> None:
    found = decoding_problem(raised(b'{"key":"a\xff"}', Flag), "/flags/a")
    assert (found.path, found.mend) == ("/flags/a", "send UTF-8")
    assert decoding_problem(raised('{"key":"\ud800"}', Flag)).mend == "send UTF-8"
    deep = b'{"key":"a","variations":[{"key":"on","value":' + b"[" * 200_000
    assert decoding_problem(raised(deep, Flag)).message == "nested too deeply"
