"""Reads one YAML file strictly: what two programs could read as two things is a fault, with its line. Pure.

It is YAML 1.2's core: `on`, `off`, `yes` and `no` are text. Neither aliases, tags nor several documents are read, and a
number is written in the one way in which everybody reads it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import yaml

from pennon.model import Json, pointer

MAX_BYTES = 16 * 1024 * 1024
"""Of one file. The server bounds further what may be in it."""
MAX_NESTING = 64
_LONGEST_WHOLE = 4300  # digits, as Python itself

_PARSER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_WORDS: Mapping[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ODD_NUMBER = re.compile(r"[-+]?(0[xob][0-9a-fA-F_]+|[0-9][0-9_]*_[0-9_]*|\.(inf|Inf|INF)|\.(nan|NaN|NAN))")
_BAD_TEXT = re.compile("[\0\ud800-\udfff]")


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in a file: the line, from 1, the JSON pointer, and what to do about it."""

    line: int
    path: str
    message: str
    mend: str


class Reading(msgspec.Struct, frozen=True):
    """What a file says, as JSON, and what is wrong with it. Where there are faults, the value means nothing."""

    value: Json
    faults: tuple[Fault, ...]


def read_yaml(data: bytes) -> Reading:
    """Return what the YAML *data* says, and everything that is wrong with it up to where it is YAML no more."""
    builder = _Builder(data)
    return Reading(builder.built(), tuple(builder.faults))


def line_of(data: bytes, path: str) -> int:
    """Return the line on which the JSON pointer *path* stands in *data*, or the deepest part of it that is there."""
    builder = _Builder(data)
    builder.built()
    while path and path not in builder.lines:
        path = path.rpartition("/")[0]
    return builder.lines.get(path, 1)


def float_text(number: float) -> str:
    """Return *number* as it is written: every program reads it as a number, and as this one."""
    text = repr(number)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text


def is_text(scalar: str) -> bool:
    """Return whether *scalar*, written without quotes, is read as text by anybody."""
    return scalar not in _WORDS and _NUMBER.fullmatch(scalar) is None and _ODD_NUMBER.fullmatch(scalar) is None


class _Stop(Exception):
    """What follows cannot be read."""


class _Builder:
    """Builds a value from the events of a parser, which expands nothing and calls nothing."""

    def __init__(self, data: bytes) -> None:
        self.faults: list[Fault] = []
        self.lines: dict[str, int] = {}
        self._data = data
        self._events: Iterator[Any] = iter(())

    def built(self) -> Json:
        """Return the value of the one document."""
        try:
            if len(self._data) > MAX_BYTES:
                self._fault(1, "", f"is larger than {MAX_BYTES >> 20} MiB", "split it")
                return None
            text = self._data.decode().removeprefix("\ufeff")
            self._events = yaml.parse(text, Loader=_PARSER)
            return self._document()
        except UnicodeDecodeError as error:
            line = self._data[: error.start].count(b"\n") + 1
            self._fault(line, "", f"is not UTF-8 at byte {error.start}", "save it as UTF-8")
        except yaml.YAMLError as error:
            self._syntax(error)
        except (_Stop, StopIteration):
            pass
        return None

    def _document(self) -> Json:
        next(self._events)  # the stream begins
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            self._fault(1, "", "is empty", "write it, or delete the file")
            raise _Stop
        value = self._value(next(self._events), "", 0)
        next(self._events)  # the document ends
        if not isinstance(more := next(self._events), yaml.StreamEndEvent):
            self._fault(_line(more), "", "holds several documents", "write one in each file")
        return value

    def _value(self, event: Any, path: str, depth: int) -> Json:
        self.lines[path] = _line(event)
        if depth > MAX_NESTING:
            self._fault(_line(event), path, f"is nested deeper than {MAX_NESTING} levels", "flatten it")
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self._fault(_line(event), path, "aliases are not read", "write out what it stands for")
            return None
        if event.tag not in {None, "!"}:
            self._fault(_line(event), path, f"the tag {event.tag} is not read", "leave it out; quotes make it text")
        build: Callable[[Any, str, int], Json] = self._scalar
        if isinstance(event, yaml.MappingStartEvent):
            build = self._mapping
        elif isinstance(event, yaml.SequenceStartEvent):
            build = self._list
        return build(event, path, depth)

    def _mapping(self, _: Any, path: str, depth: int) -> Json:
        found: dict[str, Json] = {}
        first: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, line = self._key(event, path, depth), _line(event)
            if key in first:
                message = f"{key!r} is there twice, in line {first[key]} too"
                self._fault(line, path + pointer(key), message, "drop one")
            first.setdefault(key, line)
            found[key] = self._value(next(self._events), path + pointer(key), depth + 1)
            self.lines[path + pointer(key)] = line
        return found

    def _key(self, event: Any, path: str, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._value(event, path, depth + 1)
            self._fault(_line(event), path, "a name is no text", "write name: value")
            return ""
        if event.value == "<<" and event.implicit[0]:
            self._fault(_line(event), path, "<< is not read", "write out what it would merge")
        return self._text(event, path)

    def _list(self, _: Any, path: str, depth: int) -> Json:
        found: list[Json] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, path + pointer(len(found)), depth + 1))
        return found

    def _scalar(self, event: Any, path: str, _: int) -> Json:
        text: str = event.value
        if event.style or is_text(text):  # plain is "" to the one parser, None to the other
            return self._text(event, path)
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text) and len(text) <= _LONGEST_WHOLE:
            return int(text)
        if _NUMBER.fullmatch(text) and text == float_text(float(text)):
            return float(text)
        self._fault(
            _line(event),
            path,
            f"{text[:40]} is not read as the same by everybody",
            f'write it in quotes, "{text[:40]}", or as a plain number',
        )
        return None

    def _text(self, event: Any, path: str) -> str:
        text: str = event.value
        if _BAD_TEXT.search(text):
            self._fault(_line(event), path, "a text has the character U+0000 or half a pair", "leave it out")
        return text

    def _syntax(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is no YAML"
        lines = self._data.splitlines()
        at = lines[line - 1] if line <= len(lines) else b""
        mend = "indent with spaces: YAML takes no tabs" if at.lstrip(b" ").startswith(b"\t") else "mend the YAML"
        self._fault(line, "", str(problem), mend)

    def _fault(self, line: int, path: str, message: str, mend: str) -> None:
        self.faults.append(Fault(line, path, message, mend))


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1
