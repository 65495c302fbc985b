"""Keeps where code names flags: the newest report of each repository, replaced whole."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from pennon.control.lifecycle.code import Located, Reference, Report, Scan
from pennon.control.storage.database import Database
from pennon.control.storage.tables import code_references, code_reports, insert_into, micros, moment

_AT_ONCE = 5000
"""So many rows are sent to the database at a time."""


class StoredCode:
    """See `pennon.control.lifecycle.code.CodeReferences`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, project: str, report: Report) -> bool:
        """Keep *report* instead of the repository's last, and return True; False where that was of a later scan."""
        place = {"project": project, "repository": report.repository}
        with self._database.writing() as connection:
            if not _head(connection, place, report):
                return False
            connection.execute(delete(code_references).where(*_of(project, report.repository)))
            distinct = {(each.flag, each.file, each.line): each for each in report.references}
            rows = [
                {**place, "flag": each.flag, "file": each.file, "line": each.line, "owner": each.owner}
                for _, each in sorted(distinct.items())
            ]
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
        counts = select(table.repository, func.count().label("references"), func.count(table.flag.distinct()))
        counted = counts.where(table.project == project).group_by(table.repository)
        reports = select(code_reports).where(code_reports.c.project == project).order_by(code_reports.c.repository)
        with self._database.reading() as connection:
            of = {repository: (references, flags) for repository, references, flags in connection.execute(counted)}
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

    def flags(self, project: str) -> frozenset[str]:
        """Return the keys that any code names."""
        query = select(code_references.c.flag).where(code_references.c.project == project).distinct()
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def of_flag(self, project: str, flag: str, *, after: int, limit: int) -> list[Located]:
        """Return references to *flag*, by repository, file and line, but the first *after*."""
        table = code_references.c
        query = select(code_references).where(table.project == project, table.flag == flag)
        query = query.order_by(table.repository, table.file, table.line).offset(after).limit(limit)
        with self._database.reading() as connection:
            return [
                Located(row.repository, Reference(row.flag, row.file, row.line, row.owner))
                for row in connection.execute(query)
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
