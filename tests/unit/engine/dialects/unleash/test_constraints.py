"""Constraints as conditions and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.engine.dialects.unleash.constraints import OPERATORS, Constraint, from_document, read, write
from pennon.model import Condition

TEXTS = st.text(max_size=5)
CONSTRAINTS = st.builds(
    Constraint,
    field=TEXTS,
    operator=st.sampled_from(sorted(OPERATORS)),
    values=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    value=st.none() | TEXTS | st.sampled_from(["5", "-2.5", "1e3", "007", "5.0", "0", "123456789012345"]),
    ignores_case=st.booleans(),
    inverted=st.booleans(),
)


@given(CONSTRAINTS)
def test_what_is_written_is_read_again(constraint: Constraint) -> None:
    found = read(write(constraint))
    if constraint.operator == "NOT_IN" and found.operator == "IN":
        found = found._replace(operator="NOT_IN", inverted=not found.inverted)
    # What an operator does not read is not carried.
    unread = constraint._replace(ignores_case=found.ignores_case, values=found.values, value=found.value)
    assert found == unread
    lists = constraint.operator in {"IN", "NOT_IN", "IN_CIDR"} or constraint.operator.startswith("STR_")
    assert (found.values if lists else found.value) == (constraint.values if lists else constraint.value)
    if constraint.operator.startswith("STR_"):
        assert found.ignores_case is constraint.ignores_case


@given(CONSTRAINTS)
def test_a_document_is_read_again(constraint: Constraint) -> None:
    assert from_document(constraint.document) == constraint


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (Constraint("x", "IN", ("a",)), Condition("in", "x", ("a",))),
        (Constraint("x", "NOT_IN", ("a",)), Condition("in", "x", ("a",), negate=True)),
        (Constraint("x", "NOT_IN", ("a",), inverted=True), Condition("in", "x", ("a",))),
        (Constraint("x", "STR_CONTAINS", ("a",), ignores_case=True), Condition("contains", "x", ("a",), False, True)),
        (Constraint("x", "NUM_GTE", value="5"), Condition("greaterOrEqual", "x", (5,))),
        (Constraint("x", "NUM_EQ", value="2.5"), Condition("equals", "x", (2.5,))),
        (Constraint("x", "SEMVER_LT", value="1.0.0"), Condition("versionLess", "x", ("1.0.0",))),
        (Constraint("x", "DATE_AFTER", value="2024"), Condition("after", "x", ("2024",))),
        (Constraint("x", "REGEX", value="a", inverted=True), Condition("matches", "x", ("a",), negate=True)),
        (Constraint("x", "IN_CIDR", ("::1",)), Condition("inCidr", "x", ("::1",))),
        (
            Constraint("x", "NUM_EQ", value="5.0"),
            Condition("expression", value={"contextName": "x", "operator": "NUM_EQ", "value": "5.0"}),
        ),
        (
            Constraint("x", "IN", (), None, True, True),
            Condition(
                "expression",
                value={
                    "contextName": "x",
                    "operator": "IN",
                    "values": [],
                    "caseInsensitive": True,
                    "inverted": True,
                },
            ),
        ),
    ],
    ids=lambda each: each.operator if isinstance(each, Constraint) else each.op,
)
def test_pennons_operator_where_it_says_all_of_it(constraint: Constraint, expected: Condition) -> None:
    assert write(constraint) == expected


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (Condition("in", None, ("a",)), "asks about no attribute"),
        (Condition("in", "x", (5,)), "takes texts"),
        (Condition("greaterThan", "x", ("5",)), "takes a number"),
        (Condition("greaterThan", "x", (True,)), "takes a number"),
        (Condition("greaterThan", "x", (1, 2)), "takes one value"),
        (Condition("matches", "x", (5,)), "takes a text"),
        (Condition("exists", "x", ("a",)), "nothing like 'exists'"),
    ],
    ids=lambda each: each.op if isinstance(each, Condition) else "",
)
def test_what_unleash_does_not_have_is_refused(condition: Condition, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(condition)


@pytest.mark.parametrize(
    "more", [{"value": 5}, {"values": "a"}, {"values": [5]}], ids=["number", "no-list", "list-of-numbers"]
)
def test_a_document_with_a_wrong_type_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a constraint's value"):
        from_document({"contextName": "x", "operator": "IN", **more})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("greaterThan", "seats", (5,)), Constraint("seats", "NUM_GT", value="5")),
        (Condition("equals", "seats", (2.5,), negate=True), Constraint("seats", "NUM_EQ", value="2.5", inverted=True)),
        (Condition("before", "since", ("2024",)), Constraint("since", "DATE_BEFORE", value="2024")),
        (Condition("in", "plan", ("a", "b")), Constraint("plan", "IN", ("a", "b"))),
    ],
    ids=lambda each: each.op if isinstance(each, Condition) else "",
)
def test_conditions_that_people_write_are_read(condition: Condition, expected: Constraint) -> None:
    assert read(condition) == expected
