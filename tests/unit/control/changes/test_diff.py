"""Differences of items, field by field."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.changes.diff import FieldChange, ItemChange, diff_edits, diff_items, diff_texts
from pennon.control.log import Edit, Stored
from pennon.model import Flag, Item, Segment, Variation
from tests.unit.control.changes.build import BETA, GERMANS, flag, split


def diff(before: Any, after: Any) -> ItemChange | None:
    kind = type(before or after).__name__.lower()
    texts = (None if model is None else Item.of(model).text for model in (before, after))
    return diff_texts((kind, (before or after).key), *texts)


def fields(before: Any, after: Any) -> list[FieldChange]:
    change = diff(before, after)
    return [] if change is None else list(change.fields)


def values(*listed: Any) -> list[FieldChange]:
    """The difference of a flag's value that was the first and is the second."""
    first, second = (flag(kind="object", variations=(Variation("v", value),)) for value in listed)
    return fields(first, second)


def test_items_that_say_the_same_do_not_differ_whatever_their_versions() -> None:
    assert diff(flag(), flag(version=7, changed_at=9)) is None


def test_created_and_deleted_items_are_told_whole() -> None:
    created, deleted = diff(None, Segment("beta", salt="s")), diff(Segment("beta", salt="s"), None)
    assert created is not None
    assert deleted is not None
    assert (created.what, created.fields) == ("created", (FieldChange("", after={"key": "beta", "salt": "s"}),))
    assert (deleted.what, deleted.fields) == ("deleted", (FieldChange("", before={"key": "beta", "salt": "s"}),))


def test_a_field_is_told_with_both_sides() -> None:
    assert fields(flag(), flag(on=False)) == [FieldChange("/on", before=True, after=False)]


def test_a_field_at_its_default_is_left_out() -> None:
    assert fields(flag(), flag(critical=True)) == [FieldChange("/critical", after=True)]
    assert fields(flag(critical=True), flag()) == [FieldChange("/critical", before=True)]


def test_rules_are_compared_by_their_id() -> None:
    served = msgspec.structs.replace(BETA, serve=GERMANS.serve)
    found = fields(flag(rules=(GERMANS, BETA)), flag(rules=(served,)))
    assert [(change.path, change.before) for change in found] == [
        ("/rules/0", msgspec.json.decode(msgspec.json.encode(GERMANS))),
        ("/rules/0/serve/variation", "off"),
    ]


def test_a_first_rule_is_told_as_the_rule_that_came() -> None:
    assert [change.path for change in fields(flag(), flag(rules=(GERMANS,)))] == ["/rules/0"]


def test_another_order_is_told_by_the_names() -> None:
    assert fields(flag(rules=(GERMANS, BETA)), flag(rules=(BETA, GERMANS))) == [
        FieldChange("/rules", before=["r1", "r2"], after=["r2", "r1"])
    ]


def test_of_a_list_of_keys_those_that_came_and_went_are_told() -> None:
    before, after = Segment("s", included=("a", "b", "c")), Segment("s", included=("a", "c", "d"))
    assert fields(before, after) == [
        FieldChange("/included/1", before="b"),
        FieldChange("/included/2", after="d"),
    ]


def test_weights_are_compared_in_their_places() -> None:
    before, after = split(("on", 10_000), ("off", 90_000)), split(("on", 20_000), ("off", 80_000))
    assert fields(flag(fallthrough=before), flag(fallthrough=after)) == [
        FieldChange("/fallthrough/split/weights/0/weight", before=10_000, after=20_000),
        FieldChange("/fallthrough/split/weights/1/weight", before=90_000, after=80_000),
    ]


def test_true_and_one_are_different() -> None:
    assert values([1, "a"], [True, "a"]) == [
        FieldChange("/variations/0/value/0", before=1),
        FieldChange("/variations/0/value/0", after=True),
    ]
    assert values({"a": 1}, {"a": 1.0}) == [FieldChange("/variations/0/value/a", before=1, after=1.0)]


def test_lists_without_names_differ_in_the_middle_only() -> None:
    assert values([[1], [2], [3]], [[1], [2], [2], [3]]) == [FieldChange("/variations/0/value/2", after=[2])]
    assert values(["a", "a", "b"], ["a", "b"]) == [FieldChange("/variations/0/value/1", before="a")]


def test_names_of_members_are_escaped() -> None:
    assert values({"a/b": 1}, {"a/b": 2})[0].path == "/variations/0/value/a~1b"


def test_states_and_edits_are_told_in_the_same_order() -> None:
    def stored(kind: str, model: Flag | Segment) -> Stored:
        item = Item.of(model)
        return Stored(kind, item.key, item.version, item.changed_at, item.hash, item.text)

    one, other = stored("flag", flag("a")), stored("segment", Segment("s"))
    changed = stored("flag", flag("a", on=False))
    before = {"flag": {"a": one}}
    after = {"segment": {"s": other}, "flag": {"a": changed, "b": stored("flag", flag("b"))}}
    told = [(item.kind, item.key, item.what) for item in diff_items(before, after)]
    assert told == [("flag", "a", "changed"), ("flag", "b", "created"), ("segment", "s", "created")]
    edits = [Edit("segment", "s", None, other.text), Edit("flag", "a", one.text, changed.text)]
    assert [item.kind for item in diff_edits(edits)] == ["flag", "segment"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", 1.0, 0.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "key", "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert values(value, value) == []


@given(before=JSON, after=JSON)
def test_values_that_differ_are_told_to(before: Any, after: Any) -> None:
    same = msgspec.json.encode(before, order="sorted") == msgspec.json.encode(after, order="sorted")
    assert (values(before, after) == []) is same
