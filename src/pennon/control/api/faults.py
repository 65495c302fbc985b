"""Says everything that is wrong with the shape of a piece of JSON: unknown, missing and wrongly typed fields.

msgspec stops at the first fault and takes unknown fields of the model's structs, which SDKs must ignore but a person
who writes them has misspelt.
"""

import difflib
import functools
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from pennon.model import Problem, decoding_problem, pointer

_MENDS = {
    bool: "send true or false",
    int: "send a whole number",
    float: "send a number",
    str: "send a string",
    dict: "send an object",
    list: "send an array",
    tuple: "send an array",
}


def faults(value: Any, annotation: Any, path: str = "") -> Iterator[Problem]:
    """Yield what keeps *value*, decoded JSON, from being an *annotation*. Nothing yielded: msgspec converts it."""
    if isinstance(value, dict) and (models := _models(annotation)):
        yield from _object_faults(value, models, path)
    elif isinstance(value, list) and _models(element := _element(annotation)):
        for index, each in enumerate(value):
            yield from faults(each, element, path + pointer(index))
    else:
        yield from _leaf_faults(value, annotation, path)


def _object_faults(value: dict[str, Any], models: list[type[msgspec.Struct]], path: str) -> Iterator[Problem]:
    tag_field = models[0].__struct_config__.tag_field
    if tag_field is None:
        yield from _struct_faults(value, models[0], path)
        return
    by_tag = {model.__struct_config__.tag: model for model in models}
    tag = value.get(tag_field)
    if not isinstance(tag, str) or tag not in by_tag:
        known = ", ".join(sorted(str(each) for each in by_tag))
        message = f"required field {tag_field!r} is missing" if tag is None else f"{tag!r} is not known"
        yield Problem(path + pointer(tag_field), message, _did_you_mean(tag, by_tag) or f"send one of {known}")
        return
    rest = {name: each for name, each in value.items() if name != tag_field}
    yield from _struct_faults(rest, by_tag[tag], path)


def _struct_faults(value: dict[str, Any], model: type[msgspec.Struct], path: str) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(model)}
    hints = _hints(model)
    for name in (name for name in value if name not in fields):
        mend = _did_you_mean(name, fields) or f"leave it out; there are {', '.join(fields)}"
        yield Problem(path + pointer(name), "there is no such field", mend)
    for name, field in fields.items():
        if name in value:
            yield from faults(value[name], hints[field.name], path + pointer(name))
        elif field.required:
            yield Problem(path + pointer(name), "this field is required", "add it")


@functools.cache
def _hints(model: type[msgspec.Struct]) -> Mapping[str, Any]:
    return get_type_hints(model, include_extras=True)


def _leaf_faults(value: Any, annotation: Any, path: str) -> Iterator[Problem]:
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        problem = decoding_problem(error, path)
        yield Problem(
            problem.path, problem.message[:1].lower() + problem.message[1:], problem.mend or _mend(annotation)
        )


def _models(annotation: Any) -> list[type[msgspec.Struct]]:
    return [each for each in _members(annotation) if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def _element(annotation: Any) -> Any:
    for each in _members(annotation):
        if get_origin(each) in {tuple, list}:
            return get_args(each)[0]
    return None


def _members(annotation: Any) -> tuple[Any, ...]:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in {Union, types.UnionType}:
        return (annotation,)
    return tuple(member for each in get_args(annotation) for member in _members(each))


def _mend(annotation: Any) -> str:
    mends = [_MENDS.get(get_origin(each) or each, "") for each in _members(annotation) if each is not type(None)]
    found = [mend for mend in mends if mend]
    return " or ".join(dict.fromkeys(found)) or "the API's description at /api/v1/openapi.json says what is allowed"


def _did_you_mean(name: object, known: Any) -> str:
    close = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f"did you mean {close[0]!r}?" if close else ""
