"""Whether the state that a change would leave may be: every item it touches, and every item that depends on one.

Pure. What each item must be by itself is in `pennon.model.validation`, what compiles in `pennon.engine`; here is what
must hold between items.
"""

from collections.abc import Iterable, Iterator

import msgspec

from pennon.control.errors import FlagStillRequired, LayerStillUsed, SegmentStillUsed
from pennon.control.working.state import ItemName, WorkingModel, WorkingState, same_content
from pennon.control.working.uses import experiments_of, users_of
from pennon.engine import Checker
from pennon.model import Flag, Layer, Problem, Segment, pointer
from pennon.model.limits import Limits
from pennon.model.validation import flag_problems, layer_problems, segment_problems


class Fault(msgspec.Struct, frozen=True):
    """A problem of one item, its path from the item's root. `cause` is the touched item that it comes from."""

    item: ItemName
    problem: Problem
    cause: ItemName

    def from_environment(self) -> Problem:
        """Return the problem with its path from the environment's root, as in a snapshot."""
        kind, key = self.item
        return self.problem.under(pointer(kind + "s", key))


def faults(state: WorkingState) -> list[Fault]:
    """Return what is wrong with the items that the change touches, and what it breaks in others.

    Raises `FlagStillRequired`, `SegmentStillUsed` or `LayerStillUsed` where it deletes what is in use.
    """
    touched = state.touched()
    _check_removals(state, touched)
    checker = Checker(state.snapshot())
    found = [Fault(name, problem, name) for name in touched for problem in _own_problems(state, name, checker)]
    if found:  # what depends on a broken item is broken too, and saying so would hide the cause
        return found
    changed = frozenset(touched)
    concerned = ((name, dependents) for name in touched if (dependents := _concerned(state, name)))
    return [fault for name, dependents in concerned for fault in _broken(state, name, dependents, changed)]


def _own_problems(state: WorkingState, name: ItemName, checker: Checker) -> list[Problem]:
    model = state.model(name)
    if model is None or _is_only_turned_off(state.before(name), model):
        return []
    return _problems(state, model, checker)


def _problems(state: WorkingState, model: WorkingModel, checker: Checker) -> list[Problem]:
    """Return what is wrong with *model*, an item of *state*: by itself first, then with what it names."""
    if problems := _shape_problems(model, state.limits):
        return problems
    if isinstance(model, Flag):
        found = checker.flag_problems(model.key)
        return [*(_in_prerequisites(problem, model) for problem in found), *_missing_slots(state, model)]
    return checker.segment_problems(model.key) if isinstance(model, Segment) else []


def _in_prerequisites(problem: Problem, flag: Flag) -> Problem:
    # A cycle or a chain too deep is the whole flag's to the engine; here it came with the prerequisites.
    return problem if problem.path or not flag.prerequisites else problem.under(pointer("prerequisites"))


def _shape_problems(model: WorkingModel, limits: Limits) -> list[Problem]:
    if isinstance(model, Flag):
        return flag_problems(model, limits=limits)
    if isinstance(model, Segment):
        return segment_problems(model, limits=limits)
    return layer_problems(model, limits=limits)


def _is_only_turned_off(before: WorkingModel | None, after: WorkingModel) -> bool:
    # A flag that became unreadable (an older Pennon took it, a limit was lowered) can still be switched off.
    if not (isinstance(before, Flag) and isinstance(after, Flag)):
        return False
    return not after.on and same_content(msgspec.structs.replace(before, on=False), after)


def _check_removals(state: WorkingState, touched: Iterable[ItemName]) -> None:
    for name in touched:
        if state.model(name) is not None or not (found := users_of(state, name)):
            continue
        kind, key = name
        users = dict.fromkeys(use.user for use in found)
        if kind == "flag":
            raise FlagStillRequired(key, [user for _, user in users])
        if kind == "segment":
            raise SegmentStillUsed(key, [f"{of} {user!r}" for of, user in users])
        raise LayerStillUsed(key, [user for _, user in users])


def _broken(
    state: WorkingState, name: ItemName, dependents: Iterable[ItemName], touched: frozenset[ItemName]
) -> Iterator[Fault]:
    """Find what the change of *name* breaks in *dependents*, those apart that the change touches too."""
    before = state.before_state()
    checker, checker_before = Checker(state.snapshot()), Checker(before.snapshot())
    for dependent in dependents:
        model = state.model(dependent)
        if dependent in touched or model is None:
            continue
        # An item that was broken before is not this change's fault.
        known = set(_problems(before, model, checker_before))
        for problem in _problems(state, model, checker):
            if problem not in known:
                yield Fault(dependent, problem, name)


def _concerned(state: WorkingState, name: ItemName) -> list[ItemName]:
    """Return the items that a change of *name* can break. Most changes can break none, and look at none."""
    before, after = state.before(name), state.model(name)
    # Nothing uses what is new, and what is gone nothing may use. Chains that grow too deep show at `check_…` itself.
    if before is None or after is None or not _promises(before) - _promises(after):
        return []
    return list(dict.fromkeys(use.user for use in users_of(state, name)))


def _promises(model: WorkingModel) -> set[str]:
    """Return what others may name of *model*: a flag's variations, the experiments that own slots of a layer."""
    if isinstance(model, Flag):
        return {variation.key for variation in model.variations}
    return {slot.experiment for slot in model.slots} if isinstance(model, Layer) else set()


def _missing_slots(state: WorkingState, flag: Flag) -> Iterator[Problem]:
    for path, experiment in experiments_of(flag):
        layer = None if experiment.layer is None else state.layer(experiment.layer)
        if layer is not None and all(slot.experiment != experiment.key for slot in layer.slots):
            message = f"experiment {experiment.key!r} owns no slot of layer {layer.key!r}"
            yield Problem(path + "/key", message, "give it a slot of the layer first")
