"""A Pennon context as LaunchDarkly's: kinds, keys, references."""

from typing import Any

import pytest

from pennon.engine.dialects.launchdarkly.contexts import (
    Place,
    attribute_reader,
    individuals,
    is_kind,
    is_valid,
    key_of,
    key_reader,
    place,
    reference_steps,
)

MULTI = {
    "kind": "multi",
    "user": {"targetingKey": "u1", "country": "DE"},
    "org": {"key": "o1", "plan": {"name": "pro", "a/b": {"c~d": 5}}},
    "note": "no context",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("country", Place("user", ("country",))),
        ("targetingKey", Place("user", ("key",))),
        ("key", Place("user", ("key",))),
        ("/targetingKey", Place("user", ("targetingKey",))),
        ("/a/b", Place("user", ("a", "b"))),
        ("/a~1b~0c", Place("user", ("a/b~c",))),
        ("org:plan", Place("org", ("plan",))),
        ("org:/plan/name", Place("org", ("plan", "name"))),
        ("org:targetingKey", Place("org", ("key",))),
        ("/a:b", Place("user", ("a:b",))),
        ("org:/a//b", Place("org", ())),
        ("org:", Place("org", ())),
        ("a b:c", Place("user", ("a b:c",))),
    ],
)
def test_a_place_is_a_kind_and_a_reference(text: str, expected: Place) -> None:
    assert place(text) == expected


@pytest.mark.parametrize(
    "where",
    [
        Place("user", ("country",)),
        Place("user", ("key",)),
        Place("user", ("targetingKey",)),
        Place("user", ("/odd",)),
        Place("user", ("a:b",)),
        Place("user", ("a", "b/c", "~")),
        Place("org", ("key",)),
        Place("org", ("a:b",)),
        Place("org", ("plan", "name")),
    ],
)
def test_a_place_is_read_back_from_its_text(where: Place) -> None:
    assert place(where.text) == where


@pytest.mark.parametrize("reference", ["", "/", "//a", "/a/", "/a//b", "/a~2", "/a~"])
def test_malformed_references_lead_nowhere(reference: str) -> None:
    assert reference_steps(reference) == ()


def test_a_reference_without_a_slash_is_a_name_whatever_else_is_in_it() -> None:
    assert reference_steps("a~1/b") == ("a~1/b",)


@pytest.mark.parametrize(
    ("individual", "key"),
    [
        ({"targetingKey": "a", "key": "b"}, "a"),
        ({"key": "b"}, "b"),
        ({"targetingKey": "", "key": "b"}, "b"),
        ({"targetingKey": 5}, None),
        ({"targetingKey": None, "key": ""}, None),
        ({}, None),
    ],
)
def test_the_key_is_a_string_that_is_not_empty(individual: dict[str, Any], key: str | None) -> None:
    assert key_of(individual) == key


@pytest.mark.parametrize(
    ("context", "is_taken"),
    [
        ({"targetingKey": "a"}, True),
        ({"kind": "org", "key": "a"}, True),
        ({"kind": "", "key": "a"}, True),
        ({"kind": 7, "key": "a"}, True),
        (MULTI, True),
        ({}, False),
        ({"targetingKey": 5}, False),
        ({"kind": "a b", "key": "a"}, False),
        ({"kind": "kind", "key": "a"}, False),
        ({"kind": "multi"}, False),
        ({"kind": "multi", "user": {}}, False),
        ({"kind": "multi", "user": {"key": "a"}, "a b": {"key": "b"}}, False),
        ({"kind": "multi", "user": {"key": "a"}, "targetingKey": {"key": "b"}}, True),
    ],
)
def test_a_context_needs_kinds_with_names_and_keys(context: dict[str, Any], is_taken: bool) -> None:
    assert is_valid(context) is is_taken


def test_kinds_have_letters_digits_and_three_marks() -> None:
    assert [is_kind(name) for name in ("user", "a.b_c-1", "multi", "kind", "ä", "", 5)] == [True, True] + [False] * 5


def test_individual_contexts_are_found_by_kind() -> None:
    assert list(individuals(MULTI)) == ["user", "org"]
    assert individuals({"kind": None, "key": "a"}) == {"user": {"kind": None, "key": "a"}}
    assert list(individuals({"kind": "org", "key": "a"})) == ["org"]


@pytest.mark.parametrize(
    ("context", "kind", "key"),
    [
        (MULTI, "user", "u1"),
        (MULTI, "org", "o1"),
        (MULTI, "note", None),
        (MULTI, "targetingKey", None),
        ({"kind": "org", "key": "o"}, "user", None),
        ({"kind": "org", "key": "o"}, "org", "o"),
        ({"targetingKey": "u"}, "user", "u"),
    ],
)
def test_keys_are_found_by_kind(context: dict[str, Any], kind: str, key: str | None) -> None:
    assert key_reader(kind)(context) == key


@pytest.mark.parametrize(
    ("text", "context", "value"),
    [
        ("country", {"country": "DE"}, "DE"),
        ("country", MULTI, "DE"),
        ("org:/plan/name", MULTI, "pro"),
        ("org:/plan/a~1b/c~0d", MULTI, 5),
        ("org:/plan/name/first", MULTI, None),
        ("device:os", MULTI, None),
        ("key", {"targetingKey": "a", "key": "b"}, "a"),
        ("/key/x", {"key": "b"}, None),
        ("org:/kind/x", MULTI, None),
        ("/targetingKey", {"targetingKey": "a"}, None),
        ("_meta", {"_meta": {}}, None),
        ("privateAttributes", {"privateAttributes": ["a"]}, None),
        ("name", {"name": "Ann"}, "Ann"),
        ("name", {"name": 5}, None),
        ("anonymous", {}, False),
        ("anonymous", {"anonymous": "yes"}, False),
        ("anonymous", {"anonymous": True}, True),
        ("kind", {}, "user"),
        ("/list/0", {"list": [1]}, None),
    ],
)
def test_attributes_are_found_by_place(text: str, context: dict[str, Any], value: Any) -> None:
    assert attribute_reader(place(text))(context) == value
