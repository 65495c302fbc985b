"""The feed over HTTP: changes and external events as they happen, as server-sent events."""

import asyncio
import time
import weakref
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
import structlog
from litestar import Request
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from pennon.control.access.permissions import Principal
from pennon.control.access.views import place, roles
from pennon.control.api.authentication import admitted
from pennon.control.api.inputs import NO_CONTROLS
from pennon.control.api.problems import ApiError
from pennon.control.api.routes import ANYWHERE, streams
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Forbidden, Unauthenticated, Unavailable
from pennon.control.feed.feeds import OpenFeed
from pennon.control.feed.following import Entry, Following, Scope
from pennon.control.feed.places import LONGEST, Place, place_of
from pennon.control.log import EnvironmentName
from pennon.control.projects.views import project as find_project
from pennon.control.services import Services
from pennon.model import Problem
from pennon.protocol import sse
from pennon.protocol.frames import Frame

LOOK_EVERY_S = 0.5
"""How often a feed looks whether its reader may still read, and for what other servers accepted."""
HEARTBEAT_S = 15.0
_RETRY_MS = 2000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_HEARTBEAT = b": still here\n\n"

_log = structlog.get_logger("pennon.api")

_OfProject: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="project", pattern=NO_CONTROLS, max_length=256, description="Only what is of this project."),
]
_OfEnvironment: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="environment", pattern=NO_CONTROLS, max_length=256, description="Only what is of this environment of it."
    ),
]
_LastEventId: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID", max_length=LONGEST, description="The id of the last event that you have: go on after it."
    ),
]


def feed_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @streams("/feed", anywhere=True)
    async def read_feed(
        request: Request[Any, Any, Any],
        project: _OfProject = None,
        environment: _OfEnvironment = None,
        last_event_id: _LastEventId = None,
    ) -> Stream:
        """Tell of changes and external events as they happen, of those that the token may see."""
        after = _after(last_event_id)
        await asyncio.to_thread(_require_scope, services, request.user, project, environment)

        def admit() -> Principal:
            return admitted(services, request, {ANYWHERE: True})

        following = services.feeds.following(Scope(project, environment), admit=admit, after=after)
        actor = request.user.actor
        feed = OpenFeed(f"{actor.kind}:{actor.id}")
        services.feeds.add(feed)
        written = _written(services, feed, following)
        # Who leaves before the first byte has the generator never begun: then nothing in it would count it out.
        weakref.finalize(written, services.feeds.remove, feed)
        return Stream(written, media_type="text/event-stream", headers=_HEADERS)

    return [read_feed]


async def _written(services: Services, feed: OpenFeed, following: Following) -> AsyncGenerator[bytes, None]:
    try:
        said_at, is_begun = time.monotonic(), False
        while not services.feeds.is_draining:
            entries: Sequence[Entry] | None = None
            try:
                entries = await asyncio.to_thread(following.look)
            except (Unauthenticated, Forbidden):
                yield _frame("ended", {"why": "the token or the session is good no more"})
                return
            except Unavailable as error:
                # Nothing can be read, so nothing is told; who may read is asked again before it is.
                _log.debug("a feed waits", error=str(error))
            if entries is not None and not is_begun:
                is_begun = True
                yield _frame("ready", {}, following.place, retry_ms=_RETRY_MS)
            for entry in entries or ():
                yield _entry(entry)
            if entries:
                said_at = time.monotonic()
                continue
            if time.monotonic() - said_at >= HEARTBEAT_S:
                said_at = time.monotonic()
                yield _HEARTBEAT
            await feed.wait(LOOK_EVERY_S)
        yield _frame("goodbye", {"why": "the server is stopping"})
    finally:
        services.feeds.remove(feed)


def _entry(entry: Entry) -> bytes:
    if entry.change is not None:
        return _frame("change", entry.change, entry.place)
    return _frame("event", entry.event, entry.place)


def _frame(event: str, data: object, place: str | None = None, *, retry_ms: int | None = None) -> bytes:
    identity = place if place is None or len(place) <= LONGEST else None
    return sse.encode(Frame(event, msgspec.json.encode(data), identity, retry_ms))


def _after(text: str | None) -> Place | None:
    if not text:
        return None
    try:
        return place_of(text)
    except ValueError as error:
        problem = Problem("", "Last-Event-ID in the header: is no id of this feed", "leave it out, and begin anew")
        raise ApiError(400, "bad-parameter", "A parameter is missing or not valid.", problems=(problem,)) from error


def _require_scope(services: Services, principal: Principal, project: str | None, environment: str | None) -> None:
    if project is None and environment is not None:
        problem = Problem("", "environment in the query: is of no project", "give its project, too")
        raise ApiError(400, "bad-parameter", "A parameter is missing or not valid.", problems=(problem,))
    if project is None:
        return
    with services.log.reading() as reading:
        principal.require("read", place(reading, project, environment), roles=roles(reading))
        if environment is not None:
            find_environment(reading, EnvironmentName(project, environment))
        else:
            find_project(reading, project)
