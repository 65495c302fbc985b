"""Change requests over HTTP: propose, look at, review, and make."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import ListOf, changed_answer, item_answer, list_answer
from pennon.control.api.changes import BreakGlass
from pennon.control.api.inputs import Command, Expected, Key
from pennon.control.api.routes import PROJECT, creates, reads, replaces
from pennon.control.changes.edits import AnyEdit
from pennon.control.log import Stored
from pennon.control.requests.models import ChangeRequest, RequestState, Verdict
from pennon.control.requests.service import Draft
from pennon.control.requests.views import request as find_request
from pennon.control.requests.views import requests
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

    @property
    def draft(self) -> Draft:
        """The same as the service takes it."""
        changes = tuple((each.environment, each.edits) for each in self.changes)
        return Draft(title=self.title, why=self.why, changes=changes)


class ReviewBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a reviewer says."""

    verdict: Verdict
    comment: Annotated[str, Meta(max_length=2000)] = ""
    edition: Annotated[
        Edition | None, Meta(description="The edition that was read; refused if it was edited meanwhile.")
    ] = None


class ApplyBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a request is made a change."""

    break_glass: BreakGlass = False


class PersonResource(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, as at the time."""

    kind: str
    id: str
    name: str


class ReviewResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a reviewer said. `counts`: it is his last word, and of what is proposed now."""

    by: PersonResource
    verdict: Verdict
    comment: str
    edition: int
    time: datetime
    counts: bool


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
    ended_by: PersonResource | None


def show_request(request: ChangeRequest) -> bytes:
    """Return a request as it is shown."""
    counting = {id(each) for each in request.verdicts().values()}
    return msgspec.json.encode(
        RequestResource(
            key=request.key,
            version=request.version,
            hash=request.hash,
            title=request.title,
            why=request.why,
            state=request.state,
            author=PersonResource(**msgspec.structs.asdict(request.author)),
            created=_time(request.created_at),
            edition=request.edition,
            approvals=request.approvals,
            changes=tuple(ChangesBody(environment=each.environment, edits=each.edits) for each in request.proposals),
            reviews=tuple(
                ReviewResource(
                    by=PersonResource(**msgspec.structs.asdict(each.by)),
                    verdict=each.verdict,
                    comment=each.comment,
                    edition=each.edition,
                    time=_time(each.at),
                    counts=id(each) in counting,
                )
                for each in request.reviews
            ),
            ended_by=None if request.ended_by is None else PersonResource(**msgspec.structs.asdict(request.ended_by)),
        )
    )


def request_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""
    return [*_proposing_routes(services, max_bytes), *_ending_routes(services)]


def _proposing_routes(services: Services, max_bytes: int) -> list[Any]:
    @reads(_LIST, ListOf[RequestResource])
    def list_requests(project: Key, of_state: OfState = None) -> Response[Any]:
        """List change requests, the newest first."""
        with services.log.reading() as reading:
            found = requests(reading, project)
        return list_answer((show_request(each) for each in found if of_state in (None, each.state)), None)

    @creates(_LIST, RequestResource, permission="change.propose", max_bytes=max_bytes, example=_EXAMPLE)
    def create_request(project: Key, data: JSONBody[RequestBody], command: Command) -> Response[Any]:
        """Propose changes. Each must be possible now."""
        outcome = services.requests.create_request(project, data.draft, **command.said)
        return changed_answer(outcome, _show_stored, status=201)

    @reads(_ONE, RequestResource, versioned=True)
    def read_request(request: Request[Any, Any, Any], project: Key, change_request: Key) -> Response[Any]:
        """Show a change request."""
        with services.log.reading() as reading:
            found = find_request(reading, project, change_request)
        return item_answer(request, found, show_request)

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
        return changed_answer(outcome, _show_stored)

    return [list_requests, create_request, read_request, edit_request]


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
        return changed_answer(outcome, _show_stored)

    @creates(_ONE + "/apply", RequestResource, permission="read", status=200, example={})
    def apply_request(project: Key, change_request: Key, data: JSONBody[ApplyBody], command: Command) -> Response[Any]:
        """Make what is proposed, in all its environments at once. Takes what the changes themselves take."""
        outcome = services.requests.apply_request(
            project, change_request, is_break_glass=data.break_glass, **command.said
        )
        return changed_answer(outcome, _show_stored)

    @creates(_ONE + "/withdraw", RequestResource, permission="change.propose", status=200)
    def withdraw_request(project: Key, change_request: Key, command: Command) -> Response[Any]:
        """End a request without a change."""
        return changed_answer(services.requests.withdraw_request(project, change_request, **command.said), _show_stored)

    return [review_request, apply_request, withdraw_request]


def _show_stored(stored: Stored) -> bytes:
    return show_request(stored.read(ChangeRequest))


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
