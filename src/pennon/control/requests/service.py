"""Commands on change requests: propose, edit, review, comment on, withdraw, and make what was proposed."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from pennon.control.access.permissions import Permission
from pennon.control.changes.apply import apply_edits
from pennon.control.changes.bases import Base, base_now
from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.service import ChangeService
from pennon.control.changes.times import frozen, time_problem
from pennon.control.clock import Clock
from pennon.control.environments.applied import APPLY, note_applied
from pennon.control.environments.gate import Alteration, Permit, permit_everybody
from pennon.control.environments.ownership import AppliedFiles
from pennon.control.environments.protection import Leave
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Conflict, Invalid, PreconditionFailed, RequestOutdated
from pennon.control.flags.checks import require_faultless_project
from pennon.control.flags.project import ProjectCommand, WorkingProject, change_project
from pennon.control.log import (
    Actor,
    ChangeLog,
    EnvironmentName,
    Idempotency,
    Outcome,
    Writing,
    outcome_of,
    project_log,
)
from pennon.control.naming import accept
from pennon.control.projects.views import project as find_project
from pennon.control.requests.models import (
    Author,
    ChangeRequest,
    Comment,
    Proposal,
    Review,
    Verdict,
    comment_problems,
    text_problems,
)
from pennon.control.requests.views import changed_since, lapsed
from pennon.control.requests.views import request as find_request
from pennon.control.working.salts import NewSalt, random_salt
from pennon.model import Problem, pointer
from pennon.model.limits import DEFAULT_LIMITS, Limits

MOST_PROPOSALS = 20
_LARGEST = 1024 * 1024

Edits: TypeAlias = tuple[str, Sequence[AnyEdit]]
"""The key of an environment, and what is to be changed in it."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody proposes: edits by the environments of the project that they are for.

    `files` are what it applies to each environment, where files propose it. With `apply_at` it is made then by itself,
    if it is approved.
    """

    title: str
    why: str = ""
    changes: tuple[Edits, ...]
    apply_at: datetime | None = None
    files: tuple[AppliedFiles, ...] = ()


class RequestService:
    """Keeps change requests, and makes the changes that they propose. Outcomes are about the project's log."""

    def __init__(  # as the services of what it changes, and the time
        self,
        log: ChangeLog,
        changes: ChangeService,
        clock: Clock,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
    ) -> None:
        self._log = log
        self._changes = changes
        self._clock = clock
        self._new_salt = new_salt
        self._limits = limits
        self._permit = permit

    def create_request(
        self, project: str, draft: Draft, *, by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> Outcome:
        """Propose changes. Each must be possible now.

        Raises `Invalid` with paths below `/changes`, `NotFound`, and `Forbidden`, as all that follow.
        """
        proposals = self._proposals(project, draft)
        made = ChangeRequest(
            key=secrets.token_hex(6),
            title=draft.title,
            why=draft.why,
            author=Author.of(by),
            proposals=proposals,
            created_at=int(self._clock.now().timestamp()),
            files=draft.files,
            apply_at=draft.apply_at,
        )
        log = project_log(project)
        with self._log.writing(log, by=by, action="createRequest", why=why, idempotency=idempotency) as writing:
            if writing.replayed:
                made = replace(made, key=writing.changes_made[log].edits[0].key)
            else:
                find_project(writing, project)
                self._require(writing, project, "change.propose", by)
                writing.put(log, "request", made)
        return outcome_of(writing, log, ("request", made.key))

    def edit_request(  # noqa: PLR0913  # which, what is proposed now, on what condition, and who
        self,
        project: str,
        key: str,
        draft: Draft,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Propose something else, on what is there now. What was approved has to be approved again.

        Raises `NotFound`, `Invalid`, `Conflict` for a request that has ended, and `PreconditionFailed`.
        """
        proposals = self._proposals(project, draft)

        def edited(writing: Writing, request: ChangeRequest) -> ChangeRequest:
            self._require(writing, project, "change.propose", by)
            _require_version(request, expected)
            # Whoever edits it answers for it: he cannot approve it then.
            edited = request.edited(title=draft.title, why=draft.why, proposals=proposals, apply_at=draft.apply_at)
            return replace(edited, author=Author.of(by))

        return self._alter(project, key, edited, "editRequest", by=by, why=why, idempotency=idempotency)

    def review_request(  # noqa: PLR0913  # which, what is said of it, and who
        self,
        project: str,
        key: str,
        verdict: Verdict,
        *,
        comment: str = "",
        edition: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Approve or refuse a request as it is now. With *edition*, only if it still is that one.

        Raises `NotFound`, `Conflict` for one's own and for one that has ended, and `PreconditionFailed`.
        """

        def reviewed(writing: Writing, request: ChangeRequest) -> ChangeRequest:
            if edition is not None and request.edition != edition:
                message = f"the request is at edition {request.edition}, not {edition}: it was edited meanwhile"
                raise PreconditionFailed(message, current=request)
            for proposal in request.proposals:  # who may approve may do so in some environments only
                self._require(writing, project, "change.approve", by, environment=proposal.environment)
            at = int(self._clock.now().timestamp())
            return request.reviewed(
                Review(by=Author.of(by), verdict=verdict, comment=comment, edition=request.edition, at=at)
            )

        return self._alter(project, key, reviewed, "reviewRequest", by=by, why=why, idempotency=idempotency)

    def comment_on_request(  # of what, what, and who
        self,
        project: str,
        key: str,
        text: str,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Say something of a request without a verdict: what counts towards it stays as it is.

        Raises `NotFound`, `Invalid`, and `Conflict` for a request that has very many comments.
        """
        accept(comment_problems(text))

        def commented(writing: Writing, request: ChangeRequest) -> ChangeRequest:
            self._require(writing, project, "change.propose", by)
            return request.commented(Comment(by=Author.of(by), at=int(self._clock.now().timestamp()), text=text))

        return self._alter(project, key, commented, "commentOnRequest", by=by, why=why, idempotency=idempotency)

    def withdraw_request(
        self, project: str, key: str, *, by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> Outcome:
        """End a request without a change. Raises `NotFound`, and `Conflict` for one that has ended."""

        def withdrawn(writing: Writing, request: ChangeRequest) -> ChangeRequest:
            self._require(writing, project, "change.propose", by)
            return request.ended("withdrawn", Author.of(by))

        return self._alter(project, key, withdrawn, "withdrawRequest", by=by, why=why, idempotency=idempotency)

    def apply_request(
        self,
        project: str,
        key: str,
        *,
        is_break_glass: bool = False,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make what a request proposes, in all its environments at once, and end it.

        Raises `NotFound`, `Conflict` for one that has ended or that somebody refuses, `RequestOutdated` naming what was
        changed since it was proposed, what the gate raises, and what making its edits raises. Nothing is done then.
        """
        log = project_log(project)
        with self._log.reading() as reading:
            found = find_request(reading, project, key)
            known = found.without(lapsed(reading, project, found, self._permit))
        files = known.files[0].source if known.files else None
        leave = Leave(approvals=known.approvals, is_break_glass=is_break_glass, files=files)

        def make(working: WorkingProject, writing: Writing) -> None:
            request = find_request(writing, project, key)
            request.require_open()
            if not request.is_as_of(known.version):  # the approvals that were counted are of another state
                raise PreconditionFailed("the request was altered meanwhile", current=request)
            if known.refusals and not is_break_glass:
                names = ", ".join(sorted(review.by.name for review in known.refusals))
                raise Conflict(f"{names} refused it", mend="edit it, or ask them to approve it")
            if changed := list(changed_since(writing, project, request)):
                raise RequestOutdated(key, changed)
            for at, proposal in enumerate(request.proposals):
                name = EnvironmentName(project, proposal.environment)
                find_environment(writing, name)
                with _under(pointer("changes", at)):
                    apply_edits(working, name, proposal.edits)
            require_faultless_project(working)
            for applied in request.files:
                note_applied(writing, project, applied)
            writing.put(log, "request", request.ended("applied", Author.of(by), is_break_glass=is_break_glass))

        command = ProjectCommand(
            project=project,
            action=APPLY if known.files else "applyRequest",
            by=by,
            why=f"{known.title} (request {key}){': ' if known.why or why else ''}{why or known.why}",
            idempotency=idempotency,
            leave=leave,
        )
        writing = change_project(
            self._log, command, make, new_salt=self._new_salt, limits=self._limits, permit=self._permit
        )
        return outcome_of(writing, log, ("request", key))

    def _require(
        self, writing: Writing, project: str, permission: Permission, by: Actor, *, environment: str | None = None
    ) -> None:
        """Ask once more in the transaction: what he was let in with may have been taken from him since."""
        alteration = Alteration(project=project, environment=environment, permission=permission, by=by)
        self._permit(writing, alteration)

    def _alter(  # noqa: PLR0913  # which, what becomes of it, and who
        self,
        project: str,
        key: str,
        alter: Callable[[Writing, ChangeRequest], ChangeRequest],
        action: str,
        *,
        by: Actor,
        why: str,
        idempotency: Idempotency | None,
    ) -> Outcome:
        log = project_log(project)
        with self._log.writing(log, by=by, action=action, why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                writing.put(log, "request", alter(writing, find_request(writing, project, key)))
            current = writing.item(log, "request", key)
        return outcome_of(writing, log, ("request", key), unchanged=current)

    def _proposals(self, project: str, draft: Draft) -> tuple[Proposal, ...]:
        accept([*text_problems(draft.title, draft.why), *_draft_problems(draft), *self._time_problems(project, draft)])
        return tuple(self._proposal(project, at, *each) for at, each in enumerate(draft.changes))

    def _proposal(self, project: str, at: int, environment: str, edits: Sequence[AnyEdit]) -> Proposal:
        name = EnvironmentName(project, environment)
        with _under(pointer("changes", at)):
            preview = self._changes.preview(name, edits)
        if not preview.changed:
            message = f"changes nothing in {environment}"
            raise Invalid.at(pointer("changes", at, "edits"), message, "leave it out")
        with self._log.reading() as reading:
            bases = tuple(base_now(reading, name, Base(kind=item.kind, key=item.key)) for item in preview.items)
        return Proposal(environment=environment, edits=tuple(edits), bases=bases)

    def _time_problems(self, project: str, draft: Draft) -> Iterator[Problem]:
        """Yield why what is proposed cannot be made at its time."""
        if (at := draft.apply_at) is None:
            return
        if (problem := time_problem("/applyAt", at, self._clock.now())) is not None:
            yield problem
            return
        with self._log.reading() as reading:
            for environment, edits in draft.changes:
                protection = find_environment(reading, EnvironmentName(project, environment)).protection
                if (said := frozen(protection, edits, at)) is not None:
                    yield Problem("/applyAt", f"in {environment}, {said}", "choose another time")


@contextmanager
def _under(path: str) -> Iterator[None]:
    """Put *path* before that of every problem."""
    try:
        yield
    except Invalid as error:
        raise Invalid(problem.under(path) for problem in error.problems) from error


def _draft_problems(draft: Draft) -> Iterator[Problem]:
    names = [environment for environment, _ in draft.changes]
    if not names:
        yield Problem("/changes", "nothing is proposed", "name an environment, and edits")
    if len(names) > MOST_PROPOSALS:
        yield Problem("/changes", f"more than {MOST_PROPOSALS} environments", "make several requests")
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Problem(pointer("changes", at, "environment"), f"{name!r} is there twice", "put its edits together")
    if len(msgspec.json.encode(draft)) > _LARGEST:
        yield Problem("/changes", "larger than 1 MiB", "make several requests")


def _require_version(request: ChangeRequest, expected: int | None) -> None:
    if expected is not None and not request.is_as_of(expected):
        message = f"request {request.key} is at version {request.version}, not at version {expected}"
        raise PreconditionFailed(message, current=request)
