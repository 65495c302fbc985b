"""Shares, choices, keys, and where the two SDKs differ: each row of the table is a trap that somebody fell into."""

from typing import Any

import pytest

from pennon.engine.dialects.unleash import DIALECTS
from pennon.engine.dialects.unleash.constraints import NotCompiled
from pennon.model import Condition, Segment, Split, Weight
from tests.unit.engine.dialects.unleash.build import NOW, OWNER, constraint, holds

HASHES = {"python": "murmur3-utf8", "node": "murmur3-utf16lo"}
BOTH = pytest.mark.parametrize("dialect", ["python", "node"])


def share(dialect: str, salt: str | None, to: float | None, by: str | None = "userId", **more: Any) -> Condition:
    return Condition("inBucket", by=by, salt=salt, hash=HASHES[dialect], from_=0, to=to, **more)


def choice(dialect: str, salt: str, *weights: int, by: str = "userId") -> Split:
    named = tuple(Weight(str(index), weight) for index, weight in enumerate(weights))
    return Split(named, by=by, salt=salt, hash=HASHES[dialect])


@BOTH
@pytest.mark.parametrize(("unit", "place"), [("1", 57), ("2", 84), ("alice", 9), ("bob", 39)])
def test_a_rollout_takes_the_places_below_its_share(dialect: str, unit: str, place: int) -> None:
    assert not holds(dialect, share(dialect, "checkout", place), {"userId": unit})
    assert holds(dialect, share(dialect, "checkout", place + 1), {"userId": unit})
    assert not holds(dialect, share(dialect, "checkout", place + 1, negate=True), {"userId": unit})


@BOTH
@pytest.mark.parametrize(("unit", "index"), [("alice", 1), ("bob", 0)])
def test_variants_are_hashed_with_a_seed_of_their_own(dialect: str, unit: str, index: int) -> None:
    split = choice(dialect, "checkout", 333, 333, 334)
    assert DIALECTS[dialect].split(split, OWNER)({"userId": unit}, NOW) == index


@pytest.mark.parametrize(("dialect", "index"), [("python", 0), ("node", 1)])
def test_a_name_beyond_ascii_gets_another_variant_from_each(dialect: str, index: int) -> None:
    chosen = DIALECTS[dialect].split(choice(dialect, "flagvar", 500, 500), OWNER)
    assert chosen({"targetingKey": "Łukasz"}, NOW) == index
    assert chosen({"targetingKey": "alice"}, NOW) == 1


@BOTH
def test_without_a_salt_it_is_the_flags(dialect: str) -> None:
    assert holds(dialect, share(dialect, None, 100), {"userId": "u"})
    split = Split((Weight("a", 1), Weight("b", 1)), by="userId", hash=HASHES[dialect])
    named = choice(dialect, OWNER.salt, 1, 1)
    found = [DIALECTS[dialect].split(each, OWNER)({"userId": "u7"}, NOW) for each in (split, named)]
    assert found[0] == found[1]


@BOTH
def test_a_share_without_bounds_is_everybody_with_an_id(dialect: str) -> None:
    everybody = Condition("inBucket", by="region", salt="g", hash=HASHES[dialect])
    assert holds(dialect, everybody, {"region": "DE"})
    assert not holds(dialect, everybody, {})


@BOTH
def test_the_whole_by_default_needs_no_id_and_a_part_does(dialect: str) -> None:
    assert holds(dialect, share(dialect, "g", 100, by=None), {})
    assert not holds(dialect, share(dialect, "g", 99, by="default"), {})
    assert not holds(dialect, share(dialect, "g", 99, by="random"), {"userId": "u"})


@BOTH
def test_a_choice_without_an_id_is_none(dialect: str) -> None:
    assert DIALECTS[dialect].split(choice(dialect, "g", 1, 1), OWNER)({}, NOW) is None
    assert DIALECTS[dialect].split(choice(dialect, "g", 1, 1, by="random"), OWNER)({}, NOW) is None


