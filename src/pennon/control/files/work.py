"""One document, brought about in a working project: what both a plan and its application are made of."""

from collections.abc import Callable, Iterator
from functools import partial

import msgspec
from msgspec.structs import replace

from pennon.control.environments.applied import applied_files, applied_now, note_applied
from pennon.control.environments.ownership import AppliedFiles, Origin
from pennon.control.errors import TurnedOffSince
from pennon.control.files.desired import Desired
from pennon.control.files.document import Document, document_problems
from pennon.control.files.drift import Drifted, Kill, drift, killed
from pennon.control.files.plan import Plan, Revisions, definition_changes, environment_changes, plan_warnings
from pennon.control.flags.project import WorkingProject
from pennon.control.log import EnvironmentName, Reading, Writing, project_log
from pennon.control.naming import accept
from pennon.model import Problem, pointer


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """How files are applied. `prune`: what is not in them is deleted, flags if they speak of every environment.

    Flags that somebody turned off since, and that the files have on, are refused, but for those in `turn_on`; with
    `keep_off` they stay off. `expected` is where the logs stood when somebody looked at the plan.
    """

    prune: bool = False
    keep_off: bool = False
    turn_on: tuple[str, ...] = ()
    origin: Origin = Origin()
    expected: Revisions | None = None
    is_break_glass: bool = False


NO_ORDERS = Orders()


class Work:
    """What *document* comes to in *working*. Raises `Invalid` and the conflicts of what is in use."""

    def __init__(self, reading: Reading, working: WorkingProject, document: Document, orders: Orders) -> None:
        accept(document_problems(document))
        self._reading = reading
        self._working = working
        self._orders = orders
        self.desired = Desired(document, working)
        self.desired.bring_about()
        self._applied = {name: applied_files(reading, name) for name in self.desired.names}
        definitions = [stored.key for stored in reading.items(project_log(working.project), "definition")]
        self._absent = tuple(self.desired.absent(definitions))
        if orders.prune:
            # A flag goes everywhere: files that do not speak of every environment have no say in that.
            is_whole = self.desired.is_whole
            self.desired.remove([each for each in self._absent if is_whole or each[0] is not None])
            self._absent = () if is_whole else tuple(each for each in self._absent if each[0] is None)
        self._kills = tuple(self._killed())
        for kill in self._kept_off():
            self.desired.keep_off(EnvironmentName(working.project, kill.environment), kill.flag)
        self.desired.require_faultless()

    def plan(self) -> Plan:
        """Return what would be changed."""
        return Plan(
            revisions=self._revisions(),
            definitions=definition_changes(self._working),
            environments=environment_changes(self._working),
            warnings=plan_warnings(self._working, self.desired.names),
            kills=self._kills,
            absent=self._absent,
            unsaid=tuple(self.desired.unsaid()),
            drift={name.environment: found for name in self.desired.names if (found := self._drift(name))},
        )

    def require_meant(self) -> None:
        """Raise `TurnedOffSince` unless it is said what becomes of flags that somebody turned off."""
        if self._orders.keep_off:
            return
        if found := [kill for kill in self._kills if kill.flag not in self._orders.turn_on]:
            raise TurnedOffSince(_problem_of(kill) for kill in found)

    def note(self, writing: Writing, permit: Callable[[EnvironmentName], None]) -> None:
        """Keep for each environment what was applied; *permit* is asked where nothing else is changed in it."""
        for name in self.desired.names:
            is_changed = bool(self._working.environments[name].touched())
            kept = self._kept(name)
            if not is_changed:
                if self._is_known(name, kept):
                    continue
                permit(name)
            writing.finish(partial(self._keep, name=name, kept_off=kept, is_changed=is_changed))

    def applied(self) -> tuple[AppliedFiles, ...]:
        """Return what is to be kept for each environment where what this comes to is proposed, and made later."""
        return tuple(
            applied_now(self._reading, name, self._orders.origin, kept_off=self._kept(name))
            for name in self.desired.names
        )

    def _keep(self, writing: Writing, *, name: EnvironmentName, kept_off: tuple[str, ...], is_changed: bool) -> None:
        now = applied_now(writing, name, self._orders.origin, kept_off=kept_off)
        # What this command writes is theirs: in the environment if it is changed, and this item in the project.
        left = replace(now, revision=now.revision + is_changed, definitions=now.definitions + 1)
        note_applied(writing, self._working.project, left)

    def _is_known(self, name: EnvironmentName, kept_off: tuple[str, ...]) -> bool:
        """Return whether all there is to keep of an environment is kept already: twice is once."""
        applied, origin = self._applied[name], self._orders.origin
        if applied is None or applied.kept_off != kept_off:
            return False
        return (applied.source, applied.commit) == (origin.source, origin.commit) and not self._drift(name)

    def _killed(self) -> Iterator[Kill]:
        for name, key in self.desired.turned_on():
            if (kill := killed(self._reading, name, key, self._applied[name])) is not None:
                yield kill

    def _kept_off(self) -> list[Kill]:
        orders = self._orders
        return [kill for kill in self._kills if orders.keep_off and kill.flag not in orders.turn_on]

    def _kept(self, name: EnvironmentName) -> tuple[str, ...]:
        return tuple(kill.flag for kill in self._kept_off() if kill.environment == name.environment)

    def _drift(self, name: EnvironmentName) -> tuple[Drifted, ...]:
        applied = self._applied[name]
        return drift(self._reading, name, applied) if applied is not None else ()

    def _revisions(self) -> Revisions:
        heads = {name.environment: self._reading.head(name.log) for name in self.desired.names}
        project = self._reading.head(project_log(self._working.project))
        return Revisions(
            project=project.revision if project else 0,
            environments={name: head.revision if head else 0 for name, head in heads.items()},
        )


def _problem_of(kill: Kill) -> Problem:
    path = pointer("flags", kill.flag, "environments", kill.environment, "on")
    if (change := kill.change) is None:
        message = f"flag {kill.flag!r} was turned off in {kill.environment}, and left off since"
    else:
        why = f" ({change.why})" if change.why else ""
        when = f"{change.time:%Y-%m-%d %H:%M} UTC, revision {change.revision}"
        message = f"flag {kill.flag!r} was turned off in {kill.environment} by {change.actor.name}{why}, {when}"
    return Problem(path, message, "say `on: false` here, keep it off, or turn it on by its name")
