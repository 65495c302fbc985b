"""`scripts/beside`: what runs beside something else is shown when that has ended, and fails the whole as that does."""

import subprocess
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "scripts" / "beside"


def beside(rest: str, main: str) -> tuple[int, list[str]]:
    ended = subprocess.run([BESIDE, rest, main], capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout.split()


def test_what_the_rest_said_comes_after_what_was_said_meanwhile() -> None:
    assert beside("echo rest; echo error >&2", "echo main") == (0, ["main", "rest", "error"])


@pytest.mark.parametrize(
    ("rest", "main", "status"), [("false", "true", 1), ("true", "exit 3", 3), ("exit 2", "false", 2)]
)
def test_whichever_fails_fails_it_and_both_are_shown(rest: str, main: str, status: int) -> None:
    assert beside(f"echo rest; {rest}", f"echo main; {main}") == (status, ["main", "rest"])


def test_they_run_at_the_same_time(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    # To open a pipe for writing waits for its reader, and the other way round.
    subprocess.run(["mkfifo", one, other], check=True)
    assert beside(f"echo a >{one}; cat {other}", f"cat {one}; echo b >{other}") == (0, ["a", "b"])
