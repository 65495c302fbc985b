"""Which schedules turn a flag on that somebody turns off."""

import itertools
from collections.abc import Collection, Iterator
from datetime import datetime

from pennon.control.changes.foreseeing import Left, turned_on, warning_of
from pennon.control.log import ChangeWarning, EnvironmentName, Reading
from pennon.control.schedules.models import Schedule
from pennon.control.schedules.plans import parts_of
from pennon.control.schedules.views import active

_LOOKED_AT = 100
"""So many times to come are looked at: each part of a plan is among them."""


def turning_on(reading: Reading, name: EnvironmentName, flags: Collection[str], left: Left) -> Iterator[ChangeWarning]:
    """Yield which schedules will turn on which of *flags*, and when first.

    One that was planned on something else than what is *left* fails when it is due, and changes nothing.
    """
    for found in active(reading, name):
        for flag in flags:
            at = _first(found, flag)
            if at is not None and all(left(base).digest == base.digest for base in found.bases):
                hold = f"pennon schedule pause {found.key} --env {name.environment}"
                mend = f"pause it, if the flag is to stay off: {hold}"
                yield warning_of(flag, f"schedule {found.key} ({found.title})", at, mend)


def _first(schedule: Schedule, flag: str) -> datetime | None:
    parts = {part for part, (_, edits) in enumerate(parts_of(schedule.plan)) if flag in turned_on(edits)}
    if not parts:
        return None
    coming = itertools.islice(schedule.following(), _LOOKED_AT)
    return next((each.time for each in coming if not parts.isdisjoint(each.parts)), None)
