"""Semantic versions, strictly."""

import pytest

from pennon.engine.dialects.unleash.versions import version

LARGEST = 2**64 - 1
ORDER = ["1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc.1", "1.0.0"]


def test_versions_are_in_the_order_of_semver() -> None:
    found = [version(text, LARGEST) for text in [*ORDER, "1.0.1", "1.10.0", f"{LARGEST}.0.0"]]
    assert None not in found
    assert found == sorted(found)  # type: ignore[type-var]  # none is None
    assert len(set(found)) == len(found)


def test_the_build_is_not_compared() -> None:
    assert version("1.2.3+a", LARGEST) == version("1.2.3+b.c", LARGEST) == version("1.2.3", LARGEST)


@pytest.mark.parametrize(
    "text", ["v1.2.3", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", " 1.2.3", "1.2.3\n", f"{2**64}.0.0", "9" * 5000]
)
def test_what_is_no_version(text: str) -> None:
    assert version(text, LARGEST) is None
