"""Whether a project's flags may be as a change would leave them: their definitions, then every environment. Pure."""

import re
from collections.abc import Iterator

import msgspec

from pennon.control.errors import Invalid, VariationStillServed
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge
from pennon.control.flags.project import WorkingProject
from pennon.control.flags.schema_steps import other_values_problems
from pennon.control.naming import name_problems
from pennon.control.working.checks import faults
from pennon.control.working.uses import served_at, users_of, variations_asked
from pennon.model import Compat, Problem, pointer
from pennon.model.limits import Limits
from pennon.model.validation import flag_problems

MOST_TAGS = 50
_TAG = re.compile(r"^[^\x00-\x1f\x7f-\x9f]{1,100}$(?!\n)")
_SCHEMA, _PREPARED = "/valueSchema", "/prepared/schema"
_CONFIGURED = ("on", "salt", "targets", "rules", "fallthrough", "offVariation", "prerequisites", "staleness")


class DefinitionFault(msgspec.Struct, frozen=True):
    """A problem of the definition of one flag, its path from the definition's root."""

    key: str
    problem: Problem


def definition_faults(working: WorkingProject) -> list[DefinitionFault]:
    """Return what is wrong with the definitions that the change touches.

    Raises `VariationStillServed` where it removes a variation that an environment still serves.
    """
    found = []
    for key in working.touched():
        if (definition := working.definition(key)) is not None:
            problems = definition_problems(definition, working.limits, compat=working.compat(key))
            found += [DefinitionFault(key, problem) for problem in problems]
            _check_removed_variations(working, definition)
    return found


def require_faultless_project(working: WorkingProject, key: str | None = None) -> None:
    """Raise `Invalid` unless all may be; paths lead into the definition of the flag *key*, or name where they lead."""
    problems = [
        fault.problem if fault.key == key else fault.problem.under(pointer("flags", fault.key))
        for fault in definition_faults(working)
    ]
    if not problems:
        problems = [
            fault.from_environment().under(pointer("environments", name.environment))
            for name, state in working.environments.items()
            for fault in faults(state)
        ]
    if problems:
        raise Invalid(problems)


def definition_problems(
    definition: FlagDefinition, limits: Limits, *, compat: Compat | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with *definition* by itself, its values against its schema included.

    One with *compat* has the freedoms of an imported flag.
    """
    configuration = msgspec.structs.replace(initial_configuration(definition, "new"), compat=compat)
    flag = merge(definition, configuration)
    # What an environment would configure is not the definition's fault.
    broken = [problem for problem in flag_problems(flag, limits=limits) if _first_step(problem.path) not in _CONFIGURED]
    yield from broken
    yield from name_problems(definition.name, definition.description)
    yield from _label_problems(definition)
    yield from other_values_problems(definition)
    coming = definition.prepared.schema if definition.prepared is not None else None
    if definition.value_schema is None and coming is None:
        return
    # When it is first needed: what jsonschema finds beside itself may take a second to import, and each worker would.
    from pennon.control.flags.schemas import schema_problems, value_problems  # noqa: PLC0415

    if coming is not None:
        for problem in schema_problems(coming):
            yield Problem(_PREPARED + problem.path.removeprefix(_SCHEMA), problem.message, problem.mend)
    if definition.value_schema is None:
        return
    schema_broken = list(schema_problems(definition.value_schema))
    yield from schema_broken
    if not broken and not schema_broken:
        for index, variation in enumerate(definition.variations):
            is_open = variation.value is None and compat is not None  # it stands for the caller's default
            for problem in () if is_open else value_problems(definition.value_schema, variation.value):
                yield problem.under(pointer("variations", index, "value"))


def _label_problems(definition: FlagDefinition) -> Iterator[Problem]:
    for problem in name_problems(definition.owner):
        yield Problem(pointer("owner"), problem.message, problem.mend)
    if len(definition.tags) > MOST_TAGS:
        yield Problem(pointer("tags"), f"more than {MOST_TAGS} tags", "drop some")
    for index, tag in enumerate(definition.tags):
        if _TAG.match(tag) is None:
            yield Problem(pointer("tags", index), "not a tag", "use 1 to 100 characters, no control characters")
        elif tag in definition.tags[:index]:
            yield Problem(pointer("tags", index), f"the tag {tag!r} is there twice", "drop one")
    if definition.lifetime == "permanent" and definition.expected_removal is not None:
        message = "a permanent flag is never removed"
        yield Problem(pointer("expectedRemoval"), message, "leave it out, or make the flag temporary")


def _check_removed_variations(working: WorkingProject, definition: FlagDefinition) -> None:
    before = working.definition_before(definition.key)
    known = {variation.key for variation in definition.variations}
    for variation in before.variations if before else ():
        if variation.key not in known and (where := list(_served_where(working, definition.key, variation.key))):
            raise VariationStillServed(definition.key, variation.key, where)


def _served_where(working: WorkingProject, key: str, variation: str) -> Iterator[str]:
    for name, state in working.environments.items():
        flags = name.environment + pointer("flags")
        if (flag := state.flag(key)) is not None:
            yield from (flags + pointer(key) + path for path, served in served_at(flag) if served == variation)
        for use in users_of(state, ("flag", key)):
            user = state.flag(use.user[1])
            if user is not None and variation in variations_asked(user, use):
                yield flags + pointer(use.user[1]) + use.path.rpartition("/")[0]


def _first_step(path: str) -> str:
    return path.split("/")[1] if path else ""
