"""Reports of other systems: kept once each, and found again by when it happened."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from pennon.control.clock import Clock
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Conflict, Invalid, NotFound
from pennon.control.external_events.models import AHEAD, KEPT, EventKind, ExternalEvent, event_problems
from pennon.control.external_events.store import EventStore, Reported
from pennon.control.log import ChangeLog, EnvironmentName, Reading
from pennon.control.naming import accept
from pennon.control.projects.views import project as find_project
from pennon.model import Json, Problem, pointer


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What another system tells. See `ExternalEvent`."""

    id: str | None = None
    project: str
    kind: EventKind
    time: datetime | None = None
    environments: tuple[str, ...] = ()
    service: str = ""
    version: str = ""
    link: str = ""
    who: str = ""
    text: str = ""
    attributes: Mapping[str, Json] = {}


class EventService:
    """Keeps what other systems report."""

    def __init__(self, log: ChangeLog, store: EventStore, clock: Clock) -> None:
        self._log = log
        self._store = store
        self._clock = clock

    def report(self, report: Report) -> tuple[ExternalEvent, bool]:
        """Keep what happened, once, and return it, and whether it is new.

        Raises `Invalid`, `NotFound` for the project, and `Conflict` for another event of the same id.
        """
        now = self._clock.now()
        known = msgspec.structs.asdict(report)
        known |= {"id": report.id or secrets.token_hex(16), "time": report.time or now}
        event = ExternalEvent(**known, reported=now)
        with self._log.reading() as reading:
            find_project(reading, report.project)
            accept([*event_problems(event, now), *_environment_problems(reading, event)])
        kept, is_new = self._store.keep(event)
        same_time = kept.event.time if report.time is None else event.time
        if kept.event != replace(event, reported=kept.event.reported, time=same_time):
            raise Conflict(f"another event has the id {event.id!r} in this project", mend="give each its own")
        return kept.event, is_new

    def events(
        self, project: str, *, start: datetime | None, stop: datetime | None, after: str | None = None, limit: int = 100
    ) -> Sequence[Reported]:
        """Return what happened in [*start*, *stop*), the newest first. Raises `NotFound` and `Invalid`."""
        now = self._clock.now()
        begins, ends = start or now - KEPT, stop or now + 2 * AHEAD
        if ends < begins:
            raise Invalid.at("", "it ends before it begins", "swap from and to")
        with self._log.reading() as reading:
            find_project(reading, project)
        return self._store.between(project, begins, ends, after=after, limit=limit)


def _environment_problems(reading: Reading, event: ExternalEvent) -> list[Problem]:
    found = []
    for at, name in enumerate(event.environments[:100]):
        try:
            find_environment(reading, EnvironmentName(event.project, name))
        except NotFound as error:
            found.append(Problem(pointer("environments", at), error.message, "leave them out for all of the project"))
    return found
