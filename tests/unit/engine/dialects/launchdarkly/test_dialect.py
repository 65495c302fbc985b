"""Conditions, splits and lists of flags imported from LaunchDarkly."""

from typing import Any

import pytest

from pennon.engine.dialects.launchdarkly import DIALECTS, LaunchDarkly
from pennon.engine.dialects.launchdarkly.dialect import MalformedFlag
from pennon.model import Compat, Condition, Flag, Segment, Serve, Split, Weight

FLAG = Flag(
    key="hashKey",
    salt="saltyA",
    variations=(),
    on=True,
    fallthrough=Serve(),
    compat=Compat("launchdarkly", "python"),
)
SEGMENT = Segment(key="hashKey", salt="saltyA")
MULTI = {"kind": "multi", "user": {"key": "u"}, "org": {"key": "o"}}


def _dialect(name: str) -> LaunchDarkly:
    found = DIALECTS[name]
    assert isinstance(found, LaunchDarkly)
    return found


def _holds(name: str, condition: Condition, context: dict[str, Any], owner: Flag | Segment = FLAG) -> bool:
    return _dialect(name).condition(condition, owner)(context, None)


def _each(condition: Condition, context: dict[str, Any]) -> list[bool]:
    return [_holds(name, condition, context, SEGMENT) for name in ("python", "node", "go")]


# Conditions


@pytest.mark.parametrize(
    ("context", "is_in", "is_not_in"),
    [
        ({"country": "DE"}, True, False),
        ({"country": "FR"}, False, True),
        ({}, False, False),
        ({"country": None}, False, False),
        ({"kind": "org", "country": "FR"}, False, False),
        ({"country": []}, False, True),
        ({"country": ["FR", "DE"]}, True, False),
        ({"country": ("FR", "DE")}, True, False),
        ({"country": ["FR"]}, False, True),
        ({"country": 5}, False, True),
    ],
)
def test_a_missing_attribute_matches_nothing_negated_or_not(
    context: dict[str, Any], is_in: bool, is_not_in: bool
) -> None:
    for negate, expected in ((False, is_in), (True, is_not_in)):
        condition = Condition(op="in", attribute="country", values=("DE",), negate=negate)
        assert _each(condition, context) == [expected] * 3


def test_the_kind_is_every_kind_of_the_context() -> None:
    of_org = Condition(op="in", attribute="kind", values=("org",))
    not_of_org = Condition(op="in", attribute="kind", values=("org",), negate=True)
    for context, expected in ((MULTI, True), ({"key": "u"}, False), ({"kind": "org", "key": "o"}, True)):
        assert _each(of_org, context) == [expected] * 3
        assert _each(not_of_org, context) == [not expected] * 3


def test_no_value_at_all_matches_nothing_and_negated_all_that_is_there() -> None:
    never = Condition(op="in", attribute="country")
    assert _each(never, {"country": "DE"}) == [False] * 3
    assert _each(Condition(op="in", attribute="country", negate=True), {"country": "DE"}) == [True] * 3


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (Condition(op="exists", attribute="a"), "no exists of 'a'"),
        (Condition(op="in", values=("a",)), "no in of None"),
        (Condition(op="in", attribute="org:/a//b"), "no reference"),
        (Condition(op="in", attribute="a", ignore_case=True), "no ignoreCase"),
        (Condition(op="expression", value=5), "a clause, an object"),
        (Condition(op="expression", value={"op": "in"}), "an op and values"),
        (Condition(op="expression", value={"op": 5, "values": []}), "an op and values"),
        (Condition(op="expression", value={"op": "likes", "values": [], "negate": True}), "no operator 'likes'"),
        (Condition(op="expression", value={"keys": []}), "keys are listed"),
        (Condition(op="inBucket", hash="sha1-60-f64"), "a share goes from one bucket to another"),
        (Condition(op="inBucket", hash="sha1-60-f64", from_=-1, to=5), "a share goes from one bucket to another"),
        (Condition(op="inBucket", hash="murmur3-utf8", from_=0, to=5), "no hash 'murmur3-utf8'"),
        (Condition(op="inBucket", from_=0, to=5), "no hash None"),
        (Condition(op="matches", attribute="a", values=("(?<!a)b",)), "cannot be searched for"),
    ],
)
def test_what_is_not_known_is_refused_and_not_guessed(condition: Condition, says: str) -> None:
    for name in DIALECTS:
        with pytest.raises(ValueError, match=says):
            _dialect(name).condition(condition, FLAG)


