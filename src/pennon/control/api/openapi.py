"""The description of the admin API as OpenAPI 3.1, made of the routes themselves.

Litestar finds the paths and parameters. The schemas are msgspec's, which knows its own types better, and the errors are
those that really come.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
from litestar import Litestar, Response, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute
from litestar.status_codes import HTTP_303_SEE_OTHER

import pennon
from pennon.control.api.inputs import NO_CONTROLS
from pennon.control.api.problems import MEDIA_TYPE, ProblemDetails
from pennon.control.api.routes import ANSWER, ANYWHERE, EXAMPLE, OPEN, PERMISSION, STREAM, VERSIONED, reads

Json: TypeAlias = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_KEYS = {
    "project": "The project's key.",
    "environment": "The environment's key.",
    "flag": "The flag's key. It is the rest of the path: a slash in it may stand as it is.",
    "segment": "The segment's key. It is the rest of the path: a slash in it may stand as it is.",
    "layer": "The layer's key. It is the rest of the path: a slash in it may stand as it is.",
    "key": "The key's hash, or its first digits.",
    "token": "The token's hash, or its first digits.",
    "role": "The role's key.",
    "account": "What the person signs in with.",
    "session": "The first digits of the session's hash.",
    "change_request": "The change request's key.",
    "webhook": "The webhook's key.",
    "delivery": "The delivery's id.",
    "schedule": "The schedule's key.",
    "repository": "What the repository is called. It is the rest of the path: a slash in it may stand as it is.",
}
_ETAG = {"description": "Names this version of the item.", "schema": {"type": "string"}}
_POSITION = {"description": "Where the log stands after it, as epoch.revision.", "schema": {"type": "string"}}
_LOCATION = {"description": "Where.", "schema": {"type": "string"}}
_IF_NONE_MATCH: list[Json] = [
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag that you have. If it still is the current one, the answer is 304 and has no body.",
        "schema": {"type": "string"},
    }
]
_ERRORS = {
    400: "The request cannot be read: a parameter, or a body that is not JSON.",
    401: "No token, or none that is good.",
    403: "The token does not allow it. `detail` says which permission it takes, and who has it.",
    404: "Something that the path names is not there. `detail` says what.",
    409: "The state does not allow it now. `detail` says why.",
    412: "The state is not what you believed. `current` is what it is.",
    413: "The body is too large.",
    415: "The body does not say that it is JSON.",
    422: "The input is not valid. `problems` has each fault, with a JSON pointer and a mend.",
    429: "Too many requests, or too many failures to sign in. Try again after `Retry-After`.",
    503: "The database does not answer. Nothing was changed; try again.",
}
_READING = (400, 401, 403, 404, 422, 429, 503)
_CHANGING = (400, 401, 403, 404, 409, 412, 422, 429, 503)
_BODY = (413, 415)


def openapi_route(router: Callable[[], Router]) -> Any:
    """Return the route that shows the description of *router*'s routes. Both are made when first asked for."""
    made: list[bytes] = []

    @reads("/openapi.json", Json, anywhere=True)
    def show_openapi() -> Response[Any]:
        """Show this description."""
        if not made:
            made.append(msgspec.json.encode(describe(router())))
        return Response(made[0], media_type="application/json")

    return show_openapi


