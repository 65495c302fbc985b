"""Writes a value as YAML for people: the same value is the same bytes, and any reader reads it as it is. Pure.

What fits on a line stands on one; lists that grow have a line for each element: a diff shows what came and went.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pennon.control.files.nodes import float_text, is_text
from pennon.model import Json

_DUMPER: Any = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
_NO_WRAPPING = 1 << 30
_LINE = 88
_FEW = 8
_STR = "tag:yaml.org,2002:str"
_PLAIN = re.compile(r"[^\W_](?:[\w ./@+-]*[\w./@+-])?")
_ELSEWHERE: Any = yaml.resolver.Resolver()
"""How YAML 1.1 reads what has no quotes: many programs still do."""


def yaml_text(members: Mapping[str, Json]) -> str:
    """Return *members*, in their order, as a YAML document with a line for each."""
    written: str = yaml.serialize(
        _mapping(members, is_line=False), Dumper=_DUMPER, allow_unicode=True, width=_NO_WRAPPING, indent=2
    )
    return written


def _mapping(members: Mapping[str, Json], *, is_line: bool) -> yaml.Node:
    pairs = [(_string(name), _node(each, is_line=is_line)) for name, each in members.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=is_line)


def _node(value: Json, *, is_line: bool) -> yaml.Node:
    """Return the node of *value*, on the line of what holds it where *is_line*, or if it is short and flat."""
    if isinstance(value, dict):
        return _mapping(value, is_line=is_line or not value or _fits(value))
    if isinstance(value, list):
        flat = is_line or not value or (len(value) <= _FEW and not _has_mappings(value) and _fits(value))
        nodes = [_node(each, is_line=flat) for each in value]
        return yaml.SequenceNode("tag:yaml.org,2002:seq", nodes, flow_style=flat)
    return _scalar(value)


def _scalar(value: Json) -> yaml.Node:
    if isinstance(value, str):
        return _string(value)
    if value is None:
        return yaml.ScalarNode("tag:yaml.org,2002:null", "null")
    if isinstance(value, bool):
        return yaml.ScalarNode("tag:yaml.org,2002:bool", "true" if value else "false")
    if isinstance(value, int):
        return yaml.ScalarNode("tag:yaml.org,2002:int", str(value))
    return yaml.ScalarNode("tag:yaml.org,2002:float", float_text(value))


def _string(text: str) -> yaml.ScalarNode:
    if _reads_as_text(text):
        return yaml.ScalarNode(_STR, text)
    return yaml.ScalarNode(_STR, text, style="|" if _is_prose(text) else '"')


def _reads_as_text(text: str) -> bool:
    if _PLAIN.fullmatch(text) is None or not is_text(text) or text.lower() in {"y", "n"}:
        return False
    return bool(_ELSEWHERE.resolve(yaml.ScalarNode, text, (True, False)) == _STR)


def _is_prose(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    plain = all(line == line.strip() and line.isprintable() and line.isascii() for line in lines)
    return len(lines) > 1 and plain and bool(lines[0]) and bool(lines[-1])


def _fits(value: Mapping[str, Json] | Sequence[Json]) -> bool:
    """Return whether *value* is flat, lists of plain values apart, and short enough for a line."""
    members = list(value.values()) if isinstance(value, Mapping) else list(value)
    if any(isinstance(each, dict) and each for each in members) or any(map(_is_deep, members)):
        return False
    texts = [*members, *(value if isinstance(value, Mapping) else ())]
    return sum(map(_width, texts)) <= _LINE


def _is_deep(value: Json) -> bool:
    return isinstance(value, list) and (len(value) > _FEW or any(isinstance(each, dict | list) for each in value))


def _has_mappings(values: Sequence[Json]) -> bool:
    return any(isinstance(each, dict | list) for each in values)


def _width(value: Json) -> int:
    if isinstance(value, list):
        return sum(map(_width, value)) + 2
    if isinstance(value, str) and "\n" in value:
        return _LINE + 1
    return len(str(value)) + 4
