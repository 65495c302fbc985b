"""Schedules over HTTP: make, look at, pause, resume, cancel, and what they have done."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import JSON_TYPE, ListOf, changed_answer, done_answer, etag, list_answer
from pennon.control.api.changes import ActorResource, After, Limit
from pennon.control.api.inputs import Command, Expected, Key, Paging, Place
from pennon.control.api.routes import ENVIRONMENT, creates, deletes, reads, replaces
from pennon.control.log import Actor, EnvironmentName, Outcome, Stored
from pennon.control.schedules.models import GRACE, Missed, Result, Run, Schedule, State
from pennon.control.schedules.plans import Plan
from pennon.control.schedules.service import Wanted
from pennon.control.schedules.views import EVERY_STATE, PastRun, Upcoming, past_runs, upcoming
from pennon.control.schedules.views import schedule as find_schedule
from pennon.control.services import Services

_LIST = ENVIRONMENT + "/schedules"
_ONE = _LIST + "/{schedule:str}"
_EXAMPLE = {
    "title": "Launch the new checkout",
    "plan": {
        "kind": "once",
        "at": "2030-12-02T09:00:00+01:00",
        "edits": [{"do": "turnOn", "flag": "new-checkout"}],
    },
}

OfState = Annotated[
    State | None, QueryParameter(name="state", description="Only those that are active, paused, failed or done.")
]


class ScheduleBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is to be done, and when."""

    title: Annotated[str, Meta(max_length=200, description="In a line, what it does.")]
    why: Annotated[str, Meta(max_length=2000, description="Why, for the change log of each run.")] = ""
    plan: Annotated[Plan, Meta(description="What is made, and when.")]
    missed: Annotated[
        Missed,
        Meta(description="What becomes of what was due while no server ran: made then, as far as needed, or skipped."),
    ] = "catchUp"
    grace_minutes: Annotated[
        int, Meta(ge=0, le=10_080, description="With `skip`: how late something may still be made.")
    ] = GRACE

    @property
    def wanted(self) -> Wanted:
        """The same as the service takes it."""
        return Wanted(
            title=self.title, why=self.why, plan=self.plan, missed=self.missed, grace_minutes=self.grace_minutes
        )


class UpcomingResource(msgspec.Struct, frozen=True, kw_only=True):
    """When it does something next, the places of what it does then among the parts of its plan, and what is in the way.

    Of a window, 0 is its start and 1 its end.
    """

    time: datetime
    parts: tuple[int, ...]
    objection: str | None