def test_a_clause_without_a_kind_names_an_attribute_and_with_one_refers_to_it() -> None:
    context = {"key": "u", "/a/b": "flat", "a": {"b": "deep"}}
    clause = {"op": "in", "attribute": "/a/b", "values": ["deep"]}
    assert _each(Condition(op="expression", value=clause), context) == [False] * 3
    assert _each(Condition(op="expression", value={**clause, "contextKind": "user"}), context) == [True] * 3
    negated = {**clause, "values": ["deep"], "negate": True}
    assert _each(Condition(op="expression", value=negated), context) == [True] * 3


@pytest.mark.parametrize("attribute", ["", "/", "/a//b", "/a~2", None])
def test_a_malformed_reference_is_an_error_in_python_only_where_the_kind_is_there(attribute: str | None) -> None:
    clause = {"op": "in", "attribute": attribute, "values": ["a"], "contextKind": "org", "negate": True}
    condition = Condition(op="expression", value=clause)
    for name in DIALECTS:
        with pytest.raises(MalformedFlag):
            _holds(name, condition, {**MULTI})
    if attribute is not None:
        assert _holds("python", condition, {"key": "u"}) is False
    for name in ("node", "go"):
        with pytest.raises(MalformedFlag):
            _holds(name, condition, {"key": "u"})


def test_an_empty_name_without_a_kind_is_malformed_too() -> None:
    with pytest.raises(MalformedFlag):
        _holds("python", Condition(op="expression", value={"op": "in", "attribute": "", "values": []}), {"key": "u"})


def test_the_members_beside_a_context_are_malformed_references_to_node() -> None:
    clause = {"op": "in", "attribute": "/_meta/a", "values": ["a"], "contextKind": "user", "negate": True}
    condition = Condition(op="expression", value=clause)
    assert [_holds(name, condition, {"key": "u"}) for name in ("python", "go")] == [False, False]
    with pytest.raises(MalformedFlag):
        _holds("node", condition, {"key": "u"})


def test_segments_that_are_not_there_have_nobody_in_them() -> None:
    clause = {"op": "segmentMatch", "attribute": "", "values": ["gone"]}
    assert _each(Condition(op="expression", value=clause), {"key": "u"}) == [False] * 3
    assert _each(Condition(op="expression", value={**clause, "negate": True}), {}) == [True] * 3


def test_nobody_of_another_kind_is_listed() -> None:
    keys = {"contextKind": "org", "values": ["o"]}
    listed, unlisted = (Condition(op="expression", value={"keys": keys, "negate": negate}) for negate in (False, True))
    contexts = (MULTI, {"kind": "org", "key": "p"}, {"key": "o"})
    assert [_holds("node", listed, context) for context in contexts] == [True, False, False]
    assert [_holds("node", unlisted, context) for context in contexts] == [False, True, True]


# Lists


def test_targets_list_the_keys_of_a_kind() -> None:
    context = {"kind": "multi", "user": {"targetingKey": "u"}, "org": {"key": "o"}}
    for name in DIALECTS:
        assert [_dialect(name).key(text)(context) for text in ("targetingKey", "org:targetingKey", "device:key")] == [
            "u",
            "o",
            None,
        ]


def test_nothing_but_keys_is_listed() -> None:
    with pytest.raises(ValueError, match="lists keys only"):
        _dialect("python").key("country")


def test_contexts_without_a_key_are_not_evaluated() -> None:
    assert [_dialect(name).accepts({"targetingKey": "u"}) for name in DIALECTS] == [True] * 3
    assert [_dialect(name).accepts({"targetingKey": 5}) for name in DIALECTS] == [False] * 3


# Splits

SHARES = (30_000, 30_000, 40_000)


def _split(*shares: int, by: str = "targetingKey", salt: str | None = None, hash_name: str = "sha1-60-f64") -> Split:
    weights = tuple(Weight(str(index), share) for index, share in enumerate(shares))
    return Split(weights=weights, by=by, salt=salt, hash=hash_name)


