"""Which change requests turn a flag on, at their time, that somebody turns off."""

from collections.abc import Collection, Iterator

from pennon.control.changes.foreseeing import Left, turned_on, warning_of
from pennon.control.log import ChangeWarning, EnvironmentName, Reading
from pennon.control.requests.views import timed


def turning_on(reading: Reading, name: EnvironmentName, flags: Collection[str], left: Left) -> Iterator[ChangeWarning]:
    """Yield which requests that have a time will turn on which of *flags*, if they are approved by then.

    One that was proposed on something else than what is *left* is not made.
    """
    for found in timed(reading, name.project):
        for proposal in found.proposals:
            wanted = turned_on(proposal.edits) if proposal.environment == name.environment else set()
            if found.apply_at is None or any(left(base).digest != base.digest for base in proposal.bases):
                continue
            for flag in flags:
                if flag in wanted:
                    mend = f"withdraw it, if the flag is to stay off: pennon request withdraw {found.key}"
                    yield warning_of(flag, f"request {found.key} ({found.title})", found.apply_at, mend)
