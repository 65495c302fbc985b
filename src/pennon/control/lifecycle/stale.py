"""Read-only answers about stale flags: which may go, why, and which variation the code goes on with."""

import datetime
from collections.abc import Iterator, Sequence
from threading import Lock

import msgspec

from pennon.control.clock import Clock
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.lifecycle.evidence import EvidenceReader, Known
from pennon.control.lifecycle.staleness import ReasonName, StaleReason, stale_reasons, variation_to_keep
from pennon.control.log import ChangeLog, project_log
from pennon.control.projects.views import StaleAfter
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page

REMEMBERED = datetime.timedelta(minutes=1)
"""So long evaluations that were reported meanwhile need not show. Changes and scans show at once."""
_MOST_REMEMBERED = 8


class AskedStale(msgspec.Struct, frozen=True, kw_only=True):
    """Which stale flags are asked for. With `environment`, only what that one knows of them counts."""

    reason: ReasonName | None = None
    owner: str | None = None
    environment: str | None = None
    flag: str | None = None

    def takes_in(self, flag: "Judged") -> bool:
        """Return whether *flag* is asked for, as far as its reasons and its owner say."""
        if self.owner not in (None, flag.owner):
            return False
        return self.reason is None or any(each.reason == self.reason for each in flag.reasons)


EVERY = AskedStale()


class Judged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """That a flag may go, and why. `evaluated` is the hour of its last evaluation, in seconds since 1970."""

    key: str
    owner: str
    reasons: tuple[StaleReason, ...]
    evaluated: int | None
    required_by: tuple[str, ...]

    def told(self, definition: FlagDefinition) -> "StaleFlag":
        """Return the same with all of its *definition*."""
        last = None if self.evaluated is None else datetime.datetime.fromtimestamp(self.evaluated, datetime.UTC)
        keep = variation_to_keep(self.reasons)
        return StaleFlag(
            definition=definition, reasons=self.reasons, evaluated=last, keep=keep, required_by=self.required_by
        )


class StaleFlag(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that may go: why, when it was evaluated last, and which variation code goes on with, if that is clear.

    `required_by` are the flags that have it as a prerequisite: they come first.
    """

    definition: FlagDefinition
    reasons: tuple[StaleReason, ...]
    evaluated: datetime.datetime | None
    keep: str | None
    required_by: tuple[str, ...]


class _Remembered(msgspec.Struct, frozen=True):
    standing: tuple[object, ...]
    until: datetime.datetime
    flags: Sequence[Judged]


class StaleViews:
    """Answers which flags are stale. To look at ten thousand takes a while, so that pages of one list share it."""

    def __init__(self, log: ChangeLog, clock: Clock, evidence: EvidenceReader) -> None:
        self._log = log
        self._clock = clock
        self._evidence = evidence
        self._remembered: dict[tuple[str, str | None], _Remembered] = {}
        self._lock = Lock()

    def flags(
        self, project: str, asked: AskedStale = EVERY, *, after: str | None = None, limit: int = 100
    ) -> Page[StaleFlag]:
        """Return a page of stale flags in the order of their keys, from behind the key *after*.

        What environments that are marked as production know of a flag counts; in a project that has none, what all
        know. Raises `NotFound` for the project and for an environment that is asked for.
        """
        found = [each for each in self.judged(project, asked) if after is None or each.key > after]
        shown = {each.key: each for each in found[:limit]}
        with self._log.reading() as reading:
            stored = reading.items_named(project_log(project), "definition", list(shown))
        flags = (shown[item.key].told(item.read(FlagDefinition)) for item in stored)
        return Page(tuple(flags), found[limit - 1].key if len(found) > limit else None)

    def judged(self, project: str, asked: AskedStale = EVERY) -> list[Judged]:
        """Return all stale flags that are *asked* for, in the order of their keys. Raises `NotFound`, as `flags`."""
        if asked.flag is not None:
            every: Sequence[Judged] = tuple(self._stale(project, asked.environment, asked.flag))
        else:
            every = self._every(project, asked.environment)
        return [each for each in every if asked.takes_in(each)]

    def _every(self, project: str, environment: str | None) -> Sequence[Judged]:
        name, standing, now = (project, environment), self._evidence.standing(project), self._clock.now()
        with self._lock:
            kept = self._remembered.get(name)
        if kept is not None and kept.standing == standing and now < kept.until:
            return kept.flags
        found = tuple(self._stale(project, environment))
        with self._lock:
            self._remembered.pop(name, None)
            while len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[name] = _Remembered(standing, now + REMEMBERED, found)
        return found

    def _stale(self, project: str, environment: str | None, flag: str | None = None) -> Iterator[Judged]:
        now = self._clock.now()
        with self._log.reading() as reading:
            after = find_project(reading, project).stale_after
        for known in self._evidence.known(project, environment=environment, flag=flag):
            if (stale := _judged(known, after, now)) is not None:
                yield stale


def _judged(known: Known, after: StaleAfter, now: datetime.datetime) -> Judged | None:
    if not (reasons := stale_reasons(known.evidence, after, now)):
        return None
    flag = known.evidence.flag
    return Judged(
        key=flag.key,
        owner=flag.owner,
        reasons=reasons,
        evaluated=known.evidence.evaluated,
        required_by=known.required_by,
    )
