"""Keeps how often flags were evaluated. Batches, and the marks that they were counted, are one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, delete, func, or_, select

from pennon.control.clock import Clock
from pennon.control.environments.readers import Reader
from pennon.control.lifecycle.counts import EvaluationSpan
from pennon.control.storage.database import Database
from pennon.control.storage.tables import (
    evaluation_counts,
    evaluation_spans,
    insert_into,
    instances,
    micros,
    moment,
    upsert,
)
from pennon.events import HourlyCount, Standing, Taken
from pennon.ingest.counting import CountedBatch

KEPT = timedelta(days=400)
"""A year and a month, so that this month can be compared with that of last year."""
INSTANCE_KEPT = timedelta(days=30)
"""An instance that was silent for so long does not send again what it sent before."""
INSTANCES = 100_000
"""So many instances of one key are told apart: a client key is public, and whoever has it can make up names."""
_TIDY_EVERY = timedelta(hours=1)
_DAY_S = 24 * 60 * 60


def _distinct_days() -> Select[Any]:
    """Return the first hour with counts of each day, found by a jump from one to the next: there may be millions."""
    table = evaluation_counts.c
    of_environment = select(func.min(table.hour)).where(table.environment == bindparam("of"))
    days = of_environment.where(table.hour >= bindparam("since")).label("hour")
    found = select(days).cte("days", recursive=True)
    later = of_environment.where(table.hour >= found.c.hour - found.c.hour % _DAY_S + _DAY_S).scalar_subquery()
    found = found.union_all(select(later).where(found.c.hour.is_not(None)))
    return select(found.c.hour).where(found.c.hour.is_not(None))


def _summed_hours() -> Select[Any]:
    table = evaluation_counts.c
    of_flags = table.flag.in_(bindparam("flags", expanding=True))
    query = select(table.flag, table.hour, func.sum(table.total)).group_by(table.flag, table.hour)
    return query.where(table.environment == bindparam("of"), of_flags, table.hour >= bindparam("since"))


_DAYS = _distinct_days()
_HOURS = _summed_hours()
"""Built once: building a statement costs more than to run it."""


class StoredCounts:
    """See `pennon.control.lifecycle.counts.EvaluationCounts`."""

    def __init__(self, database: Database, clock: Clock, *, most_instances: int = INSTANCES) -> None:
        self._database = database
        self._clock = clock
        self._most_instances = most_instances
        self._counted = 0
        self._tidied: datetime | None = None

    def add(self, batches: Sequence[CountedBatch]) -> None:
        """Add the sums of *batches* and keep their marks, in one transaction; leave out those whose mark is there."""
        # In one order whoever calls, so that two processes never wait for each other.
        ordered = sorted(batches, key=lambda batch: (batch.environment, batch.key_hash, batch.instance, batch.sequence))
        with self._database.writing() as connection:
            self._tidy(connection)
            new = [batch for batch in ordered if _mark(connection, batch)]
            self._counted += len(new)
            if sums := _summed(new):
                connection.execute(_adding(connection), sums)
                connection.execute(_widening(connection), _spans(sums))
            connection.commit()

    def totals(
        self,
        environment: str,
        *,
        flag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100_000,
    ) -> list[HourlyCount]:
        """Return the counts of the hours that begin in [*since*, *until*), by flag, hour and variation."""
        table = evaluation_counts.c
        query = select(evaluation_counts).where(table.environment == environment).limit(limit)
        if flag is not None:
            query = query.where(table.flag == flag)
        if since is not None:
            query = query.where(table.hour >= since.timestamp())
        if until is not None:
            query = query.where(table.hour < until.timestamp())
        query = query.order_by(table.flag, table.hour, table.variation)
        with self._database.reading() as connection:
            return [
                HourlyCount(flag=row.flag, variation=row.variation or None, hour=row.hour, count=row.total)
                for row in connection.execute(query)
            ]

    def hours(self, environment: str, *, flags: Collection[str], since: datetime) -> Mapping[str, Mapping[int, int]]:
        """Return how often each of *flags* was evaluated in each hour from *since* on."""
        found: dict[str, dict[int, int]] = {}
        with self._database.reading() as connection:
            asked = {"of": environment, "flags": list(flags), "since": int(since.timestamp())}
            for flag, hour, total in connection.execute(_HOURS, asked):
                found.setdefault(flag, {})[hour] = int(total)
        return found

    def spans(self, environment: str, *, flag: str | None = None) -> list[EvaluationSpan]:
        """Return when each flag first and last served each variation."""
        table = evaluation_spans.c
        query = select(table.flag, table.variation, table.first, table.last).where(table.environment == environment)
        if flag is not None:
            query = query.where(table.flag == flag)
        with self._database.reading() as connection:
            found = connection.execute(query).all()  # at once: they are many, and small
        return [EvaluationSpan(of, variation or None, first, last) for of, variation, first, last in found]

    def last_hours(self, environment: str, *, flag: str | None = None) -> Mapping[str, int]:
        """Return when each flag was evaluated last."""
        table = evaluation_spans.c
        query = select(table.flag, func.max(table.last)).where(table.environment == environment).group_by(table.flag)
        if flag is not None:
            query = query.where(table.flag == flag)
        with self._database.reading() as connection:
            return {of: int(last) for of, last in connection.execute(query).all()}

    def first_hour(self, environment: str) -> int | None:
        """Return the first hour of which there are counts, in seconds since 1970."""
        query = select(func.min(evaluation_counts.c.hour)).where(evaluation_counts.c.environment == environment)
        with self._database.reading() as connection:
            found: int | None = connection.execute(query).scalar_one()
        return found

    def days_reported(self, environment: str, *, since: datetime) -> list[int]:
        """Return the days, counted from 1970, of whose hours since then there are counts."""
        with self._database.reading() as connection:
            found = connection.execute(_DAYS, {"of": environment, "since": int(since.timestamp())})
            return [row.hour // _DAY_S for row in found]

    def readers(self, environments: Sequence[str], *, since: datetime) -> list[Reader]:
        """See `pennon.control.environments.readers.ReaderCounts`."""
        table, said = instances.c, func.coalesce(instances.c.sdk, "")
        query = select(table.environment, said, func.count(), func.max(table.at))
        query = query.where(table.environment.in_(environments), table.at >= micros(since))
        query = query.group_by(table.environment, said).order_by(table.environment, said)
        with self._database.reading() as connection:
            return [
                Reader(environment=environment, sdk=sdk, instances=count, last_seen=moment(at))
                for environment, sdk, count, at in connection.execute(query)
            ]

    def _tidy(self, connection: Connection) -> None:
        now = self._clock.now()
        is_recent = self._tidied is not None and self._tidied <= now < self._tidied + _TIDY_EVERY
        if is_recent and self._counted < self._most_instances // 10:
            return
        self._forget_instances(connection)
        connection.execute(delete(instances).where(instances.c.at < micros(now - INSTANCE_KEPT)))
        oldest = int((now - KEPT).timestamp())
        connection.execute(delete(evaluation_counts).where(evaluation_counts.c.hour < oldest))
        connection.execute(delete(evaluation_spans).where(evaluation_spans.c.last < oldest))
        self._tidied = now
        self._counted = 0

    def _forget_instances(self, connection: Connection) -> None:
        """Forget, of each key that has too many instances, those that were silent longest."""
        table = instances.c
        many = select(table.environment, table.key).group_by(table.environment, table.key)
        for row in connection.execute(many.having(func.count() > self._most_instances)).all():
            of_key = (table.environment == row.environment, table.key == row.key)
            newest = select(table.at).where(*of_key).order_by(table.at.desc())
            bound = connection.execute(newest.offset(self._most_instances - 1).limit(1)).scalar_one()
            connection.execute(delete(instances).where(*of_key, table.at < bound))


def _mark(connection: Connection, batch: CountedBatch) -> bool:
    """Note that *batch* is counted, and return whether it was not before."""
    place = {"environment": batch.environment, "key": batch.key_hash, "instance": batch.instance}
    row = {**place, "counted": Taken(sources=1).to_json(), "at": batch.received_at * 1000, "sdk": batch.sdk}
    connection.execute(insert_into(instances, connection.dialect.name).values(row).on_conflict_do_nothing())
    query = select(instances.c.counted, instances.c.at).filter_by(**place).with_for_update()
    known = connection.execute(query).one()
    taken = Taken.from_json(known.counted, sources=1)
    source = (batch.key_hash, batch.instance)
    if taken.standing(source, batch.sequence) is not Standing.NEW:
        return False
    taken.add(source, batch.sequence)
    # A batch that waited on an edge node makes nobody silent who was heard since.
    row |= {"counted": taken.to_json(), "at": max(known.at, batch.received_at * 1000)}
    connection.execute(upsert(instances, connection.dialect.name), row)
    return True


def _summed(batches: Sequence[CountedBatch]) -> list[dict[str, Any]]:
    sums: dict[tuple[str, str, int, str], int] = {}
    for batch in batches:
        for count in batch.counts:
            place = (batch.environment, count.flag, count.hour, count.variation or "")
            sums[place] = sums.get(place, 0) + count.count
    names = ("environment", "flag", "hour", "variation")
    return [{**dict(zip(names, place, strict=True)), "total": total} for place, total in sorted(sums.items())]


def _adding(connection: Connection) -> Any:
    statement = insert_into(evaluation_counts, connection.dialect.name)
    total = evaluation_counts.c.total + statement.excluded.total
    return statement.on_conflict_do_update(index_elements=list(evaluation_counts.primary_key), set_={"total": total})


def _spans(sums: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in sums:
        place = (row["environment"], row["flag"], row["variation"])
        first, last = found.get(place, (row["hour"], row["hour"]))
        found[place] = (min(first, row["hour"]), max(last, row["hour"]))
    names = ("environment", "flag", "variation", "first", "last")
    return [dict(zip(names, (*place, *span), strict=True)) for place, span in sorted(found.items())]


def _widening(connection: Connection) -> Any:
    statement = insert_into(evaluation_spans, connection.dialect.name)
    kept, new = evaluation_spans.c, statement.excluded
    first = case((new.first < kept.first, new.first), else_=kept.first)
    last = case((new.last > kept.last, new.last), else_=kept.last)
    return statement.on_conflict_do_update(
        index_elements=list(evaluation_spans.primary_key),
        set_={"first": first, "last": last},
        where=or_(new.first < kept.first, new.last > kept.last),  # most evaluations widen nothing
    )
