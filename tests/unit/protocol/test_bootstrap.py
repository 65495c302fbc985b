"""The document of a page: its members, and that none of its text can be taken for HTML."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import ErrorCode, Evaluation, Position, Reason
from pennon.protocol.bootstrap import aged, document, embeddable, entry

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text("<>&\u2028\u2029\\\"'/!-]a\u00e9\x00", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("<&\u2028ab", max_size=3), inner, max_size=3),
)


def serving(value: Any, **fields: Any) -> Evaluation:
    given: dict[str, Any] = {"variation": "on", "reason": Reason.SPLIT, "flag_version": 3, **fields}
    return Evaluation(value=value, **given)


def made(**flags: Evaluation) -> dict[str, Any]:
    place: dict[str, Any] = {
        "environment": "shop/production",
        "position": Position(2, 7),
        "flags_version": "v7_0a1b2c3d",
    }
    read = json.loads(document(flags.items(), **place))
    assert isinstance(read, dict)
    return read


@given(JSON)
def test_embeddable_text_means_the_same_and_has_nothing_of_html(value: object) -> None:
    text = embeddable(msgspec.json.encode(value)).decode()
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


@given(JSON)
def test_embedding_twice_is_embedding_once(value: object) -> None:
    once = embeddable(msgspec.json.encode(value))
    assert embeddable(once) == once


def test_document_says_where_it_stands_and_what_each_flag_serves() -> None:
    assert made(a=serving("blue", rule_id="r1"), b=serving(None, variation=None, reason=Reason.OFF)) == {
        "environment": "shop/production",
        "revision": "2.7",
        "flagsVersion": "v7_0a1b2c3d",
        "ttl": 300,
        "flags": {
            "a": {"variation": "on", "reason": "SPLIT", "value": "blue", "ruleId": "r1", "flagVersion": 3},
            "b": {"variation": None, "reason": "OFF", "flagVersion": 3},
        },
    }


def test_error_tells_its_code_and_no_more() -> None:
    broken = serving(
        "secret", variation=None, reason=Reason.ERROR, error_code=ErrorCode.PARSE_ERROR, error_message="line 7 of it"
    )
    told = {"variation": None, "reason": "ERROR", "errorCode": "PARSE_ERROR", "flagVersion": 3}
    assert made(a=broken)["flags"]["a"] == told


def test_value_that_is_no_json_harms_no_other_flag() -> None:
    read = made(a=serving("\ud800"), b=serving(True), c=serving(object()))
    assert read["flags"]["a"] == read["flags"]["c"] == {"variation": None, "reason": "ERROR", "errorCode": "GENERAL"}
    assert read["flags"]["b"]["value"] is True


def test_value_null_is_a_value() -> None:
    assert entry(serving(None))["value"] is None


def test_age_comes_behind_what_the_tag_covers() -> None:
    head = document((), environment="e", position=Position(1, 1), flags_version="v1_00000000")
    whole = aged(head, age_s=1.23456, at_ms=1_760_000_000_000)
    assert whole.startswith(head[:-1])
    read = json.loads(whole)
    assert (read["age"], read["at"]) == (1.235, 1_760_000_000_000)
