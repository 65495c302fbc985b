"""Commands that move the values of a flag to another schema, and how such a move stands."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from pennon.control.clock import Clock
from pennon.control.environments.gate import NO_LEAVE, Permit, permit_everybody
from pennon.control.environments.protection import Leave
from pennon.control.environments.readers import Behind, Reader, ReaderCounts, behind, strangers
from pennon.control.errors import Invalid, NotFound
from pennon.control.flags.checks import definition_problems, require_faultless_project
from pennon.control.flags.definitions import FlagDefinition, OtherValues
from pennon.control.flags.project import ProjectCommand, WorkingProject, change_project, environments_of
from pennon.control.flags.schema_steps import activated, cleaned_up, prepared
from pennon.control.log import Actor, ChangeLog, Idempotency, Outcome, Writing, outcome_of, project_log
from pennon.control.working.salts import NewSalt, random_salt
from pennon.model import Problem
from pennon.model.limits import DEFAULT_LIMITS, Limits

SEEN_H = 24
"""Where nothing is prepared, readers of so many hours are shown."""


class SchemaStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How the values of a flag stand between two schemas.

    `unready` are those that would not satisfy the prepared one, with paths into the definition as it would be. `behind`
    are readers that could not read them, and `strangers` how many instances do not say what they are.
    """

    definition: FlagDefinition
    unready: Sequence[Problem]
    readers: Sequence[Reader]
    behind: Sequence[Behind]
    strangers: int


class SchemaService:
    """Prepares, activates and cleans up. Outcomes are about the project's log, their item the definition."""

    def __init__(  # as the services of flags, and who reads them
        self,
        log: ChangeLog,
        readers: ReaderCounts,
        clock: Clock,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
    ) -> None:
        self._log = log
        self._readers = readers
        self._clock = clock
        self._limits = limits
        self._change_project = partial(change_project, log, new_salt=new_salt, limits=limits, permit=permit)

    def prepare_schema(  # of what, what, and who
        self,
        project: str,
        key: str,
        values: OtherValues,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Put *values* under another schema beside those of a flag. What was prepared before is replaced.

        Raises `NotFound`, `Invalid` with paths into *values*, and `Conflict` while values from before are still there.
        """
        command = ProjectCommand(project=project, action="prepareSchema", by=by, why=why, idempotency=idempotency)
        try:
            return self._move(command, key, lambda definition: prepared(definition, values))
        except Invalid as error:
            problems = (replace(each, path=each.path.removeprefix("/prepared")) for each in error.problems)
            raise Invalid(problems) from error

    def activate_schema(  # of what, on what condition, and who
        self,
        project: str,
        key: str,
        *,
        leave: Leave = NO_LEAVE,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Serve the prepared values, in every environment.

        Raises `NotFound`, `Conflict` where none are prepared, `Invalid` for values that do not satisfy the schema,
        `StillRead` while older readers are heard of, unless the glass is broken, and what the gate raises.
        """
        command = ProjectCommand(
            project=project, action="activateSchema", by=by, why=why, idempotency=idempotency, leave=leave
        )
        return self._move(command, key, activated)

    def clean_up_schema(
        self, project: str, key: str, *, by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> Outcome:
        """Drop the values that are not served: the old ones, or prepared ones. Raises `NotFound`."""
        command = ProjectCommand(project=project, action="cleanUpSchema", by=by, why=why, idempotency=idempotency)
        return self._move(command, key, cleaned_up)

    def standing(self, project: str, key: str) -> SchemaStanding:
        """Return how the values of a flag stand. Raises `NotFound`, `Unavailable`."""
        with self._log.reading() as reading:
            names = [str(name) for name in environments_of(reading, project)]
            if (stored := reading.item(project_log(project), "definition", key)) is None:
                raise NotFound("flag", key)
        definition = stored.read(FlagDefinition)
        coming = definition.prepared
        since = self._clock.now() - timedelta(hours=SEEN_H if coming is None else coming.gone_after_h)
        readers = self._readers.readers(names, since=since)
        wanted = {} if coming is None else coming.read_by
        return SchemaStanding(
            definition=definition,
            unready=[] if coming is None else list(self._unready(activated(definition))),
            readers=readers,
            behind=behind(readers, wanted),
            strangers=strangers(readers, wanted) if wanted else 0,
        )

    def _unready(self, definition: FlagDefinition) -> Iterator[Problem]:
        for problem in definition_problems(definition, self._limits):
            steps = problem.path.split("/")
            if steps[1:2] != ["variations"] or len(steps) < 3:
                yield problem
                continue
            variation = definition.variations[int(steps[2])].key  # a person knows it by its key
            yield replace(problem, message=f"variation {variation!r}: {problem.message}")

    def _move(self, command: ProjectCommand, key: str, step: Callable[[FlagDefinition], FlagDefinition]) -> Outcome:
        def edit(working: WorkingProject, _: Writing) -> None:
            if (definition := working.definition(key)) is None:
                raise NotFound("flag", key)
            working.settle(step(definition))
            require_faultless_project(working, key)

        writing = self._change_project(command, edit)
        log = project_log(command.project)
        with self._log.reading() as reading:
            return outcome_of(writing, log, ("definition", key), unchanged=reading.item(log, "definition", key))
