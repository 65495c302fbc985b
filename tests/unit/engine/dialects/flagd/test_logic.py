"""JSONLogic as flagd's Python SDK evaluates it, operator by operator, traps first."""

import math
from typing import Any

import pytest

from pennon.engine.dialects.flagd.logic import DEEPEST, KNOWN, Compiler, Missing
from pennon.engine.dialects.flagd.values import NoTime, Run, TooMuch
from pennon.engine.dialects.flagd.variants import NoVariant, Variants
from tests.unit.engine.dialects.flagd.build import given, owner

V = ("v1", "v2", "v3")
X = {"var": "x"}
ITEM = {"var": ""}
NESTED: dict[str, Any] = {"obj": {"a": [{"b": 7}, "text"], "null": None}, "list": ["p", "q"], "/x": "slash"}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("obj.a.0.b", 7),
        ("obj.a.length", 2),
        ("obj.a.1.length", 4),
        ("obj.a.1.0", "t"),
        ("list.1", "q"),
        ("list.2", None),
        ("list.01", None),
        ("list.-1", None),
        ("list.first", None),
        ("obj.null", None),
        ("obj.null.deeper", None),
        ("obj.a.0.b.deeper", None),
        ("gone", None),
        ("gone.deeper", None),
        ("/x", "slash"),
        ("list.", None),
        ("$flagd.flagKey", "frac"),
        ("$flagd.timestamp", 1_700_000_000),
        ("$flagd.timestamp.deeper", None),
        ("$flagd", {"flagKey": "frac", "timestamp": 1_700_000_000}),
        ("targetingKey", None),
        ("targetingKey.length", None),
    ],
)
def test_variables(key: str, expected: Any) -> None:
    assert given({"var": key}, **NESTED) == expected
    assert given({"var": [key, "default"]}, **NESTED) == ("default" if expected is None else expected)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        *(("", ["p", "q"]), (None, ["p", "q"]), (1, "q"), (1.0, "q"), (True, "q"), (0.5, None), (2, None), (-1, None)),
        *(("length", 2), ([], ["p", "q"]), ({"cat": ["", 1]}, "q"), (math.nan, None), ([["1"]], "q")),
    ],
    ids=repr,
)
def test_variables_of_an_element(key: Any, expected: Any) -> None:
    found = given({"map": [{"var": "rows"}, {"var": key}]}, rows=[["p", "q"]])
    assert found == [expected]


@pytest.mark.parametrize(
    ("key", "expected"), [("a.b", 1), ("a", {"b": 1}), (5, "d"), (True, "d"), ("c", "d"), (["c"], "d")], ids=repr
)
def test_variables_of_an_object_within_an_array(key: Any, expected: Any) -> None:
    assert given({"map": [[X], {"var": [key, "d"]}]}, x={"a": {"b": 1}}) == [expected]


def test_a_number_finds_nothing_in_a_number_and_a_member_by_the_very_number() -> None:
    assert given({"map": [[1], {"var": 0}]}) == [None]
    assert given({"map": [[X], {"var": 5}]}, x={5: {"5": "found"}}) == ["found"]
    assert given({"var": [0, "none"]}) == "none"


def test_variables_take_a_path_and_a_default_alone() -> None:
    assert given({"var": []}, x=1)["x"] == 1
    assert given({"var": ["gone", X]}, x=1) == 1
    with pytest.raises(TypeError):
        given({"var": ["x", 1, 2]})


def test_the_targeting_key_is_read_from_where_it_is() -> None:
    assert given({"var": "targetingKey"}, targetingKey="u1") == "u1"
    assert given({"var": "targetingKey"}, targetingKey="") is None
    assert given({"var": "targetingKey.length"}, targetingKey="u1") == 2


def test_the_context_cannot_take_the_place_of_what_flagd_adds() -> None:
    context: dict[str, Any] = {"$flagd": {"flagKey": "mine", "other": 1}}
    assert given({"var": "$flagd.flagKey"}, **context) == "frac"
    assert given({"var": "$flagd.other"}, **context) is None


def test_the_time_is_needed_where_it_is_asked_for() -> None:
    with pytest.raises(NoTime):
        given({"var": "$flagd.timestamp"}, now=None)
    assert given({"var": "$flagd.flagKey"}, now=None) == "frac"


