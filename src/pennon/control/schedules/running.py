"""Does what schedules are due to do. Every server does, and each time is made once.

What a schedule makes and that it has made it are one transaction, which is given up where another server was first.
"""

from collections.abc import Mapping
from datetime import datetime

import structlog
from msgspec.structs import replace

from pennon.control.changes.apply import apply_edits
from pennon.control.changes.bases import base_left, later
from pennon.control.changes.waiting import Waiting
from pennon.control.clock import Clock
from pennon.control.environments.gate import Permit, permit_everybody
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Conflict, PennonError, Protected, Unavailable
from pennon.control.flags.project import ProjectCommand, WorkingProject, change_project
from pennon.control.log import SYSTEM, ChangeLog, EnvironmentName, Writing, outcome_of, project_log
from pennon.control.schedules.metrics import ScheduleMetrics
from pennon.control.schedules.models import Due, Result, Run, Schedule, due_of, never_ends
from pennon.control.schedules.views import KIND, not_done
from pennon.control.working.salts import NewSalt, random_salt
from pennon.model.limits import DEFAULT_LIMITS, Limits

_log = structlog.get_logger(__name__)
_ACTIONS: Mapping[Result, str] = {
    "made": "runSchedule",
    "unchanged": "runSchedule",
    "skipped": "skipSchedule",
    "failed": "failSchedule",
}


class _Taken(Exception):
    """Another server was first, or somebody altered the schedule."""


class ScheduleRuns:
    """The work of schedules, as a chore of a server. `metrics` shows how they stand."""

    def __init__(  # as the services of what it changes, and the time
        self,
        log: ChangeLog,
        clock: Clock,
        metrics: ScheduleMetrics,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
    ) -> None:
        self._log = log
        self._clock = clock
        self.metrics = metrics
        self._new_salt = new_salt
        self._limits = limits
        self._permit = permit
        self._waiting = Waiting(not_done)

    def run(self) -> datetime | None:
        """Do what is due, and return when there is something to do next. Raises what kept one of them, after all."""
        with self._log.reading() as reading:
            waiting = self._waiting.look(reading)
        left: list[Schedule] = []
        errors: list[Exception] = []
        for at, (project, schedule) in enumerate(waiting):
            try:
                left.append(self._tend(project, schedule))
            except Unavailable as error:  # and so it is for the others, who need not wait for it each
                errors.append(error)
                left += [each for _, each in waiting[at:]]
                break
            except Exception as error:  # noqa: BLE001  # boundary: one that cannot be done must not keep the others
                errors.append(error)
                left.append(schedule)
        self.metrics.stand(left)
        if errors:
            raise errors[0]
        return min((due for schedule in left if (due := schedule.due) is not None), default=None)

    def _tend(self, project: str, schedule: Schedule) -> Schedule:
        """Do what is due of *schedule*, and return it as it is then."""
        now = self._clock.now()
        if (due := due_of(schedule, now)) is None:
            return schedule
        try:
            if due.parts:
                return self._make(project, schedule, due, now)
            result: Result = "skipped" if due.is_skipped else "unchanged"
            return self._note(project, schedule, Run(due=due.time, at=now, result=result))
        except _Taken:
            return replace(schedule, seen=now)
        except Unavailable:
            raise
        except PennonError as error:
            return self._fail(project, schedule, due, now, error)

    def _make(self, project: str, schedule: Schedule, due: Due, now: datetime) -> Schedule:
        name, edits = EnvironmentName(project, schedule.environment), due.edits(schedule.plan)

        def make(working: WorkingProject, writing: Writing) -> None:
            _require_same(writing, project, schedule)
            find_environment(writing, name)
            if changed := list(later(writing, name, schedule.bases)):
                raise Conflict("; ".join(changed), mend="look at it, and resume the schedule if it still fits")
            apply_edits(working, name, edits)
            is_changed = any(state.touched() for state in working.environments.values()) or working.touched()
            run = Run(due=due.time, at=now, result="made" if is_changed else "unchanged")
            bases = tuple(base_left(working, name, base) for base in schedule.bases)
            part = schedule.part if schedule.part is None else due.parts[-1]
            writing.put(project_log(project), KIND, replace(schedule.after(run), bases=bases, part=part))

        command = ProjectCommand(
            project=project,
            action="runSchedule",
            by=schedule.by.through(f"schedule {schedule.key}"),
            why=schedule.reason,
        )
        writing = change_project(
            self._log, command, make, new_salt=self._new_salt, limits=self._limits, permit=self._permit
        )
        return _as_stored(writing, project, schedule)

    def _fail(self, project: str, schedule: Schedule, due: Due, now: datetime, error: PennonError) -> Schedule:
        run = Run(due=due.time, at=now, result="failed", why=str(error))
        # Where nothing is changed now, something may be next week.
        goes_on = never_ends(schedule.plan) and isinstance(error, Protected)
        try:
            failed = self._note(project, schedule, run, goes_on=goes_on)
        except _Taken:
            return replace(schedule, seen=now)
        _log.warning(
            "a schedule did not do what was due",
            project=project,
            environment=schedule.environment,
            schedule=schedule.key,
            title=schedule.title,
            due=due.time.isoformat(),
            why=run.why,
            state=failed.state,
        )
        return failed

    def _note(self, project: str, schedule: Schedule, run: Run, *, goes_on: bool = False) -> Schedule:
        """Keep what came of a time at which nothing was changed."""
        log, why = project_log(project), f"{schedule.reason}: {run.why}" if run.why else schedule.reason
        with self._log.writing(log, by=SYSTEM, action=_ACTIONS[run.result], why=why) as writing:
            _require_same(writing, project, schedule)
            writing.put(log, KIND, schedule.after(run, goes_on=goes_on))
        return _as_stored(writing, project, schedule)


def _require_same(writing: Writing, project: str, schedule: Schedule) -> None:
    """Raise `_Taken` unless the schedule is as it was when it was found due. The project's log is locked."""
    stored = writing.item(project_log(project), KIND, schedule.key)
    if stored is None or stored.version != schedule.version:
        raise _Taken


def _as_stored(writing: Writing, project: str, schedule: Schedule) -> Schedule:
    left = outcome_of(writing, project_log(project), (KIND, schedule.key)).item
    return schedule if left is None else left.read(Schedule)
