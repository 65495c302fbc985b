from typing import Any

import pytest
from msgspec.structs import replace

from pennon.importers import Fidelity, Note, Plan, PlannedFlag, PlannedSegment
from pennon.importers.proposal import (
    Action,
    edits,
    expected,
    impossible,
    people_since,
    propose,
    redefined,
)
from pennon.model import Compat, Flag, Item, Prerequisite, Segment, Snapshot, Variation
from pennon.testing import condition, flag, segment

COMPAT = Compat("launchdarkly", "python")
EXACT, CONDITIONAL, IMPOSSIBLE = Fidelity


def a_flag(key: str, *needed: str, **fields: Any) -> Flag:
    prerequisites = tuple(Prerequisite(each, ("on",)) for each in needed)
    return replace(flag(key).on().build(), compat=COMPAT, prerequisites=prerequisites, **fields)


def planned(model: Flag, fidelity: Fidelity = EXACT, *notes: str, **rest: Any) -> PlannedFlag:
    said = tuple(Note("/flags/x", each) for each in notes)
    return PlannedFlag(key=model.key, source=model.key, fidelity=fidelity, flag=model, notes=said, **rest)


def gone(key: str, *notes: str) -> PlannedFlag:
    said = tuple(Note("/flags/x", each) for each in notes)
    return PlannedFlag(key=key, source=key, fidelity=IMPOSSIBLE, notes=said)


def a_segment(key: str, **fields: Any) -> PlannedSegment:
    return PlannedSegment(key=key, source=key, segment=replace(segment(key, included=("u1",)), compat=COMPAT, **fields))


def plan(*items: PlannedFlag | PlannedSegment) -> Plan:
    return Plan(
        vendor="launchdarkly",
        dialect="python",
        flags=tuple(each for each in items if isinstance(each, PlannedFlag)),
        segments=tuple(each for each in items if isinstance(each, PlannedSegment)),
    )


def present(*items: Flag | Segment, revision: int = 3) -> Snapshot:
    stored = [Item.of(replace(each, version=2, changed_at=revision)) for each in items]
    kinds = ["flag" if isinstance(each, Flag) else "segment" for each in items]
    pairs = list(zip(kinds, stored, strict=True))
    return Snapshot.of(
        {
            "flag": {each.key: each for kind, each in pairs if kind == "flag"},
            "segment": {each.key: each for kind, each in pairs if kind == "segment"},
        }
    )


def actions(wanted: Plan, there: Snapshot | None = None) -> dict[str, str]:
    return {item.key: item.action.value for item in propose(wanted, there).items}


def test_everything_is_new_in_an_empty_environment() -> None:
    wanted = plan(a_segment("beta"), planned(a_flag("one")))
    assert actions(wanted) == {"beta": "create", "one": "create"}
    proposal = propose(wanted)
    assert [item.kind for item in proposal.items] == ["segment", "flag"]
    assert expected(proposal, Snapshot()) == {"flags": {"one": 0}, "segments": {"beta": 0}}


def test_what_is_there_as_planned_is_kept_whatever_its_version() -> None:
    wanted = plan(a_segment("beta"), planned(a_flag("one")))
    there = present(a_segment("beta").segment, a_flag("one"))
    assert actions(wanted, there) == {"beta": "keep", "one": "keep"}
    proposal = propose(wanted, there)
    assert proposal.is_empty
    assert edits(wanted, there, proposal, {}) == []


def test_what_differs_is_updated_and_expected_to_be_as_it_was_seen() -> None:
    wanted = plan(a_segment("beta"), planned(a_flag("one")), planned(a_flag("two")))
    there = present(a_segment("beta", salt="other").segment, a_flag("one", salt="other"), a_flag("two"))
    proposal = propose(wanted, there)
    assert actions(wanted, there) == {"beta": "update", "one": "update", "two": "keep"}
    assert expected(proposal, there) == {"flags": {"one": 2}, "segments": {"beta": 2}}
    assert not proposal.is_empty


def test_one_and_true_differ() -> None:
    values = (Variation("on", 1),), (Variation("on", True),)
    one, other = (a_flag("one", variations=each, off_variation=None) for each in values)
    assert actions(plan(planned(one)), present(other)) == {"one": "update"}


def test_what_cannot_be_read_is_replaced() -> None:
    broken = Snapshot.of(
        {
            "flag": {"one": Item.from_text("one", b'{"key":"one"}')},
            "segment": {"beta": Item.from_text("beta", b"7")},
        }
    )
    wanted = plan(a_segment("beta"), planned(a_flag("one")))
    assert actions(wanted, broken) == {"beta": "update", "one": "update"}
    assert [each["do"] for each in edits(wanted, broken, propose(wanted, broken), {})] == ["putSegment", "putFlag"]


