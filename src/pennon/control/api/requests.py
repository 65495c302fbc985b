"""Change requests over HTTP: propose, look at, review, and make."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import ListOf, changed_answer, item_answer, list_answer
from pennon.control.api.changes import BreakGlass
from pennon.control.api.differences import PreviewResource, shown_preview
from pennon.control.api.inputs import Command, Expected, Key, Paging
from pennon.control.api.routes import PROJECT, creates, reads, replaces
from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.preview import Preview
from pennon.control.log import Outcome, Stored
from pennon.control.requests.models import LONGEST_COMMENT, Author, ChangeRequest, RequestState, Verdict, Who
from pennon.control.requests.service import Draft
from pennon.control.requests.views import Asked, ProposalPreview
from pennon.control.requests.views import request as find_request
from pennon.control.services import Services

_LIST = PROJECT + "/requests"
_ONE = _LIST + "/{change_request:str}"
_EXAMPLE = {
    "title": "Launch the new checkout in Germany",
    "changes": [{"environment": "production", "edits": [{"do": "turnOn", "flag": "new-checkout"}]}],
}

OfState = Annotated[
    RequestState | None, QueryParameter(name="state", description="Only those that are open, applied or withdrawn.")
]


Edition: TypeAlias = Annotated[int, Meta(ge=1)]


class ChangesBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is proposed for one environment."""

    environment: str
    edits: Annotated[tuple[AnyEdit, ...], Meta(max_length=10_000)]


class RequestBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is proposed. All of it is made as one change, or nothing."""

    title: Annotated[str, Meta(max_length=200, description="In a line, what it changes.")]
    why: Annotated[str, Meta(max_length=2000)] = ""
    changes: Annotated[tuple[ChangesBody, ...], Meta(max_length=20)]
    apply_at: Annotated[
        datetime | None,
        Meta(description="When it is made by itself, if it is approved then: RFC 3339 with a zone. null: by hand."),
    ] = None

    @property
    def draft(self) -> Draft:
        """The same as the service takes it."""
        changes = tuple((each.environment, each.edits) for each in self.changes)
        return Draft(title=self.title, why=self.why, changes=changes, apply_at=self.apply_at)


class ReviewBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a reviewer says."""

    verdict: Verdict
    comment: Annotated[str, Meta(max_length=2000)] = ""
    edition: Annotated[
        Edition | None, Meta(description="The edition that was read; refused if it was edited meanwhile.")
    ] = None


class CommentBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody has to say."""

    text: Annotated[str, Meta(min_length=1, max_length=LONGEST_COMMENT)]


class ApplyBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a request is made a change."""

    break_glass: BreakGlass = False


