"""Reads what people type: KEY=VALUE pairs, shares in percent, contexts, files of JSON or YAML."""

import sys
from collections.abc import Sequence
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pennon.cli.connection import WRONG_USE, fail
from pennon.model import DECODE_ERRORS, WEIGHT_TOTAL, Json
from pennon.model.repeats import repeated_key, repeated_members


class _Loader(yaml.SafeLoader):
    """Reads YAML in which no mapping has a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # PyYAML's signature
        if (key := repeated_key(node)) is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
        return super().construct_mapping(node, deep)


def parse_value(text: str) -> Json:
    """Return *text* read as JSON or, where it is none, as the string that it is."""
    try:
        value: Json = msgspec.json.decode(text)
    except DECODE_ERRORS:
        return text
    for problem in repeated_members(text):
        fail(f"{text!r}: {problem.path}: {problem.message}", mend=problem.mend, status=WRONG_USE)
    return value


def parse_pair(text: str) -> tuple[str, Json]:
    """Return the key and the value of KEY=VALUE, VALUE being JSON or a plain string."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        fail(f"{text!r} is no pair", mend='write KEY=VALUE, as in country=DE or plan="free"', status=WRONG_USE)
    return key, parse_value(value)


def parse_shares(pairs: Sequence[str]) -> dict[str, int]:
    """Return weights out of 100000 from shares in percent: `on=10 off=90`. One share may be left out: `on=10 off=`."""
    weights: dict[str, int] = {}
    rest = None
    for pair in pairs:
        key, equals, share = pair.partition("=")
        if not equals:
            fail(f"{pair!r} is no share", mend="write VARIATION=PERCENT, as in on=10 off=90", status=WRONG_USE)
        if not share:
            rest = key
            continue
        weights[key] = _weight(pair, share)
    if rest is not None:
        weights[rest] = WEIGHT_TOTAL - sum(weights.values())
    if sum(weights.values()) != WEIGHT_TOTAL:
        percent = Decimal(sum(weights.values())) * 100 / WEIGHT_TOTAL
        mend = "make it 100, or leave one share empty for the rest: on=10 off="
        fail(f"the shares sum to {percent.normalize():f} %", mend=mend, status=WRONG_USE)
    return weights


def _weight(pair: str, share: str) -> int:
    try:
        weight = Decimal(share.rstrip("%")) * WEIGHT_TOTAL / 100
    except DecimalException:
        fail(f"{pair!r}: {share!r} is no number", mend="write a percentage, as in 12.5", status=WRONG_USE)
    if not weight.is_finite() or not 0 <= weight <= WEIGHT_TOTAL or weight != int(weight):
        fail(f"{pair!r} cannot be a share", mend="give 0 to 100 in steps of 0.001", status=WRONG_USE)
    return int(weight)


def read_json(file: str) -> Any:
    """Return what *file* (`-`: standard input) holds as JSON or YAML."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}", mend="name a file that is there", status=WRONG_USE)
    except UnicodeDecodeError as error:
        fail(f"{file} is not UTF-8 at byte {error.start}", mend="save it as UTF-8", status=WRONG_USE)
    try:
        return yaml.load(text, _Loader)  # a SafeLoader; JSON is YAML
    except (yaml.YAMLError, RecursionError) as error:
        fail(f"{file} is neither JSON nor YAML: {_said(error)}", mend="mend it there", status=WRONG_USE)


def _said(error: Exception) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"


def read_edits(file: str) -> list[Any]:
    """Return the list of edits that *file* (`-`: standard input) holds, by itself or as the member `edits`."""
    found = read_json(file)
    edits = found.get("edits") if isinstance(found, dict) else found
    if not isinstance(edits, list):
        mend = """write '[{"do": "turnOn", "flag": "new-checkout"}]'"""
        fail(f"{file} holds no list of edits", mend=mend, status=WRONG_USE)
    return edits


def parse_context(pairs: Sequence[str], whole: str | None) -> dict[str, Json]:
    """Return the context of KEY=VALUE *pairs* on top of *whole*, a JSON object or `@FILE`."""
    context: Any = {}
    if whole is not None:
        context = read_json(whole[1:]) if whole.startswith("@") else parse_value(whole)
    if not isinstance(context, dict):
        mend = """write an object, as in '{"targetingKey": "u1"}'"""
        fail("the context is no JSON object", mend=mend, status=WRONG_USE)
    return context | dict(map(parse_pair, pairs))
