"""Says everything that is wrong with the shape of what an author wrote: unknown, missing and wrongly typed fields.

`Snapshot` and `Items` read leniently, for SDKs. This is the way in of the admin API.

msgspec stops at the first fault and takes unknown fields of the model's structs, which SDKs must ignore but a person
who writes them has misspelt.
"""

import datetime
import difflib
import functools
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from pennon.model.problems import Problem, decoding_problem, pointer

_MENDS = {
    bool: "send true or false",
    int: "send a whole number",
    float: "send a number",
    str: "send a string",
    dict: "send an object",
    list: "send an array",
    tuple: "send an array",
    datetime.datetime: "send a time as in 2027-01-31T12:00:00Z",
    datetime.date: "send a date as in 2027-01-31",
}
_LENGTH = re.compile(r"`(\w+)` of length (<=|>=) (\d+)")
_BOUND = re.compile(r"`(?:int|float)` (<=|>=) (\S+)")


def shape_problems(value: Any, annotation: Any) -> list[Problem]:
    """Return what keeps *value*, decoded JSON, from being an *annotation*: all of it, not the first fault only.

    Where nothing is found, `msgspec.convert` takes it.
    """
    try:
        return list(_problems(value, annotation, ""))
    except RecursionError as error:
        return [decoding_problem(error)]


def _problems(value: Any, annotation: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, dict) and (models := _models(annotation)):
        yield from _object_problems(value, models, path)
    elif isinstance(value, dict) and (member := _part(annotation, dict, Mapping)) is not None:
        for name, each in value.items():
            yield from _problems(each, member, path + pointer(name))
    elif isinstance(value, list) and _models(element := _part(annotation, tuple, list)):
        for index, each in enumerate(value):
            yield from _problems(each, element, path + pointer(index))
    else:
        yield from _leaf_problems(value, annotation, path)


def _object_problems(value: dict[str, Any], models: list[type[msgspec.Struct]], path: str) -> Iterator[Problem]:
    tag_field = models[0].__struct_config__.tag_field
    if tag_field is None:
        yield from _struct_problems(value, models[0], path)
        return
    by_tag = {model.__struct_config__.tag: model for model in models}
    tag = value.get(tag_field)
    if not isinstance(tag, str) or tag not in by_tag:
        known = ", ".join(sorted(str(each) for each in by_tag))
        message = f"required field {tag_field!r} is missing" if tag is None else f"{tag!r} is not known"
        yield Problem(path + pointer(tag_field), message, _did_you_mean(tag, by_tag) or f"send one of {known}")
        return
    rest = {name: each for name, each in value.items() if name != tag_field}
    yield from _struct_problems(rest, by_tag[tag], path)


def _struct_problems(value: dict[str, Any], model: type[msgspec.Struct], path: str) -> Iterator[Problem]:
    fields, hints = _fields(model), _hints(model)
    for name in (name for name in value if name not in fields):
        mend = _did_you_mean(name, fields) or f"leave it out; there are {', '.join(fields)}"
        yield Problem(path + pointer(name), "there is no such field", mend)
    for name, field in fields.items():
        if name in value:
            yield from _problems(value[name], hints[field.name], path + pointer(name))
        elif field.required:
            yield Problem(path + pointer(name), "this field is required", "add it")


@functools.cache
def _fields(model: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(model)}


@functools.cache
def _hints(model: type[msgspec.Struct]) -> Mapping[str, Any]:
    return get_type_hints(model, include_extras=True)


def _leaf_problems(value: Any, annotation: Any, path: str) -> Iterator[Problem]:
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        problem = decoding_problem(error, path)
        mend = problem.mend or _bound(problem.message) or _mend(annotation)
        yield Problem(problem.path, problem.message[:1].lower() + problem.message[1:], mend)


def _models(annotation: Any) -> list[type[msgspec.Struct]]:
    return [each for each in _members(annotation) if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def _part(annotation: Any, *containers: type) -> Any:
    """Return what a container among *containers* holds that *annotation* allows, None where it allows none."""
    # The values of a mapping come last, the elements of a list or a tuple first.
    place = -1 if dict in containers else 0
    return next((get_args(each)[place] for each in _members(annotation) if get_origin(each) in containers), None)


def _members(annotation: Any) -> tuple[Any, ...]:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in {Union, types.UnionType}:
        return (annotation,)
    return tuple(member for each in get_args(annotation) for member in _members(each))


def _bound(message: str) -> str:
    """Return what to send where a bound is what *message*, of msgspec, is about; else nothing."""
    if (length := _LENGTH.search(message)) is not None:
        what = "character" if length[1] == "str" else "element"
        plural = "" if length[3] == "1" else "s"
        return f"send at {'most' if length[2] == '<=' else 'least'} {length[3]} {what}{plural}"
    if (bound := _BOUND.search(message)) is not None:
        return f"send {bound[2]} or {'less' if bound[1] == '<=' else 'more'}"
    return ""


def _mend_of(member: Any) -> str:
    if get_origin(member) is Literal:
        return _one_of(get_args(member))
    if isinstance(member, type) and issubclass(member, Enum):
        return _one_of([each.value for each in member])
    if isinstance(member, type) and issubclass(member, msgspec.Struct):
        return "send an object"
    return _MENDS.get(get_origin(member) or member, "")


def _one_of(values: Sequence[object]) -> str:
    return f"send {values[0]}" if len(values) == 1 else f"send one of {', '.join(map(str, values))}"


def _mend(annotation: Any) -> str:
    mends = [_mend_of(each) for each in _members(annotation) if each is not type(None)]
    found = [mend for mend in mends if mend]
    return " or ".join(dict.fromkeys(found)) or "the API's description at /api/v1/openapi.json says what is allowed"


def _did_you_mean(name: object, known: Any) -> str:
    close = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f"did you mean {close[0]!r}?" if close else ""
