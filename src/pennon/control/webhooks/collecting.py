"""Follows the logs, and makes a delivery of each change for each webhook that wants to hear of it.

Up to where each log was looked at moves in the transaction that keeps what was found. So a change that was accepted is
delivered whatever is killed after it, and servers that look at the same time make each delivery once.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from pennon.control.access.views import place
from pennon.control.changes.summary import place_of
from pennon.control.clock import Clock
from pennon.control.external_events.models import ExternalEvent
from pennon.control.external_events.store import EventStore
from pennon.control.log import INSTALLATION, Change, ChangeLog, Head, Reading, project_log
from pennon.control.webhooks.deliveries import Delivery, DeliveryStore, Line, Move
from pennon.control.webhooks.messages import Message, body_of, message_of
from pennon.control.webhooks.models import KIND, Webhook, gravest
from pennon.control.webhooks.news import concerning

_AT_ONCE = 100
_BYTES_AT_ONCE = 8 * 2**20
_EVENTS = "events/"
"""What stands before a project's key in the name of the cursor of its external events."""

Found: TypeAlias = tuple[datetime, Line, Delivery]
"""When it happened, and the delivery that tells it."""


class _Known(msgspec.Struct, frozen=True):
    """The webhooks of a log as they were when its head had this hash."""

    hash: str
    webhooks: tuple[Webhook, ...]


class _Told(msgspec.Struct, frozen=True):
    """A webhook that is told of things, and the log that has it."""

    owner: str
    webhook: Webhook

    @property
    def line(self) -> Line:
        """Where its deliveries stand."""
        return Line(self.webhook.line, self.owner, self.webhook.key)

    def sees(self, log: str) -> bool:
        """Return whether it may hear of what is in *log*."""
        project, _ = place_of(log)
        return self.owner == INSTALLATION or (project is not None and self.owner == project_log(project))

    def heard_before(self, time: datetime) -> bool:
        """Return whether *time* is before it was made, or enabled."""
        return time < self.webhook.since


class Collecting:
    """Looks at what is new. `run` may be called from one thread at a time."""

    def __init__(self, log: ChangeLog, events: EventStore, store: DeliveryStore, clock: Clock) -> None:
        self._log = log
        self._events = events
        self._store = store
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def run(self) -> bool:
        """Make the deliveries of what is new, some at a time; return whether there is more."""
        cursors = self._store.cursors()  # before the logs: one that is ahead of its log means that it was restored
        with self._log.reading() as reading:
            heads = reading.heads()
            told = self._told(reading, heads)
            if not told:
                return False
            look = _Look(reading, cursors, self._clock.now())
            for log, head in heads.items():
                look.at_log(log, head.revision, [each for each in told if each.sees(log)])
            for project, revision in self._events.heads().items():
                seeing = [each for each in told if each.sees(project_log(project))]
                look.at_events(project, revision, seeing, self._events)
        if look.moves and not self._store.collect(look.moves, look.found):
            return True  # another server was faster: what it left is looked at again
        return look.has_more

    def _told(self, reading: Reading, heads: Mapping[str, Head]) -> list[_Told]:
        """Return the webhooks that are enabled. A log is asked again only when it has changed."""
        owners = [log for log in heads if not log.startswith("environments/")]
        for log in owners:
            known = self._known.get(log)
            if known is None or known.hash != heads[log].hash:
                found = tuple(stored.read(Webhook) for stored in reading.items(log, KIND))
                self._known[log] = _Known(heads[log].hash, found)
        return [_Told(log, each) for log in owners for each in self._known[log].webhooks if each.enabled]


class _Look:
    """One look at what is new: what was found, and by how much cursors move."""

    def __init__(self, reading: Reading, cursors: Mapping[str, int], now: datetime) -> None:
        self.moves: dict[str, Move] = {}
        self._found: list[Found] = []
        self.has_more = False
        self._reading = reading
        self._cursors = cursors
        self._now = now
        self._rows: dict[str, list[Change]] = {}

    @property
    def found(self) -> list[tuple[Line, Delivery]]:
        """What was found in all logs, in the order in which it happened."""
        return [(line, delivery) for _, line, delivery in sorted(self._found, key=lambda each: each[0])]

    def at_log(self, log: str, revision: int, told: Sequence[_Told]) -> None:
        """Look at what is new in a log."""
        cursor = self._cursors.get(log, 0)
        if not told or revision == cursor:
            return
        if revision < cursor:  # it was restored to an earlier state
            self.moves[log] = (cursor, revision)
            return
        after = max(cursor, self._reading.revision_before(log, _since(told)))
        changes = self._reading.changes(log, after=after, limit=_AT_ONCE, max_bytes=_BYTES_AT_ONCE)
        for change in changes:
            self._found.extend(self._of_change(change, told))
        last = changes[-1].revision if changes else revision
        self.moves[log] = (cursor, last)
        self.has_more |= last < revision

    def at_events(self, project: str, revision: int, told: Sequence[_Told], events: EventStore) -> None:
        """Look at what other systems reported."""
        cursor = self._cursors.get(_EVENTS + project, 0)
        if not told or revision <= cursor:
            return
        after = max(cursor, events.revision_before(project, _since(told)))
        reported = events.since(project, after, limit=_AT_ONCE)
        for each in reported:
            self._found.extend(self._of_event(each.event, told))
        last = reported[-1].revision if len(reported) == _AT_ONCE else revision  # old ones may be swept
        self.moves[_EVENTS + project] = (cursor, last)
        self.has_more |= last < revision

    def _of_change(self, change: Change, told: Sequence[_Told]) -> Iterator[Found]:
        for each in told:
            if each.heard_before(change.time):
                continue
            parts = concerning(each.webhook, each.owner, self._together(change), self._is_production)
            if parts:
                kind = gravest(frozenset().union(*(part.types for part in parts)))
                yield change.time, each.line, self._delivery(each, change.change_id, message_of(kind, parts))

    def _of_event(self, event: ExternalEvent, told: Sequence[_Told]) -> Iterator[Found]:
        message = Message("event.reported", event.time, frozenset({"event.reported"}), event=event)
        for each in told:
            wants = not each.heard_before(event.reported) and each.webhook.wants(message.types)
            if wants and self._takes(each.webhook, event):
                yield event.reported, each.line, self._delivery(each, f"event:{event.project}/{event.id}", message)

    def _takes(self, webhook: Webhook, event: ExternalEvent) -> bool:
        return not event.environments or any(
            webhook.takes_environment(name, is_production=self._is_production(event.project, name))
            for name in event.environments
        )

    def _delivery(self, told: _Told, source: str, message: Message) -> Delivery:
        return Delivery.of(told.line, source, message.type, body_of(message, told.webhook.format), self._now)

    def _together(self, change: Change) -> list[Change]:
        """Return what its command wrote, in whatever logs: that is told as one."""
        if change.change_id not in self._rows:
            self._rows[change.change_id] = self._reading.written_together(change.change_id)
        return self._rows[change.change_id]

    def _is_production(self, project: str, environment: str) -> bool:
        return place(self._reading, project, environment).is_production


def _since(told: Sequence[_Told]) -> datetime:
    return min(each.webhook.since for each in told)
