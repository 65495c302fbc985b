"""Cases that fail in one test are each reported, by name and with what differs, and one can be run alone."""

import os
import subprocess
import sys
from pathlib import Path

FILE = """
from typing import NamedTuple
from tests.cases import by_place, check_all

class Case(NamedTuple):
    id: str
    found: int

@by_place([Case("sums/one", 1), Case("sums/two", 3), Case("sums/three", 4), Case("odd", 1)], lambda case: case.id[:4])
def test_sums(some, subtests):
    check_all(some, holds, subtests)

def holds(case):
    assert {"found": case.found} == {"found": 1}
"""


# Those of the tests' own environment take most of a second to load.
NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _run(folder: Path, only: str = "") -> tuple[int, str]:
    (folder / "test_sums.py").write_text(FILE)
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", "test_sums.py"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PENNON_CASE": only, **NO_PLUGINS}
    ended = subprocess.run(run, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout


def test_each_case_that_fails_is_named_with_what_differs_and_the_others_are_run(tmp_path: Path) -> None:
    status, said = _run(tmp_path)
    assert status == 1
    assert "[sums/two]" in said
    assert "[sums/three]" in said
    assert "{'found': 3} == {'found': 1}" in said
    assert "{'found': 4} == {'found': 1}" in said
    assert "sums/one" not in said
    assert "1 passed" in said, "the other group"


def test_a_case_is_run_alone(tmp_path: Path) -> None:
    status, said = _run(tmp_path, only="sums/three")
    assert status == 1
    assert "[sums/three]" in said
    assert "sums/two" not in said
    assert "1 skipped" in said