class PersonResource(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, as at the time."""

    kind: str
    id: str
    name: str


class ReviewResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a reviewer said. `counts`: it is his last word, of what is proposed now, and he still may review it."""

    by: PersonResource
    verdict: Verdict
    comment: str
    edition: int
    time: datetime
    counts: bool


class CommentResource(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said without a verdict."""

    by: PersonResource
    text: str
    time: datetime


class AttemptResource(msgspec.Struct, frozen=True, kw_only=True):
    """That it was to be made at its time, and why it was not. It is open: edit it, or apply it by hand."""

    time: datetime
    why: str


class RequestResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A change request. `edition` is raised when what is proposed is edited: it has to be approved again then."""

    key: str
    version: int
    hash: str
    title: str
    why: str
    state: RequestState
    author: PersonResource
    created: datetime
    edition: int
    approvals: int
    changes: tuple[ChangesBody, ...]
    reviews: tuple[ReviewResource, ...]
    comments: tuple[CommentResource, ...]
    ended_by: PersonResource | None
    apply_at: datetime | None
    attempt: AttemptResource | None
    break_glass: Annotated[
        bool, Meta(description="Whether it was applied without what the environments demand: then everybody is told.")
    ]


class FaultResource(msgspec.Struct, frozen=True, kw_only=True):
    """Why something that is proposed cannot be made as things are, and what to do about it."""

    path: Annotated[str, Meta(description="JSON pointer into the request.")]
    message: str
    mend: str


class ProposalPreviewResource(PreviewResource, frozen=True, kw_only=True):
    """What a request would change in one environment, and what is in the way of it."""

    environment: str
    problems: tuple[FaultResource, ...]


class RequestPreviewResource(msgspec.Struct, frozen=True, kw_only=True):
    """What an open request would change, environment by environment. Of one that has ended: nothing."""

    environments: tuple[ProposalPreviewResource, ...]


def show_request(request: ChangeRequest, lapsed: Collection[Who] = ()) -> bytes:
    """Return a request as it is shown. What those said of whom it has *lapsed* counts no more."""
    standing = request.without(lapsed)
    counting = {id(each) for each in standing.verdicts().values()}
    return msgspec.json.encode(
        RequestResource(
            key=request.key,
            version=request.version,
            hash=request.hash,
            title=request.title,
            why=request.why,
            state=request.state,
            author=_person(request.author),
            created=_time(request.created_at),
            edition=request.edition,
            approvals=standing.approvals,
            changes=tuple(ChangesBody(environment=each.environment, edits=each.edits) for each in request.proposals),
            reviews=tuple(
                ReviewResource(
                    by=_person(each.by),
                    verdict=each.verdict,
                    comment=each.comment,
                    edition=each.edition,
                    time=_time(each.at),
                    counts=id(each) in counting,
                )
                for each in request.reviews
            ),
            comments=tuple(
                CommentResource(by=_person(each.by), text=each.text, time=_time(each.at)) for each in request.comments
            ),
            ended_by=None if request.ended_by is None else _person(request.ended_by),
            apply_at=request.apply_at,
            attempt=None
            if request.attempt is None
            else AttemptResource(time=request.attempt.at, why=request.attempt.why),
            break_glass=request.break_glass,
        )
    )


def request_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""
    return [*_proposing_routes(services, max_bytes), *_ending_routes(services)]


def _proposing_routes(services: Services, max_bytes: int) -> list[Any]:
    views = services.request_views

    @reads(_LIST, ListOf[RequestResource])
    def list_requests(project: Key, paging: Paging, of_state: OfState = None) -> Response[Any]:
        """List change requests, the newest first."""
        with services.log.reading() as reading:
            page = views.listed(reading, project, of_state=of_state, after=paging.after, limit=paging.limit)
            asked = Asked()
            shown = [show_request(each, views.lapsed(reading, project, each, asked)) for each in page.items]
        return list_answer(shown, page.next)

    @creates(_LIST, RequestResource, permission="change.propose", max_bytes=max_bytes, example=_EXAMPLE)
    def create_request(project: Key, data: JSONBody[RequestBody], command: Command) -> Response[Any]:
        """Propose changes. Each must be possible now."""
        outcome = services.requests.create_request(project, data.draft, **command.said)
        return _answer(services, project, outcome, status=201)

    @reads(_ONE, RequestResource, versioned=True)
    def read_request(request: Request[Any, Any, Any], project: Key, change_request: Key) -> Response[Any]:
        """Show a change request."""
        with services.log.reading() as reading:
            found = find_request(reading, project, change_request)
            lapsed = services.request_views.lapsed(reading, project, found)
        return item_answer(request, found, lambda each: show_request(each, lapsed))

    @reads(_ONE + "/preview", RequestPreviewResource)
    def preview_request(project: Key, change_request: Key) -> Response[Any]:
        """Tell what an open request would change where, what lint says of it, and what is in the way of it now."""
        previews = services.request_views.previews(project, change_request)
        return Response(RequestPreviewResource(environments=tuple(_preview(each) for each in previews)))

    @replaces(_ONE, RequestResource, permission="change.propose", max_bytes=max_bytes, example=_EXAMPLE)
    def edit_request(
        project: Key,
        change_request: Key,
        data: JSONBody[RequestBody],
        command: Command,
        expected: Expected,
    ) -> Response[Any]:
        """Propose something else, on what is there now. What was approved has to be approved again."""
        outcome = services.requests.edit_request(project, change_request, data.draft, expected=expected, **command.said)
        return _answer(services, project, outcome)

    return [list_requests, create_request, read_request, preview_request, edit_request]


def _ending_routes(services: Services) -> list[Any]:
    @creates(
        _ONE + "/reviews",
        RequestResource,
        permission="change.approve",
        status=200,
        example={"verdict": "approved", "comment": "Looks right.", "edition": 1},
    )
    def review_request(
        project: Key, change_request: Key, data: JSONBody[ReviewBody], command: Command
    ) -> Response[Any]:
        """Approve or refuse what is proposed, unless it is one's own."""
        said = msgspec.structs.asdict(data)
        outcome = services.requests.review_request(project, change_request, **said, **command.said)
        return _answer(services, project, outcome)

    @creates(
        _ONE + "/comments",
        RequestResource,
        permission="change.propose",
        status=200,
        example={"text": "After the sale, please."},
    )
    def comment_on_request(
        project: Key, change_request: Key, data: JSONBody[CommentBody], command: Command
    ) -> Response[Any]:
        """Say something of a request without a verdict, also of one's own, and of one that has ended."""
        outcome = services.requests.comment_on_request(project, change_request, data.text, **command.said)
        return _answer(services, project, outcome)

    @creates(_ONE + "/apply", RequestResource, permission="read", status=200, example={})
    def apply_request(project: Key, change_request: Key, data: JSONBody[ApplyBody], command: Command) -> Response[Any]:
        """Make what is proposed, in all its environments at once. Takes what the changes themselves take."""
        outcome = services.requests.apply_request(
            project, change_request, is_break_glass=data.break_glass, **command.said
        )
        return _answer(services, project, outcome)

    @creates(_ONE + "/withdraw", RequestResource, permission="change.propose", status=200)
    def withdraw_request(project: Key, change_request: Key, command: Command) -> Response[Any]:
        """End a request without a change."""
        return _answer(services, project, services.requests.withdraw_request(project, change_request, **command.said))

    return [review_request, comment_on_request, apply_request, withdraw_request]


def _preview(found: ProposalPreview) -> ProposalPreviewResource:
    preview = found.preview or Preview(changed=False, items=())
    return ProposalPreviewResource(
        environment=found.environment,
        problems=tuple(FaultResource(path=each.path, message=each.message, mend=each.mend) for each in found.problems),
        **msgspec.structs.asdict(shown_preview(preview)),
    )


def _answer(services: Services, project: str, outcome: Outcome, *, status: int = 200) -> Response[Any]:
    def show(stored: Stored) -> bytes:
        found = stored.read(ChangeRequest)
        with services.log.reading() as reading:
            return show_request(found, services.request_views.lapsed(reading, project, found))

    return changed_answer(outcome, show, status=status)


def _person(author: Author) -> PersonResource:
    return PersonResource(**msgspec.structs.asdict(author))


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
