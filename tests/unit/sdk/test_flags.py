"""Evaluating through a client: what is asked for and what comes back, whatever is asked."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon import Client
from pennon.model import ErrorCode, Reason
from pennon.sdk.rules import NoRules
from pennon.testing import InMemorySource, flag

U1 = {"targetingKey": "u1"}
FLAGS = (
    flag("bool").on(),
    flag("text").variations(dark="#000", light="#fff").on(),
    flag("int").variations(a=3).on(),
    flag("float").variations(a=2.5).on(),
    flag("object").variations(a={"max": [1, 2]}).on(),
    flag("list").variations(a=[{"x": 1}]).on(),
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(source=InMemorySource(*FLAGS)) as made:
        yield made


def test_each_kind_has_its_question(client: Client) -> None:
    assert client.boolean("bool", U1, default=False) is True
    assert client.string("text", U1, default="") == "#000"
    assert client.number("int", U1, default=0) == 3
    assert client.number("float", U1, default=0) == 2.5
    assert client.object("object", U1) == {"max": [1, 2]}
    assert client.object("list", U1) == [{"x": 1}]


@pytest.mark.parametrize("key", ["bool", "text", "int", "float", "object", "list", "unknown"])
def test_another_kind_gives_the_default(client: Client, key: str) -> None:
    default = object()
    asked: dict[str, Any] = {"default": default}
    matching = {
        "boolean": {"bool"},
        "string": {"text"},
        "number": {"int", "float"},
        "object": {"object", "list"},
    }
    for kind, keys in matching.items():
        value = getattr(client, kind)(key, U1, **asked)
        assert (value is default) is (key not in keys)
        result = client.evaluation(key, U1, default=default, kind=kind)  # type: ignore[arg-type]
        if key == "unknown":
            assert result.error_code is ErrorCode.FLAG_NOT_FOUND
        elif key not in keys:
            assert (result.value, result.reason, result.error_code) == (default, Reason.ERROR, ErrorCode.TYPE_MISMATCH)
            assert result.variation is None
            assert result.flag_version == 1
        else:
            assert result.error_code is None


def test_an_evaluation_without_a_kind_takes_any(client: Client) -> None:
    assert client.evaluation("text", U1, default=False).value == "#000"


def test_the_message_of_a_mismatch_names_both_kinds(client: Client) -> None:
    message = client.evaluation("object", U1, default=False, kind="boolean").error_message
    assert message == "asked for a boolean, and the value is an object"


def test_an_object_is_the_callers_to_change(client: Client) -> None:
    client.object("object", U1)["max"].append(3)
    client.object("list", U1)[0]["x"] = 9
    assert client.object("object", U1) == {"max": [1, 2]}
    assert client.object("list", U1) == [{"x": 1}]


def test_a_default_object_is_handed_back_as_it_is(client: Client) -> None:
    default = {"max": 1}
    assert client.object("unknown", U1, default=default) is default


def test_no_context_is_an_empty_one(client: Client) -> None:
    assert client.evaluation("bool") == client.evaluation("bool", {})


def test_any_mapping_is_a_context(client: Client) -> None:
    assert client.boolean("bool", MappingProxyType(U1)) is True


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.none()), st.binary()), st.text())
def test_evaluating_never_raises(context: Any, key: str) -> None:
    with Client(source=InMemorySource(*FLAGS)) as client:
        assert client.boolean(key, context, default=True) in (True, False)
        assert client.string("text", context, default="d") in ("d", "#000")
        assert client.evaluation([], context, default=1).value == 1  # type: ignore[arg-type]
        client.explain(key, context)


class Raising:
    """A context's key that is taken for another one, and raises when it is compared with it."""

    def __hash__(self) -> int:
        return hash("targetingKey")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")