@BOTH
def test_one_variant_with_weight_needs_no_id(dialect: str) -> None:
    assert DIALECTS[dialect].split(choice(dialect, "g", 0, 5, 0), OWNER)({}, NOW) == 1


@BOTH
@pytest.mark.parametrize("weights", [(0, 0), (-1, 2), (0.5, 1)], ids=["nothing", "negative", "fraction"])
def test_weights_that_are_none_are_refused(dialect: str, weights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="weights are integers"):
        DIALECTS[dialect].split(choice(dialect, "g", *weights), OWNER)


@BOTH
def test_another_hash_is_refused(dialect: str) -> None:
    with pytest.raises(ValueError, match="none of Unleash's"):
        DIALECTS[dialect].condition(Condition("inBucket", hash="fnv1a-v1"), OWNER)


@BOTH
def test_a_list_of_targeting_keys_reads_the_users_id(dialect: str) -> None:
    key = DIALECTS[dialect].key("targetingKey")
    assert key({"targetingKey": "u1"}) == "u1"
    assert key({"userId": "u2", "targetingKey": "u1"}) == "u2"
    assert key({}) is None
    assert DIALECTS[dialect].key("region")({"region": "DE"}) == "DE"


@BOTH
def test_a_segments_share_has_the_segments_salt(dialect: str) -> None:
    test = DIALECTS[dialect].condition(share(dialect, None, 58), Segment("s", salt="checkout"))
    assert test({"userId": "1"}, NOW)


# What differs: a condition, a context, what the Rust core says, what Node says.
DIFFERENCES: list[tuple[str, Condition, dict[str, Any], bool, bool]] = [
    ("spaces", constraint("IN", [" 1 "]), {"x": "1"}, False, True),
    ("spaces-kept", constraint("IN", [" 1 "]), {"x": " 1 "}, True, False),
    ("empty-text", constraint("STR_CONTAINS", [""]), {"x": "a"}, True, False),
    ("whole-float", constraint("IN", ["12.0"]), {"x": 12.0}, True, False),
    ("whole-float-node", constraint("IN", ["12"]), {"x": 12.0}, False, True),
    ("true", constraint("IN", ["True"]), {"x": True}, True, False),
    ("true-node", constraint("IN", ["true"]), {"x": True}, False, True),
    ("null", constraint("IN", ["None"]), {"x": None}, True, False),
    ("epsilon", constraint("NUM_EQ", "1"), {"x": "1.0000000000000001"}, True, True),
    ("epsilon-above", constraint("NUM_EQ", "0.3"), {"x": "0.30000000000000004"}, True, False),
    ("hexadecimal", constraint("NUM_EQ", "5"), {"x": "0x5"}, False, True),
    ("empty-number", constraint("NUM_EQ", "0"), {"x": ""}, False, True),
    ("infinity", constraint("NUM_GT", "5"), {"x": "inf"}, True, False),
    ("version-as-number", constraint("NUM_GT", "1.2.3"), {"x": "1.3.0"}, True, False),
    ("number-as-version", constraint("SEMVER_GT", "5"), {"x": "6"}, True, False),
    ("v", constraint("SEMVER_EQ", "v1.2.3"), {"x": "1.2.3"}, False, True),
    ("v-inverted", constraint("SEMVER_EQ", "v1.2.3", inverted=True), {"x": "1.2.4"}, False, True),
    ("version-with-spaces", constraint("SEMVER_EQ", "1.2.3"), {"x": " 1.2.3"}, False, True),
    ("digit-of-another-script", constraint("REGEX", r"^\d$"), {"x": "٣"}, True, False),
    ("prefix-in-context", constraint("IN_CIDR", ["10.0.0.0/8"]), {"x": "10.1.0.0/16"}, False, True),
    ("network-mask", constraint("IN_CIDR", ["10.0.0.0/255.0.0.0"]), {"x": "10.1.0.0"}, True, False),
]


@pytest.mark.parametrize(
    ("condition", "context", "python", "node"), [row[1:] for row in DIFFERENCES], ids=[row[0] for row in DIFFERENCES]
)
def test_where_the_two_differ(condition: Condition, context: dict[str, Any], python: bool, node: bool) -> None:
    assert holds("python", condition, context) is python
    assert holds("node", condition, context) is node


