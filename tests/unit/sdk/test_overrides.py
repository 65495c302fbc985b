import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Reason
from pennon.sdk.errors import InvalidOverrides
from pennon.sdk.overrides import overriding, parse_overrides


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        (" , ", {}),
        ('new-checkout=on,theme="dark"', {"new-checkout": True, "theme": "dark"}),
        ("a=off, b=TRUE ,c=false", {"a": False, "b": True, "c": False}),
        ('limits={"max": 3, "list": [1, 2]},x=1', {"limits": {"max": 3, "list": [1, 2]}, "x": 1}),
        ("theme=dark mode,n=1.5,nothing=null", {"theme": "dark mode", "n": 1.5, "nothing": None}),
        ("version=1.2.3", {"version": "1.2.3"}),
        ("a=on,a=off", {"a": False}),
        ("empty=,x=on", {"empty": "", "x": True}),
        ('q="a,b=c"', {"q": "a,b=c"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_overrides_are_read_as_written(text: str, values: dict[str, Any]) -> None:
    assert parse_overrides(text) == values


@pytest.mark.parametrize("text", ["on", "=on", "a=on,b", "a=1,=2"])
def test_what_is_no_override_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(InvalidOverrides, match="expected flag=value, found"):
        parse_overrides(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidOverrides):
        assert all(parse_overrides(text))


def test_an_overridden_flag_says_so() -> None:
    result = overriding("dark")
    assert (result.value, result.reason, result.rule_id) == ("dark", Reason.RULE_MATCH, "override")
    assert result.flag_version is None