def _chosen(name: str, split: Split, context: dict[str, Any]) -> int | None:
    return _dialect(name).split(split, FLAG)(context, None)


@pytest.mark.parametrize("hash_name", ["sha1-60-f64", "sha1-60-f32"])
@pytest.mark.parametrize("name", ["python", "node", "go"])
def test_the_vendors_own_users_are_where_its_sdk_has_them(name: str, hash_name: str) -> None:
    split = _split(*SHARES, hash_name=hash_name)
    assert [_chosen(name, split, {"targetingKey": f"userKey{letter}"}) for letter in "ABC"] == [1, 2, 0]
    seeded = _split(9_000, 11_000, 70_000, 10_000, salt="61", hash_name=hash_name)
    assert [_chosen(name, seeded, {"targetingKey": f"userKey{letter}"}) for letter in "ABC"] == [1, 1, 3]


def test_single_and_double_precision_part_at_boundaries() -> None:
    double = _dialect("python").split(_split(*[25] * 4000), FLAG)
    single = _dialect("go").split(_split(*[25] * 4000, hash_name="sha1-60-f32"), FLAG)
    contexts = [{"targetingKey": f"u{number}"} for number in range(1000)]
    parted = sum(double(context, None) != single(context, None) for context in contexts)
    assert 0 < parted < 100


@pytest.mark.parametrize("value", [0.5, True, None, [1], {"a": 1}])
def test_what_cannot_be_hashed_is_in_bucket_zero(value: Any) -> None:
    for name in DIALECTS:
        assert _chosen(name, _split(0, 1, 99_999, by="plan"), {"key": "u", "plan": value}) == 1


def test_a_whole_float_is_hashed_but_in_python() -> None:
    split = _split(50_000, 50_000, by="plan")
    chosen = [_chosen(name, split, {"key": "u", "plan": 33333.0}) for name in ("python", "node", "go")]
    assert chosen == [0, 1, 1]
    assert [_chosen(name, split, {"key": "u", "plan": 33333}) for name in ("python", "node", "go")] == [1, 1, 1]


def test_who_lacks_the_kind_is_in_the_first_weight_and_in_node_and_go_the_first_that_is_not_empty() -> None:
    split = _split(0, 1, 99_999, by="org:targetingKey")
    assert [_chosen(name, split, {"key": "u"}) for name in ("python", "node", "go")] == [0, 1, 1]


def test_past_the_last_weight_is_the_last() -> None:
    for name in DIALECTS:
        assert _chosen(name, _split(1, 1, 1), {"key": "userKeyA"}) == 2
        assert _chosen(name, _split(0, 0), {"key": "userKeyA", "plan": None}) == 1


def test_the_kind_can_be_hashed_but_in_node() -> None:
    split = _split(1, 99_999, by="kind")
    assert [_chosen(name, split, {"key": "u"}) for name in ("python", "node", "go")] == [1, 0, 1]


def test_a_malformed_unit_is_an_error_in_python_only_where_the_kind_is_there() -> None:
    split = _split(50_000, 50_000, by="org:/a//b")
    assert _chosen("python", split, {"key": "u"}) == 0
    for name, context in (("python", MULTI), ("go", MULTI), ("go", {"key": "u"})):
        with pytest.raises(MalformedFlag):
            _chosen(name, split, context)


# Shares of segments' rules


def _share(to: int, *, by: str | None = None, start: int = 0, negate: bool = False) -> Condition:
    return Condition(op="inBucket", by=by, hash="sha1-60-f64", from_=start, to=to, negate=negate)


def test_a_share_holds_below_its_weight() -> None:
    context = {"targetingKey": "userKeyA"}
    assert _each(_share(42_157), context) == [False] * 3
    assert _each(_share(42_158), context) == [True] * 3
    assert _each(_share(42_158, negate=True), context) == [False] * 3
    assert _each(_share(100_000, start=42_158), context) == [False] * 3
    assert _each(_share(100_000, start=42_157), context) == [True] * 3


def test_the_sdks_disagree_about_who_lacks_the_kind_of_a_share() -> None:
    context = {"targetingKey": "userKeyA"}
    assert _each(_share(50_000, by="org:targetingKey"), context) == [True, True, False]
    assert _each(_share(0, by="org:targetingKey"), context) == [True, False, False]
