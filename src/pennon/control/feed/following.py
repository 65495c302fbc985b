"""Follows the logs for one reader: what is new, and may be seen by him as he is now, after the place where he is."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from pennon.control.access.permissions import Principal, Where
from pennon.control.access.views import place as where
from pennon.control.changes.summary import ChangeSummary, place_of, summary
from pennon.control.clock import Clock
from pennon.control.external_events.models import ExternalEvent
from pennon.control.external_events.store import EventStore
from pennon.control.feed.places import Place, text_of
from pennon.control.log import Change, ChangeLog, Reading, environment_log

_AT_ONCE = 100
_BYTES_AT_ONCE = 4 * 2**20
_EVENTS = "events/"
"""What stands before a project's key in the name of where a reader is in its external events."""
_MARGIN = timedelta(minutes=5)

Admit = Callable[[], Principal]
"""Returns what the reader may do now. Raises `Unauthenticated` when he may come in no more."""


class Scope(msgspec.Struct, frozen=True):
    """What a reader wants to hear of: everything, a project, or an environment of it."""

    project: str | None = None
    environment: str | None = None

    def takes(self, log: str) -> bool:
        """Return whether *log* is in it."""
        if self.project is None:
            return True
        if self.environment is not None:
            return log == environment_log(self.project, self.environment)
        return place_of(log)[0] == self.project

    def takes_event(self, event: ExternalEvent) -> bool:
        """Return whether it has *event*, of a project that it has."""
        return self.environment is None or not event.environments or self.environment in event.environments


class Entry(msgspec.Struct, frozen=True):
    """Something new, and the place after it."""

    place: str
    change: ChangeSummary | None = None
    event: ExternalEvent | None = None


class _New(msgspec.Struct, frozen=True):
    log: str
    revision: int
    time: datetime
    change: Change | None = None
    event: ExternalEvent | None = None


class Following:
    """One reader of the feed. `look` may be called from one thread at a time."""

    def __init__(
        self, log: ChangeLog, events: EventStore, clock: Clock, scope: Scope, *, admit: Admit, after: Place | None
    ) -> None:
        self._log = log
        self._events = events
        self._clock = clock
        self._scope = scope
        self._admit = admit
        self._seen: dict[str, int] = {} if after is None else dict(after.logs)
        self._visible: set[str] = set(self._seen)
        self._since = None if after is None else after.time

    @property
    def place(self) -> str:
        """Where the reader is, as an id: in the logs that he may see, for he can read the id."""
        seen = {log: revision for log, revision in self._seen.items() if log in self._visible}
        return text_of(Place(self._since or self._clock.now(), seen))

    def look(self) -> Sequence[Entry]:
        """Return what is new. The first time, without a place to go on from, that is nothing.

        Raises `Unauthenticated`, and `Unavailable`.
        """
        principal, now = self._admit(), self._clock.now()
        reported = self._events.heads()
        with self._log.reading() as reading:
            heads = {log: head.revision for log, head in reading.heads().items() if self._scope.takes(log)}
            heads |= {_EVENTS + project: last for project, last in reported.items() if self._takes_events(project)}
            if self._since is None:
                self._seen = heads
                self._visible = {log for log in heads if _may_see(reading, principal, log)}
                found: list[_New] = []
            else:
                found = self._whole([(head, list(self._news(reading, log, head))) for log, head in heads.items()])
            if found:
                self._visible = {log for log in heads if _may_see(reading, principal, log)}
            entries = list(self._entries(reading, principal, found))
            self._since = now
        return entries

    @staticmethod
    def _whole(read: Sequence[tuple[int, Sequence[_New]]]) -> list[_New]:
        """Return what was read of the logs, in its order, up to where all of it is known: the rest comes next time."""
        cut_off = [news[-1].time for head, news in read if news and news[-1].revision < head]
        found = [new for _, news in read for new in news if not cut_off or new.time <= min(cut_off)]
        return sorted(found, key=lambda new: (new.time, new.log))

    def _takes_events(self, project: str) -> bool:
        return self._scope.project in (None, project)

    def _news(self, reading: Reading, log: str, head: int) -> Iterator[_New]:
        seen = self._seen.get(log)
        if seen is None:
            seen = self._seen[log] = self._before(reading, log)
        if head <= seen:
            self._seen[log] = head  # less: it was restored to an earlier state
        elif log.startswith(_EVENTS):
            found = self._events.since(log.removeprefix(_EVENTS), seen, limit=_AT_ONCE)
            yield from (_New(log, each.revision, each.event.reported, event=each.event) for each in found)
            if not found:
                self._seen[log] = head  # they were swept
        else:
            changes = reading.changes(log, after=seen, limit=_AT_ONCE, max_bytes=_BYTES_AT_ONCE)
            yield from (_New(log, each.revision, each.time, change=each) for each in changes)

    def _before(self, reading: Reading, log: str) -> int:
        """Return where a log begins to be new to the reader that he had not seen: it was made since, or shown to him.

        A while before, for clocks of servers differ.
        """
        since = (self._since or self._clock.now()) - _MARGIN
        if log.startswith(_EVENTS):
            return self._events.revision_before(log.removeprefix(_EVENTS), since)
        return reading.revision_before(log, since)

    def _entries(self, reading: Reading, principal: Principal, found: Sequence[_New]) -> Iterator[Entry]:
        for new in found:
            self._seen[new.log] = new.revision
            if new.log not in self._visible:
                continue
            if new.change is not None:
                yield Entry(self.place, change=summary(new.change))
            event = new.event
            if event is not None and self._scope.takes_event(event) and _may_see_event(reading, principal, event):
                yield Entry(self.place, event=event)


def _may_see(reading: Reading, principal: Principal, log: str) -> bool:
    if log.startswith(_EVENTS):
        return principal.may("read", Where(log.removeprefix(_EVENTS)))
    project, environment = place_of(log)
    if project is None:
        return principal.may("installation.read", Where())
    return principal.may("read", where(reading, project, environment))


def _may_see_event(reading: Reading, principal: Principal, event: ExternalEvent) -> bool:
    return not event.environments or any(
        principal.may("read", where(reading, event.project, each)) for each in event.environments
    )
