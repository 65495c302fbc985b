"""Keeps where code names flags: the newest report of each repository, replaced whole."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from pennon.control.lifecycle.code import Located, Reference, Report, Scan
from pennon.control.storage.database import Database
from pennon.control.storage.tables import code_references, code_reports, insert_into, micros, moment

_PLACES = msgspec.json.Decoder(list[tuple[str, int, str | None]])
_AT_ONCE = 5000
"""So many rows are sent to the database at a time."""


class StoredCode:
    """See `pennon.control.lifecycle.code.CodeReferences`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, project: str, report: Report) -> bool:
        """Keep *report* instead of the repository's last, and return True; False where that was of a later scan."""
        place = {"project": project, "repository": report.repository}
        rows = [place | row for row in _rows(report.references)]  # before others have to wait
        with self._database.writing() as connection:
            if not _head(connection, place, report):
                return False
            connection.execute(delete(code_references).where(*_of(project, report.repository)))
            for start in range(0, len(rows), _AT_ONCE):
                connection.execute(insert(code_references), rows[start : start + _AT_ONCE])
            connection.commit()
        return True

    def forget(self, project: str, repository: str) -> bool:
        """Forget a repository, and return whether there was one."""
        table = code_reports.c
        with self._database.writing() as connection:
            of_report = (table.project == project, table.repository == repository)
            found = connection.execute(delete(code_reports).where(*of_report)).rowcount
            connection.execute(delete(code_references).where(*_of(project, repository)))
            connection.commit()
        return found > 0

    def scans(self, project: str) -> list[Scan]:
        """Return the newest report of each repository, in their order."""
        table = code_references.c
        counts = select(table.repository, func.sum(table.count), func.count())
        counted = counts.where(table.project == project).group_by(table.repository)
        reports = select(code_reports).where(code_reports.c.project == project).order_by(code_reports.c.repository)
        with self._database.reading() as connection:
            of = {name: (int(references), flags) for name, references, flags in connection.execute(counted)}
            return [
                Scan(
                    repository=row.repository,
                    revision=row.revision,
                    scanned_at=moment(row.scanned_at),
                    references=of.get(row.repository, (0, 0))[0],
                    flags=of.get(row.repository, (0, 0))[1],
                )
                for row in connection.execute(reports)
            ]

    def newest(self, project: str) -> Mapping[str, datetime]:
        """Return of each repository, in their order, when the newest report of it was made."""
        table = code_reports.c
        query = select(table.repository, table.scanned_at).where(table.project == project).order_by(table.repository)
        with self._database.reading() as connection:
            return {repository: moment(at) for repository, at in connection.execute(query)}

    def flags(self, project: str, *, flag: str | None = None) -> frozenset[str]:
        """Return the keys that any code names; with *flag*, that one or none."""
        query = select(code_references.c.flag).where(code_references.c.project == project).distinct()
        if flag is not None:
            query = query.where(code_references.c.flag == flag)
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def of_flag(self, project: str, flag: str, *, after: int, limit: int) -> list[Located]:
        """Return references to *flag*, by repository, file and line, but the first *after*."""
        table = code_references.c
        query = select(table.repository, table.places).where(table.project == project, table.flag == flag)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(table.repository)).all()
        found = (
            Located(repository, Reference(flag, *place))
            for repository, places in rows
            for place in _PLACES.decode(places)
        )
        return list(islice(found, after, after + limit))


def _rows(references: Sequence[Reference]) -> list[dict[str, Any]]:
    """Return a row of each flag that *references* name, with its places; one that is named twice is one."""
    by_flag: dict[str, dict[tuple[str, int], str | None]] = {}
    for each in references:
        by_flag.setdefault(each.flag, {})[each.file, each.line] = each.owner
    return [
        {
            "flag": flag,
            "count": len(places),
            "places": msgspec.json.encode([(file, line, owner) for (file, line), owner in sorted(places.items())]),
        }
        for flag, places in sorted(by_flag.items())
    ]


def _head(connection: Connection, place: dict[str, str], report: Report) -> bool:
    """Make *report* the repository's newest, and lock it; return False where a later scan is."""
    statement = insert_into(code_reports, connection.dialect.name).values(
        **place, revision=report.revision, scanned_at=micros(report.scanned_at)
    )
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=list(code_reports.primary_key),
        set_={"revision": new.revision, "scanned_at": new.scanned_at},
        where=code_reports.c.scanned_at <= new.scanned_at,
    )
    return connection.execute(statement.returning(code_reports.c.repository)).one_or_none() is not None


def _of(project: str, repository: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return code_references.c.project == project, code_references.c.repository == repository