def describe(router: Router) -> Json:
    """Return the description of *router*'s routes as an OpenAPI 3.1 document."""
    app = Litestar([router], openapi_config=_config(), logging_config=None)
    document: Json = app.openapi_schema.to_schema()
    operations = [
        (route.path_format, method, handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.opt.get(PERMISSION)
    ]
    schemas = _Schemas([handler for _, _, handler in operations])
    paths = document["paths"]
    for path, method, handler in operations:
        paths[path][method.lower()] = _operation(paths[path][method.lower()], path, handler, schemas)
    document["paths"] = {path: item for path, item in paths.items() if any(path == each for each, _, _ in operations)}
    document["components"]["schemas"] = schemas.components
    return document


class _Schemas:
    """The JSON Schemas of all types that operations take and give."""

    def __init__(self, handlers: list[HTTPRouteHandler]) -> None:
        types = list(_types(handlers))
        found, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        self._by_type = list(zip(types, found, strict=True))
        self.components = components
        taken = [_taken(handler) for handler in handlers]
        for name in self._reached([self.of(each) for each in taken if each is not None]):
            # What is taken is refused with a field that is not known; what is given may have more one day.
            if "properties" in components[name]:
                components[name]["additionalProperties"] = False

    def of(self, wanted: Any) -> Json:
        """Return the schema of a type."""
        return next(schema for known, schema in self._by_type if known is wanted or known == wanted)

    def _reached(self, schemas: list[Json]) -> set[str]:
        reached: set[str] = set()
        waiting = [name for schema in schemas for name in _references(schema)]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting.extend(_references(self.components[name]))
        return reached


def _types(handlers: list[HTTPRouteHandler]) -> Iterator[Any]:
    yield ProblemDetails
    for handler in handlers:
        yield from (each for each in (_taken(handler), handler.opt.get(ANSWER)) if each is not None)


def _taken(handler: HTTPRouteHandler) -> Any:
    return handler.parsed_data_field.annotation if handler.parsed_data_field else None


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _operation(found: Json, path: str, handler: HTTPRouteHandler, schemas: _Schemas) -> Json:
    function = getattr(handler.fn, "func", handler.fn)  # within what runs it in a thread
    name = function.__name__
    text = inspect.getdoc(function) or ""
    operation: Json = {
        "operationId": re.sub(r"_(\w)", lambda match: match[1].upper(), name),
        "summary": text.partition("\n")[0].rstrip("."),
        "description": f"{text}\n\n{_needed(handler)}",
        "tags": [_tag(path)],
        "parameters": [_parameter(each) for each in found.get("parameters", [])]
        + _IF_NONE_MATCH * bool(handler.opt.get(VERSIONED)),
        "responses": _responses(handler, schemas),
    }
    if handler.opt.get(OPEN):
        operation["security"] = []
    if (taken := _taken(handler)) is not None:
        content: Json = {"schema": schemas.of(taken)}
        if (example := handler.opt.get(EXAMPLE)) is not None:
            content["example"] = example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _needed(handler: HTTPRouteHandler) -> str:
    if handler.opt.get(OPEN):
        return "Takes nothing."
    return "Takes any token." if handler.opt.get(ANYWHERE) else f"Takes the permission `{handler.opt[PERMISSION]}`."


def _tag(path: str) -> str:
    nouns = [part for part in path.split("/")[3:] if part and not part.startswith("{")]
    return (
        nouns[-2]
        if nouns[-1] in {"preview", "revert", "rotate", "reviews", "apply", "withdraw", "test", "redeliver"}
        else nouns[-1]
    )


def _parameter(parameter: Json) -> Json:
    shown = {name: value for name, value in parameter.items() if name in {"name", "in", "required"}}
    schema = dict(parameter["schema"])
    description = schema.pop("description", parameter.get("description"))
    # What may be left out is never null: there is no way to write that in a URL or a header.
    kinds = [each for each in schema.pop("oneOf", []) if each.get("type") != "null"]
    shown["schema"] = {**(kinds[0] if kinds else {}), **schema}
    if parameter["in"] == "path" and parameter["name"] in _KEYS:
        shown["schema"] = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": NO_CONTROLS}
        description = _KEYS[parameter["name"]]
    return {**shown, "description": description} if description else shown


def _responses(handler: HTTPRouteHandler, schemas: _Schemas) -> Json:
    changes = not handler.http_methods <= {"GET"}
    statuses = (*(_CHANGING if changes else _READING), *(_BODY if _taken(handler) is not None else ()))
    problem = {MEDIA_TYPE: {"schema": schemas.of(ProblemDetails)}}
    errors = {str(each): {"description": _ERRORS[each], "content": problem} for each in sorted(statuses)}
    answer = handler.opt.get(ANSWER)
    if handler.status_code == HTTP_303_SEE_OTHER:
        return {"303": {"description": "Go there.", "headers": {"Location": _LOCATION}}, **errors}
    if answer is None:
        done: Json = {"204": {"description": "Done.", "headers": {"X-Pennon-Revision": _POSITION}}}
        return {**done, **errors}
    media = "text/event-stream" if handler.opt.get(STREAM) else "application/json"
    good: Json = {"description": "As asked.", "content": {media: {"schema": schemas.of(answer)}}}
    if changes:
        good["headers"] = {"X-Pennon-Revision": _POSITION}
    shown: Json = {str(handler.status_code): good}
    if bool(handler.opt.get(VERSIONED)):
        good["headers"] = {"ETag": _ETAG}
        shown["304"] = {"description": "You have it: it is what `If-None-Match` names.", "headers": {"ETag": _ETAG}}
    return {**shown, **errors}


def _config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Pennon",
        version=pennon.__version__,
        description="The admin API: projects, environments, flags, segments, layers, keys, tokens and the change log.",
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="A token of the admin API.")
            }
        ),
        security=[{"token": []}],
    )
