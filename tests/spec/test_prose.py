"""What the pages of the specification say in numbers and names is so."""

import hashlib
import re

from pennon.bucketing import bucket
from pennon.engine.operators import OPERATORS
from pennon.model import ErrorCode, Reason, Weight, reallocate
from tests.spec.vectors import SPEC

BUCKETING = (SPEC / "bucketing.md").read_text()
EVALUATION = (SPEC / "evaluation.md").read_text()


def rows(page: str, columns: int) -> list[list[str]]:
    """Return the cells of every table row with so many columns."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    return [row for row in cells if len(row) == columns]


def test_the_check_values_are_right() -> None:
    found = [[cell.strip("`") for cell in row] for row in rows(BUCKETING, 5) if row[0].startswith("`")]
    assert len(found) >= 7
    for salt, key, unit, digest, place in found:
        assert hashlib.sha256(f"{salt}.{key}.{unit}".encode()).hexdigest()[:16] == digest
        assert bucket(salt, key, unit) == int(place)


def test_the_arithmetic_for_doubles_is_right() -> None:
    for row in rows(BUCKETING, 5):
        if row[0].startswith("`"):
            high, low = int(row[3][1:9], 16), int(row[3][9:17], 16)
            assert ((high % 100_000) * 67_296 + low % 100_000) % 100_000 == int(row[4])
    assert 99_999 * 67_296 + 99_999 < 2**53


def slices(cell: str) -> tuple[Weight, ...]:
    return tuple(Weight(name, int(share) * 1000) for name, share in re.findall(r"(\w+) (\d+)", cell))


def test_the_examples_of_changed_weights_are_right() -> None:
    found = [row for row in rows(BUCKETING, 3) if re.match(r"\w+ \d", row[0])]
    assert len(found) == 4
    for before, wanted, after in found:
        shares = {weight.variation: int(weight.weight) for weight in slices(wanted)}
        assert reallocate(slices(before), shares) == slices(after)


def test_the_walk_that_shows_what_cannot_hold_does_what_the_page_says() -> None:
    half = (Weight("a", 50_000), Weight("b", 50_000))
    step = reallocate(half, {"a": 50_000, "b": 0, "c": 50_000})
    step = reallocate(step, {"a": 0, "b": 50_000, "c": 50_000})
    last = reallocate(step, {"a": 50_000, "b": 50_000, "c": 0})
    assert [weight.variation for weight in last if weight.weight] == ["b", "a"]


def test_every_operator_reason_and_error_code_is_on_the_page() -> None:
    table = EVALUATION[EVALUATION.index("## Operators") : EVALUATION.index("## Targets")]
    named = {name for row in rows(table, 3) for name in re.findall(r"`(\w+)`", row[0])}
    assert named == OPERATORS
    table = EVALUATION[EVALUATION.index("## Reasons") :]
    assert {name for row in rows(table, 4) for name in re.findall(r"`([A-Z_]+)`", row[0])} == set(Reason)
    assert {name for row in rows(table, 4) for name in re.findall(r"`([A-Z_]+)`", row[2])} == set(ErrorCode)
