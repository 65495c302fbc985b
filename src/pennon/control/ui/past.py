"""An environment as it was: its flags at a time or after a revision, and what is different between two revisions."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.errors import Invalid, NotFound, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.ui.changes import whole
from pennon.control.ui.details import details_of
from pennon.control.ui.failures import sentence, title_of
from pennon.control.ui.flag import summary
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Pages
from pennon.control.ui.routes import ENVIRONMENT, shows
from pennon.control.ui.times import past_time
from pennon.control.ui.visitors import Visitor
from pennon.model import Flag

_PAGE = 50
_TOLD = 100


class Then(msgspec.Struct, frozen=True):
    """A flag as it was, and what it did in a line."""

    flag: Flag
    summary: str


def past_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/as-of")
    def show_past(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show the flags of an environment as they were."""
        asked = request.query_params
        name = EnvironmentName(project, environment)
        search, after = asked.get("q", "").strip().lower()[:200], asked.get("after") or None
        head, found, error = None, [], None
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
            try:
                time = _past(pages, past_time(asked.get("time", ""), "time"), whole(asked.get("revision")))
                head = reading.head_at(name.log, revision=whole(asked.get("revision")), time=time)
            except (Invalid, NotFound) as fault:
                error = fault
            if head is not None:
                found = reading.items_at(
                    name.log, "flag", revision=head.revision, part=search, after=after, limit=_PAGE + 1
                )
        shown = [stored.read(Flag) for stored in found[:_PAGE]]
        return pages.answer(
            request,
            "as_of.html",
            status=200 if error is None else title_of(error)[0],
            frame=frame,
            head=head,
            rows=[Then(flag, summary(flag)) for flag in shown],
            next=shown[-1].key if len(found) > _PAGE else None,
            search=search,
            after=after,
            asked={"time": asked.get("time", ""), "revision": asked.get("revision", "")},
            failed=None if error is None else {"title": title_of(error)[1], "text": _words(error)},
        )

    @shows(ENVIRONMENT + "/diff")
    def show_difference(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show what is different between two revisions."""
        asked = {name: request.query_params.get(name, "").strip()[:20] for name in ("from", "to")}
        start, stop = whole(asked["from"]), whole(asked["to"])
        found, error = None, None
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        try:
            if start is not None and stop is not None:
                found = pages.services.change_views.difference(frame.name, start, stop, most_items=_TOLD)
        except NotFound as fault:
            error = fault
        return pages.answer(
            request,
            "difference.html",
            status=200 if error is None else 404,
            frame=frame,
            asked=asked,
            found=found,
            details=None if found is None else details_of(found.items),
            failed=None if error is None else {"title": title_of(error)[1], "text": sentence(error)},
        )

    return [show_past, show_difference]


def _past(pages: Pages, time: datetime | None, revision: int | None) -> datetime | None:
    """Return *time*, which is not to come, and not asked for beside a *revision*. Raises `Invalid`."""
    if time is not None and revision is not None:
        raise Invalid.at("/revision", "a time is named, too", "leave one out")
    if time is not None and time > pages.clock.now():
        raise Invalid.at("/time", "is in the future", "the log knows the past only")
    return time


def _words(error: PennonError) -> str:
    if isinstance(error, Invalid):
        return " ".join(f"The {each.path.strip('/')} {each.message}: {each.mend}." for each in error.problems)
    return sentence(error)
