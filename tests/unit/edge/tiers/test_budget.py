"""What a memory limit is spent on, and how sizes are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.edge.sizes import size_of
from pennon.edge.tiers.budget import LEAST, Budget

MIB = 1024**2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("12B", 12),
        ("256MiB", 256 * MIB),
        ("1.5 GiB", 3 * 512 * MIB),
        ("2KB", 2000),
        ("1GB", 10**9),
    ],
)
def test_sizes_are_written_with_a_unit_or_without(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1 TB", "256mib", "1.2.3MB", "1e9", " 1", "1MiB\n"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 256MiB"):
        size_of(text)


@given(st.integers(LEAST, 64 * 2**30), st.integers(0, 2**30), st.integers(0, 1000))
def test_the_shares_leave_more_than_half_for_what_comes_and_goes(left: int, used: int, environments: int) -> None:
    budget = Budget.of(used + left, used=used, environments=environments)
    among = max(1, environments)
    assert budget.limit == used + left
    assert 5 * budget.compiled * among + budget.documents + budget.history * among < left / 2
    assert min(budget.compiled, budget.documents, budget.history) > 0


def test_a_limit_that_is_too_small_says_what_would_do() -> None:
    with pytest.raises(ValueError, match=r"takes 70 MiB: give it 86 MiB at least"):
        Budget.of(80 * MIB, used=70 * MIB, environments=1)
