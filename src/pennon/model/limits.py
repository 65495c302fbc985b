"""How large and how deep things may be, and what no JSON may hold that Pennon stores or is asked with."""

import math
from collections.abc import Iterator

import msgspec

from pennon.model.flags import Json
from pennon.model.problems import Problem, pointer

SAFE_INTEGER = 2**53 - 1
"""The largest integer that every language holds exactly."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one installation; these are the defaults. Sizes are those of the JSON text, in bytes."""

    flag_bytes: int = 256 * 1024
    segment_bytes: int = 8 * 1024 * 1024
    value_bytes: int = 64 * 1024
    rules: int = 100
    conditions: int = 100
    depth: int = 16
    context_bytes: int = 64 * 1024
    event_batch_bytes: int = 1024 * 1024


DEFAULT_LIMITS = Limits()


def context_problem(context: Json, limits: Limits = DEFAULT_LIMITS) -> Problem | None:
    """Return what keeps decoded JSON from being a context that a server evaluates, or None if nothing does."""
    if not isinstance(context, dict):
        return Problem("", f"a context is a JSON object, not {_named(context)}", 'send {"targetingKey": …}')
    if (path := too_deep(context, limits.depth)) is not None:
        return Problem(path, f"nested deeper than {limits.depth}", "flatten the context")
    try:
        size = len(msgspec.json.encode(context))
    except (TypeError, ValueError, OverflowError) as error:  # UnicodeEncodeError is a ValueError
        return Problem("", f"not JSON: {error}", "send JSON values only")
    if size > limits.context_bytes:
        return Problem("", f"{size} bytes, over the limit of {limits.context_bytes}", "send fewer attributes")
    return None


def too_deep(value: Json, most: int) -> str | None:
    """Return the path to something in *value* that lies in more than *most* arrays and objects, if there is any.

    Takes cycles, and any depth: it never looks further than one level below the limit.
    """
    level = [("", value)] if isinstance(value, (dict, list, tuple)) else []
    for _ in range(most):
        level = [
            (path + pointer(step), child)
            for path, container in level
            for step, child in _children(container)
            if isinstance(child, (dict, list, tuple))
        ]
    return level[0][0] if level else None


def _children(container: Json) -> Iterator[tuple[str | int, Json]]:
    if isinstance(container, dict):
        return ((str(key), child) for key, child in container.items())
    return iter(enumerate(container))


def json_problems(value: Json, path: str = "") -> Iterator[Problem]:
    """Yield what keeps *value* from being the same JSON in every language, database and encoder.

    The caller has bounded its depth, see `too_deep`.
    """
    if not _is_sound(value):  # most are, and paths are dear
        yield from _problems(value, path)


def _is_sound(value: Json) -> bool:
    if isinstance(value, str):
        return (value.isascii() and "\0" not in value) or not any(_text_problems(value, ""))
    if isinstance(value, (list, tuple)):
        return all(map(_is_sound, value))
    if isinstance(value, dict):
        return all(map(_is_sound, value.values())) and all(_is_sound(str(key)) for key in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) <= SAFE_INTEGER


def _problems(value: Json, path: str) -> Iterator[Problem]:
    if isinstance(value, str):
        yield from _text_problems(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"{value} is no JSON number", "use a finite number")
    elif isinstance(value, int) and abs(value) > SAFE_INTEGER:
        yield Problem(path, "an integer beyond 2^53 - 1, which JavaScript would round", "write it as a string")
    elif isinstance(value, (dict, list, tuple)):
        for step, child in _children(value):
            if isinstance(step, str):
                yield from _text_problems(step, path)
            yield from _problems(child, path + pointer(step))


def _text_problems(text: str, path: str) -> Iterator[Problem]:
    if "\0" in text:
        yield Problem(path, "it holds the character NUL, which no database takes", "leave it out")
    try:
        text.encode()
    except UnicodeEncodeError:
        yield Problem(path, "it holds half a surrogate pair, which is no character", "send well-formed Unicode")


def _named(value: Json) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
