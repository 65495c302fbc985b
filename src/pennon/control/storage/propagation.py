"""Keeps what nodes report of themselves, and when changes arrived there."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, and_, delete, func, or_, select

from pennon.control.clock import Clock
from pennon.control.publishing.propagation import REVISIONS, Arrivals, NodeReport
from pennon.control.storage.database import Database
from pennon.control.storage.tables import arrivals, changes, edge_nodes, insert_into, micros, moment, upsert
from pennon.model import Position
from pennon.stream.acks import NODES, Ack

KEPT = timedelta(hours=24)
"""A node that said nothing for so long is forgotten: long enough to be seen by who comes in the morning."""
OWN_KEPT = timedelta(minutes=1)
"""A process of the origin reports every few seconds; another one has another name."""
ARRIVALS_KEPT = timedelta(days=30)
_TIDY_EVERY = timedelta(minutes=1)
_LOG = "environments/"
_ACK = msgspec.json.Decoder(Ack)
_DELAYS = msgspec.json.Decoder(dict[str, float])


class StoredPropagation:
    """See `pennon.control.publishing.propagation.PropagationStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tidied: datetime | None = None

    def keep(self, reports: Sequence[NodeReport], arrived: Sequence[Arrivals]) -> None:
        """Keep all of it in one transaction."""
        now = self._clock.now()
        with self._database.writing() as connection:
            _keep_reports(connection, reports)
            _keep_arrivals(connection, arrived, now)
            if self._tidied is None or not self._tidied <= now < self._tidied + _TIDY_EVERY:
                _tidy(connection, now)
                self._tidied = now
            connection.commit()

    def reports(self, environment: str | None = None) -> list[NodeReport]:
        """Return the reports about *environment*, or about all, by environment and node."""
        table = edge_nodes.c
        query = select(edge_nodes).order_by(table.environment, table.node, table.writer)
        if environment is not None:
            query = query.where(table.environment == environment)
        with self._database.reading() as connection:
            return [
                NodeReport(
                    environment=row.environment,
                    ack=_ACK.decode(row.report),
                    heard_at=moment(row.heard_at),
                    writer=row.writer,
                )
                for row in connection.execute(query)
            ]

    def arrivals(self, environment: str, *, revision: int | None = None) -> list[Arrivals]:
        """Return when the latest changes arrived, or that of *revision*: newest first, those of all writers as one."""
        table = arrivals.c
        query = select(arrivals).where(table.environment == environment)
        if revision is not None:
            query = query.where(table.revision == revision)
        merged: dict[Position, Arrivals] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query.order_by(table.epoch.desc(), table.revision.desc())):
                position = Position(row.epoch, row.revision)
                delays = _earliest(_DELAYS.decode(row.delays), merged.get(position))
                merged[position] = Arrivals(
                    environment=environment, position=position, committed_at=moment(row.committed_at), delays=delays
                )
        return list(merged.values())[:REVISIONS]

    def commits(self, environment: str, epoch: int, *, limit: int = REVISIONS) -> Mapping[int, datetime]:
        """Return when the latest changes of an epoch were committed, by revision."""
        table = changes.c
        query = select(table.revision, table.at).where(table.log == _LOG + environment, table.epoch == epoch)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(table.revision.desc()).limit(limit))
            return {row.revision: moment(row.at) for row in rows}


def _keep_reports(connection: Connection, reports: Iterable[NodeReport]) -> None:
    # In one order whoever writes, so that two servers never wait for each other.
    ordered = sorted(reports, key=lambda report: (report.environment, report.ack.node, report.writer))
    table = edge_nodes.c
    for report in ordered:
        if report.ack.gone:
            place = (table.environment == report.environment, table.node == report.ack.node)
            connection.execute(delete(edge_nodes).where(*place, table.writer == report.writer))
    rows = [
        {
            "environment": report.environment,
            "node": report.ack.node,
            "writer": report.writer,
            "heard_at": micros(report.heard_at),
            "report": msgspec.json.encode(msgspec.structs.replace(report.ack, applied={}, waited=0.0)),
        }
        for report in ordered
        if not report.ack.gone
    ]
    if not rows:
        return
    statement = insert_into(edge_nodes, connection.dialect.name)
    said = {"heard_at": statement.excluded.heard_at, "report": statement.excluded.report}
    newer = table.heard_at <= statement.excluded.heard_at
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(edge_nodes.primary_key), set_=said, where=newer), rows
    )


def _keep_arrivals(connection: Connection, arrived: Iterable[Arrivals], now: datetime) -> None:
    rows = [
        {
            "environment": each.environment,
            "epoch": each.position.epoch,
            "revision": each.position.revision,
            "writer": each.writer,
            "committed_at": micros(each.committed_at),
            "at": micros(now),
            "delays": msgspec.json.encode(each.delays),
        }
        for each in sorted(arrived, key=lambda each: (each.environment, each.position, each.writer))
    ]
    if rows:
        connection.execute(upsert(arrivals, connection.dialect.name), rows)


def _tidy(connection: Connection, now: datetime) -> None:
    nodes, table = edge_nodes.c, arrivals.c
    is_old = nodes.heard_at < micros(now - KEPT)
    is_old_own = and_(nodes.writer != "", nodes.heard_at < micros(now - OWN_KEPT))
    connection.execute(delete(edge_nodes).where(or_(is_old, is_old_own)))
    many = select(nodes.environment).group_by(nodes.environment).having(func.count() > NODES)
    for environment in connection.execute(many).scalars().all():
        of_it = nodes.environment == environment
        newest = select(nodes.heard_at).where(of_it).order_by(nodes.heard_at.desc())
        bound = connection.execute(newest.offset(NODES - 1).limit(1)).scalar_one()
        connection.execute(delete(edge_nodes).where(of_it, nodes.heard_at < bound))
    connection.execute(delete(arrivals).where(table.at < micros(now - ARRIVALS_KEPT)))
    for environment in connection.execute(select(table.environment).distinct()).scalars().all():
        of_it = table.environment == environment
        kept = select(table.epoch, table.revision).distinct().where(of_it).order_by(table.epoch.desc())
        oldest = connection.execute(kept.order_by(table.revision.desc()).offset(REVISIONS - 1).limit(1)).first()
        if oldest is not None:
            is_before = or_(
                table.epoch < oldest.epoch, and_(table.epoch == oldest.epoch, table.revision < oldest.revision)
            )
            connection.execute(delete(arrivals).where(of_it, is_before))


def _earliest(delays: Mapping[str, float], known: Arrivals | None) -> Mapping[str, float]:
    """Return *delays* and those *known*: whoever heard of an arrival first knows it best."""
    before = {} if known is None else known.delays
    return {**before, **{node: min(delay, before.get(node, delay)) for node, delay in delays.items()}}