class RunResource(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a time: `due` is when it was, `time` when it was looked at."""

    due: datetime
    time: datetime
    result: Result
    why: str


class PastRunResource(RunResource, frozen=True, kw_only=True, rename="camel"):
    """A run, and the row of the project's log that tells it. Rows of one `changeId` were written together."""

    revision: int
    change_id: str
    actor: ActorResource


class ScheduleResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A schedule. What it does is done by the rights of its `maker`."""

    key: str
    version: int
    hash: str
    environment: str
    title: str
    why: str
    plan: Plan
    missed: Missed
    grace_minutes: int
    state: State
    maker: ActorResource
    created: datetime
    next: tuple[UpcomingResource, ...]
    last: RunResource | None


def show_schedule(schedule: Schedule, coming: Iterable[Upcoming] = ()) -> bytes:
    """Return a schedule as it is shown, with what it does next."""
    return msgspec.json.encode(
        ScheduleResource(
            key=schedule.key,
            version=schedule.version,
            hash=schedule.hash,
            environment=schedule.environment,
            title=schedule.title,
            why=schedule.why,
            plan=schedule.plan,
            missed=schedule.missed,
            grace_minutes=schedule.grace_minutes,
            state=schedule.state,
            maker=_actor(schedule.by),
            created=schedule.created,
            next=tuple(UpcomingResource(time=each.time, parts=each.parts, objection=each.objection) for each in coming),
            last=None if schedule.last is None else RunResource(**_run(schedule.last)),
        )
    )


def schedule_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""
    return [*_planning_routes(services, max_bytes), *_standing_routes(services)]


def _planning_routes(services: Services, max_bytes: int) -> list[Any]:
    @reads(_LIST, ListOf[ScheduleResource])
    def list_schedules(where: Place, paging: Paging, of_state: OfState = None) -> Response[Any]:
        """List an environment's schedules, the newest first, each with what it does next."""
        with services.log.reading() as reading:
            states = EVERY_STATE if of_state is None else {of_state}
            page = services.schedule_views.listed(reading, where, states=states, after=paging.after, limit=paging.limit)
            found = [show_schedule(each, upcoming(reading, where, each)) for each in page.items]
        return list_answer(found, page.next)

    @creates(_LIST, ScheduleResource, permission="flag.turnOff", max_bytes=max_bytes, example=_EXAMPLE)
    def create_schedule(where: Place, data: JSONBody[ScheduleBody], command: Command) -> Response[Any]:
        """Plan changes. They must be possible now, and for who plans them. Takes what the changes themselves take."""
        return _answer(services, where, services.schedules.create_schedule(where, data.wanted, **command.said), 201)

    @reads(_ONE, ScheduleResource)
    def read_schedule(where: Place, schedule: Key) -> Response[Any]:
        """Show a schedule, and the next five times at which it does something."""
        with services.log.reading() as reading:
            found = find_schedule(reading, where, schedule)
            coming = upcoming(reading, where, found)
        # Never 304: what is in the way of it changes while it stays as it is.
        return Response(show_schedule(found, coming), media_type=JSON_TYPE, headers={"ETag": etag(found)})

    @replaces(_ONE, ScheduleResource, permission="flag.turnOff", max_bytes=max_bytes, example=_EXAMPLE)
    def replace_schedule(
        where: Place, schedule: Key, data: JSONBody[ScheduleBody], command: Command, expected: Expected
    ) -> Response[Any]:
        """Have a schedule do something else, as one's own. Takes what the changes themselves take."""
        outcome = services.schedules.replace_schedule(where, schedule, data.wanted, expected=expected, **command.said)
        return _answer(services, where, outcome)

    return [list_schedules, create_schedule, read_schedule, replace_schedule]


def _standing_routes(services: Services) -> list[Any]:
    @creates(_ONE + "/pause", ScheduleResource, permission="flag.turnOff", status=200)
    def pause_schedule(where: Place, schedule: Key, command: Command) -> Response[Any]:
        """Have a schedule do nothing until it is resumed."""
        return _answer(services, where, services.schedules.pause_schedule(where, schedule, **command.said))

    @creates(_ONE + "/resume", ScheduleResource, permission="flag.turnOff", status=200)
    def resume_schedule(where: Place, schedule: Key, command: Command) -> Response[Any]:
        """Go on with one that is paused or has failed, as one's own, on what is there now. Makes nothing good."""
        return _answer(services, where, services.schedules.resume_schedule(where, schedule, **command.said))

    @deletes(_ONE, permission="flag.turnOff")
    def cancel_schedule(where: Place, schedule: Key, command: Command) -> Response[Any]:
        """Delete a schedule. What it has done stays."""
        return done_answer(services.schedules.cancel_schedule(where, schedule, **command.said))

    @reads(_ONE + "/runs", ListOf[PastRunResource])
    def list_runs(where: Place, schedule: Key, after: After = 2**53 - 1, limit: Limit = 100) -> Response[Any]:
        """List what a schedule has done, the newest first, also after it was cancelled."""
        with services.log.reading() as reading:
            page = past_runs(reading, where, schedule, before=after, limit=limit)
        return list_answer((msgspec.json.encode(_past_run(each)) for each in page.items), page.next)

    return [pause_schedule, resume_schedule, cancel_schedule, list_runs]


def _answer(services: Services, where: EnvironmentName, outcome: Outcome, status: int = 200) -> Response[Any]:
    def show(stored: Stored) -> bytes:
        found = stored.read(Schedule)
        with services.log.reading() as reading:
            return show_schedule(found, upcoming(reading, where, found))

    return changed_answer(outcome, show, status=status)


def _past_run(past: PastRun) -> PastRunResource:
    return PastRunResource(revision=past.revision, change_id=past.change_id, actor=_actor(past.by), **_run(past.run))


def _run(run: Run) -> dict[str, Any]:
    due, time = (each.astimezone(UTC) for each in (run.due, run.at))
    return {"due": due, "time": time, "result": run.result, "why": run.why}


def _actor(actor: Actor) -> ActorResource:
    return ActorResource(kind=actor.kind, id=actor.id, name=actor.name)
