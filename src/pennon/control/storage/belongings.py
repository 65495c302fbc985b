"""What is kept by the key of a project or an environment, and goes with it.

A key can be used again, so nothing of the old one may be left when a new one is made: making one clears, in its own
transaction, what is there. Deleting one does not, for that may be millions of rows, on which every command of SQLite
would wait: nobody finds them without their project, and a chore forgets them a few at a time.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, delete, func, select

from pennon.control.log import INSTALLATION, Edit, project_log
from pennon.control.storage.database import Database
from pennon.control.storage.tables import (
    arrivals,
    code_references,
    code_reports,
    edge_nodes,
    evaluation_counts,
    evaluation_spans,
    external_events,
    heads,
    instances,
    items,
    sampled_contexts,
)

OF_PROJECTS: tuple[Table, ...] = (external_events, code_reports, code_references)
"""Tables of which the first column is the key of a project."""
OF_ENVIRONMENTS: tuple[Table, ...] = (
    evaluation_counts,
    evaluation_spans,
    instances,
    sampled_contexts,
    edge_nodes,
    arrivals,
)
"""Tables of which the first column is the name of an environment, as in `shop/production`."""
_AT_ONCE = 2000
"""About so many rows are forgotten in one transaction: tens of milliseconds."""


class StoredRemains:
    """See `pennon.control.projects.remains.Remains`."""

    def __init__(self, database: Database, *, at_once: int = _AT_ONCE) -> None:
        self._database = database
        self._at_once = at_once

    def clear(self) -> bool:
        """Forget some of what belongs to nothing any more."""
        with self._database.reading() as connection:
            gone = next(_gone(connection), None)
        if gone is None:
            return False
        table, name = gone
        with self._database.writing() as connection:
            # Making one takes these locks too: what is not there now is not there before this is over.
            logs = sorted({INSTALLATION, project_log(_project(name))})
            connection.execute(select(heads.c.log).where(heads.c.log.in_(logs)).order_by(heads.c.log).with_for_update())
            if not _is_there(connection, table, name):
                self._forget(connection, table, name)
            connection.commit()
        return True

    def _forget(self, connection: Connection, table: Table, name: str) -> None:
        owner, second = list(table.primary_key)[:2]
        ordered = select(second).where(owner == name).order_by(second)
        bound = connection.execute(ordered.offset(self._at_once - 1).limit(1)).scalar()
        rows = delete(table).where(owner == name)
        connection.execute(rows if bound is None else rows.where(second <= bound))


def clear_for_new(connection: Connection, edits: Mapping[str, Iterable[Edit]]) -> None:
    """Forget what an earlier project or environment left, for each that *edits*, by their logs, make."""
    for log, of_log in edits.items():
        for edit in of_log:
            if edit.before is not None or edit.kind not in ("project", "environment"):
                continue
            tables = OF_PROJECTS if edit.kind == "project" else OF_ENVIRONMENTS
            name = edit.key if edit.kind == "project" else f"{log.partition('/')[2]}/{edit.key}"
            for table in tables:
                connection.execute(delete(table).where(_owner(table) == name))


def _gone(connection: Connection) -> Iterator[tuple[Table, str]]:
    """Yield what is kept of what is not there: the table, and the name that its rows begin with."""
    for table in (*OF_PROJECTS, *OF_ENVIRONMENTS):
        for name in connection.execute(_names(_owner(table))).scalars().all():
            if not _is_there(connection, table, name):
                yield table, name


def _names(column: Column[Any]) -> Select[Any]:
    """Return the names in *column*, found by a jump from one to the next: there may be millions of rows of each."""
    found = select(func.min(column).label("name")).cte("names", recursive=True)
    later = select(func.min(column)).where(column > found.c.name).scalar_subquery()
    found = found.union_all(select(later).where(found.c.name.is_not(None)))
    return select(found.c.name).where(found.c.name.is_not(None))


def _is_there(connection: Connection, table: Table, name: str) -> bool:
    project, _, environment = name.partition("/")
    place = (INSTALLATION, "project", project)
    if table in OF_ENVIRONMENTS:
        place = (project_log(project), "environment", environment)
    log, kind, key = place
    query = select(items.c.key).where(items.c.log == log, items.c.kind == kind, items.c.key == key)
    return connection.execute(query.where(items.c.text.is_not(None))).first() is not None


def _project(name: str) -> str:
    return name.partition("/")[0]


def _owner(table: Table) -> Column[Any]:
    return next(iter(table.primary_key))
