"""Keeps the deliveries of webhooks. A line is claimed in a row of its own, so that servers share the work."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, exists, func, or_, select, update

from pennon.control.storage.database import Database
from pennon.control.storage.tables import (
    insert_into,
    micros,
    moment,
    webhook_cursors,
    webhook_deliveries,
    webhook_lines,
)
from pennon.control.webhooks.deliveries import Backlog, Claim, Delivery, DeliveryState, Line, Move
from pennon.control.webhooks.models import PING
from pennon.control.webhooks.retrying import UNTIL, Circuit

_D, _L, _C = webhook_deliveries.c, webhook_lines.c, webhook_cursors.c


class StoredDeliveries:
    """See `pennon.control.webhooks.deliveries.DeliveryStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cursors(self) -> Mapping[str, int]:
        """Return up to which revision each log was looked at."""
        with self._database.reading() as connection:
            return {row.log: row.revision for row in connection.execute(select(webhook_cursors))}

    def collect(self, moves: Mapping[str, Move], found: Sequence[tuple[Line, Delivery]]) -> bool:
        """Keep what was *found* and move the cursors."""
        with self._database.writing() as connection:
            for log, (before, after) in sorted(moves.items()):
                if not _moved(connection, log, before, after):
                    return False
            for line, _ in found:
                _keep_line(connection, line)
            for place, (_, delivery) in enumerate(found):
                _keep(connection, delivery, place)
            connection.commit()
        return True

    def add(self, line: Line, delivery: Delivery) -> None:
        """Keep one more, to be tried at once."""
        with self._database.writing() as connection:
            _keep_line(connection, line)
            connection.execute(update(webhook_lines).where(_L.line == line.name).values(open_until=0))
            _keep(connection, delivery, 0)
            connection.commit()

    def claim(self, claimant: str, now: datetime, until: datetime) -> Claim | None:
        """Claim a line in which something is due."""
        at = micros(now)
        is_due = and_(_D.line == _L.line, _D.state == "pending", _D.due_at <= at)
        since = select(func.min(_D.due_at)).where(is_due).scalar_subquery()
        query = (
            select(webhook_lines)
            .where(_L.claimed_until <= at, _L.open_until <= at, exists().where(is_due))
            .order_by(since, _L.line)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.writing() as connection:
            if (row := connection.execute(query).one_or_none()) is None:
                return None
            taken = {"claimed_until": micros(until), "claimant": claimant}
            connection.execute(update(webhook_lines).where(_L.line == row.line).values(taken))
            connection.commit()
        return Claim(Line(row.line, row.owner, row.webhook), claimant, _circuit(row))

    def hold(self, claim: Claim, until: datetime) -> bool:
        """Keep a claim for longer."""
        with self._database.writing() as connection:
            kept = connection.execute(update(webhook_lines).where(*_own(claim)).values(claimed_until=micros(until)))
            connection.commit()
        return kept.rowcount == 1

    def hold_all(self, claimants: Collection[str], until: datetime) -> None:
        """Keep several claims for longer."""
        kept = update(webhook_lines).where(_L.claimant.in_(claimants)).values(claimed_until=micros(until))
        with self._database.writing() as connection:
            connection.execute(kept)
            connection.commit()

    def first_due(self, line: str, now: datetime) -> Delivery | None:
        """Return what is to be sent next of a line."""
        query = (
            select(webhook_deliveries)
            .where(_D.line == line, _D.state == "pending", _D.due_at <= micros(now))
            .order_by((_D.type == PING).desc(), _D.created_at, _D.place, _D.id)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _delivery(row)

    def record(self, claim: Claim, delivery: Delivery, circuit: Circuit) -> bool:
        """Keep what came of an attempt."""
        row = _row(delivery)
        of_it = (_D.line == delivery.line, _D.source == delivery.source)
        told = {name: row[name] for name in ("state", "attempts", "due_at", "status", "said", "ended_at")}
        with self._database.writing() as connection:
            kept = connection.execute(update(webhook_lines).where(*_own(claim)).values(_circuit_row(circuit)))
            if kept.rowcount == 0:
                return False
            connection.execute(update(webhook_deliveries).where(*of_it).values(told))
            connection.commit()
        return True

    def release(self, claim: Claim) -> None:
        """Tend a line no more."""
        with self._database.writing() as connection:
            connection.execute(update(webhook_lines).where(*_own(claim)).values(claimed_until=0, claimant=""))
            connection.commit()

    def bury(self, line: str, said: str, now: datetime) -> None:
        """Have everything that waits in a line be dead."""
        dead = {"state": "dead", "said": said, "ended_at": micros(now)}
        waiting = (_D.line == line, _D.state == "pending")
        with self._database.writing() as connection:
            connection.execute(update(webhook_deliveries).where(*waiting).values(dead))
            connection.commit()

    def forget(self, line: str) -> None:
        """Keep nothing of a line."""
        with self._database.writing() as connection:
            connection.execute(delete(webhook_deliveries).where(_D.line == line))
            connection.execute(delete(webhook_lines).where(_L.line == line))
            connection.commit()

    def next_due(self) -> datetime | None:
        """Return when something is to be done next."""
        # The later of three times, which the databases have no one word for.
        query = (
            select(func.min(_D.due_at).label("due"), _L.open_until, _L.claimed_until)
            .join(webhook_lines, _L.line == _D.line)
            .where(_D.state == "pending")
            .group_by(_L.line, _L.open_until, _L.claimed_until)
        )
        with self._database.reading() as connection:
            found = [max(row.due, row.open_until, row.claimed_until) for row in connection.execute(query)]
        return moment(min(found)) if found else None

    def list(
        self, line: str, *, state: DeliveryState | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Return deliveries of a line, the newest first."""
        query = select(webhook_deliveries).where(_D.line == line)
        if state is not None:
            query = query.where(_D.state == state)
        newest = (_D.created_at.desc(), _D.place.desc(), _D.id.desc())
        with self._database.reading() as connection:
            if after is not None:
                query = _behind(connection, query, line, after)
            return [_delivery(row) for row in connection.execute(query.order_by(*newest).limit(limit))]

    def find(self, line: str, identity: str) -> Delivery | None:
        """Return a delivery by its id."""
        query = select(webhook_deliveries).where(_D.line == line, _D.id == identity)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _delivery(row)

    def redeliver(self, line: str, now: datetime, *, identity: str | None = None) -> int:
        """Have one delivery, or all dead ones of a line, be sent again."""
        wanted = _D.state == "dead" if identity is None else _D.id == identity
        again = {
            "state": "pending",
            "attempts": 0,
            "due_at": micros(now),
            "until": micros(now + UNTIL),
            "ended_at": None,
        }
        with self._database.writing() as connection:
            done = connection.execute(update(webhook_deliveries).where(_D.line == line, wanted).values(again))
            connection.execute(update(webhook_lines).where(_L.line == line).values(_circuit_row(Circuit())))
            connection.commit()
        return int(done.rowcount)

    def circuit(self, line: str) -> Circuit:
        """Return how the endpoint of a line has been doing."""
        with self._database.reading() as connection:
            row = connection.execute(select(webhook_lines).where(_L.line == line)).one_or_none()
        return Circuit() if row is None else _circuit(row)

    def tally(self, lines: Collection[str]) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Return how many deliveries of each of *lines* are in each state."""
        query = select(_D.line, _D.state, func.count()).where(_D.line.in_(lines)).group_by(_D.line, _D.state)
        found: dict[str, dict[DeliveryState, int]] = {}
        with self._database.reading() as connection:
            for line, state, count in connection.execute(query):
                found.setdefault(line, {})[state] = count
        return found

    def backlog(self) -> Backlog:
        """Return how much waits in all lines together."""
        query = select(_D.state, func.count(), func.min(_D.created_at)).where(_D.state.in_(("pending", "dead")))
        query = query.group_by(_D.state)
        with self._database.reading() as connection:
            found = {state: (count, oldest) for state, count, oldest in connection.execute(query)}
        pending, oldest = found.get("pending", (0, None))
        return Backlog(pending, found.get("dead", (0, None))[0], None if oldest is None else moment(oldest))

    def sweep(self, before: datetime) -> int:
        """Forget deliveries that were made before, and lines that are empty."""
        is_empty = ~exists().where(_D.line == _L.line)
        with self._database.writing() as connection:
            gone = connection.execute(delete(webhook_deliveries).where(_D.created_at < micros(before)))
            connection.execute(delete(webhook_lines).where(is_empty, _L.claimed_until == 0))
            connection.commit()
        return int(gone.rowcount)


def _moved(connection: Connection, log: str, before: int, after: int) -> bool:
    if before == 0:
        row = {"log": log, "revision": 0}
        connection.execute(insert_into(webhook_cursors, connection.dialect.name).values(row).on_conflict_do_nothing())
    at = (_C.log == log, _C.revision == before)
    return connection.execute(update(webhook_cursors).where(*at).values(revision=after)).rowcount == 1


def _keep_line(connection: Connection, line: Line) -> None:
    row = {
        "line": line.name,
        "owner": line.owner,
        "webhook": line.webhook,
        "claimed_until": 0,
        "claimant": "",
        **_circuit_row(Circuit()),
    }
    connection.execute(insert_into(webhook_lines, connection.dialect.name).values(row).on_conflict_do_nothing())


def _keep(connection: Connection, delivery: Delivery, place: int) -> None:
    row = {**_row(delivery), "place": place}
    connection.execute(insert_into(webhook_deliveries, connection.dialect.name).values(row).on_conflict_do_nothing())


def _behind(connection: Connection, query: Select[Any], line: str, identity: str) -> Select[Any]:
    last = connection.execute(select(webhook_deliveries).where(_D.line == line, _D.id == identity)).one_or_none()
    if last is None:
        return query
    same = _D.created_at == last.created_at
    return query.where(
        or_(
            _D.created_at < last.created_at,
            and_(same, _D.place < last.place),
            and_(same, _D.place == last.place, _D.id < last.id),
        )
    )


def _own(claim: Claim) -> tuple[Any, ...]:
    return (_L.line == claim.line.name, _L.claimant == claim.claimant)


def _circuit(row: Row[Any]) -> Circuit:
    return Circuit(row.failures, moment(row.open_until) if row.open_until else None)


def _circuit_row(circuit: Circuit) -> dict[str, int]:
    return {
        "failures": circuit.failures,
        "open_until": 0 if circuit.open_until is None else micros(circuit.open_until),
    }


def _row(delivery: Delivery) -> dict[str, Any]:
    return {
        "line": delivery.line,
        "source": delivery.source,
        "id": delivery.id,
        "type": delivery.type,
        "created_at": micros(delivery.created),
        "body": delivery.body,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due_at": micros(delivery.due),
        "until": micros(delivery.until),
        "status": delivery.status,
        "said": delivery.said,
        "ended_at": None if delivery.ended is None else micros(delivery.ended),
    }


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        line=row.line,
        source=row.source,
        type=row.type,
        body=bytes(row.body),
        created=moment(row.created_at),
        due=moment(row.due_at),
        until=moment(row.until),
        state=row.state,
        attempts=row.attempts,
        status=row.status,
        said=row.said,
        ended=None if row.ended_at is None else moment(row.ended_at),
    )
