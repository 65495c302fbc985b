"""Recovery times at the end of a run that had fault tests in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.machines import mounted
from tests.faults.recoveries import RECOVERY, Recoveries


@pytest.fixture
def recoveries(request: pytest.FixtureRequest) -> Recoveries:
    """What times the recoveries of a test."""
    return Recoveries(request)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of six megabytes."""
    with mounted(tmp_path / "small", "6m") as folder:
        yield folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long each recovery took."""
    found = [
        value
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        for name, value in report.user_properties
        if name == RECOVERY
    ]
    if not found:
        return
    terminalreporter.section("recovery times")
    for what, seconds in found:
        terminalreporter.write_line(f"{seconds:7.2f} s  {what}")
