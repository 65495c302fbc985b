"""Commands on schedules: make, replace, pause, resume and cancel. What they do when it is time is in `running`."""

import secrets
from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from pennon.control.clock import Clock
from pennon.control.environments.gate import Permit, permit_everybody
from pennon.control.environments.protection import zone_of
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Conflict, PreconditionFailed
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
from pennon.control.schedules.models import GRACE, Missed, Schedule, State, text_problems
from pennon.control.schedules.planning import Planning, freeze_problems
from pennon.control.schedules.plans import Once, Plan, Timetable, Window, part_at, plan_problems
from pennon.control.schedules.views import KIND
from pennon.control.schedules.views import schedule as find_schedule
from pennon.control.working.salts import NewSalt, random_salt
from pennon.model import Problem
from pennon.model.limits import DEFAULT_LIMITS, Limits

_LARGEST = 1024 * 1024


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants a schedule to do."""

    title: str
    why: str = ""
    plan: Plan
    missed: Missed = "catchUp"
    grace_minutes: int = GRACE


class ScheduleService:
    """Keeps schedules. Outcomes are about the project's log."""

    def __init__(
        self,
        log: ChangeLog,
        clock: Clock,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
    ) -> None:
        self._log = log
        self._clock = clock
        self._planning = Planning(new_salt, limits, permit)

    def create_schedule(
        self,
        name: EnvironmentName,
        wanted: Wanted,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make a schedule. What it is to do must be possible now, and for who makes it.

        Raises `Invalid` with paths below `/plan`, `NotFound`, and what the gate raises: `Forbidden`, and `Protected`
        in an environment that demands approvals.
        """
        log, key = project_log(name.project), secrets.token_hex(6)
        with self._log.writing(log, by=by, action="createSchedule", why=why, idempotency=idempotency) as writing:
            if writing.replayed:
                key = writing.changes_made[log].edits[0].key
            else:
                find_environment(writing, name)
                now = self._clock.now()
                writing.put(log, KIND, self._planned(writing, name, _made(name, key, wanted, by, now), now))
        return outcome_of(writing, log, (KIND, key))

    def replace_schedule(  # noqa: PLR0913  # which, what it does now, on what condition, and who
        self,
        name: EnvironmentName,
        key: str,
        wanted: Wanted,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Have a schedule do something else, as a new one of *by*'s. One that is paused stays so.

        Raises `PreconditionFailed`, and as `create_schedule`.
        """

        def replaced(writing: Writing, found: Schedule) -> Schedule:
            if expected is not None and found.version != expected:
                message = f"schedule {key} is at version {found.version}, not at version {expected}"
                raise PreconditionFailed(message, current=found)
            now = self._clock.now()
            state: State = "paused" if found.state == "paused" else "active"
            made = replace(_made(name, key, wanted, by, now), created=found.created, last=found.last, state=state)
            return self._planned(writing, name, made, now)

        return self._alter(name, key, replaced, "replaceSchedule", by=by, why=why, idempotency=idempotency)

    def pause_schedule(
        self,
        name: EnvironmentName,
        key: str,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Have a schedule do nothing until it is resumed. Raises `NotFound`, and `Conflict` for one that is over."""

        def paused(writing: Writing, found: Schedule) -> Schedule:
            self._planning.require_holding(writing, name, by)
            if found.state not in ("active", "paused"):
                raise Conflict(f"the schedule {key} is {found.state}", mend="it does nothing any more")
            return replace(found, state="paused")

        return self._alter(name, key, paused, "pauseSchedule", by=by, why=why, idempotency=idempotency)

    def resume_schedule(
        self,
        name: EnvironmentName,
        key: str,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Go on with a schedule that is paused or has failed, on what is there now, as *by*'s own.

        What was due meanwhile is not made. Raises `NotFound`, `Conflict` for one of which nothing is left to do, and
        as `create_schedule`.
        """

        def resumed(writing: Writing, found: Schedule) -> Schedule:
            if found.state == "active":
                return found
            now = self._clock.now()
            again = _begun(replace(found, state="active", by=by), now)
            if isinstance(again.plan, Timetable):  # what has passed was made, or is not made any more
                again = replace(again, plan=Timetable(steps=tuple(step for step in again.plan.steps if step.at > now)))
            if again.due is None:
                raise Conflict(f"nothing of the schedule {key} is left to do", mend="give it a time to come")
            return self._planned(writing, name, again, now)

        return self._alter(name, key, resumed, "resumeSchedule", by=by, why=why, idempotency=idempotency)

    def cancel_schedule(
        self,
        name: EnvironmentName,
        key: str,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Delete a schedule. What it has done stays, in the environment and in the log. Raises `NotFound`."""
        log = project_log(name.project)
        with self._log.writing(log, by=by, action="cancelSchedule", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                find_schedule(writing, name, key)
                self._planning.require_holding(writing, name, by)
                writing.delete(log, KIND, key)
        return outcome_of(writing, log, (KIND, key))

    def _planned(self, reading: Reading, name: EnvironmentName, made: Schedule, now: datetime) -> Schedule:
        accept([*text_problems(made.title, made.why, made.grace_minutes), *_plan_problems(made.plan, now)])
        begun = _begun(made, now)
        bases = self._planning.bases(reading, name, begun)
        if isinstance(begun.plan, Once | Timetable):
            accept(freeze_problems(reading, name, begun.plan))
        return replace(begun, bases=bases)

    def _alter(  # noqa: PLR0913  # which, what becomes of it, and who
        self,
        name: EnvironmentName,
        key: str,
        alter: Callable[[Writing, Schedule], Schedule],
        action: str,
        *,
        by: Actor,
        why: str,
        idempotency: Idempotency | None,
    ) -> Outcome:
        log = project_log(name.project)
        with self._log.writing(log, by=by, action=action, why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                writing.put(log, KIND, alter(writing, find_schedule(writing, name, key)))
            current = writing.item(log, KIND, key)
        return outcome_of(writing, log, (KIND, key), unchanged=current)


def _made(name: EnvironmentName, key: str, wanted: Wanted, by: Actor, now: datetime) -> Schedule:
    return Schedule(
        key=key,
        environment=name.environment,
        title=wanted.title,
        why=wanted.why,
        plan=wanted.plan,
        missed=wanted.missed,
        grace_minutes=wanted.grace_minutes,
        by=by,
        created=now,
        state="active",
        seen=now,
    )


def _begun(made: Schedule, now: datetime) -> Schedule:
    """Return *made* with nothing due yet, and a window open or not as it is now."""
    plan = made.plan
    part = None
    if isinstance(plan, Window) and (zone := zone_of(plan.zone)) is not None:
        part = part_at(plan, zone, now)
    return replace(made, seen=now, part=part)


def _plan_problems(plan: Plan, now: datetime) -> list[Problem]:
    found = [problem.under("/plan") for problem in plan_problems(plan, now)]
    if len(msgspec.json.encode(plan)) > _LARGEST:
        found.append(Problem("/plan", "larger than 1 MiB", "make several schedules"))
    return found
