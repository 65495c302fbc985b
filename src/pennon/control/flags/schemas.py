"""JSON Schemas (draft 2020-12) for the values of a flag: whether one may be used, and whether a value satisfies it.

Whoever may define a flag may send a schema, so checking one costs a bounded number of steps whatever it says:
references stay within the schema, patterns are of the subset of RE2 in `spec/regex.md` (linear in time), and a check
that takes too many steps is given up and reported. `format` is a remark, as the draft has it by default.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry

from pennon.control.flags.subschemas import Endless, Subschema, longest_chain, subschemas
from pennon.engine.regex import NotSearchable, Patterns, Search, pattern_problem
from pennon.model import Json, Problem, pointer

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_NODES = 2_000
"""Members and elements of a schema, at all depths."""
MOST_STEPS = 100_000
"""Keywords applied in one check, each weighed by what it reads and says."""
DEEPEST = 64
MOST_BYTES = 64 * 1024
LONGEST_CHAIN = 32
"""Schemas that are applied to one value, each for being named or held by the one before."""
_DEEPEST_CHECK = 150
_MOST_PROBLEMS = 20
_LONGEST_MESSAGE = 300
_CHARACTERS_A_STEP = 100
_FOREIGN = ("$id", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$vocabulary")

_Errors = Iterator[ValidationError]
_Keyword = Callable[[Any, Any, Any, Any], _Errors | None]


class _TooCostly(Exception):
    """A check has taken all the steps that it may, or goes too deep."""


class _Steps:
    """Counts down what a check may still do."""

    def __init__(self) -> None:
        self._left = MOST_STEPS
        self._deep = 0

    def take(self, characters: int = 0) -> None:
        """Take a step, and one more for every hundred characters."""
        self._left -= 1 + characters // _CHARACTERS_A_STEP
        if self._left < 0:
            raise _TooCostly(f"takes more than {MOST_STEPS} steps")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Go into a part. Python's own bound on recursion must not be met: below it are extensions that panic."""
        self._deep += 1
        if self._deep > _DEEPEST_CHECK:
            raise _TooCostly("goes too deep")
        try:
            yield
        finally:
            self._deep -= 1


def schema_problems(schema: Json) -> Iterator[Problem]:
    """Yield why *schema* may not be used, with paths below `/valueSchema`."""
    at = pointer("valueSchema")
    if not isinstance(schema, dict | bool):
        yield Problem(at, "a JSON Schema is an object, true or false", "send an object, or null for none")
        return
    problem = _size_problem(schema)
    problems = [problem] if problem else list(_part_problems(schema)) or list(_dialect_problems(schema))
    yield from (problem.under(at) for problem in problems[:_MOST_PROBLEMS])


def value_problems(schema: Json, value: Json) -> Iterator[Problem]:
    """Yield how *value* breaks *schema*, which has no problems itself. Paths are from the value's root."""
    if isinstance(schema, dict):  # or jsonschema would take the stock validator of that dialect
        schema = {keyword: said for keyword, said in schema.items() if keyword != "$schema"}
    validator = _bounded(_Steps())(schema, registry=Registry())
    try:
        for count, error in enumerate(validator.iter_errors(value)):
            if count == _MOST_PROBLEMS:
                yield Problem("", "breaks the schema in more places", "mend the others first")
                return
            mend = f"mend the value, or {error.validator} in the schema" if error.validator else "mend the schema"
            yield Problem(pointer(*error.absolute_path), _shortened(error.message), mend)
    except _TooCostly as error:
        yield Problem("", f"checking it against the schema {error}", "simplify the schema or the value")
    except NotSearchable as error:
        yield Problem("", f"the schema's patterns cannot be searched for: {error}", error.mend)
    except ArithmeticError:
        yield Problem("", "a number is too large to be checked against the schema", "use a smaller one")


def _size_problem(schema: Json) -> Problem | None:
    count, level, waiting = 0, 0, [schema]
    while waiting:
        count, level = count + len(waiting), level + 1
        if count > MOST_NODES:
            return Problem("", f"has more than {MOST_NODES} parts", "simplify it")
        if level > DEEPEST:
            return Problem("", f"nested deeper than {DEEPEST} levels", "flatten it with $defs and $ref")
        parts = [part.values() if isinstance(part, dict) else part for part in waiting if isinstance(part, dict | list)]
        waiting = [inner for part in parts for inner in part]
    if (size := len(msgspec.json.encode(schema))) > MOST_BYTES:
        return Problem("", f"{size} bytes, over the limit of {MOST_BYTES}", "simplify it")
    return None


def _part_problems(schema: Json) -> Iterator[Problem]:
    parts = list(subschemas(schema))
    targets = {reference for part in parts for reference in part.names}
    for part in parts:
        yield from _reference_problems(part, targets)
        yield from _pattern_problems(part)
    yield from _chain_problems(parts)
    used = {keyword for part in parts for keyword in part.schema}
    if {"unevaluatedProperties", "patternProperties"} <= used:
        message = "unevaluatedProperties beside patternProperties is not supported"
        yield Problem("", message, "use additionalProperties in its place")