def test_flag_that_cannot_be_carried_is_left_out_with_all_that_depend_on_it() -> None:
    serves = condition("gone", "serves", "on")
    wanted = plan(
        gone("gone", "random stickiness"),
        gone("silent"),
        planned(a_flag("child", "gone")),
        planned(a_flag("grandchild", "child")),
        planned(flag("served").on().rule("on", serves).serving("off").build()),
        planned(flag("member").on().rule("on", condition("", "inSegment", "beta")).serving("off").build()),
        planned(a_flag("free")),
        PlannedSegment(key="beta", source="beta", segment=segment("beta", serves)),
    )
    proposal = propose(wanted)
    assert {item.key for item in proposal.of(Action.LEAVE_OUT)} == {
        *("gone", "silent", "child", "grandchild", "served", "member")
    }
    assert impossible(wanted) == {
        "gone": "random stickiness",
        "silent": "no reason is given",
        "child": "it depends on the flag 'gone', which cannot be carried",
        "grandchild": "it depends on the flag 'child', which cannot be carried",
        "served": "it depends on the flag 'gone', which cannot be carried",
        "member": "it depends on the segment 'beta', which cannot be carried",
    }
    assert [each["definition"]["key"] for each in edits(wanted, Snapshot(), proposal, {}) if "definition" in each] == [
        "free"
    ]


def test_new_flag_is_put_with_what_people_read_and_with_an_empty_salt() -> None:
    model = a_flag("one", salt="", client_side=True)
    wanted = plan(planned(model, name="One", description="The first", tags=("a", "b")))
    (edit,) = edits(wanted, Snapshot(), propose(wanted), {})
    assert edit["do"] == "putFlag"
    assert edit["definition"] == {
        "key": "one",
        "name": "One",
        "description": "The first",
        "tags": ["a", "b"],
        "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}],
        "clientSide": True,
    }
    assert edit["configuration"] == {
        "on": True,
        "salt": "",
        "fallthrough": {"variation": "on"},
        "offVariation": "off",
        "compat": {"vendor": "launchdarkly", "dialect": "python"},
    }


def test_flag_that_is_there_keeps_its_definition_where_that_is_the_same() -> None:
    wanted = plan(planned(a_flag("one"), name="Theirs"))
    there = present(a_flag("one", salt="other"))
    proposal = propose(wanted, there)
    assert redefined(wanted, there, proposal) == ()
    (edit,) = edits(wanted, there, proposal, {})
    assert (edit["do"], edit["flag"], edit["configuration"]["salt"]) == ("setConfiguration", "one", "one")


def test_other_variations_go_into_the_definition_that_is_there() -> None:
    wanted = plan(planned(a_flag("one", client_side=False), name="Theirs", tags=("theirs",)))
    there = present(a_flag("one", variations=(Variation("on", True), Variation("off", 0)), client_side=True))
    proposal = propose(wanted, there)
    assert redefined(wanted, there, proposal) == ("one",)
    definition = {"key": "one", "name": "Ours", "owner": "ada", "version": 4, "hash": "x", "clientSide": True}
    (edit,) = edits(wanted, there, proposal, {"one": definition})
    assert edit["definition"] == {
        "key": "one",
        "name": "Ours",
        "owner": "ada",
        "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}],
    }


def test_segment_is_put_with_its_salt_even_if_it_has_none() -> None:
    wanted = plan(a_segment("beta", salt=""))
    (edit,) = edits(wanted, Snapshot(), propose(wanted), {})
    assert edit["do"] == "putSegment"
    assert edit["segment"]["salt"] == ""
    assert edit["segment"]["included"] == ["u1"]


@pytest.mark.parametrize(("kind", "count"), [("import", 0), ("token", 1), ("system", 1)])
def test_what_others_than_imports_changed_last_is_told(kind: str, count: int) -> None:
    wanted = plan(planned(a_flag("one")), planned(a_flag("new")))
    proposal = propose(wanted, present(a_flag("one", salt="other")))
    assert len(people_since(proposal, {3: kind})) == count


@pytest.mark.parametrize("compat", [None, Compat("unleash", "node")], ids=["made-here", "of-another-vendor"])
def test_what_is_not_of_this_vendor_is_told_even_if_an_import_changed_it_last(compat: Compat | None) -> None:
    wanted = plan(planned(a_flag("one")), a_segment("beta"))
    there = present(replace(a_flag("one"), compat=compat), replace(a_segment("beta").segment, compat=compat))
    assert [item.key for item in people_since(propose(wanted, there), {3: "import"})] == ["beta", "one"]


@pytest.mark.parametrize(
    ("there", "count"),
    [
        (flag("one").build(), 0),
        (flag("one").on().build(), 1),
        (flag("one").target("on", "ada").build(), 1),
        (replace(flag("one").build(), compat=COMPAT), 1),
        (replace(flag("one").build(), variations=(Variation("on", True),)), 1),
    ],
    ids=["blank", "on", "targeted", "imported-and-turned-off", "other-variations"],
)
def test_flag_that_nobody_has_touched_in_this_environment_may_be_overwritten(there: Flag, count: int) -> None:
    found = propose(plan(planned(a_flag("one"))), present(there))
    assert len(people_since(found, {3: "token"})) == count


def test_imported_flags_that_the_file_no_longer_has_are_named() -> None:
    there = present(
        a_flag("one"),
        a_flag("old"),
        replace(a_flag("native"), compat=None),
        replace(a_flag("other"), compat=Compat("unleash", "node")),
    )
    assert propose(plan(planned(a_flag("one"))), there).absent == ("old",)
