"""The attributes that a file's rules read, and the literals that they compare them with: what to draw contexts from."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pennon.engine.dialects.growthbook import DIALECTS as READERS
from pennon.engine.dialects.growthbook.conditions import LOGICAL, is_operators
from pennon.importers.growthbook.document import Document, FeatureRule, conditions_of, read
from pennon.importers.growthbook.operands import GROUPS
from pennon.importers.growthbook.sticky import read_sticky
from pennon.importers.growthbook.vendor import JAVASCRIPT, PYTHON
from pennon.importers.plan import Vocabulary
from pennon.model import Json, pointer

_STORED = 100
"""So many units with sticky buckets are literals of an attribute."""
_KNOWN = READERS[JAVASCRIPT].conditions.operators | READERS[PYTHON].conditions.operators


def vocabulary(data: bytes, options: Mapping[str, bytes | str] = MappingProxyType({})) -> Vocabulary:
    """Return the attributes of a file, as a Pennon context has them, with literals. Raises `ImportRefused`."""
    document = read(data, _KNOWN)
    found: dict[str, dict[str, Json]] = {}
    for path, condition in conditions_of(document):
        if "/parentConditions/" not in path:
            for attribute, literal in _of_condition(condition, document):
                _note(found, _name(attribute), literal)
    for attribute, unit in read_sticky(options.get("sticky")).units(_STORED):
        _note(found, _by(attribute), unit)
    for attribute in _units(document):
        found.setdefault(_by(attribute), {})
    return {name: tuple(found[name].values()) for name in sorted(found)}


def _note(found: dict[str, dict[str, Json]], name: str, literal: Json) -> None:
    literals = found.setdefault(name, {})
    for each in literal if isinstance(literal, list) else [literal]:
        literals.setdefault(repr(each), each)  # as text: true is not 1 here, and lists may be long


def _by(attribute: str) -> str:
    return "targetingKey" if attribute == "id" else attribute


def _name(path: str) -> str:
    """Return a dotted path as Pennon names it: a JSON pointer, where it leads into something."""
    if path == "id":
        return "targetingKey"
    return pointer(*path.split(".")) if "." in path or path.startswith("/") else path


def _units(document: Document) -> Iterator[str]:
    for feature in document.features.values():
        for rule in feature.rules or []:
            yield from filter(None, _units_of(rule))


def _units_of(rule: FeatureRule) -> Iterator[str | None]:
    yield rule.hash_attribute or "id"
    yield rule.fallback_attribute
    for each in rule.filters or []:
        yield each.attribute


def _of_condition(condition: Json, document: Document) -> Iterator[tuple[str, Json]]:
    for key, value in condition.items() if isinstance(condition, dict) else ():
        if key == "$not":
            yield from _of_condition(value, document)
        elif key in LOGICAL:
            for each in value:
                yield from _of_condition(each, document)
        elif key == "$savedGroup":
            entry = document.groups.get(value["id"])
            if isinstance(entry, dict) and entry["type"] == "list":
                yield value.get("attributeKey", entry["attributeKey"]), entry["values"]
        else:
            for literal in _of_value(value, document):
                yield key, literal


def _of_value(value: Json, document: Document) -> Iterator[Json]:
    if not is_operators(value):
        yield value
        return
    for name, operand in value.items():
        if name in GROUPS:
            entry = document.groups.get(operand, [])
            yield entry.get("values", []) if isinstance(entry, dict) else entry
        elif name in {"$not", "$size", "$elemMatch"}:
            yield from _of_value(operand, document) if is_operators(operand) else [[operand]]
        elif name not in {"$exists", "$type"}:
            yield operand
