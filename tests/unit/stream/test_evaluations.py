"""What OFREP bodies and answers look like."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import ErrorCode, Evaluation, Reason
from pennon.stream import evaluations
from pennon.stream.http import Refusal

LIMIT, DEPTH = 64 * 1024, 16


def context(body: bytes) -> dict[str, Any]:
    return evaluations.context_of(body, limit=LIMIT, depth=DEPTH)


def refused(body: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        context(body)
    assert caught.value.status == 400
    assert caught.value.detail
    return caught.value.code


def nested(depth: int) -> bytes:
    return b'{"context":' + b'{"a":' * (depth - 1) + b"{}" + b"}" * depth


@pytest.mark.parametrize("body", [b"", b"{}", b'{"context":null}', b'{"context":{}}', b' {"other":1} '])
def test_context_may_be_left_out(body: bytes) -> None:
    assert context(body) == {}


def test_context_is_read_with_every_type() -> None:
    body = b'{"context":{"targetingKey":"u","n":1,"f":1.0,"b":true,"z":null,"l":[1],"o":{"a":"b"}}}'
    read = context(body)
    assert read == {"targetingKey": "u", "n": 1, "f": 1.0, "b": True, "z": None, "l": [1], "o": {"a": "b"}}
    assert type(read["f"]) is float


@pytest.mark.parametrize(
    "body", [b"x", b"[]", b'"a"', b"null", b'{"context":', b'{"context":{"a":NaN}}', b'{"context":{"a":"\xff"}}']
)
def test_body_that_is_no_json_object_is_a_parse_error(body: bytes) -> None:
    assert refused(body) == "PARSE_ERROR"


@pytest.mark.parametrize("body", [b'{"context":[]}', b'{"context":"u1"}', b'{"context":1}', b'{"context":false}'])
def test_context_that_is_no_object_is_invalid(body: bytes) -> None:
    assert refused(body) == "INVALID_CONTEXT"


def test_context_may_be_as_large_as_the_limit_and_no_larger() -> None:
    room = LIMIT - len(b'{"a":""}')
    assert len(context(b'{"context":{"a":"%b"}}' % (b"x" * room))["a"]) == room
    assert refused(b'{"context":{"a":"%b"}}' % (b"x" * (room + 1))) == "INVALID_CONTEXT"


def test_context_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    assert context(nested(DEPTH))
    assert refused(nested(DEPTH + 1)) == "INVALID_CONTEXT"
    assert refused(b'{"context":{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}}") == "INVALID_CONTEXT"


@pytest.mark.parametrize("body", [nested(100_000), b'{"context":' * 100_000, b'{"context":{"a":' + b"[" * 200_000])
def test_bottomless_body_is_refused(body: bytes) -> None:
    assert refused(body) in {"PARSE_ERROR", "INVALID_CONTEXT"}


def test_lone_surrogates_that_browsers_write_are_read() -> None:
    assert context(rb'{"context":{"name":"a\ud83d","targetingKey":"u"}}')["targetingKey"] == "u"
    assert refused(rb'{"context":{"name":"\ud83d","n":NaN}}') == "PARSE_ERROR"
    assert refused(rb'["\ud83d"]') == "PARSE_ERROR"


@given(
    st.binary(max_size=100)
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(
        lambda value: json.dumps({"context": value}).encode()
    )
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(context(body), dict)
    except Refusal as refusal:
        assert refusal.code in {"PARSE_ERROR", "INVALID_CONTEXT"}  # noqa: PT017


def evaluation(**fields: Any) -> Evaluation:
    return Evaluation(**{"value": True, "variation": "on", "reason": Reason.FALLTHROUGH, "flag_version": 3, **fields})


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.OFF, "DISABLED"),
        (Reason.PREREQUISITE_FAILED, "DISABLED"),
        (Reason.TARGET_MATCH, "TARGETING_MATCH"),
        (Reason.RULE_MATCH, "TARGETING_MATCH"),
        (Reason.FALLTHROUGH, "DEFAULT"),
        (Reason.SPLIT, "SPLIT"),
        (Reason.STALE, "STALE"),
    ],
)
def test_reasons_are_openfeatures(reason: Reason, said: str) -> None:
    entry = evaluations.entry("f", evaluation(reason=reason, rule_id="r1"), {"revision": "1.2"})
    assert entry == {
        "key": "f",
        "reason": said,
        "variant": "on",
        "value": True,
        "metadata": {"revision": "1.2", "flagVersion": 3, "ruleId": "r1"},
    }


def test_value_is_left_out_where_the_callers_default_is_meant_and_variant_is_null() -> None:
    entry = evaluations.entry("f", evaluation(value=None, variation=None, reason=Reason.OFF), {})
    assert entry == {"key": "f", "reason": "DISABLED", "variant": None, "metadata": {"flagVersion": 3}}


def test_null_is_a_value_where_a_variation_has_it() -> None:
    assert evaluations.entry("f", evaluation(value=None), {})["value"] is None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.FLAG_NOT_FOUND, 404),
        (ErrorCode.PARSE_ERROR, 400),
        (ErrorCode.TARGETING_KEY_MISSING, 400),
        (ErrorCode.INVALID_CONTEXT, 400),
        (ErrorCode.GENERAL, 400),
    ],
)
@pytest.mark.parametrize("message", ["because", None])
def test_error_has_its_code_and_details(code: ErrorCode, status: int, message: str | None) -> None:
    found = evaluation(value=None, variation=None, reason=Reason.ERROR, error_code=code, error_message=message)
    entry = evaluations.entry("f", found, {})
    assert entry["errorCode"] == code
    assert entry["errorDetails"] == (message or code)
    assert "value" not in entry
    assert evaluations.status(found) == status


def test_numbers_travel_as_they_are_stored() -> None:
    written = evaluations.encode(
        [evaluations.entry("f", evaluation(value=value), {})["value"] for value in (7.0, 7, 0.1)]
    )
    assert written == b"[7.0,7,0.1]"
