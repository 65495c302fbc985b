"""What each SDK hashes of a value."""

from typing import Any

import pytest

from pennon.bucketing.sha1 import sha1_60
from pennon.engine.dialects.launchdarkly import units


@pytest.mark.parametrize(
    ("value", "python", "node", "go"),
    [
        ("u1", "u1", "u1", "u1"),
        ("", "", "", ""),
        (33333, "33333", "33333", "33333"),
        (33333.0, None, "33333", "33333"),
        (-0.0, None, "0", "0"),
        (-7.0, None, "-7", "-7"),
        (0.5, None, None, None),
        (True, None, None, None),
        (None, None, None, None),
        (["u1"], None, None, None),
        (2**53 + 1, "9007199254740993", "9007199254740992", "9007199254740992"),
        (1.2345e20, None, "123450000000000000000", None),
        (1e21, None, "1e+21", None),
        (-(10**400), str(-(10**400)), None, None),
    ],
)
def test_units(value: Any, python: str | None, node: str | None, go: str | None) -> None:
    assert units.python_unit(value) == python
    assert units.node_unit(value) == node
    assert units.go_unit(value) == go


def test_texts_are_hashed_as_utf_8() -> None:
    for unit in (units.PYTHON, units.NODE, units.GO):
        assert units.hasher("hashKey.saltyA.", unit)("Łukasz") == sha1_60("hashKey.saltyA.Łukasz".encode())


def test_half_a_surrogate_pair_fails_in_python_and_is_replaced_elsewhere() -> None:
    with pytest.raises(UnicodeEncodeError):
        units.hasher("a.", units.PYTHON)("\ud800")
    with pytest.raises(UnicodeEncodeError):
        units.hasher("\ud800.", units.PYTHON)("a")
    assert units.hasher("a.", units.NODE)("\ud800") == sha1_60("a.\ufffd".encode())
