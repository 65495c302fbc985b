"""Who uses what: the prerequisites, segments and layers of flags, and the segments of segments. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

from pennon.control.working.state import ItemName, WorkingModel, WorkingState
from pennon.model import Condition, Experiment, Flag, Json, Segment, Split, pointer

IN_SEGMENT = "inSegment"


class Use(msgspec.Struct, frozen=True):
    """That `user` names `used`, and the JSON pointer to where it does."""

    user: ItemName
    used: ItemName
    path: str


def uses(model: WorkingModel) -> Iterator[Use]:
    """Yield what a flag or a segment names. A layer names nothing that has to be there."""
    if isinstance(model, Flag):
        yield from _flag_uses(model)
    elif isinstance(model, Segment):
        name: ItemName = ("segment", model.key)
        for index, rule in enumerate(model.rules):
            yield from _segments(name, rule.conditions, pointer("rules", index))


def users_of(state: WorkingState, used: ItemName) -> list[Use]:
    """Return every use of *used* in the environment, flags first, in the order of their keys."""
    # A key stands in a user's text as the same JSON string. Looking for it first reads only the likely few.
    needle = msgspec.json.encode(used[1])
    found = []
    for kind in ("flag", "segment") if used[0] == "segment" else ("flag",):
        names: Iterable[ItemName] = sorted((kind, item.key) for item in state.records_with(kind, needle))
        models = (state.model(name) for name in names)
        found += [use for model in models if model is not None for use in uses(model) if use.used == used]
    return found


def variations_asked(flag: Flag, use: Use) -> tuple[Json, ...]:
    """Return which variations of another flag *flag* asks for at *use*."""
    steps = use.path.split("/")
    if steps[1] == "prerequisites":
        return flag.prerequisites[int(steps[2])].variations
    return flag.rules[int(steps[2])].conditions[int(steps[4])].values


def splits_of(flag: Flag) -> Iterator[tuple[str, Split]]:
    """Yield each split of *flag* with the JSON pointer to it."""
    for index, rule in enumerate(flag.rules):
        if rule.serve.split is not None:
            yield pointer("rules", index, "serve", "split"), rule.serve.split
    if flag.fallthrough.split is not None:
        yield pointer("fallthrough", "split"), flag.fallthrough.split
    if flag.staleness is not None and flag.staleness.serve.split is not None:
        yield pointer("staleness", "serve", "split"), flag.staleness.serve.split


def experiments_of(flag: Flag) -> Iterator[tuple[str, Experiment]]:
    """Yield each experiment of *flag* with the JSON pointer to it."""
    for path, split in splits_of(flag):
        if split.experiment is not None:
            yield path + "/experiment", split.experiment


def served_at(flag: Flag) -> Iterator[tuple[str, str]]:
    """Yield each variation that *flag* can serve, with the JSON pointer to where it says so."""
    if flag.off_variation is not None:
        yield pointer("offVariation"), flag.off_variation
    for index, target in enumerate(flag.targets):
        yield pointer("targets", index, "variation"), target.variation
    serves = [(pointer("rules", index, "serve"), rule.serve) for index, rule in enumerate(flag.rules)]
    serves.append((pointer("fallthrough"), flag.fallthrough))
    if flag.staleness is not None:
        serves.append((pointer("staleness", "serve"), flag.staleness.serve))
    for path, serve in serves:
        if serve.variation is not None:
            yield path + "/variation", serve.variation
    for path, split in splits_of(flag):
        for index, weight in enumerate(split.weights):
            yield path + pointer("weights", index, "variation"), weight.variation
        if split.experiment is not None and split.experiment.otherwise is not None:
            yield path + "/experiment/otherwise", split.experiment.otherwise


def _flag_uses(flag: Flag) -> Iterator[Use]:
    name: ItemName = ("flag", flag.key)
    for index, prerequisite in enumerate(flag.prerequisites):
        yield Use(name, ("flag", prerequisite.flag), pointer("prerequisites", index, "flag"))
    for index, rule in enumerate(flag.rules):
        yield from _segments(name, rule.conditions, pointer("rules", index))
        for place, condition in enumerate(rule.conditions if flag.compat is not None else ()):
            if condition.op == "serves" and condition.attribute is not None:
                path = pointer("rules", index, "conditions", place, "attribute")
                yield Use(name, ("flag", condition.attribute), path)
    for path, experiment in experiments_of(flag):
        if experiment.layer is not None:
            yield Use(name, ("layer", experiment.layer), path + "/layer")


def _segments(user: ItemName, conditions: tuple[Condition, ...], prefix: str) -> Iterator[Use]:
    for index, condition in enumerate(conditions):
        if condition.op != IN_SEGMENT:
            continue
        for place, value in enumerate(condition.values):
            if isinstance(value, str):
                yield Use(user, ("segment", value), prefix + pointer("conditions", index, "values", place))
