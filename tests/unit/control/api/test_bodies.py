"""What a body must be before a route sees it."""

import time

import msgspec
import pytest

from pennon.control.api.bodies import MAX_NESTING, decode_body
from pennon.control.api.problems import BadBody


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None
    value: object = None


def refused(body: bytes) -> BadBody:
    with pytest.raises(BadBody) as caught:
        decode_body(body, Body)
    return caught.value


def test_a_body_of_the_right_shape_is_decoded() -> None:
    assert decode_body(b'{"name":"a","inner":{"on":true}}', Body) == Body("a", Inner(on=True))


@pytest.mark.parametrize("text", [b'"true"', b"1", b"null"])
def test_nothing_is_coerced(text: bytes) -> None:
    error = refused(b'{"name":"a","inner":{"on":%b}}' % text)
    assert (error.status, error.problems[0].path) == (422, "/inner/on")
    assert error.problems[0].mend


def test_an_unknown_field_is_named_with_its_path() -> None:
    error = refused(b'{"name":"a","inner":{"on":true,"of":1}}')
    assert error.problems[0].path == "/inner/of"


def test_a_member_that_is_there_twice_is_named_with_its_path() -> None:
    error = refused(b'{"name":"a","inner":{"on":true,"on":false},"value":[{"a":1,"a":2}]}')
    assert (error.status, [problem.path for problem in error.problems]) == (422, ["/inner/on", "/value/0/a"])


@pytest.mark.parametrize(
    "body", [b"{", b'{"name":"a",}', b"nul", b"{'name':1}", b"\x00", b'{"name":"a"} {}', b'{"name":"\n"}']
)
def test_what_is_not_json_is_a_400(body: bytes) -> None:
    assert refused(body).status == 400


@pytest.mark.parametrize("body", [b'{"name":"\xff"}', b'{"name":"a","value":"\xed\xa0\x80"}', b"\xff\xfe{\x00}\x00"])
def test_bad_utf8_is_a_400_even_where_msgspec_would_skip_it(body: bytes) -> None:
    assert refused(body).status == 400


@pytest.mark.parametrize("depth", [MAX_NESTING, 1_000, 100_000])
def test_nesting_beyond_the_limit_is_refused(depth: int) -> None:
    body = b'{"name":"a","value":' + b"[" * depth + b"]" * depth + b"}"
    assert refused(body).kind == "too-deep"


def test_nesting_up_to_the_limit_is_taken() -> None:
    depth = MAX_NESTING - 1
    assert decode_body(b'{"name":"a","value":' + b"[" * depth + b"]" * depth + b"}", Body).name == "a"


def test_brackets_in_strings_are_not_nesting() -> None:
    body = msgspec.json.encode({"name": '["\\' * 1000})
    assert decode_body(body, Body).name == '["\\' * 1000


@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000b", r"\\\u0000"])
def test_nul_is_refused_wherever_it_stands(text: str) -> None:
    assert refused(b'{"name":"%b"}' % text.encode()).status == 422
    assert refused(b'{"name":"a","value":{"%b":1}}' % text.encode()).status == 422


def test_an_escaped_backslash_before_u0000_is_not_nul() -> None:
    assert decode_body(rb'{"name":"\\u0000"}', Body).name == r"\u0000"


@pytest.mark.parametrize(
    "body",
    [b'"' + b'\\"' * 2_000_000, b"[" * 70 + b'"\\' * 2_000_000, b"\\" * 4_000_000, b"[" * 70 + b'""' * 2_000_000],
)
def test_a_hostile_body_costs_time_in_proportion_to_its_length(body: bytes) -> None:
    started = time.process_time()
    refused(body)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        (rb'{"name":"a","value":{"b":["c","\u0000"]}}', "/value/b/1", "U+0000"),
        (rb'{"name":"a","value":{"b\u0000":1}}', "/value", "U+0000"),
        (rb'{"name":"\ud800"}', "", "lone surrogate"),
        (rb'{"name":"\ud83d\ude00 \udc00"}', "", "lone surrogate"),
        (rb'{"name":"a","value":{"b":1e999}}', "", "range of a double"),
        (rb'{"name":"\ud83d\ude00"', "", "truncated"),
    ],
)
def test_what_no_string_or_number_can_be_is_told_as_that(body: bytes, path: str, says: str) -> None:
    (problem,) = refused(body).problems
    assert problem.path == path
    assert says in problem.message
    assert problem.mend
