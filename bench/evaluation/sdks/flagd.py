"""flagd's evaluation in process. Natively it is asked below the OpenFeature client, which it is written for."""

import tempfile
from pathlib import Path
from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from bench.evaluation.sdks.base import Mode, Unable, Way, written
from bench.evaluation.worlds import Flag, Rule, Segment, User, World

_HALVES = {"fractional": [["on", 50], ["off", 50]]}


class Adapter:
    """`FlagdCore`."""

    def document(self, world: World) -> bytes:
        """Return a flag definition as flagd reads it."""
        return written(
            {
                "flags": {flag.key: _flag(flag) for flag in world.flags},
                "$evaluators": {segment.key: _evaluator(segment) for segment in world.segments},
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Hand over the definition; the provider reads it from a file."""
        if mode == "openfeature":
            return _through_openfeature(document)
        if mode == "counted":
            raise Unable("it counts nothing")
        core = FlagdCore()
        core.set_flags(document.decode())
        return Way("resolve(flag, False, user)", {"resolve": core.resolve_boolean_value}, _context, _value)


def _through_openfeature(document: bytes) -> Way:
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType

    from bench.evaluation.sdks.openfeature import through

    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        Path(file.name).write_bytes(document)
        provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=file.name)
        return through(provider)


def _context(user: User) -> Any:
    attributes: dict[str, Any] = dict(user)
    return EvaluationContext(attributes.pop("targetingKey"), attributes)


def _value(details: Any) -> object:
    return details.value


def _flag(flag: Flag) -> dict[str, Any]:
    if flag.needed is not None:
        raise Unable("no prerequisites in its definitions")
    branches: list[Any] = []
    if flag.listed:
        branches += [{"in": [{"var": "targetingKey"}, flag.listed]}, "on"]
    for rule in flag.rules:
        branches += [_condition(rule), _served(serve=rule.serve)]
    rest = _served(serve=flag.fallthrough)
    found: dict[str, Any] = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": rest if isinstance(rest, str) else "off",
    }
    if branches:
        found["targeting"] = {"if": [*branches, rest]}
    elif rest is _HALVES:
        found["targeting"] = rest
    return found


def _served(*, serve: bool | None) -> Any:
    return _HALVES if serve is None else "on" if serve else "off"


def _condition(rule: Rule) -> dict[str, Any]:
    found = {"var": rule.attribute}
    match rule.op:
        case "in":
            return {"in": [found, rule.literal]}
        case "version":
            return {"sem_ver": [found, ">=", rule.literal]}
        case "ends":
            return {"ends_with": [found, rule.literal]}
        case "above":
            return {">": [found, rule.literal]}
        case "segment":
            return {"$ref": rule.literal}


def _evaluator(segment: Segment) -> dict[str, Any]:
    if segment.included:
        return {"in": [{"var": "targetingKey"}, segment.included]}
    return {"in": [{"var": "plan"}, segment.plans]}
