"""What went wrong last, and what is said of it: once until all is well, not with each attempt."""

import logging
from collections.abc import Iterable

from pennon.protocol import Reported, ReportKind
from pennon.sdk.ladder import Failure, FailureKind
from pennon.sdk.restless import CHANGES

_LOG = logging.getLogger("pennon")


class Complaints:
    """Keeps what went wrong last in `problem`, empty while all is well. `is_refused`: it is the key."""

    def __init__(self) -> None:
        self.problem = ""
        self.is_refused = False
        self._said: set[FailureKind] = set()

    def failed(self, failure: Failure) -> None:
        """Take note that an upstream could not be used."""
        self.problem = failure.message
        self.is_refused = failure.kind is FailureKind.REFUSED
        if failure.kind in self._said:
            return
        self._said.add(failure.kind)
        if failure.kind is FailureKind.UNTRUSTED:
            _LOG.error("%s; what was signed before is still served, and nothing else is taken", failure.message)
        elif self.is_refused:
            _LOG.error(
                "%s; what is known is still served, and the key is tried again every minute or two", failure.message
            )
        elif failure.kind in (FailureKind.DRAINING, FailureKind.ENDED):
            _LOG.info("%s; it will be connected to again", failure.message)
        else:
            _LOG.warning("%s; what is known is still served", failure.message)

    def recovered(self) -> None:
        """Take note that the server streams."""
        if self._said:
            _LOG.info("the server streams again")
        self.problem, self.is_refused = "", False
        self._said.clear()

    def reported(self, reported: Reported) -> None:
        """Take note of what the replica found wrong with what it got."""
        self.problem = f"{reported.kind}: {reported.problem}"
        if not reported.is_refusal:  # those are failures of the upstream, which are said once, with its name
            log = _LOG.info if reported.kind is ReportKind.LAGGING else _LOG.warning
            log("%s", self.problem)

    def found(self, problem: str) -> None:
        """Take note of what is wrong with a file or a source; empty, that it is right again."""
        self.problem = problem
        if problem:
            _LOG.warning("%s; what was known before is served", problem)

    def restless(self, flags: Iterable[str]) -> None:
        """Take note of flags that change all the time."""
        for flag in flags:
            _LOG.warning("flag %s changed more than %d times within a minute", flag, CHANGES)
