"""Recovery times at the end of a run that had fault tests in it."""

import pytest

from tests.faults.recoveries import RECOVERY, Recoveries


@pytest.fixture
def recoveries(request: pytest.FixtureRequest) -> Recoveries:
    """What times the recoveries of a test."""
    return Recoveries(request)


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
