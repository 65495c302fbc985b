"""Where code names flags, as `pennon scan` reports it of each repository. Beside the log: a scan changes nothing."""

import datetime
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from pennon.control.clock import Clock
from pennon.control.errors import NotFound
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.log import ChangeLog, project_log
from pennon.control.naming import accept
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page
from pennon.model import Problem, pointer

MOST_REFERENCES = 100_000
MOST_TOLD = 1000
_LATE = datetime.timedelta(hours=1)
"""So much a scanner's clock may be ahead: a scan of the far future would hide all that come after it."""
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LONGEST = {"flag": 256, "file": 1024, "owner": 200, "repository": 256, "revision": 200}
_LAST_LINE = 2**31 - 1


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """One place in a repository's code that names a flag. `line` counts from 1; `owner` is whose file it is."""

    flag: str
    file: str
    line: int
    owner: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that a scan of a repository found, when it was at the commit `revision`, empty if that is not known."""

    repository: str
    revision: str
    scanned_at: datetime.datetime
    references: Sequence[Reference]


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """The newest report of a repository: how many references it had, to how many flags."""

    repository: str
    revision: str
    scanned_at: datetime.datetime
    references: int
    flags: int


class Located(msgspec.Struct, frozen=True):
    """A reference and the repository that has it."""

    repository: str
    reference: Reference


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a report. Not `kept`: a later scan of the repository was reported before.

    `unknown` are the first references to each flag that the project has not, `archived` those to archived ones.
    """

    kept: bool
    unknown: tuple[Reference, ...]
    archived: tuple[Reference, ...]


class CodeReferences(Protocol):
    """Keeps the newest report of each repository."""

    def replace(self, project: str, report: Report) -> bool:
        """Keep *report* instead of the repository's last, and return True; False where that was of a later scan."""

    def forget(self, project: str, repository: str) -> bool:
        """Forget a repository, and return whether there was one."""

    def scans(self, project: str) -> list[Scan]:
        """Return the newest report of each repository, in their order."""

    def newest(self, project: str) -> Mapping[str, datetime.datetime]:
        """Return of each repository, in their order, when the newest report of it was made."""

    def flags(self, project: str, *, flag: str | None = None) -> Collection[str]:
        """Return the keys that any code names; with *flag*, that one or none."""

    def of_flag(self, project: str, flag: str, *, after: int, limit: int) -> list[Located]:
        """Return references to *flag*, by repository, file and line, but the first *after*."""


class CodeService:
    """Takes the reports of scans, and tells what they found."""

    def __init__(self, log: ChangeLog, clock: Clock, kept: CodeReferences) -> None:
        self._log = log
        self._clock = clock
        self._kept = kept

    def take_report(self, project: str, report: Report) -> Received:
        """Keep *report* instead of the last one of its repository, unless that was of a later scan.

        Raises `NotFound` for the project, and `Invalid`.
        """
        with self._log.reading() as reading:
            find_project(reading, project)
            definitions = reading.items(project_log(project), "definition")
        accept(_problems(report, self._clock.now()))
        archived = {item.key for item in definitions if item.read(FlagDefinition).archived}
        live = {item.key for item in definitions} - archived
        first: dict[str, Reference] = {}
        for each in report.references:
            first.setdefault(each.flag, each)
        return Received(
            kept=self._kept.replace(project, report),
            unknown=tuple(each for key, each in first.items() if key not in live and key not in archived)[:MOST_TOLD],
            archived=tuple(each for key, each in first.items() if key in archived)[:MOST_TOLD],
        )

    def forget(self, project: str, repository: str) -> None:
        """Forget what was reported of a repository that is no more. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_project(reading, project)
        if not self._kept.forget(project, repository):
            raise NotFound("report of repository", repository)

    def scans(self, project: str) -> list[Scan]:
        """Return the newest report of each repository. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_project(reading, project)
        return self._kept.scans(project)

    def repositories(self, project: str) -> list[str]:
        """Return the repositories that were scanned, in order."""
        return list(self._kept.newest(project))

    def references(self, project: str, flag: str, *, after: int = 0, limit: int = 100) -> Page[Located]:
        """Return a page of the places that name *flag*, which need not be there: code may be ahead, or behind."""
        with self._log.reading() as reading:
            find_project(reading, project)
        found = self._kept.of_flag(project, flag, after=after, limit=limit + 1)
        return Page(tuple(found[:limit]), str(after + limit) if len(found) > limit else None)


def _problems(report: Report, now: datetime.datetime) -> Iterator[Problem]:
    yield from _text_problems("/repository", "repository", report.repository)
    if report.revision:
        yield from _text_problems("/revision", "revision", report.revision)
    if report.scanned_at.tzinfo is None:
        yield Problem("/scannedAt", "the time has no zone", "write it as in 2026-01-31T12:00:00Z")
    elif report.scanned_at > now + _LATE:
        yield Problem("/scannedAt", "is in the future", "set the clock of the machine that scans")
    if len(report.references) > MOST_REFERENCES:
        yield Problem("/references", f"more than {MOST_REFERENCES} references", "leave out generated files")
        return
    for at, each in enumerate(report.references):
        path = pointer("references", at)
        yield from _text_problems(path + "/flag", "flag", each.flag)
        yield from _text_problems(path + "/file", "file", each.file)
        if each.owner is not None:
            yield from _text_problems(path + "/owner", "owner", each.owner)
        if not 1 <= each.line <= _LAST_LINE:
            yield Problem(path + "/line", "not the number of a line", "count from 1")


def _text_problems(path: str, field: str, text: str) -> Iterator[Problem]:
    longest = _LONGEST[field]
    if len(text) > longest or _LINE.fullmatch(text) is None:
        yield Problem(path, "empty, too long, or of more than a line", f"use 1 to {longest} characters, on one line")