@pytest.mark.parametrize(
    ("logic", "expected"),
    [
        ({"==": ["1", 1]}, True),
        ({"==": [1]}, False),
        ({"!=": ["1", 1]}, False),
        ({"===": ["1", 1]}, False),
        ({"===": [1, True]}, True),
        ({"!==": ["1", 1]}, True),
        ({"<": [{"var": "gone"}, 5]}, True),
        ({">": ["5", "10"]}, True),
        ({"<": [1, 2, 3]}, True),
        ({"<": [1, 5, 3]}, False),
        ({"<=": [1, 1, 1, 0]}, True),
        ({">": [3, 2, None]}, True),
        ({">=": [3, 2]}, True),
        ({"!": []}, True),
        ({"!": [[]]}, True),
        ({"!": "0"}, False),
        ({"!!": ["0"]}, True),
        ({"!!": [[]]}, False),
        ({"+": ["1", 2, None]}, 3),
        ({"+": []}, 0),
        ({"*": ["3", 2]}, 6),
        ({"*": []}, 1),
        ({"-": 5}, -5),
        ({"-": [5, "3"]}, 2),
        ({"/": [7, 2]}, 3.5),
        ({"%": [-7, 3]}, 2),
        ({"min": [3, "1", True]}, 1),
        ({"max": [3, "10"]}, 10),
        ({"in": ["b", ["a", "b"]]}, True),
        ({"in": [1, ["a", True]]}, True),
        ({"in": ["el", "hello"]}, True),
        ({"in": [1, "a1"]}, True),
        ({"in": [None, "null"]}, True),
        ({"in": ["a", None]}, False),
        ({"in": ["a", {}]}, False),
        ({"in": []}, False),
        ({"cat": ["k", True, None, 1.0, [1, 2]]}, "kTruenull11,2"),
        ({"cat": []}, ""),
        ({"merge": [1, [2, 3], [[4]]]}, [1, 2, 3, [4]]),
        ({"log": "x"}, "x"),
        ({"log": []}, None),
        ({"if": []}, None),
        ({"if": ["a"]}, "a"),
        ({"if": [0, "a"]}, None),
        ({"if": ["0", "a", "b"]}, "a"),
        ({"if": [[], "a", 0, "b", "c"]}, "c"),
        ({"?:": [1, "a", "b"]}, "a"),
        ({"if": "a"}, "a"),
        ({"and": []}, None),
        ({"and": [1, "", 3]}, ""),
        ({"and": [1, 2]}, 2),
        ({"or": []}, None),
        ({"or": [0, "", "x", "y"]}, "x"),
        ({"or": [0, ""]}, ""),
        ([1, {"+": [1, 1]}], [1, 2]),
        ({}, {}),
        ({"a": 1, "var": "x"}, {"a": 1, "var": "x"}),
        (None, None),
        ({"fractional": [["a", 1]]}, None),
        ({"fractional": ["unit", ["a", 1]]}, "a"),
        ({"fractional": "unit"}, None),
    ],
    ids=repr,
)
def test_operators(logic: Any, expected: Any) -> None:
    for dialect in V:
        found = given(logic, dialect)
        assert found == expected
        assert type(found) is type(expected) or not isinstance(found, bool)


def test_the_least_of_nothing_is_no_number() -> None:
    assert math.isnan(given({"min": []}))
    assert math.isnan(given({"max": []}))


@pytest.mark.parametrize("logic", [{"/": [1, 0]}, {"%": [1, 0]}, {"==": [{"cat": []}, [X]]}], ids=repr)
def test_what_raises_in_python_raises_here(logic: Any) -> None:
    with pytest.raises((ZeroDivisionError, TypeError)):
        given(logic, x={1, 2}) if "==" not in logic else given({"==": ["a", X]}, x=(1,))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["jsonlogic", 4], "logic"),
        (["jsonlogic", -5], "logic"),
        (["jsonlogic", -50], "jsonlogic"),
        (["jsonlogic", 50], ""),
        (["jsonlogic", 1, 3], "son"),
        (["jsonlogic", 4, -2], "log"),
        (["jsonlogic", 4, -50], ""),
        (["jsonlogic", "x"], "jsonlogic"),
        (["jsonlogic", 1, "x"], ""),
        (["jsonlogic", 1.9, 1.9], "s"),
        (["jsonlogic"], "jsonlogic"),
        ([12345, 1, 2], "23"),
        ([], "null"),
    ],
    ids=repr,
)
def test_parts_of_a_text(args: list[Any], expected: str) -> None:
    assert given({"substr": args}) == expected