def _chain_problems(parts: list[Subschema]) -> Iterator[Problem]:
    """Find schemas that lead back to themselves without looking into the value, so that checking would never end."""
    try:
        longest = longest_chain(parts)
    except Endless as error:
        yield Problem(
            error.path, "leads back to itself for the same value", "refer to it from within properties or items"
        )
        return
    if longest > LONGEST_CHAIN:
        yield Problem("", f"has a chain of {longest} schemas for one value", f"shorten it to {LONGEST_CHAIN}")


def _reference_problems(part: Subschema, targets: set[str]) -> Iterator[Problem]:
    for keyword in _FOREIGN:
        if keyword in part.schema:
            path = part.path + pointer(keyword)
            yield Problem(path, f"{keyword} is not supported", "name a part of the schema with $defs and $ref")
    if part.schema.get("$schema", DIALECT) != DIALECT or ("$schema" in part.schema and part.path):
        yield Problem(
            part.path + "/$schema", "only draft 2020-12 is supported, for the whole", f"say {DIALECT!r} on top"
        )
    reference = part.schema.get("$ref")
    if isinstance(reference, str) and unquote(reference) not in targets:
        message = f"{_shortened(reference)!r} is not a part of this schema"
        yield Problem(part.path + "/$ref", message, "refer to one in it, as in #/$defs/name; nothing is fetched")


def _pattern_problems(part: Subschema) -> Iterator[Problem]:
    patterns: list[tuple[str, Any]] = [("/pattern", part.schema.get("pattern"))]
    by_pattern = part.schema.get("patternProperties")
    if isinstance(by_pattern, dict):
        patterns += [(pointer("patternProperties", pattern), pattern) for pattern in by_pattern]
    for path, pattern in patterns:
        if isinstance(pattern, str) and (problem := pattern_problem(pattern)) is not None:
            yield Problem(part.path + path, problem, "write it in the subset of RE2 that conditions take")


def _dialect_problems(schema: Json) -> Iterator[Problem]:
    for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
        path = pointer(*error.absolute_path)
        yield Problem(path, _shortened(error.message), "see the keywords of JSON Schema 2020-12")


def _bounded(steps: _Steps) -> type[Any]:
    """Return the draft's validator, made to count its steps and to search with RE2."""
    keywords: dict[str, _Keyword] = {
        **Draft202012Validator.VALIDATORS,
        **_Searcher().keywords,
        "uniqueItems": _unique_items,
    }
    counted = {name: _counted(keyword, steps) for name, keyword in keywords.items()}
    validator: type[Any] = extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]
    return validator


def _counted(keyword: _Keyword, steps: _Steps) -> _Keyword:
    def apply(validator: Any, said: Any, instance: Any, schema: Any) -> _Errors:
        steps.take(_size(said) + _size(instance))
        with steps.deeper():
            for error in keyword(validator, said, instance, schema) or ():
                steps.take(len(error.message))  # it quotes the value, which may be large
                yield error

    return apply


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else 0


class _Searcher:
    """The keywords that search with a pattern: jsonschema would use `re`, which can take exponential time."""

    def __init__(self) -> None:
        self._patterns = Patterns()
        self._compiled: dict[str, Search] = {}

    @property
    def keywords(self) -> Mapping[str, _Keyword]:
        """The keywords by name."""
        return {
            "pattern": self._pattern,
            "patternProperties": self._pattern_properties,
            "additionalProperties": self._additional_properties,
        }

    def _finds(self, pattern: str, text: str) -> bool:
        if pattern not in self._compiled:
            self._compiled[pattern] = self._patterns.search((pattern,), ignore_case=False)
        return self._compiled[pattern](text) is not None

    def _pattern(self, validator: Any, said: str, instance: Any, schema: Any) -> _Errors:
        if isinstance(instance, str) and not self._finds(said, instance):
            yield ValidationError(f"{instance!r} does not match {said!r}")

    def _pattern_properties(self, validator: Any, said: Any, instance: Any, schema: Any) -> _Errors:
        for name, value in instance.items() if isinstance(instance, dict) else ():
            for pattern, subschema in said.items():
                if self._finds(pattern, name):
                    yield from validator.descend(value, subschema, path=name, schema_path=pattern)

    def _additional_properties(self, validator: Any, said: Any, instance: Any, schema: Any) -> _Errors:
        named, matched = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, value in instance.items() if isinstance(instance, dict) else ():
            if name in named or any(self._finds(pattern, name) for pattern in matched):
                continue
            if said is False:
                yield ValidationError(f"the property {name!r} is not allowed", path=(name,))
            else:
                yield from validator.descend(value, said, path=name)


def _unique_items(validator: Any, said: Any, instance: Any, schema: Any) -> _Errors:
    if said and isinstance(instance, list) and len({_canonical(each) for each in instance}) < len(instance):
        yield ValidationError("its elements are not unique")


def _canonical(value: Json) -> str:
    # To JSON Schema 1 and 1.0 are equal, true and 1 are not.
    return json.dumps(_without_fractions(value), sort_keys=True)


def _without_fractions(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_without_fractions(each) for each in value]
    return {key: _without_fractions(each) for key, each in value.items()} if isinstance(value, dict) else value


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
