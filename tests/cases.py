"""Many small cases in one test: those that hold cost next to nothing, and each that fails is a failure of its own.

A test of pytest takes milliseconds and a case of a vector file microseconds. `PENNON_CASE` names what is to be checked
alone: every case whose id has that text in it, as in `PENNON_CASE="operators/contains" pytest tests/spec`.
"""

import os
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, Protocol, TypeVar

import pytest

ONLY = "PENNON_CASE"


class Named(Protocol):
    """A case, by the name that a failure has."""

    @property
    def id(self) -> str:
        """A name that no other case has, beginning with where it stands."""


C = TypeVar("C", bound=Named)


def check_all(cases: Iterable[C], check: Callable[[C], None], subtests: pytest.Subtests) -> None:
    """Check every case, and have pytest report each that fails, by its id, as if it were a test."""
    only = os.environ.get(ONLY, "")
    count = 0
    for case in cases:
        if only not in case.id:
            continue
        count += 1
        try:
            check(case)
        except (Exception, pytest.fail.Exception) as error:  # boundary: whatever it is, pytest is told
            with subtests.test(case.id):
                raise error  # it has the traceback of the check, which is shown
    if not count:
        pytest.skip(f"no case here has {only!r} in its id")


def by_place(cases: Iterable[C], place: Callable[[C], str]) -> pytest.MarkDecorator:
    """Return what makes a test of each run of *cases* that have one place; the test takes `some`."""
    groups: list[Any] = [pytest.param(list(some), id=name) for name, some in groupby(cases, place)]
    return pytest.mark.parametrize("some", groups)
