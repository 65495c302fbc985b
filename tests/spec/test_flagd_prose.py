"""What the page on flagd's dialects says in numbers and names is so."""

import re

import pytest

from pennon.bucketing import flagd
from pennon.bucketing.cbor import cbor
from pennon.bucketing.murmur3 import murmur3_32
from pennon.engine.dialects.flagd import DIALECTS
from pennon.engine.dialects.flagd.dialect import COMPARISONS, VERSIONS
from pennon.engine.dialects.flagd.logic import DEEPEST, KNOWN
from pennon.engine.dialects.flagd.values import STEPS
from tests.spec.vectors import SPEC

PAGE = (SPEC / "dialects" / "flagd.md").read_text()
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"
]
UNITS = [row for row in ROWS if len(row) == 10 and row[1][:1].isdigit()]


def _variant(bucket: float) -> str:
    return "a" if bucket < 25 else "b" if bucket < 50 else "c"


def test_there_are_five_units() -> None:
    assert len(UNITS) == 5


@pytest.mark.parametrize("row", UNITS, ids=lambda row: row[0])
def test_the_check_values_are_right(row: list[str]) -> None:
    unit, percentage, first, hashed, second, variant, encoded, hashed_cbor, third, last = row
    text, data = f"frac{unit}".encode(), cbor(["frac", unit])
    assert (f"{flagd.percentage(text):.4f}", _variant(flagd.percentage(text))) == (percentage, first)
    assert (str(murmur3_32(text)), str(flagd.share(text, 100))) == (hashed, second)
    assert (data.hex(), str(murmur3_32(data)), str(flagd.share(data, 100))) == (encoded, hashed_cbor, third)
    assert (_variant(int(second)), _variant(int(third))) == (variant, last)


def test_every_dialect_and_its_hash_is_on_the_page() -> None:
    found = {row[0]: row[2] for row in ROWS if len(row) == 3 and row[0] in DIALECTS}
    assert found == {name: f"flagd-{name}" for name in DIALECTS}


def test_every_operator_is_on_the_page() -> None:
    listed = re.search(r"Operators: `([^`]+)`", PAGE)
    assert listed is not None
    assert {*listed[1].split(), "$variant", "$json", "$ref"} == KNOWN
    table = "\n".join(row[0] for row in ROWS if len(row) == 3)
    assert all(re.search(rf"\b{name}\b", table) for name in COMPARISONS)
    assert "versionEqual" in VERSIONS
    assert all(name.startswith("version") for name in VERSIONS)


def test_the_bounds_are_on_the_page() -> None:
    assert f"at most {STEPS:,} steps" in PAGE
    assert f"at most {DEEPEST} deep" in PAGE
    assert "2^31 − 1" in PAGE
    assert flagd.HEAVIEST == 2**31 - 1
