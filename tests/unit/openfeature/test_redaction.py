import datetime as dt
import json
from typing import Any

from openfeature.evaluation_context import EvaluationContext

from pennon.openfeature import Redaction

CONTEXT = EvaluationContext(
    "ada@example.com",
    {"country": "DE", "email": "ada@example.com", "age": 42, "targetingKey": "ada@example.com", "odd": "\ud800"},
)


def test_who_asked_is_told_apart_and_never_named() -> None:
    redaction = Redaction(show=["targetingKey"])
    one, again = redaction.redacted(CONTEXT), redaction.redacted(CONTEXT)
    other = redaction.redacted(EvaluationContext("grace"))
    assert one == again
    assert one["targetingKey"] != other["targetingKey"]
    assert "ada@" not in json.dumps(one)  # which no hash spells


def test_only_what_is_named_is_shown() -> None:
    shown = Redaction(show=["country"]).redacted(CONTEXT)
    assert shown["country"] == "DE"
    assert shown["age"].startswith("#")
    assert shown["email"] != shown["age"]


def test_the_rest_can_be_dropped() -> None:
    assert Redaction(show=["country"], drop=True).redacted(CONTEXT).keys() == {"country", "targetingKey"}


def test_hashes_are_the_same_elsewhere_only_under_a_key_of_ones_own() -> None:
    assert Redaction(key=b"k").redacted(CONTEXT) == Redaction(key=b"k").redacted(CONTEXT)
    assert Redaction().redacted(CONTEXT) != Redaction().redacted(CONTEXT)


def test_kinds_of_values_differ() -> None:
    redaction = Redaction()
    texts = [redaction.redacted(EvaluationContext(None, {"a": value}))["a"] for value in (1, "1", True, 1.0)]
    assert len(set(texts)) == 4


def test_what_is_shown_is_json_and_a_copy() -> None:
    inner: dict[str, Any] = {"tags": ["a"], "when": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}
    shown = Redaction(show=["org"]).redacted(EvaluationContext(None, {"org": inner}))
    assert shown == {"org": {"tags": ["a"], "when": "2026-01-02T00:00:00+00:00"}}
    assert shown["org"]["tags"] is not inner["tags"]


def test_no_context_is_an_empty_one() -> None:
    assert Redaction().redacted(None) == {}
