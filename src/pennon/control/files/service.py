"""Commands on files: what they would change, changing it as one, and proposing it."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import msgspec
from msgspec.structs import replace

from pennon.control.changes.diff import diff_edits
from pennon.control.environments.applied import APPLY, applied_files
from pennon.control.environments.gate import Alteration, Permit, permit_everybody
from pennon.control.environments.ownership import AppliedFiles, FilesOwner, Origin, origin_problems
from pennon.control.environments.protection import Leave
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import FilesOutdated
from pennon.control.files.document import Document, document_of
from pennon.control.files.drift import SERVED, Drifted, changes_since, drift
from pennon.control.files.plan import Edits, Plan, Revisions, edits_of
from pennon.control.files.work import NO_ORDERS, Orders, Work
from pennon.control.flags.project import ProjectCommand, WorkingProject, change_project, environments_of
from pennon.control.log import (
    Actor,
    ChangeLog,
    EnvironmentName,
    Idempotency,
    Outcome,
    Reading,
    Writing,
    outcome_of,
    project_log,
)
from pennon.control.naming import accept
from pennon.control.working.salts import NewSalt, random_salt
from pennon.model import Problem
from pennon.model.limits import DEFAULT_LIMITS, Limits

_SHORT = 12
_MOST_NAMED = 20
_MOST_SAID = 5


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Which files own an environment, what was applied to it last, and what was changed since by others."""

    owner: FilesOwner | None
    applied: AppliedFiles | None
    drift: tuple[Drifted, ...]


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What files come to, as edits by environment, why, and what is to be kept once they are made."""

    changes: tuple[Edits, ...]
    why: str
    applied: tuple[AppliedFiles, ...]


class FileService:
    """Brings projects to what their files say. Outcomes are about the project's log."""

    def __init__(
        self,
        log: ChangeLog,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
    ) -> None:
        self._log = log
        self._working = partial(WorkingProject, new_salt=new_salt, limits=limits)
        self._change_project = partial(change_project, log, new_salt=new_salt, limits=limits, permit=permit)
        self._permit = permit

    def document(self, project: str, environments: Sequence[str] | None = None) -> Document:
        """Return what the files of *environments* (None: of all) would say. Raises `NotFound`, and `Invalid`."""
        with self._log.reading() as reading:
            known = [name.environment for name in environments_of(reading, project)]
            wanted = known if environments is None else environments
            accept(_stranger_problems(wanted, known))
            return document_of(reading, project, [key for key in known if key in wanted])

    def standing(self, name: EnvironmentName) -> Standing:
        """Return what was applied to an environment, and its drift. Nothing applied: there is nothing to drift from."""
        with self._log.reading() as reading:
            owner = find_environment(reading, name).files
            applied = applied_files(reading, name)
            return Standing(owner=owner, applied=applied, drift=drift(reading, name, applied) if applied else ())

    def plan(self, project: str, document: Document, orders: Orders = NO_ORDERS) -> Plan:
        """Return what `apply` would change, and change nothing.

        Raises `NotFound` for the project, `Invalid` with paths into the document, and the conflicts of what is in use.
        """
        with self._log.reading() as reading:
            working = self._working(project, reading, environments_of(reading, project))
            return Work(reading, working, document, orders).plan()

    def proposal(self, project: str, document: Document, orders: Orders = NO_ORDERS, *, why: str = "") -> Proposed:
        """Return what `apply` would change, for a change request. Raises what `apply` does."""
        accept(origin_problems(orders.origin))
        with self._log.reading() as reading:
            working = self._working(project, reading, environments_of(reading, project))
            work = Work(reading, working, document, orders)
            work.require_meant()
            changes = edits_of(working, work.desired.names)
            return Proposed(changes=changes, why=_reason(orders.origin, why), applied=work.applied())

    def apply(
        self,
        project: str,
        document: Document,
        orders: Orders = NO_ORDERS,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make everything that *document* says so, in all its environments, as one change. Twice changes nothing.

        Raises what `plan` does, `FilesOutdated` naming what was changed since the plan was looked at, `TurnedOffSince`
        naming the flags that would be turned on again, and what the gate raises.
        """
        accept(origin_problems(orders.origin))
        log = project_log(project)

        def make(working: WorkingProject, writing: Writing) -> None:
            _require_current(writing, project, document, orders.expected)
            work = Work(writing, working, document, orders)
            work.require_meant()
            work.note(
                writing,
                lambda name: writing.demand(lambda reading: self._permit(reading, _noting(command, name))),
            )

        command = ProjectCommand(
            project=project,
            action=APPLY,
            by=by,
            why=_reason(orders.origin, why),
            idempotency=idempotency,
            leave=Leave(is_break_glass=orders.is_break_glass, files=orders.origin.source),
        )
        return outcome_of(self._change_project(command, make), log)


def _require_current(reading: Reading, project: str, document: Document, expected: Revisions | None) -> None:
    """Raise `FilesOutdated`, naming who changed what, unless all that *document* speaks of is as it was *expected*."""
    if expected is None:
        return
    problems = list(_later(reading, project_log(project), expected.project, ("definition",), "the project"))
    for environment in document.environments:
        if (revision := expected.environments.get(environment)) is not None:
            log = EnvironmentName(project, environment).log
            problems += _later(reading, log, revision, SERVED, environment)
    if problems:
        raise FilesOutdated(problems)


def _later(reading: Reading, log: str, revision: int, kinds: tuple[str, ...], where: str) -> Iterator[Problem]:
    for change in islice(changes_since(reading, log, revision, kinds), _MOST_NAMED):
        edits = [edit for edit in change.edits if edit.kind in kinds]
        said = [sentence for item in diff_edits(edits) for sentence in item.sentences]
        more = f" and {len(said) - _MOST_SAID} more" if len(said) > _MOST_SAID else ""
        message = f"{change.actor.name} changed {where} in revision {change.revision}: {'; '.join(said[:_MOST_SAID])}"
        yield Problem("", message + more, "look at the plan again")


def _noting(command: ProjectCommand, name: EnvironmentName) -> Alteration:
    """Return that it is kept what was applied to an environment in which nothing is changed."""
    return replace(command.alteration("flag.change", (), name.environment), is_seen=False)


def _reason(origin: Origin, why: str) -> str:
    """Return why, as the log has it: the commit says why its author did it."""
    if not origin.commit:
        return why
    commit = f"commit {origin.commit[:_SHORT]}{f' of {origin.source}' if origin.source else ''}"
    return f"{commit}: {why}" if why else commit


def _stranger_problems(environments: Sequence[str], known: Sequence[str]) -> Iterator[Problem]:
    for environment in environments:
        if environment not in known:
            yield Problem("", f"there is no environment {environment!r}", f"name some of {', '.join(known)}")