@pytest.mark.parametrize(
    ("name", "args", "first", "later"),
    [
        ("starts_with", ["abc", "ab"], True, True),
        ("starts_with", ["abc", "b"], False, False),
        ("ends_with", ["abc", "bc"], True, True),
        ("ends_with", [None, "bc"], False, None),
        ("ends_with", ["abc", 1], False, None),
        ("starts_with", ["abc"], None, None),
        ("starts_with", ["abc", "a", "a"], None, None),
    ],
)
def test_affixes_of_what_is_no_text_are_null_since_the_second_generation(
    name: str, args: list[Any], first: Any, later: Any
) -> None:
    assert given({name: args}, "v1") is first
    assert given({name: args}, "v2") is later
    assert given({name: args}, "v3") is later


def test_versions_that_are_none_are_null_and_so_the_else_branch() -> None:
    branch = {"if": [{"sem_ver": [X, ">=", "1.0.0"]}, "a", "b"]}
    assert [given(branch, x=version) for version in ("1.0.0", "0.9.0", "junk", None)] == ["a", "b", "b", "b"]
    assert given({"sem_ver": [X, ">=", "1.0.0"]}, x="junk") is None
    assert given({"sem_ver": [X, "!=", "junk"]}, x="1.0.0") is None
    assert given({"sem_ver": [X, "?", "1.0.0"]}, x="1.0.0") is None
    assert given({"sem_ver": [X, 5, "1.0.0"]}, x="1.0.0") is None
    assert given({"sem_ver": ["1.0.0", {"cat": "="}, "1.0.0"]}) is True
    assert given({"sem_ver": ["1", "=", "1.0.0"]}, "v1") is None
    assert given({"sem_ver": ["1", "=", "1.0.0"]}, "v2") is True


@pytest.mark.parametrize(
    ("logic", "expected"),
    [
        ({"map": [X, {"+": [ITEM, 1]}]}, [2, 3]),
        ({"map": ["no array", ITEM]}, []),
        ({"map": [X]}, [None, None]),
        ({"map": []}, []),
        ({"filter": [X, {">": [ITEM, 1]}]}, [2]),
        ({"filter": [{"var": "gone"}, ITEM]}, []),
        ({"filter": [X]}, []),
        ({"all": [X, {">": [ITEM, 0]}]}, True),
        ({"all": [X, {">": [ITEM, 1]}]}, False),
        ({"all": [[], True]}, False),
        ({"all": ["no array", True]}, False),
        ({"all": [X]}, False),
        ({"some": [X, {">": [ITEM, 1]}]}, True),
        ({"some": [X, {">": [ITEM, 2]}]}, False),
        ({"some": ["no array", True]}, False),
        ({"some": [X]}, False),
        ({"none": [X, {">": [ITEM, 1]}]}, False),
        ({"none": [X, {">": [ITEM, 2]}]}, True),
        ({"none": ["no array", True]}, True),
        ({"none": [X]}, True),
        ({"reduce": [X, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 10]}, 13),
        ({"reduce": [X, {"var": "current"}]}, 2),
        ({"reduce": ["no array", ITEM, {"var": "x"}]}, {"var": "x"}),
        ({"reduce": [X]}, None),
        ({"reduce": []}, None),
        ({"map": [[{"targetingKey": "u1", "$f": 0}], {"missing": ["targetingKey", "$flagd"]}]}, [["$flagd"]]),
    ],
    ids=repr,
)
def test_operators_over_arrays(logic: Any, expected: Any) -> None:
    assert given(logic, x=[1, 2]) == expected


def test_missing_names_what_is_not_there() -> None:
    context: dict[str, Any] = {"a": 1, "b": "", "c": None}
    assert given({"missing": ["a", "b", "c", "d"]}, **context) == ["b", "c", "d"]
    assert given({"missing": [["a", "d"], "c"]}, **context) == ["d"]
    assert given({"missing": []}, **context) == []
    assert given({"missing_some": [1, ["a", "d"]]}, **context) == []
    assert given({"missing_some": [2, ["a", "d"]]}, **context) == ["d"]
    assert given({"missing_some": [1, "a"]}, **context) == []


def test_long_lists_are_looked_up_as_short_ones_are() -> None:
    long = [*"abcdefghij", 1]
    for value, expected in (("a", True), ("z", False), (True, True), (1.0, True), (None, False), ([], False)):
        assert given({"in": [X, long]}, x=value) is expected
    assert given({"in": [X, [*long, [1]]]}, x=[1]) is True


