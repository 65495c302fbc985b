"""What there is of change requests, for pages and for other nouns."""

from collections.abc import Iterator

import msgspec

from pennon.control.changes.bases import later
from pennon.control.changes.preview import Preview
from pennon.control.changes.service import ChangeService
from pennon.control.environments.gate import Alteration, Permit, permit_everybody
from pennon.control.errors import Conflict, Forbidden, Invalid, NotFound
from pennon.control.log import ChangeLog, EnvironmentName, Reading, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.requests.models import ChangeRequest, Proposal, Review, Who
from pennon.model import Problem, pointer

KIND = "request"


def requests(reading: Reading, project: str) -> list[ChangeRequest]:
    """Return a project's requests, the newest first. Raises `NotFound` for the project."""
    find_project(reading, project)
    found = [stored.read(ChangeRequest) for stored in reading.items(project_log(project), KIND)]
    return sorted(found, key=lambda request: (-request.created_at, request.key))


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


def lapsed(reading: Reading, project: str, found: ChangeRequest, permit: Permit) -> frozenset[Who]:
    """Return of whom what was said of a request counts no more: who may not approve now, in one of its environments."""
    verdicts = found.verdicts() if found.state == "open" else {}
    return frozenset(
        who for who, review in verdicts.items() if not _may_review(reading, project, found, review, permit)
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

    def lapsed(self, reading: Reading, project: str, found: ChangeRequest) -> frozenset[Who]:
        """Return of whom what was said of a request counts no more."""
        return lapsed(reading, project, found, self._permit)

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


def _may_review(reading: Reading, project: str, found: ChangeRequest, review: Review, permit: Permit) -> bool:
    by = review.by.actor
    try:
        for proposal in found.proposals:
            where = proposal.environment
            permit(reading, Alteration(project=project, environment=where, permission="change.approve", by=by))
    except Forbidden:
        return False
    return True
