"""Brings a project under way to what files say, and traces what is wrong with that back to them. Pure."""

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from pennon.control.errors import Invalid
from pennon.control.files.document import Document, FlagEntry, headless
from pennon.control.flags.checks import definition_faults
from pennon.control.flags.definitions import DEFINED_FIELDS, FlagDefinition, completed, configured
from pennon.control.flags.project import WorkingProject
from pennon.control.log import EnvironmentName
from pennon.control.working.checks import Fault, faults
from pennon.control.working.state import ItemName, WorkingState, same_content
from pennon.model import Flag, Layer, Problem, Segment, pointer

_DEFINED = frozenset({*DEFINED_FIELDS, "clientSide"})


class Desired:
    """What files say, as it is brought about in *working*."""

    def __init__(self, document: Document, working: WorkingProject) -> None:
        self.document = document
        self._working = working
        self.names = [EnvironmentName(working.project, key) for key in document.environments]

    def bring_about(self) -> None:
        """Make everything that the document says so.

        Raises `Invalid` with paths into the document for what there is nothing to do about: environments and flags
        that are not there any more.
        """
        if problems := [*self._unknown(), *self._archived()]:
            raise Invalid(problems)
        for name in self.names:
            self._state(name).look_up("flag", self.document.flags)
        for entry in self.document.flags.values():
            self._define(entry)
            self._configure(entry)
        for environment, segments in self.document.segments.items():
            for segment in segments.values():
                self._put(self._state_of(environment), headless(segment))
        for environment, layers in self.document.layers.items():
            for layer in layers.values():
                self._put(self._state_of(environment), headless(layer))

    def turned_on(self) -> Iterator[tuple[EnvironmentName, str]]:
        """Yield each flag that is off and that the document turns on, by its environment."""
        for name in self.names:
            state = self._state(name)
            for kind, key in state.touched():
                before, after = state.before((kind, key)), state.flag(key) if kind == "flag" else None
                if isinstance(before, Flag) and after is not None and after.on and not before.on:
                    yield name, key

    def keep_off(self, environment: EnvironmentName, key: str) -> None:
        """Leave a flag off that the document turns on."""
        state = self._state(environment)
        if (flag := state.flag(key)) is not None:
            state.put(replace(flag, on=False))

    @property
    def is_whole(self) -> bool:
        """Whether the document speaks of every environment of the project."""
        return set(self.names) == set(self._working.environments)

    def absent(self, definitions: Collection[str]) -> Iterator[tuple[str | None, ItemName]]:
        """Yield what is there and not in the document, of the flags *definitions* and the items of its environments.

        A flag is of the whole project: its environment is None.
        """
        for key in definitions:
            definition = self._working.definition_before(key)
            if key not in self.document.flags and definition is not None and not definition.archived:
                yield None, ("flag", key)
        for name in self.names:
            known = {
                "segment": self.document.segments.get(name.environment, {}),
                "layer": self.document.layers.get(name.environment, {}),
            }
            for kind in ("segment", "layer"):
                for record in self._working.environments[name].before_state().records(kind):
                    if record.key not in known[kind]:
                        yield name.environment, (kind, record.key)

    def unsaid(self) -> Iterator[tuple[str, str]]:
        """Yield the environment and key of each flag of which the document does not say what it does there."""
        for key, entry in self.document.flags.items():
            for name in self.names:
                if name.environment not in entry.environments and self._working.definition_before(key) is not None:
                    yield name.environment, key

    def remove(self, absent: Collection[tuple[str | None, ItemName]]) -> None:
        """Delete what is not in the document."""
        for environment, item in absent:
            if environment is None:
                self._working.delete(item[1])
            else:
                self._state_of(environment).delete(item)

    def require_faultless(self) -> None:
        """Raise `Invalid` unless all may be, with paths into the document, and the conflicts of what is in use."""
        problems = [
            fault.problem.under(pointer("flags", fault.key, "definition")) for fault in definition_faults(self._working)
        ]
        if not problems:  # they would show again in each environment
            for name, state in self._working.environments.items():
                problems += [self._located(name.environment, fault) for fault in faults(state)]
        if problems:
            raise Invalid(dict.fromkeys(problems))

    def _unknown(self) -> Iterator[Problem]:
        for index, name in enumerate(self.names):
            if name not in self._working.environments:
                mend = f"create it: pennon environment create {name.environment}"
                yield Problem(pointer("environments", index), f"there is no environment {name.environment!r}", mend)

    def _archived(self) -> Iterator[Problem]:
        for key in self.document.flags:
            definition = self._working.definition_before(key)
            if definition is not None and definition.archived:
                yield Problem(pointer("flags", key), f"flag {key!r} is archived", "restore it, or delete its file")

    def _define(self, entry: FlagEntry) -> None:
        definition: FlagDefinition = replace(completed(headless(entry.definition)), archived=False)
        before = self._working.definition(definition.key)
        if before is None or not same_content(before, definition):
            found = (each.compat for each in entry.environments.values() if each.compat is not None)
            self._working.define(definition, compat=next(found, None))

    def _configure(self, entry: FlagEntry) -> None:
        for environment, configuration in entry.environments.items():
            state, key = self._state_of(environment), entry.definition.key
            flag = state.flag(key)
            if flag is not None:  # every environment has every flag that is defined
                self._put(state, configured(flag, configuration))

    def _put(self, state: WorkingState, model: Flag | Segment | Layer) -> None:
        if isinstance(model, Flag):
            before: Flag | Segment | Layer | None = state.flag(model.key)
        else:
            before = state.segment(model.key) if isinstance(model, Segment) else state.layer(model.key)
            # An imported salt may be any, and none; every other item has one.
            if not (isinstance(model, Segment) and model.compat is not None) and not model.salt:
                model = replace(model, salt=before.salt if before is not None else self._working.new_salt())
        if before is None or not same_content(before, model):
            state.put(model)

    def _state(self, name: EnvironmentName) -> WorkingState:
        return self._working.environments[name]

    def _state_of(self, environment: str) -> WorkingState:
        return self._state(EnvironmentName(self._working.project, environment))

    def _located(self, environment: str, fault: Fault) -> Problem:
        kind, key = fault.item
        if kind == "flag" and key in self.document.flags and environment in self.document.environments:
            if fault.problem.path.partition("/")[2].partition("/")[0] in _DEFINED:
                return fault.problem.under(pointer("flags", key, "definition"))
            return fault.problem.under(pointer("flags", key, "environments", environment))
        places = {"segment": self.document.segments, "layer": self.document.layers}.get(kind, {})
        if key in places.get(environment, {}):
            return fault.problem.under(pointer(f"{kind}s", environment, key))
        seen = fault.from_environment()
        return Problem("", f"in {environment}, {seen.path}: {seen.message}", seen.mend)