@BOTH
def test_an_empty_id_is_one_to_the_rust_core_alone(dialect: str) -> None:
    everybody_with_an_id = share(dialect, "g", 100, by="userId")
    assert holds(dialect, everybody_with_an_id, {"userId": ""}) is (dialect == "python")


def test_an_address_is_an_id_for_variants_to_node_alone() -> None:
    context = {"remoteAddress": "10.0.0.1"}
    found = {
        name: DIALECTS[name].split(choice(name, "g", 1, 1, by="default"), OWNER)(context, NOW) for name in DIALECTS
    }
    assert found["python"] is None
    assert found["node"] is not None


def test_an_id_that_is_no_text_is_one_for_variants_to_the_rust_core_alone() -> None:
    found = {
        name: DIALECTS[name].split(choice(name, "g", 1, 1, by="default"), OWNER)({"userId": 5}, NOW)
        for name in DIALECTS
    }
    assert found["python"] is not None
    assert found["node"] is None


@pytest.mark.parametrize(("dialect", "expected"), [("python", False), ("node", True)])
def test_a_date_is_of_the_field_to_the_rust_core_and_of_now_to_node(dialect: str, expected: bool) -> None:
    condition = constraint("DATE_AFTER", "2020-01-01T00:00:00Z", field="signedUp")
    context = {"signedUp": "2019-01-01T00:00:00Z", "currentTime": "2024-01-01T00:00:00Z"}
    assert holds(dialect, condition, context) is expected


@pytest.mark.parametrize(
    "condition",
    [
        constraint("DATE_AFTER", "2020-01-01"),
        constraint("DATE_AFTER", "2020-13-01T00:00:00Z"),
        constraint("SOUNDS_LIKE", ["a"]),
        constraint("STR_SOUNDS", ["a"]),
        constraint("NUM_ABOUT", "5"),
        constraint("NUM_EQ"),
        constraint("NUM_EQ", "abc"),
        constraint("SEMVER_EQ"),
        constraint("SEMVER_EQ", "01.2.3"),
        constraint("STR_CONTAINS", []),
        constraint("STR_CONTAINS"),
        constraint("IN_CIDR", []),
    ],
    ids=str,
)
def test_what_the_rules_grammar_does_not_take_is_told_from_what_we_do_not(condition: Condition) -> None:
    with pytest.raises(NotCompiled):
        DIALECTS["python"].condition(condition, OWNER)
    if condition.value["operator"] != "IN_CIDR" and condition.value.get("operator") != "STR_CONTAINS":
        DIALECTS["node"].condition(condition, OWNER)


@pytest.mark.parametrize("inverted", [False, True], ids=["plain", "inverted"])
@pytest.mark.parametrize("operator", ["SOUNDS_LIKE", "NUM_ABOUT", "SEMVER_ABOUT", "DATE_ABOUT"])
def test_to_node_an_unknown_operator_never_holds(operator: str, inverted: bool) -> None:
    assert not holds("node", constraint(operator, "5", inverted=inverted), {"x": "5"})


