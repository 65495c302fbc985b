"""The reference evaluator passes the vectors, too: a vector that only the compiled one passes is a guess."""

import pytest

from tests.cases import by_place, check_all
from tests.spec.reference import Reference
from tests.spec.vectors import Case, evaluations, same

# What the vendors of imported flags mean is proved by their own SDKs, in tests/conformance.
OWN = [case for case in evaluations() if not case.id.startswith("dialects/")]
CASES = [case for case in OWN if case.file["snapshot"] is not None and "as" not in case.case]


def _reference(case: Case) -> None:
    asked, expected = case.case, dict(case.case["expect"])
    answer = Reference(case.file["snapshot"], asked.get("age", 0)).evaluate(
        asked["flag"], asked["context"], asked.get("default")
    )
    expected.pop("flagVersion", None)
    assert same({member: answer[member] for member in expected}, expected), answer


@by_place(CASES, lambda case: case.place)
def test_reference(some: list[Case], subtests: pytest.Subtests) -> None:
    check_all(some, _reference, subtests)
