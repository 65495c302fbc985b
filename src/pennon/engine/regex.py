"""The subset of RE2 that `matches` takes (spec/regex.md), and searching with it.

google-re2 is imported when a pattern is first needed, so that nobody pays for it who has no `matches`.
"""

from collections.abc import Callable, Sequence

Search = Callable[[str], bool]


class EngineMissing(Exception):
    """google-re2 is not installed."""

    mend = "pip install google-re2"


def pattern_problem(pattern: str) -> str | None:
    """Say what in *pattern* is outside of the subset, where, and what to write instead; None if nothing is."""
    return None


class Patterns:
    """Compiled patterns."""

    def search(self, patterns: Sequence[str], *, ignore_case: bool) -> Search:
        raise EngineMissing("google-re2 is not installed")
