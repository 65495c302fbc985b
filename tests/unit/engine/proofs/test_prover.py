"""The way in: one flag or segment among others, broken ones, and none."""

import json

import pytest

import pennon.engine
from pennon.engine import Code, Finding, Prover, Severity, findings, segment_findings
from pennon.engine.proofs import SEVERITIES
from pennon.model import Snapshot
from tests.unit.engine.build import flag, flag_model, inside, rule, segment, segment_model, snapshot, when
from tests.unit.engine.proofs.proving import seen

NEVER = [when("a", "exists"), when("a", "exists", negate=True)]


def test_a_flag_is_judged_among_others_as_it_would_be() -> None:
    others = snapshot(flag("f", rules=[rule(*NEVER)]), segments=(segment("nobody"),))
    assert seen(findings(flag_model(rules=[rule(inside("nobody"))]), others)) == [
        ("condition-never", "/rules/0/conditions/0")
    ]
    assert findings(flag_model(key="new"), others) == []


def test_a_segment_is_judged_among_others_as_it_would_be() -> None:
    others = snapshot(segments=(segment("nobody"),))
    assert seen(segment_findings(segment_model("s", inside("nobody")), others)) == [
        ("condition-never", "/rules/0/conditions/0"),
        ("segment-empty", ""),
    ]


def test_a_flag_that_does_not_compile_is_broken_and_nothing_else() -> None:
    known = snapshot(flag(rules=[rule(*NEVER), rule(when("a", "soundsLike", "x"), key="r2")]))
    (finding,) = Prover(known).flag_findings("f")
    assert (finding.code, finding.severity) == (Code.BROKEN, Severity.ERROR)
    assert finding.path == "/rules/1/conditions/0/op"


def test_items_that_cannot_be_read_are_broken() -> None:
    text = json.dumps({"flags": {"f": {"key": "f"}}, "segments": {"s": {"key": "other"}}})
    prover = Prover(Snapshot.from_json(text))
    assert [each.code for each in prover.flag_findings("f")] == [Code.BROKEN]
    (finding,) = prover.segment_findings("s")
    assert (finding.code, finding.path) == (Code.BROKEN, "/key")
    assert finding.mend


@pytest.mark.parametrize("kind", ["flag", "segment"])
def test_an_item_that_is_not_there_is_a_key_error(kind: str) -> None:
    prover = Prover(snapshot())
    with pytest.raises(KeyError):
        prover.flag_findings("gone") if kind == "flag" else prover.segment_findings("gone")


def test_what_is_found_of_an_item_does_not_depend_on_what_was_asked_before() -> None:
    known = snapshot(
        flag("f", rules=[rule(inside("s"))]), flag("g", rules=[rule(inside("s"), *NEVER)]), segments=(segment("s"),)
    )
    forth, back = Prover(known), Prover(known)
    assert (forth.flag_findings("f"), forth.flag_findings("g")) == (back.flag_findings("g"), back.flag_findings("f"))[
        ::-1
    ]
    assert forth.flag_findings("f") == forth.flag_findings("f")


def test_every_code_has_a_severity_and_every_finding_a_line() -> None:
    assert set(SEVERITIES) == set(Code)
    finding = Finding(
        code=Code.BROKEN, severity=Severity.ERROR, kind="flag", key="f", path="", message="it is", mend="mend it"
    )
    assert str(finding) == "flag 'f' /: it is (mend it) [broken]"


def test_the_engine_has_no_name_that_it_does_not_list() -> None:
    assert all(hasattr(pennon.engine, name) for name in pennon.engine.__all__)
    with pytest.raises(AttributeError, match="no attribute 'fndings'"):
        _ = pennon.engine.fndings
