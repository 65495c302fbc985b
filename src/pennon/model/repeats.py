"""Finds members that a JSON object has twice: of them msgspec takes the last, and an author meant one of them.

For what people and their programs write. What SDKs read and send goes without: it was written by a machine of ours.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from pennon.model.problems import Problem, pointer

_MOST = 20
"""So many are named; a body could hold a million."""


class _Repeated(Exception):
    """A member is there twice."""


class _Members(list[tuple[str, Any]]):
    """The members of an object, in their order, with those that are there twice."""


def repeated_members(text: bytes | str) -> tuple[Problem, ...]:
    """Return a problem for each member that an object in *text* has more than once, the first few where it has many.

    *text* is JSON that msgspec could decode. It takes about 20 ms for each MiB.
    """
    try:
        _scanned(text, _look)
    except _Repeated:
        return tuple(itertools.islice(_repeats(_scanned(text, _Members)), _MOST))
    return ()


def repeated_key(mapping: Any) -> Any | None:
    """Return the first key that *mapping*, a node of PyYAML's, has for the second time, None if there is none."""
    seen: set[tuple[str, str]] = set()
    for key, _ in mapping.value:
        if not isinstance(key.value, str):
            continue  # no name: whoever reads the mapping refuses it
        if (name := (key.tag, key.value)) in seen:
            return key
        seen.add(name)
    return None


def _scanned(text: bytes | str, hook: Any) -> Any:
    # What msgspec takes is taken here, too: any control character, and whole numbers of any length.
    decoded = text.decode() if isinstance(text, bytes) else text
    return json.loads(decoded, object_pairs_hook=hook, parse_int=float, strict=False)


def _look(members: list[tuple[str, Any]]) -> None:
    """Keep nothing: this is faster than to build what was built before."""
    if len(dict(members)) != len(members):
        raise _Repeated


def _repeats(value: Any) -> Iterator[Problem]:
    left: list[tuple[str, Any]] = [("", value)]
    while left:
        path, each = left.pop()
        if isinstance(each, _Members):
            told: dict[str, int] = {}
            for name, _ in each:
                told[name] = told.get(name, 0) + 1
                if told[name] == 2:
                    yield Problem(path + pointer(name), "this member is there more than once", "keep one of them")
            left += ((path + pointer(name), part) for name, part in reversed(each))
        elif isinstance(each, list):
            left += reversed([(path + pointer(at), part) for at, part in enumerate(each)])
