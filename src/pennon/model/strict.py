"""Reading what an author wrote: every unknown field, missing field and wrong type is refused, each with its path.

`Snapshot` and `Items` read leniently, for SDKs. This is the admin API's way in.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec
from msgspec import inspect

from pennon.model.flags import Json
from pennon.model.problems import DECODE_ERRORS, InvalidJson, Problem, decoding_problem, pointer

Model = TypeVar("Model")


def read_strictly(data: bytes | str, model: type[Model]) -> Model:
    """Read JSON that must be a *model* and nothing more. Raises `InvalidJson` with every problem found."""
    try:
        if isinstance(data, bytes):
            data.decode()  # msgspec does not check what it skips
        value = msgspec.json.decode(data)
    except DECODE_ERRORS as error:
        raise InvalidJson([decoding_problem(error)]) from error
    return strictly(value, model)


def strictly(value: Json, model: type[Model]) -> Model:
    """Return decoded JSON as a *model*. Raises `InvalidJson` with every problem found."""
    if problems := shape_problems(value, model):
        raise InvalidJson(problems)
    try:
        return msgspec.convert(value, model)
    except DECODE_ERRORS as error:
        raise InvalidJson([decoding_problem(error)]) from error


def shape_problems(value: Json, model: type) -> list[Problem]:
    """Return where decoded JSON differs from the shape of *model*: all of it, not the first only."""
    try:
        return list(_problems(value, inspect.type_info(model), ""))
    except RecursionError as error:
        return [decoding_problem(error)]


def _problems(value: Json, shape: inspect.Type, path: str) -> Iterator[Problem]:
    if isinstance(shape, inspect.UnionType):
        yield from _union_problems(value, shape, path)
    elif isinstance(shape, inspect.Metadata):
        yield from _problems(value, shape.type, path)
    elif (expected := _EXPECTED.get(type(shape))) is not None and not _FITS[type(shape)](value):
        yield Problem(path, f"{_found(value)} where {expected} belongs", f"write {expected}")
    elif isinstance(shape, inspect.LiteralType) and not _is_one_of(value, shape):
        choices = ", ".join(str(choice) for choice in shape.values)
        yield Problem(path, f"{_found(value)} is none of {choices}", f"write one of {choices}")
    elif isinstance(shape, inspect.StructType):
        yield from _struct_problems(value, shape, path)
    elif isinstance(shape, inspect.DictType):
        for key, child in value.items():
            yield from _problems(child, shape.value_type, path + pointer(key))
    elif isinstance(shape, (inspect.VarTupleType, inspect.ListType)):
        for index, child in enumerate(value):
            yield from _problems(child, shape.item_type, path + pointer(index))


def _struct_problems(value: Mapping[str, Json], shape: inspect.StructType, path: str) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in shape.fields}
    for name, child in value.items():
        if name in fields:
            yield from _problems(child, fields[name].type, path + pointer(name))
        else:
            yield Problem(path + pointer(name), "there is no such field", _nearest(name, fields))
    for name, field in fields.items():
        if field.required and name not in value:
            yield Problem(path + pointer(name), "it is required, and not there", f"add {name}")


def _union_problems(value: Json, shape: inspect.UnionType, path: str) -> Iterator[Problem]:
    """Yield the problems with the member that *value* comes nearest to, or that it is none of them."""
    members = [member for member in shape.types if type(member) not in _FITS or _FITS[type(member)](value)]
    if not members:
        expected = " or ".join(_EXPECTED[type(member)] for member in shape.types)
        yield Problem(path, f"{_found(value)} where {expected} belongs", f"write {expected}")
        return
    yield from min((list(_problems(value, member, path)) for member in members), key=len)


def _is_one_of(value: Json, shape: inspect.LiteralType) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value in shape.values


def _nearest(name: str, fields: Mapping[str, inspect.Field]) -> str:
    alike = [known for known in fields if known.lower() == name.lower().replace("_", "").replace("-", "")]
    return f"did you mean {alike[0]}?" if alike else f"leave it out; known here: {', '.join(sorted(fields))}"


def _found(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else "a string"
    if isinstance(value, (int, float)):
        return str(value) if abs(value) < 1e15 else "a number"
    return "an array" if isinstance(value, (list, tuple)) else "an object"


def _is_integer(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_EXPECTED: Mapping[type[inspect.Type], str] = {
    inspect.NoneType: "null",
    inspect.BoolType: "true or false",
    inspect.IntType: "an integer",
    inspect.FloatType: "a number",
    inspect.StrType: "a string",
    inspect.StructType: "an object",
    inspect.DictType: "an object",
    inspect.VarTupleType: "an array",
    inspect.ListType: "an array",
}
_FITS: Mapping[type[inspect.Type], Callable[[Json], bool]] = {
    inspect.NoneType: lambda value: value is None,
    inspect.BoolType: lambda value: isinstance(value, bool),
    inspect.IntType: _is_integer,
    inspect.FloatType: lambda value: isinstance(value, float) or _is_integer(value),
    inspect.StrType: lambda value: isinstance(value, str),
    inspect.StructType: lambda value: isinstance(value, dict),
    inspect.DictType: lambda value: isinstance(value, dict),
    inspect.VarTupleType: lambda value: isinstance(value, (list, tuple)),
    inspect.ListType: lambda value: isinstance(value, (list, tuple)),
}
