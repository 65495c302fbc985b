"""Where in a list of edits a problem comes from."""

from typing import Any

import pytest

from pennon.control.changes.origins import Origins
from pennon.control.working.checks import Fault
from pennon.control.working.state import ItemName
from pennon.model import Problem, Segment
from tests.editing import read_edits
from tests.unit.control.changes.build import GERMANS, flag

RULE = {
    "id": "new",
    "conditions": [{"op": "exists", "attribute": "plan"}],
    "serve": {"split": {"weights": [{"variation": "on", "weight": 100_000}]}},
}
EDITS: list[dict[str, Any]] = [
    {"do": "turnOn", "flag": "checkout"},
    {"do": "addRule", "flag": "checkout", "rule": RULE},
    {"do": "setOffVariation", "flag": "checkout", "variation": "on"},
    {"do": "putSegment", "segment": {"key": "beta"}},
    {"do": "setOffVariation", "flag": "checkout", "variation": "off"},
]
CHECKOUT: ItemName = ("flag", "checkout")


def origin(path: str, item: ItemName = CHECKOUT, cause: ItemName = CHECKOUT) -> Problem:
    edits = read_edits(EDITS)
    model = flag(rules=(GERMANS, edits[1].rule))  # type: ignore[union-attr]  # the second edit has a rule
    found = Segment("beta") if item[0] == "segment" else model
    return Origins(edits).of_fault(Fault(item, Problem(path, "it is wrong", "mend it"), cause), found)


@pytest.mark.parametrize(
    ("path", "in_edits"),
    [
        ("/rules/1", "/edits/1/rule"),
        ("/rules/1/id", "/edits/1/rule/id"),
        ("/rules/1/conditions/0/op", "/edits/1/rule/conditions/0/op"),
        ("/rules/1/serve/split/weights/0/weight", "/edits/1/rule/serve/split/weights/0/weight"),
        ("/offVariation", "/edits/4/variation"),
    ],
)
def test_a_part_that_came_with_an_edit_leads_to_it(path: str, in_edits: str) -> None:
    assert origin(path) == Problem(in_edits, "it is wrong", "mend it")


@pytest.mark.parametrize("path", ["/rules/0/conditions/0/op", "/salt", "/rules", "", "/rules/9/id", "/rules/x"])
def test_a_part_that_was_there_leads_to_the_last_edit_of_the_item(path: str) -> None:
    assert origin(path) == Problem("/edits/4", f"/flags/checkout{path}: it is wrong", "mend it")


def test_a_field_of_a_put_item_leads_into_it() -> None:
    assert origin("/salt", ("segment", "beta")).path == "/edits/3/segment/salt"


def test_an_item_that_no_edit_names_leads_to_the_cause() -> None:
    assert origin("/rules/0", ("flag", "other"), ("segment", "beta")).path == "/edits/3"
    assert origin("/rules/0", ("flag", "other"), ("flag", "third")).path == "/flags/other/rules/0"