@pytest.mark.parametrize("asked", [1, 2, 3])
def test_a_context_that_raises_is_answered_and_counted_once_each_time(asked: int) -> None:
    rollout = flag("half").on().split(on=50, off=50)
    with Client(source=InMemorySource(rollout)) as client:
        for _ in range(asked):
            odd: Any = {Raising(): "u1"}
            result = client.evaluation("half", odd, default="mine")
            assert (result.value, result.error_code) == ("mine", ErrorCode.GENERAL)
            assert client.boolean("half", odd, default=True) is True
        counts = {(count.reason, count.count) for count in client._counts()}
    assert counts == {(Reason.ERROR, 2 * asked)}


def test_pinned_rules_stay_while_the_client_moves_on() -> None:
    source = InMemorySource(flag("a").on())
    with Client(source=source) as client:
        pinned = client.rules()
        source.put(flag("a").off())
        assert (pinned.boolean("a"), client.boolean("a")) == (True, False)
        assert (pinned.revision, client.rules().revision) == (1, 2)
        assert list(pinned.flag_keys()) == ["a"]
        assert (pinned.kind("a"), pinned.kind("b")) == ("boolean", None)


def test_explaining_says_what_evaluating_answers(client: Client) -> None:
    explanation = client.explain("text", U1)
    assert explanation.evaluation == client.evaluation("text", U1)
    assert explanation.steps


def test_overrides_go_before_every_rule_until_they_are_removed() -> None:
    with Client(source=InMemorySource(flag("a").on()), overrides={"b": "env"}) as client:
        assert client.string("b") == "env"
        with client.override("a", False):
            result = client.evaluation("a", default=True)
            assert (result.value, result.reason, result.rule_id) == (False, Reason.RULE_MATCH, "override")
            with client.override("a", "nested"):
                assert client.evaluation("a").value == "nested"
                assert client.boolean("a", default=True) is True
            assert client.boolean("a", default=True) is False
            assert client.explain("a").evaluation.rule_id == "override"
            assert client.explain("b").evaluation.value == "env"
        assert client.boolean("a") is True
        lasting = client.override("a", False)
        lasting.remove()
        lasting.remove()
        assert client.boolean("a") is True


def test_overrides_survive_a_change_of_the_flags_and_are_not_counted() -> None:
    source = InMemorySource(flag("a").on())
    with Client(source=source) as client, client.override("a", False):
        source.put(flag("a").on(), flag("c").on())
        assert client.boolean("a", default=True) is False
        assert client.boolean("c") is True
        assert {count.flag for count in client._counts()} == {"c"}


def test_hooks_see_each_evaluation_and_one_that_raises_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str, Any, Any]] = []

    def bad(*_: object) -> None:
        raise RuntimeError("a bug of the application")

    with Client(source=InMemorySource(flag("a").on()), hooks=[bad, lambda *call: seen.append(call)]) as client:
        for _ in range(3):
            assert client.boolean("a", U1) is True
        client.explain("a", U1)
    assert [(key, context, result.value) for key, context, result in seen] == [("a", U1, True)] * 3
    assert caplog.text.count("an evaluation hook raised") == 1


def test_a_client_of_nothing_serves_defaults_and_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENNON_URL", raising=False)
    with Client(overrides={"a": True}) as client:
        assert not client.wait_until_ready(5)
        assert client.boolean("a") is True
        result = client.evaluation("b", default=3)
        assert (result.value, result.error_code) == (3, ErrorCode.PROVIDER_NOT_READY)
        assert client.explain("b", default=3).evaluation == result
        assert (list(client.rules().flag_keys()), client.rules().kind("b"), client.rules().revision) == ([], None, 0)


def test_uncounted_rules_keep_overrides_and_leave_out_hooks_and_counts() -> None:
    seen: list[str] = []
    hooks = [lambda flag, context, result: seen.append(flag)]
    with Client(source=InMemorySource(flag("a").on()), overrides={"b": "env"}, hooks=hooks) as client:
        quiet = client.rules().uncounted()
        assert quiet is client.rules().uncounted()
        assert (quiet.boolean("a"), quiet.string("b")) == (True, "env")
        assert (seen, list(client._counts())) == ([], [])


def test_a_client_that_knows_nothing_yet_has_uncounted_rules_too() -> None:
    assert NoRules("not yet").uncounted().evaluate("a", {}, 1).value == 1
