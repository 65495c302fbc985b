"""The table of threats names tests that are there, so that no threat is left without one when a test is renamed."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "security.md").read_text()
THREATS = (
    "another project",
    "CSRF",
    "fixation",
    "open redirect",
    "script",
    "SSRF",
    "../",
    "too large, too deep",
    "comparison",
    "which accounts there are",
    "lines of the log",
    "a secret in a log",
    "taken away",
)
"""What the table has to have a row about."""


def rows() -> list[list[str]]:
    table = PAGE.partition("| threat | what stands against it | tests |\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[1:]]


def named(cell: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", cell)


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_threat_has_a_test_and_every_test_that_is_named_is_there() -> None:
    found = rows()
    assert len(found) >= len(THREATS)
    for threat, against, tests in found:
        assert against, threat
        names = named(tests)
        assert names, threat
        assert len(names) == tests.count("`") // 2, f"{threat}: name tests as `tests/…/test_file.py::test_name`"
        for file, name in names:
            assert (ROOT / file).is_file(), f"{threat}: there is no {file}"
            assert name in names_in(ROOT / file), f"{threat}: {file} has no {name}"


@pytest.mark.parametrize("threat", THREATS)
def test_what_was_thought_of_is_in_the_table(threat: str) -> None:
    assert sum(threat in row[0] for row in rows()) == 1