def test_the_same_object_is_equal_to_itself_alone() -> None:
    assert given({"==": [X, X]}, x=[1]) is True
    assert given({"==": [X, [1]]}, x=[1]) is False
    assert given({"==": [ITEM, ITEM]}) is True


def test_what_is_no_branch_is_not_evaluated() -> None:
    assert given({"if": [True, "a", {"$ref": "gone"}]}) == "a"
    with pytest.raises(Missing, match="no evaluator 'gone'"):
        given({"if": [False, "a", {"$ref": "gone"}]})


@pytest.mark.parametrize(
    ("output", "name"),
    [("a", "a"), (1, "1"), (1.5, "1.5"), (True, "true"), (False, "false"), (None, None), ([1, "x"], "[1, 'x']")],
    ids=repr,
)
def test_outputs_name_variants_as_text(output: Any, name: str | None) -> None:
    flag = owner(**{"a": 1, "1": 1, "1.5": 1, "true": 1, "false": 1, "[1, 'x']": 1})
    node = Compiler("v2", "frac", Variants(flag)).expression({"$variant": [output, name]})
    other = Compiler("v2", "frac", Variants(flag)).expression({"$variant": [output, "other"]})
    assert node.call({}, Run({}, None, "frac")) is True
    assert other.call({}, Run({}, None, "frac")) is False


@pytest.mark.parametrize("output", ["gone", "nothing", "", 5, True, [1], {}], ids=repr)
def test_outputs_that_name_no_variant_are_errors(output: Any) -> None:
    with pytest.raises(NoVariant):
        given({"$variant": [output, "a"]})


def test_logic_may_be_the_text_of_it() -> None:
    assert given({"$json": '{"==": [{"var": "x"}, "\\u0000"]}'}, x="\0") is True


@pytest.mark.parametrize(
    ("logic", "message"),
    [
        ({"if": [True, {"nope": [1]}]}, r"^/if/1/nope: flagd has no operator 'nope'$"),
        ({"var.x": 1}, "no operator 'var.x'"),
        ({"$json": "{"}, r"^/\$json: \$json takes the text"),
        ({"$json": []}, "takes the text"),
        ({"$json": 5}, "takes the text"),
        ({"$json": "[" * 100_000}, "takes the text"),
        ({"$variant": ["a"]}, "takes an expression and the key"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_not_known_is_refused_with_its_path(logic: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given(logic)


def test_what_is_too_deep_is_refused() -> None:
    logic: Any = X
    for _ in range(DEEPEST - 1):
        logic = {"!": [logic]}
    given(logic)
    with pytest.raises(ValueError, match=f"more than {DEEPEST} deep"):
        given({"!": [logic]})


@pytest.mark.parametrize(
    "logic",
    [
        {"reduce": [X, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "x" * 16]},
        {"reduce": [X, {"merge": [{"var": "accumulator"}, {"var": "accumulator"}]}, [1]]},
        {"cat": [{"reduce": [X, [{"var": "accumulator"}, {"var": "accumulator"}], "x"]}]},
        {"reduce": [X, {"*": [{"var": "accumulator"}, {"var": "accumulator"}]}, 10]},
        {"map": [{"merge": [X, X, X]}, {"map": [[*range(9999)], {"+": [ITEM, 1]}]}]},
        {"fractional": [{"var": "nothing"}, ["a", 1]], "x": 1},
    ],
    ids=["text", "array", "nested", "number", "loops", "no-operation"],
)
def test_no_expression_goes_on_for_ever(logic: Any) -> None:
    if len(logic) > 1:
        assert given(logic) is logic
        return
    with pytest.raises(TooMuch):
        given(logic, x=[*range(64)])


def test_every_known_operator_compiles() -> None:
    for name in KNOWN - {"$json", "$variant"}:
        Compiler("v3", "frac", Variants(owner())).expression({name: [X, X]})


@pytest.mark.parametrize(
    "inner",
    [
        {"<": ["1" * 100_000, {"var": ""}]},
        {"missing": ["a." * 50_000]},
        {"var": "a." * 50_000},
        {"sem_ver": ["1.0.0-" + "a." * 50_000 + "a", "=", {"var": ""}]},
        {"fractional": ["u" * 100_000, ["a", 1]]},
        {"%": [{"var": ""}, 10**4000]},
    ],
    ids=["number", "missing", "path", "version", "unit", "integer"],
)
def test_a_long_literal_is_not_read_for_each_element_of_a_long_array(inner: Any) -> None:
    with pytest.raises(TooMuch):
        given({"filter": [X, inner]}, x=[*range(1, 50_000)])
