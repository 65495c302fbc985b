"""How GrowthBook finds attributes in a Pennon context: dotted paths, and `id`, by default the targeting key."""

from collections.abc import Callable
from typing import Any, TypeAlias

from pennon.engine.dialects.growthbook.coercion import is_index

Read: TypeAlias = Callable[[Any], Any]
"""Finds something in an object, None where it is not there."""


def _id(context: Any) -> Any:
    found = context.get("id")
    return context.get("targetingKey") if found is None else found


def unit_reader(by: str) -> Read:
    """Return what reads the attribute that is hashed: a name, or the JSON pointer to one. Raises `ValueError`.

    GrowthBook's `id` is here `targetingKey`; its attribute of that very name, if there is one, `/targetingKey`.
    """
    if by in {"targetingKey", "id"}:
        return _id
    if not by.startswith("/"):
        return lambda context: context.get(by)
    name = by[1:].replace("~1", "/").replace("~0", "~")
    if "/" in by[1:]:
        raise ValueError(f"GrowthBook hashes no attribute within another, as {by!r} is")
    return lambda context: context.get(name)


def context_reader(path: str) -> Read:
    """Return what reads the dotted *path* in a context."""
    first, *rest = path.split(".")
    if first == "id":
        return _within(_id, rest)
    return _within(lambda context: context.get(first), rest)


def element_reader(path: str) -> Read:
    """Return what reads the dotted *path* in any value: an element of an array, a prerequisite's value."""
    return _within(lambda value: value, path.split("."))


def _within(read: Read, steps: list[str]) -> Read:
    if not steps:
        return read

    def found(value: Any) -> Any:
        current = read(value)
        for step in steps:
            current = _step(current, step)
        return current

    return found


def _step(current: Any, step: str) -> Any:
    if isinstance(current, dict):
        return current.get(step)
    if isinstance(current, (list, tuple)):
        if step == "length":
            return len(current)
        if is_index(step) and int(step) < len(current):
            return current[int(step)]
    return None
