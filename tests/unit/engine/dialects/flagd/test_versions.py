"""flagd's sem_ver: what is a version, in which generation, and how they are ordered."""

from typing import Any

import pytest

from pennon.engine.dialects.flagd.versions import rank, sem_ver

ORDER = ["1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc", "1.0.0"]


@pytest.mark.parametrize("whole", [True, False])
def test_the_order_of_semantic_versions(whole: bool) -> None:
    ranks = [rank(version, whole=whole) for version in ORDER]
    assert None not in ranks
    assert sorted(ranks) == ranks  # type: ignore[type-var]
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("version", ["1.2.3", "v1.2.3", "V1.2.3", "1.2.3+build.7", "1.2.3-rc.1+b", "0.0.0"])
def test_versions_of_all_generations(version: str) -> None:
    assert rank(version, whole=True) == rank(version, whole=False) is not None


@pytest.mark.parametrize(
    ("version", "full"),
    [("1", "1.0.0"), ("1.2", "1.2.0"), ("v1", "1.0.0"), ("1.2-rc.1", "1.2.0-rc.1"), ("1+b", "1.0.0"), (1, "1.0.0")],
    ids=repr,
)
def test_parts_may_be_left_out_since_the_second_generation(version: Any, full: str) -> None:
    assert rank(version, whole=False) == rank(full, whole=False)
    assert rank(version, whole=True) is None


def test_a_number_is_a_version_of_two_parts() -> None:
    assert rank(1.2, whole=False) == rank("1.2.0", whole=False)
    assert rank(1.0, whole=False) == rank("1.0.0", whole=False)


@pytest.mark.parametrize(
    "version",
    [
        *("1.2.3.4", "junk", "", "v", "01.2.3", "1.2.x", "1.2.3-01", "1.2.3-", " 1.2.3", "1.2.3\n", "٣.1.1"),
        *(f"1.2.{'9' * 5000}", True, None, [1]),
    ],
    ids=lambda version: repr(version)[:12],
)
def test_what_is_no_version(version: Any) -> None:
    assert rank(version, whole=False) is None
    assert sem_ver(version, "!=", "1.0.0", whole=False) is None
    assert sem_ver("1.0.0", "=", version, whole=False) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("=", False), ("!=", True), ("<", True), ("<=", True), (">", False), (">=", False), ("^", True), ("~", False)],
)
def test_operators(name: str, expected: bool) -> None:
    assert sem_ver("1.2.3", name, "1.3.0", whole=False) is expected


def test_the_same_minor_is_near() -> None:
    assert sem_ver("1.2.3-rc.1", "~", "1.2.9", whole=True)
    assert not sem_ver("2.2.3", "~", "1.2.9", whole=True)
    assert not sem_ver("2.2.3", "^", "1.2.9", whole=True)


@pytest.mark.parametrize("args", [(), ("1.0.0", "="), ("1.0.0", "=", "1.0.0", "1.0.0")], ids=len)
def test_three_arguments_or_none(args: tuple[str, ...]) -> None:
    assert sem_ver(*args, whole=False) is None


@pytest.mark.parametrize("name", ["==", "?", None, ["="]], ids=repr)
def test_another_operator_is_none(name: Any) -> None:
    assert sem_ver("1.0.0", name, "1.0.0", whole=False) is None
