"""How the values of a flag go over to another schema: prepared beside the old ones, activated, the old ones dropped.

SDKs are only ever sent the values that are active, so none has to know of this. Pure.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from pennon.control.environments.readers import read_by_problems
from pennon.control.errors import Conflict
from pennon.control.flags.definitions import FlagDefinition, OtherValues
from pennon.model import Problem, pointer

SHORTEST_H, LONGEST_H = 1, 30 * 24


def prepared(definition: FlagDefinition, values: OtherValues) -> FlagDefinition:
    """Return *definition* with other *values* beside its own. Raises `Conflict` while old ones are still there."""
    if definition.previous is not None:
        raise Conflict(f"flag {definition.key!r} still has values from before", mend="clean up first")
    return replace(definition, prepared=values)


def activated(definition: FlagDefinition) -> FlagDefinition:
    """Return *definition* with the prepared values for its own, which it keeps. Raises `Conflict` without any."""
    if (coming := definition.prepared) is None:
        raise Conflict(f"flag {definition.key!r} has no values prepared", mend="prepare a schema first")
    variations = tuple(replace(each, value=coming.values.get(each.key, each.value)) for each in definition.variations)
    kept = {each.key: each.value for each in definition.variations if each.key in coming.values}
    previous = OtherValues(schema=definition.value_schema, values=kept)
    return replace(definition, variations=variations, value_schema=coming.schema, prepared=None, previous=previous)


def cleaned_up(definition: FlagDefinition) -> FlagDefinition:
    """Return *definition* without values that are not active: the old ones, or those that are given up."""
    return replace(definition, prepared=None, previous=None)


def carried(definition: FlagDefinition, current: FlagDefinition | None) -> FlagDefinition:
    """Return *definition* with the other values of the *current* one, which only the steps of a move alter."""
    if current is None:
        return cleaned_up(definition)
    return replace(definition, prepared=current.prepared, previous=current.previous)


def activates(before: FlagDefinition, after: FlagDefinition | None) -> bool:
    """Return whether the step from *before* to *after* makes the prepared values those that are served."""
    if before.prepared is None or after is None or after.prepared is not None:
        return False
    return _served(after) == _served(activated(before))


def _served(definition: FlagDefinition) -> bytes:
    # As text: to Python, true equals 1.
    return msgspec.json.encode((definition.variations, definition.value_schema))


def other_values_problems(definition: FlagDefinition) -> Iterator[Problem]:
    """Yield what is wrong with the values that *definition* has beside its own; those that do not fit yet are not."""
    coming = definition.prepared
    if coming is None:
        return
    at = pointer("prepared")
    known = {variation.key for variation in definition.variations}
    for key in coming.values:
        if key not in known:
            yield Problem(at + pointer("values", key), f"there is no variation {key!r}", "leave it out, or add it")
    yield from (problem.under(at + "/readBy") for problem in read_by_problems(coming.read_by))
    if not SHORTEST_H <= coming.gone_after_h <= LONGEST_H:
        message = f"not from {SHORTEST_H} to {LONGEST_H}"
        yield Problem(at + "/goneAfterH", message, "say after how many silent hours an instance is taken to be gone")
