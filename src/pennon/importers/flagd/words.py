"""What a file's targetings speak of: the attributes that they read, and the literals that those are compared with."""

from collections.abc import Iterable, Iterator

from pennon.importers.flagd.conditions import named, parts
from pennon.importers.plan import Vocabulary
from pennon.model import Json


def words(targetings: Iterable[Json]) -> Vocabulary:
    """Return each attribute, in order of their names, with its literals in the order in which they are met."""
    found: dict[str, dict[tuple[type, Json], Json]] = {}
    for targeting in targetings:
        for attribute, literal in _words(targeting):
            known = found.setdefault(attribute, {})
            if literal is not _NONE:
                known[type(literal), literal] = literal  # true is not 1 here
    return {attribute: tuple(found[attribute].values()) for attribute in sorted(found)}


_NONE = object()


def _words(logic: Json) -> Iterator[tuple[str, Json]]:
    """Yield each attribute with each literal beside it, and without any."""
    name, args = parts(logic)
    if isinstance(logic, list):
        args = logic
    own = [*_attributes(name, args)]
    for attribute in (*own, *(each for arg in args for each in _attributes(*parts(arg)))):
        yield attribute, _NONE
        for literal in _literals(args[1:] if name == "var" else () if own or name == "fractional" else args):
            yield attribute, literal
    for arg in args:
        yield from _words(arg)


def _attributes(name: str, args: Iterable[Json]) -> Iterator[str]:
    """Yield the attributes that an operator names."""
    if name == "var":
        keys = [*args][:1]
    elif name in {"missing", "missing_some"}:
        keys = [key for arg in args for key in (arg if isinstance(arg, list) else [arg])]
    else:
        keys = []
    for key in keys:
        if isinstance(key, str) and key and key.split(".")[0] != "$flagd":
            yield named(key)


def _literals(args: Iterable[Json]) -> Iterator[Json]:
    for arg in args:
        for item in arg if isinstance(arg, list) else [arg]:
            if item is None or isinstance(item, (str, int, float)):
                yield item
