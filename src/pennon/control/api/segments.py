"""Segments over HTTP."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.api.answers import ListOf, changed_answer, item_answer, list_answer
from pennon.control.api.inputs import Command, Expected, Given, ItemKey, Paging, Place
from pennon.control.api.resources import WarnedResource, encoded, require_same_key, sent
from pennon.control.api.routes import ENVIRONMENT, creates, deletes, reads, replaces
from pennon.control.log import Outcome, Stored
from pennon.control.services import Services
from pennon.model import Compat, Segment, SegmentRule

_LIST = ENVIRONMENT + "/segments"
_ONE = _LIST + "/{segment:path}"


class SegmentResource(WarnedResource, frozen=True, kw_only=True):
    """A reusable set of contexts. `included` beats `excluded` beats `rules`."""

    salt: Annotated[str, Meta(description="Left out: a random one, or the one that it has.")] = ""
    included: Annotated[tuple[str, ...], Meta(description="Targeting keys that are in it.")] = ()
    excluded: Annotated[tuple[str, ...], Meta(description="Targeting keys that are not in it.")] = ()
    hashed: Annotated[bool, Meta(description="Whether both lists hold SHA-256 hex of `{salt}.{targeting key}`.")] = (
        False
    )
    rules: Annotated[tuple[SegmentRule, ...], Meta(description="Contexts that match any of them are in it.")] = ()
    compat: Annotated[Compat | None, Meta(description="What an imported segment is read by.")] = None


class NewSegment(SegmentResource, frozen=True, kw_only=True):
    """A segment to create."""

    key: str


def show_segment(stored: Stored) -> bytes:
    """Return a stored segment as it is shown."""
    return encoded(stored.read(Segment), SegmentResource)


def _changed(outcome: Outcome, *, status: int = 200) -> Response[Any]:
    return changed_answer(outcome, show_segment, status=status)


def segment_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""

    @reads(_LIST, ListOf[SegmentResource])
    def list_segments(where: Place, paging: Paging) -> Response[Any]:
        """List the segments of an environment."""
        page = services.segment_views.segments(where, after=paging.after, limit=paging.limit)
        return list_answer(map(show_segment, page.items), page.next)

    @creates(
        _LIST,
        SegmentResource,
        permission="flag.change",
        max_bytes=max_bytes,
        example={"key": "beta", "included": ["u1"]},
    )
    def create_segment(where: Place, data: JSONBody[NewSegment], command: Command, leave: Given) -> Response[Any]:
        """Create a segment."""
        return _changed(
            services.segments.create_segment(where, sent(data, Segment, key=data.key), leave=leave, **command.said),
            status=201,
        )

    @reads(_ONE, SegmentResource, versioned=True)
    def read_segment(request: Request[Any, Any, Any], where: Place, item_key: ItemKey) -> Response[Any]:
        """Show a segment."""
        return item_answer(request, services.segment_views.segment(where, item_key), show_segment)

    @replaces(_ONE, SegmentResource, permission="flag.change", max_bytes=max_bytes, example={"included": ["u1", "u2"]})
    def replace_segment(
        where: Place,
        item_key: ItemKey,
        data: JSONBody[SegmentResource],
        command: Command,
        leave: Given,
        expected: Expected,
    ) -> Response[Any]:
        """Replace a segment."""
        require_same_key(data, item_key)
        segment = sent(data, Segment, key=item_key)
        return _changed(
            services.segments.replace_segment(where, segment, expected=expected, leave=leave, **command.said)
        )

    @deletes(_ONE, permission="flag.change")
    def delete_segment(
        where: Place, item_key: ItemKey, command: Command, leave: Given, expected: Expected
    ) -> Response[Any]:
        """Delete a segment. Refused while a flag or another segment uses it."""
        return _changed(
            services.segments.delete_segment(where, item_key, expected=expected, leave=leave, **command.said)
        )

    return [list_segments, create_segment, read_segment, replace_segment, delete_segment]
