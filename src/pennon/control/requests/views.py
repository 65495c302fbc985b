"""What there is of change requests, for pages and for other nouns."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from pennon.control.changes.bases import later
from pennon.control.changes.preview import Preview
from pennon.control.changes.service import ChangeService
from pennon.control.environments.gate import Alteration, Permit, permit_everybody
from pennon.control.errors import Conflict, Forbidden, Invalid, NotFound
from pennon.control.index import Index
from pennon.control.log import Actor, ChangeLog, EnvironmentName, Reading, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.requests.models import ChangeRequest, Proposal, RequestState, Review, Who
from pennon.control.working.pages import Page, newest_first
from pennon.model import Problem, pointer
from pennon.model.flags import Wire

KIND = "request"
Asked: TypeAlias = dict[tuple[Actor, str], bool]
"""Whether somebody may approve in an environment."""


class _Listed(Wire, frozen=True, kw_only=True):
    """So much of a request as tells its place in the list."""

    key: str
    created_at: int
    state: RequestState = "open"


def timed(reading: Reading, project: str) -> list[ChangeRequest]:
    """Return the requests of a project that are to be made at their time."""
    found = (stored.read(ChangeRequest) for stored in reading.items_with(project_log(project), KIND, b'"applyAt":'))
    return [each for each in found if each.state == "open" and each.apply_at is not None and each.attempt is None]


def request(reading: Reading, project: str, key: str) -> ChangeRequest:
    """Return a request. Raises `NotFound`, for the project if that is what is missing."""
    if (found := reading.item(project_log(project), KIND, key)) is None:
        find_project(reading, project)
        raise NotFound("request", key)
    return found.read(ChangeRequest)


def lapsed(
    reading: Reading, project: str, found: ChangeRequest, permit: Permit, asked: Asked | None = None
) -> frozenset[Who]:
    """Return of whom what was said of a request counts no more: who may not approve now, in one of its environments.

    What was *asked* for another request is not asked again.
    """
    verdicts = found.verdicts() if found.state == "open" else {}
    known: Asked = {} if asked is None else asked
    return frozenset(
        who for who, review in verdicts.items() if not _may_review(reading, project, found, review, permit, known)
    )


def changed_since(reading: Reading, project: str, found: ChangeRequest) -> Iterator[Problem]:
    """Yield what was changed since it was proposed, by whom, and in which revision."""
    for at, proposal in enumerate(found.proposals):
        yield from _changed(reading, project, at, proposal)


class ProposalPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a request would change in one environment; None, with the problems, where it cannot."""

    environment: str
    preview: Preview | None
    problems: tuple[Problem, ...]


class RequestViews:
    """Answers about requests that take more than a look at them."""

    def __init__(self, log: ChangeLog, changes: ChangeService, *, permit: Permit = permit_everybody) -> None:
        self._log = log
        self._changes = changes
        self._permit = permit
        self._index = Index(KIND, msgspec.json.Decoder(_Listed).decode)

    def listed(
        self,
        reading: Reading,
        project: str,
        *,
        of_state: RequestState | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Page[ChangeRequest]:
        """Return a page of a project's requests, the newest first, from behind *after*, the `next` of the page before.

        Raises `NotFound` for the project.
        """
        find_project(reading, project)
        log = project_log(project)
        found = (each for each in self._index.entries(reading, log) if of_state in (None, each.state))
        page = newest_first(((each.created_at, each.key) for each in found), after, limit)
        return Page(tuple(item.read(ChangeRequest) for item in reading.items_named(log, KIND, page.items)), page.next)

    def lapsed(
        self, reading: Reading, project: str, found: ChangeRequest, asked: Asked | None = None
    ) -> frozenset[Who]:
        """Return of whom what was said of a request counts no more. What was *asked* for another is not asked again."""
        return lapsed(reading, project, found, self._permit, asked)

    def standing(self, reading: Reading, project: str, found: Iterable[ChangeRequest]) -> list[ChangeRequest]:
        """Return requests without what those said of whom it counts no more."""
        asked: Asked = {}
        return [each.without(self.lapsed(reading, project, each, asked)) for each in found]

    def previews(self, project: str, key: str) -> tuple[ProposalPreview, ...]:
        """Return what an open request would change, environment by environment. Raises `NotFound`."""
        with self._log.reading() as reading:
            found = request(reading, project, key)
            changed = [list(_changed(reading, project, at, each)) for at, each in enumerate(found.proposals)]
        if found.state != "open":
            return ()
        return tuple(
            self._preview(project, at, proposal, later)
            for at, (proposal, later) in enumerate(zip(found.proposals, changed, strict=True))
        )

    def _preview(self, project: str, at: int, proposal: Proposal, changed: list[Problem]) -> ProposalPreview:
        preview = None
        try:
            preview = self._changes.preview(
                EnvironmentName(project, proposal.environment), proposal.edits, with_moves=True
            )
        except Invalid as error:
            changed += [problem.under(pointer("changes", at)) for problem in error.problems]
        except (NotFound, Conflict) as error:
            changed.append(Problem(pointer("changes", at), error.message, error.mend))
        return ProposalPreview(environment=proposal.environment, preview=preview, problems=tuple(changed))


def _changed(reading: Reading, project: str, at: int, proposal: Proposal) -> Iterator[Problem]:
    for message in later(reading, EnvironmentName(project, proposal.environment), proposal.bases):
        yield Problem(pointer("changes", at), message, "look at it, and edit the request")


def _may_review(  # of whom, and what was asked before
    reading: Reading, project: str, found: ChangeRequest, review: Review, permit: Permit, asked: Asked
) -> bool:
    by = review.by.actor
    for proposal in found.proposals:
        name = by, proposal.environment
        if name not in asked:
            asked[name] = _may_approve(reading, project, proposal.environment, by, permit)
        if not asked[name]:
            return False
    return True


def _may_approve(reading: Reading, project: str, environment: str, by: Actor, permit: Permit) -> bool:
    try:
        permit(reading, Alteration(project=project, environment=environment, permission="change.approve", by=by))
    except Forbidden:
        return False
    return True
