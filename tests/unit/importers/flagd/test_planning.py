"""Plans of whole files."""

import pytest

from pennon.engine.dialects.flagd import DIALECTS as READ
from pennon.importers.flagd import DIALECTS, VENDOR, plan, vocabulary
from pennon.importers.plan import Fidelity, ImportRefused
from tests.shared import SHARED
from tests.unit.importers.flagd.build import file, flag

X = {"var": "x"}


def test_every_dialect_that_can_be_imported_can_be_read() -> None:
    assert VENDOR == "flagd"
    assert list(DIALECTS) == list(READ)


def test_the_same_bytes_give_the_same_plan_whatever_the_order_of_flags() -> None:
    one, other = flag({"if": [X, "b"]}), flag({"fractional": [["a", 1], ["b", 1]]})
    data = file(one, other)
    assert plan(data, "v2") == plan(data, "v2")
    assert [found.key for found in plan(data, "v2").flags] == ["f", "g"]
    assert (plan(data, "v3").vendor, plan(data, "v3").dialect) == ("flagd", "v3")


def test_a_file_without_flags_is_an_empty_plan() -> None:
    assert plan(b'{"flags": {}}', "v2").flags == ()


def test_a_dialect_that_is_not_there_is_refused() -> None:
    with pytest.raises(ImportRefused, match=r"no dialect 'v4' \(name one of v1, v2, v3\)"):
        plan(file(flag()), "v4")


def test_options_are_refused() -> None:
    with pytest.raises(ImportRefused, match="a flagd file takes no sticky"):
        plan(file(flag()), "v2", {"sticky": b""})


def test_the_vocabulary_is_what_targetings_read_and_compare() -> None:
    targeting = {
        "if": [
            {"and": [{"==": [X, "1"]}, {"in": [{"var": "org.plan"}, ["pro", 1, True, 1]]}]},
            {"fractional": [{"var": "email"}, ["a", 1]]},
            {"missing": ["m", ["n"]]},
            {"cat": [{"var": ["y", "default"]}, {"var": "$flagd.flagKey"}, {"var": ""}, {"var": 5}]},
        ]
    }
    found = vocabulary(file(flag(targeting), flag({"if": [{">": [X, 5]}, "b"]})))
    assert found == {
        "/org/plan": ("pro", 1, True),
        "email": (),
        "m": (),
        "n": (),
        "x": ("1", 5),
        "y": ("default",),
    }


@pytest.mark.skipif(SHARED is None, reason="the real input is not beside the project")
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_the_flags_of_the_opentelemetry_demo_are_carried_whole(dialect: str) -> None:
    assert SHARED is not None
    found = plan((SHARED / "data" / "otel-demo.flagd.json").read_bytes(), dialect)
    assert len(found.flags) == 15
    assert {flag.fidelity for flag in found.flags} == {Fidelity.EXACT}
    assert all(flag.description for flag in found.flags)