@pytest.mark.parametrize(
    "condition",
    [
        constraint("NUM_EQ", "5 or true"),
        constraint("NUM_EQ", "5) or (true"),
        constraint("DATE_AFTER", "2024-01-01T00:00:00Z and true"),
        constraint("IN", ["a\\"]),
        constraint("REGEX", "a\\"),
        constraint("IN", ["a"], field='a"b'),
        constraint("IN", ["a"], field="a\\"),
        Condition("expression", value={"name": "remoteAddress", "parameters": {"IPs": '1.1.1.1"'}}),
        Condition("expression", value={"name": "userWithId", "parameters": {"userIds": "a"}}),
    ],
    ids=str,
)
def test_what_the_rust_core_would_read_as_rules_is_refused(condition: Condition) -> None:
    with pytest.raises(ValueError, match=r"part of its rules|not known here") as refused:
        DIALECTS["python"].condition(condition, OWNER)
    assert not isinstance(refused.value, NotCompiled)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (constraint("IN", field="x"), "no values"),
        (constraint("IN", ["a"], field="constructor"), "finds 'constructor' in every context"),
        (Condition("expression", value={"name": "sounds", "parameters": {}}), "not known here"),
    ],
    ids=["values", "inherited", "strategy"],
)
def test_what_node_fails_on_is_refused(condition: Condition, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DIALECTS["node"].condition(condition, OWNER)


@BOTH
def test_an_override_is_of_a_value_to_the_letter(dialect: str) -> None:
    override = Condition("expression", value={"override": {"contextName": "x", "values": ["", " a "]}})
    assert [holds(dialect, override, {"x": text}) for text in (" a ", "a", "")] == [True, False, True]
    assert not holds(dialect, override, {})


@BOTH
@pytest.mark.parametrize(
    ("operator", "expected"),
    [("IN", False), ("NOT_IN", True), ("STR_CONTAINS", False), ("NUM_GT", False), ("SEMVER_GT", False)],
)
def test_a_missing_field_is_not_in_and_nothing_else(dialect: str, operator: str, expected: bool) -> None:
    value: Any = "1.0.0" if operator.startswith("SEMVER") else "1" if operator.startswith("NUM") else ["a"]
    assert holds(dialect, constraint(operator, value), {}) is expected
    assert holds(dialect, constraint(operator, value, inverted=True), {}) is not expected


@BOTH
def test_a_property_within_properties_comes_first(dialect: str) -> None:
    context = {"x": "outer", "properties": {"x": "inner"}}
    assert holds(dialect, constraint("IN", ["inner"]), context)
    assert not holds(dialect, constraint("IN", ["outer"]), context)
    assert holds(dialect, constraint("IN", ["u"], field="userId"), {"properties": {"userId": "u"}})


def test_a_property_called_properties_is_one_where_it_is_no_object() -> None:
    condition = constraint("IN", ["5"], field="properties")
    assert holds("python", condition, {"properties": 5})
    assert not holds("python", condition, {"properties": {"x": 5}})
    assert holds("python", condition, {"properties": {"properties": 5}})


@BOTH
def test_the_time_is_the_contexts_or_nows(dialect: str) -> None:
    later = constraint("DATE_AFTER", "2023-01-01T00:00:00Z", field="currentTime")
    assert holds(dialect, later, {})
    assert not holds(dialect, later, {"currentTime": "2022-01-01T00:00:00Z"})
    assert not holds(dialect, constraint("DATE_AFTER", "2023-01-01T00:00:00Z", field="currentTime", inverted=True), {})


@BOTH
@pytest.mark.parametrize("inverted", [False, True], ids=["plain", "inverted"])
def test_without_a_clock_no_condition_about_time_holds(dialect: str, inverted: bool) -> None:
    condition = constraint("DATE_AFTER", "2023-01-01T00:00:00Z", field="currentTime", inverted=inverted)
    assert not holds(dialect, condition, {}, now=None)


def test_the_time_is_a_text_to_the_rust_core() -> None:
    condition = constraint("STR_STARTS_WITH", ["2023-11-14T22:13:20"], field="currentTime")
    assert holds("python", condition, {})
    assert not holds("python", condition, {}, now=None)
    assert holds("python", condition, {"currentTime": "2023-11-14T22:13:20!"})


def test_nodes_strategies_read_the_context_in_their_own_ways() -> None:
    def strategy(name: str, **parameters: str) -> Condition:
        return Condition("expression", value={"name": name, "parameters": parameters})

    listed = strategy("userWithId", userIds="a , b")
    assert [holds("node", listed, {"userId": each}) for each in ("a", "b", "c", 5)] == [True, True, False, False]
    assert not holds("node", strategy("userWithId"), {"userId": ""})
    gradual = strategy("gradualRolloutUserId", percentage="100", groupId="g")
    assert [holds("node", gradual, {"userId": each}) for each in ("a", 5, 0, "")] == [True, True, False, False]
    assert not holds("node", strategy("gradualRolloutSessionId", percentage="x"), {"sessionId": "s"})
    addresses = strategy("remoteAddress", IPs="10.0.0.0/8, text")
    assert [holds("node", addresses, {"remoteAddress": each}) for each in ("10.1.1.1", "text", "x", 5)] == [
        True,
        True,
        False,
        False,
    ]
    assert not holds("node", strategy("remoteAddress"), {"remoteAddress": ""})
    machines = strategy("applicationHostname", hostNames="Web-1, web-2")
    assert [holds("node", machines, {"hostname": each}) for each in ("WEB-1", "web-3", 5)] == [True, False, False]
    assert not holds("node", strategy("applicationHostname"), {"hostname": ""})


def test_the_python_sdk_never_knows_its_machine() -> None:
    machines = Condition("expression", value={"name": "applicationHostname", "parameters": {"hostNames": "web"}})
    assert not holds("python", machines, {"hostname": "web"})
    addresses = Condition("expression", value={"name": "remoteAddress", "parameters": {}})
    assert not holds("python", addresses, {"remoteAddress": "10.0.0.1"})


@BOTH
@pytest.mark.parametrize(
    "document", [None, "x", {}, {"contextName": "x"}, {"contextName": "x", "operator": 5}], ids=str
)
def test_an_expression_that_is_none_is_refused(dialect: str, document: Any) -> None:
    with pytest.raises(ValueError, match=r"an expression is an object|contextName and an operator"):
        DIALECTS[dialect].condition(Condition("expression", value=document), OWNER)


@BOTH
def test_an_expression_is_negated_whole(dialect: str) -> None:
    document = constraint("IN", ["a"]).value
    assert not holds(dialect, Condition("expression", value=document, negate=True), {"x": "a"})
    assert holds(dialect, Condition("expression", value=document, negate=True), {})


@BOTH
def test_texts_are_compared_in_lower_case_where_case_is_ignored(dialect: str) -> None:
    for operator, value in (("STR_CONTAINS", "TRAß"), ("STR_STARTS_WITH", "STR"), ("STR_ENDS_WITH", "SSE")):
        condition = constraint(operator, [value], caseInsensitive=True)
        assert holds(dialect, condition, {"x": "straße" if value == "TRAß" else "strasse"})
        assert not holds(dialect, condition, {"x": "gasse?"})
        assert not holds(dialect, constraint(operator, [value]), {"x": "straße"})


@BOTH
def test_built_in_fields_that_are_no_texts_are_read_as_texts(dialect: str) -> None:
    assert holds(dialect, constraint("IN", ["5"], field="sessionId"), {"sessionId": 5})
    assert holds(dialect, constraint("IN", ["s"], field="sessionId"), {"properties": {"sessionId": "s"}})
    assert not holds(dialect, constraint("IN", ["s"], field="sessionId"), {})


@pytest.mark.parametrize(("dialect", "expected"), [("python", True), ("node", False)])
def test_a_pattern_that_is_missing_is_empty_to_the_rust_core_alone(dialect: str, expected: bool) -> None:
    assert holds(dialect, constraint("REGEX"), {"x": "a"}) is expected


@BOTH
def test_networks_of_both_families_in_one_list(dialect: str) -> None:
    condition = constraint("IN_CIDR", ["10.0.0.0/8", "2001:db8::/32", "bad"])
    found = [holds(dialect, condition, {"x": each}) for each in ("10.1.1.1", "2001:db8::1", "11.0.0.1", "bad", 5)]
    assert found == [True, True, False, False, False]


def test_a_version_longer_than_npm_reads_is_none_to_node() -> None:
    condition = constraint("SEMVER_GT", "1.0.0")
    assert holds("node", condition, {"x": "2.0.0+" + "a" * 250})
    assert not holds("node", condition, {"x": "2.0.0+" + "a" * 251})


def test_a_version_without_a_value_holds_for_nobody_to_node() -> None:
    assert not holds("node", constraint("SEMVER_GT"), {"x": "1.0.0"})
    assert holds("node", constraint("SEMVER_GT", inverted=True), {"x": "1.0.0"})
