"""Where in a list of edits a problem of an item comes from. Pure.

A check finds faults in what the edits lead to: `/rules/2/conditions/0/values` of a flag. Whoever sent the edits wants
to read `/edits/3/rule/conditions/0/values`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from pennon.control.changes.edits import AnyEdit, PrepareSchema, PutFlag
from pennon.control.working.checks import Fault
from pennon.control.working.state import ItemName, WorkingModel
from pennon.model import Problem, pointer

_PREPARED = "/prepared"


class Origins:
    """Traces problems back to the edits of one change."""

    def __init__(self, edits: Sequence[AnyEdit]) -> None:
        self._edits = edits  # also keeps the parts alive, whose identity is what tells them apart

    @cached_property
    def _paths(self) -> Mapping[int, str]:
        # When it is first asked for: most changes have no fault, and an import has a million parts.
        return {
            id(part): path
            for index, edit in enumerate(self._edits)
            for path, part in _parts(edit, pointer("edits", index))
        }

    def of_fault(self, fault: Fault, model: WorkingModel | None) -> Problem:
        """Return the problem of *fault*, found in *model*, with its path in the edits."""
        problem = fault.problem
        path = self._of_part(model, problem.path) or self._of_field(fault.item, problem.path)
        if path is not None:
            return Problem(path, problem.message, problem.mend)
        seen = fault.from_environment()
        index = self._last(fault.item)
        index = self._last(fault.cause) if index is None else index
        if index is None:
            return seen
        return Problem(pointer("edits", index), str(Problem(seen.path, problem.message)), problem.mend)

    def of_definition(self, key: str, problem: Problem) -> Problem:
        """Return a *problem* of the definition of the flag *key* with its path in the edits."""
        numbered = reversed(list(enumerate(self._edits)))
        edits = (index for index, edit in numbered if isinstance(edit, PutFlag) and edit.definition.key == key)
        index = next(edits, None)
        if index is not None:
            return problem.under(pointer("edits", index, "definition"))
        preparing = next((at for at, edit in enumerate(self._edits) if _prepares(edit, key)), None)
        if preparing is not None and problem.path.startswith(_PREPARED):
            path = pointer("edits", preparing) + problem.path.removeprefix(_PREPARED)
            return Problem(path, problem.message, problem.mend)
        index = self._last(("flag", key))
        return problem if index is None else Problem(pointer("edits", index), str(problem), problem.mend)

    def _of_part(self, model: WorkingModel | None, path: str) -> str | None:
        """Follow *path* into *model*; the deepest part that came with an edit says where."""
        found = None
        part: object = model
        steps = path.split("/")[1:]
        for depth, step in enumerate(steps):
            part = _step(part, step)
            if (origin := self._paths.get(id(part))) is not None:
                found = "/".join([origin, *steps[depth + 1 :]])
        return found

    def _of_field(self, item: ItemName, path: str) -> str | None:
        _, _, rest = path.partition("/")
        field, slash, rest = rest.partition("/")
        for index in range(len(self._edits) - 1, -1, -1):
            edit = self._edits[index]
            if edit.item == item and field in edit.says:
                return f"{pointer('edits', index)}/{edit.says[field]}{slash}{rest}"
        return None

    def _last(self, item: ItemName) -> int | None:
        return next((index for index in range(len(self._edits) - 1, -1, -1) if self._edits[index].item == item), None)


def _prepares(edit: AnyEdit, key: str) -> bool:
    return isinstance(edit, PrepareSchema) and edit.flag == key


def _parts(part: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield *part* and every struct within it, each with its path."""
    if isinstance(part, msgspec.Struct):
        yield path, part
        for field in msgspec.structs.fields(part):
            yield from _parts(getattr(part, field.name), path + pointer(field.encode_name))
    elif isinstance(part, tuple) and part and isinstance(part[0], msgspec.Struct):
        for index, element in enumerate(part):
            yield from _parts(element, path + pointer(index))


def _step(part: object, step: str) -> object:
    if isinstance(part, tuple):
        return part[int(step)] if step.isdecimal() and int(step) < len(part) else None
    if isinstance(part, msgspec.Struct):
        names = {field.encode_name: field.name for field in msgspec.structs.fields(part)}
        return getattr(part, names[step]) if step in names else None
    return None
