"""What is proved of the items that a change touched, said with the answer to it. Pure."""

from collections.abc import Iterator, Sequence

from pennon.control.log import ChangeWarning
from pennon.control.working.state import ItemName, WorkingState
from pennon.control.working.uses import users_of
from pennon.engine import Code, Finding, Prover, Severity
from pennon.model import pointer

_MOST = 50
"""So many warnings are given with one answer."""
_ITEMS = 100
"""So many items of one change are looked at, and so many users of a segment in which nobody is any more."""


def proved(state: WorkingState, before: WorkingState, touched: Sequence[ItemName]) -> tuple[ChangeWarning, ...]:
    """Return what is surely not meant in the *touched* items of *state*, and in whatever uses a segment newly empty.

    Notices are left out: nearly every flag deserves one some day. `pennon flag lint` tells them.
    """
    prover, earlier = Prover(state.snapshot()), Prover(before.snapshot())
    own = [finding for name in touched[:_ITEMS] for finding in _findings(prover, state, name)]
    known = {finding for name in touched[:_ITEMS] for finding in _emptied(earlier, before, name)}
    emptied = [finding for finding in own if finding.code is Code.SEGMENT_EMPTY and finding not in known]
    for segment in emptied:
        users = dict.fromkeys(use.user for use in users_of(state, ("segment", segment.key)))
        for user in [user for user in users if user not in touched][:_ITEMS]:
            said_before = _findings(earlier, before, user)
            own += [finding for finding in _findings(prover, state, user) if finding not in said_before]
    told = (finding for finding in own if finding.severity is not Severity.NOTICE)
    return tuple(_warning(finding) for finding, _ in zip(told, range(_MOST), strict=False))


def _emptied(prover: Prover, state: WorkingState, name: ItemName) -> Iterator[Finding]:
    if name[0] == "segment":
        yield from (each for each in _findings(prover, state, name) if each.code is Code.SEGMENT_EMPTY)


def _findings(prover: Prover, state: WorkingState, name: ItemName) -> list[Finding]:
    kind, key = name
    if kind == "layer" or state.record(name) is None:
        return []
    return prover.flag_findings(key) if kind == "flag" else prover.segment_findings(key)


def _warning(finding: Finding) -> ChangeWarning:
    path = pointer(f"{finding.kind}s", finding.key) + finding.path
    return ChangeWarning(code=finding.code.value, path=path, message=finding.message, mend=finding.mend)
