"""Reads request bodies strictly: JSON only, no coercion, no unknown field, no member twice, no NUL, bounded nesting.

Litestar would convert leniently ("true" for true, "5" for 5) and answer bad UTF-8 with a 500.
"""

import asyncio
import re
from typing import Any

import msgspec
from litestar import Request
from litestar.dto.base_dto import AbstractDTO
from litestar.typing import FieldDefinition

from pennon.control.api.problems import ApiError, BadBody
from pennon.model import DECODE_ERRORS, Problem, decoding_problem, pointer
from pennon.model.repeats import repeated_members
from pennon.model.strict import shape_problems

MAX_NESTING = 64
"""Deepest nesting of arrays and objects in a body. Python's own limit differs between its versions."""

# Possessive, and a string may end with the body: else a body of quotes and backslashes takes quadratic time.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_LARGE = 16 * 1024
_DECODED = "pennon_body"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]", re.DOTALL
)
"""Half of a pair of surrogates without the other: no character."""
_TOO_LARGE = "Number out of range"
"""What msgspec says of a number that no double can be."""


class StrictBody(AbstractDTO[Any]):
    """Decodes a body as the handler's `data` says, and refuses everything else with its path and a mend."""

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Need no backend: the annotation is decoded as it is."""

    @classmethod
    def create_openapi_schema(cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any) -> Any:
        """Return the schema of the annotation itself."""
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        """Yield nothing: no field is transformed."""
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Return False: no field is transformed."""
        return False

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        """Return True: whatever msgspec decodes is supported."""
        return True

    def decode_bytes(self, value: bytes) -> Any:
        """Return what `read_body` has made of the body."""
        return self.asgi_connection.scope["state"][_DECODED]

    def decode_builtins(self, value: dict[str, Any]) -> Any:
        """Refuse what came as a form."""
        raise unsupported_media_type()


def decode_body(body: bytes, annotation: Any) -> Any:
    """Return *body* as *annotation*. Raises `BadBody`: 400 where it is not JSON, 422 where it is another shape."""
    check_text(body)
    try:
        value = msgspec.json.decode(body)
    except DECODE_ERRORS as error:
        raise BadBody(400, "bad-json", _unreadable(body, decoding_problem(error))) from error
    if problems := repeated_members(body) or tuple(shape_problems(value, annotation)):
        raise BadBody(422, "invalid", *problems)
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        raise BadBody(422, "invalid", decoding_problem(error)) from error


def check_text(body: bytes) -> None:
    """Refuse what msgspec lets pass: bad UTF-8 in what it skips, nesting without end, and NUL, which PostgreSQL
    does not store. Raises `BadBody`.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BadBody(400, "bad-json", decoding_problem(error)) from error
    if _is_nested_deeper(body, MAX_NESTING):
        problem = Problem("", f"nested deeper than {MAX_NESTING} levels", "flatten it")
        raise BadBody(400, "too-deep", problem)
    if b"\\u0000" in body and _NUL.search(body):
        raise BadBody(422, "invalid", Problem(_place_of_nul(body), "a string has the character U+0000", "leave it out"))


def _unreadable(body: bytes, problem: Problem) -> Problem:
    """Return *problem*, which msgspec has with *body*, in words that say what to do about it."""
    path = "" if "*" in problem.path else problem.path  # of what it skips it does not know the names
    if problem.message.startswith(_TOO_LARGE):
        return Problem(path, "a number is out of the range of a double", "send a smaller one, or a string")
    if _HALF.search(body):
        return Problem("", "a string has half of a character, a lone surrogate as in \\ud800", "leave it out")
    return Problem(path, problem.message, "send one JSON document, in UTF-8")


def _place_of_nul(body: bytes) -> str:
    """Return the pointer to the first string with NUL; to the whole where the rest cannot be read."""
    try:
        return _nul_in(msgspec.json.decode(body), "") or ""
    except DECODE_ERRORS:
        return ""


def _nul_in(value: Any, path: str) -> str | None:
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict):
        if any("\0" in name for name in value):
            return path
        return next((found for name, each in value.items() if (found := _nul_in(each, path + pointer(name)))), None)
    if isinstance(value, list):
        return next((found for at, each in enumerate(value) if (found := _nul_in(each, path + pointer(at)))), None)
    return None


async def read_body(request: Request[Any, Any, Any]) -> None:
    """Read the body that the route takes, before it is called: a large one in a thread, for streams share this one.

    Raises `ApiError` for one that does not say that it is JSON, and `BadBody`.
    """
    if (field := request.route_handler.parsed_data_field) is None:
        return
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type()
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ApiError(415, "compressed", "Send the body as it is, without Content-Encoding.")
    body = await request.body()
    if not body:
        raise BadBody(400, "bad-json", Problem("", "the body is empty", "send a JSON object"))
    if len(body) > _LARGE:
        decoded = await asyncio.to_thread(decode_body, body, field.annotation)
    else:
        decoded = decode_body(body, field.annotation)
    request.scope["state"][_DECODED] = decoded


def unsupported_media_type() -> ApiError:
    """Return the error for a body that is not sent as JSON."""
    detail = "Send the body as JSON, with the header Content-Type: application/json."
    return ApiError(415, "not-json", detail, headers={"Accept": "application/json"})


def _is_nested_deeper(body: bytes, limit: int) -> bool:
    # A body of few brackets cannot be deep, and most of a large one is strings: counting is a thousand times faster.
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for token in _TOKEN.finditer(body):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False
