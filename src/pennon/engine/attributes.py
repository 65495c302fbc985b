"""Which attributes of a context rules look at, and a context with no others. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pennon.engine.values import pointer_steps
from pennon.model import Condition, Flag, Json, Layer, Segment, Serve

KEY = "targetingKey"
_PARTS = re.compile(r"[./:]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,3}")
_Tree: TypeAlias = "dict[str, _Tree]"
"""Attributes by their first steps. One that leads no further is wanted whole."""


def attributes_of(model: Flag | Segment | Layer) -> frozenset[str]:
    """Return the attributes that *model* itself looks at, as it names them: names and JSON pointers.

    Of what is imported, each name in an expression counts, wherever it stands: too many, but none too few.
    """
    if isinstance(model, Layer):
        return frozenset({model.by})
    return frozenset(_segment_attributes(model) if isinstance(model, Segment) else _flag_attributes(model))


def _segment_attributes(segment: Segment) -> Iterator[str]:
    yield KEY
    yield from _asked((each for rule in segment.rules for each in rule.conditions), foreign=segment.compat is not None)


def _flag_attributes(flag: Flag) -> Iterator[str]:
    yield from (target.attribute for target in flag.targets)
    yield from _asked((each for rule in flag.rules for each in rule.conditions), foreign=flag.compat is not None)
    serves: list[Serve] = [*(rule.serve for rule in flag.rules), flag.fallthrough]
    if flag.staleness is not None:
        serves.append(flag.staleness.serve)
    yield from (serve.split.by for serve in serves if serve.split is not None)
    if flag.compat is not None:
        yield KEY


def _asked(conditions: Iterable[Condition], *, foreign: bool) -> Iterator[str]:
    for condition in conditions:
        named = [name for name in (condition.attribute, condition.by) if name is not None and condition.op != "serves"]
        yield from named
        if foreign:
            for text in (*named, *_strings(condition.value)):
                yield from (text, *_PARTS.split(text))


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


class Attributes:
    """Some attributes, without the private ones: cuts a context down to them."""

    def __init__(self, wanted: Iterable[str], *, private: Iterable[str] = ()) -> None:
        self._private = _tree(private)
        self._wanted = _tree(wanted)
        is_flat = not any(self._wanted.values()) and not any(self._private.values())
        self._names = tuple(sorted(self._wanted.keys() - self._private.keys())) if is_flat else None

    def of(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Return *context* with the wanted attributes only: a part of an object as an object with that part alone."""
        if self._names is not None:
            return {name: context[name] for name in self._names if name in context}
        cut = _cut(context, self._wanted) if self._wanted else {}
        return _without(cut, self._private) if self._private else cut


def without(context: Mapping[str, Any], private: Iterable[str]) -> dict[str, Any]:
    """Return *context* without some attributes: names, or JSON pointers to parts of others."""
    left: dict[str, Any] = _without(context, _tree(private))
    return left


def _tree(attributes: Iterable[str]) -> _Tree:
    root: _Tree = {}
    whole = []
    for attribute in attributes:
        steps = pointer_steps(attribute) if attribute.startswith("/") else (attribute,)
        at = root
        for step in steps:
            at = at.setdefault(step, {})
        whole.append(at)
    for at in whole:  # who wants an object wants its parts
        at.clear()
    return root


def _cut(value: Any, wanted: _Tree) -> Any:
    if not wanted:
        return value
    if isinstance(value, Mapping):
        return {step: _cut(value[step], inner) for step, inner in wanted.items() if step in value}
    if isinstance(value, list | tuple):
        places = {int(step): inner for step, inner in wanted.items() if _INDEX.fullmatch(step)}
        end = min(len(value), max(places, default=-1) + 1)
        # Null stands for what is left out before one that is wanted: to a rule it is missing.
        return [_cut(value[place], places[place]) if place in places else None for place in range(end)]
    return None


def _without(value: Any, private: _Tree) -> Any:
    if isinstance(value, Mapping):
        kept = {step: inner for step, inner in value.items() if step not in private or private[step]}
        return {step: _without(inner, private[step]) if step in private else inner for step, inner in kept.items()}
    if isinstance(value, list | tuple):
        inner = [private.get(str(place)) for place in range(len(value))]
        return [
            each if tree is None else (_without(each, tree) if tree else None)
            for each, tree in zip(value, inner, strict=True)
        ]
    return value
