"""The bytes of a flagd file as plain values: JSON, or YAML where PyYAML is installed. What is not whole is refused."""

import json
import re
from typing import Any, NoReturn

from pennon.importers.plan import ImportRefused
from pennon.importers.recognition import looks_like
from pennon.model import Problem
from pennon.model.problems import pointer
from pennon.model.repeats import repeated_key, repeated_members

VENDOR = "flagd"
DEEPEST = 200
"""So many objects and arrays may lie within each other in a file."""
LARGEST = 1_000_000
"""So many values a file may have, YAML's aliases and flagd's `$ref`s counted as often as they are used."""
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]', re.DOTALL)
_YAML_BOOLEAN, _YAML_DATE = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"


def refuse(path: str, message: str, mend: str = "") -> NoReturn:
    """Raise `ImportRefused` for one problem."""
    raise ImportRefused(VENDOR, (Problem(path, message, mend),))


def read(data: bytes) -> dict[str, Any]:
    """Return the document that *data* is. Raises `ImportRefused`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse("", f"not UTF-8 at byte {error.start}", "save the file as UTF-8")
    document = _json(text) if text.lstrip()[:1] in {"{", "["} else _yaml(text)
    _check(document)
    if not isinstance(document, dict) or not isinstance(document.get("flags"), (dict, list)):
        refuse("", _other(data), 'a flagd file is an object with "flags", an object or an array')
    if (vendor := looks_like(json.dumps(document).encode())) not in {None, VENDOR}:
        refuse("", f"this looks like a file of {vendor}", f"import it as one of {vendor}")
    return document


def _other(data: bytes) -> str:
    found = looks_like(data)
    return "this is no flagd file" if found in {None, VENDOR} else f"this looks like a file of {found}"


def _json(text: str) -> Any:
    try:
        document = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        refuse("", f"not JSON: {error}", "send the whole file")
    except RecursionError:
        refuse(deep_path(text), f"nested more than {DEEPEST} deep", "flatten it")
    except ValueError as error:
        refuse("", f"not JSON: {error}", "send the whole file")
    if repeated := repeated_members(text):
        raise ImportRefused(VENDOR, repeated)
    return document


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def deep_path(text: str) -> str:
    """Return the pointer to the first value of JSON *text* that lies too deep, without ever going that deep itself."""
    steps: list[str | int] = []
    name = ""
    for match in _TOKENS.finditer(text):
        token = match[0]
        if token in {"{", "["}:
            if len(steps) >= DEEPEST:
                break
            steps.append("" if token == "{" else 0)
        elif token in {"}", "]"}:
            steps = steps[:-1]
        elif token == ",":
            steps[-1:] = [last + 1 if isinstance(last, int) else "" for last in steps[-1:]]
        elif token == ":":
            steps[-1:] = [name]
        else:
            name = _unquoted(token)
    return pointer(*steps)


def _unquoted(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:  # it is no JSON, which is found out later
        return token


def _yaml(text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415  # an extra, for those who write YAML
    except ImportError:
        refuse("", "this is no JSON, and reading YAML needs PyYAML", "pip install pennon[yaml], or send JSON")

    class Loader(yaml.SafeLoader):
        """YAML 1.2 as far as words go, as flagd's daemon reads it: `on` and `2026-01-01` are strings."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
            if (key := repeated_key(node)) is not None:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            return super().construct_mapping(node, deep)

    Loader.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] not in {_YAML_BOOLEAN, _YAML_DATE}]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(_YAML_BOOLEAN, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
    try:
        return yaml.load(text, Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        refuse("", f"neither JSON nor YAML: {' '.join(str(error).split())[:300]}", "send the whole file")


def _check(document: Any) -> None:
    """Refuse what is too deep, too large, or no JSON. Takes cycles, which YAML can write."""
    _Walk().value(document, "", 0)


class _Walk:
    def __init__(self) -> None:
        self.count = 0

    def value(self, value: Any, path: str, deep: int) -> None:
        """Look at *value* and all within."""
        self.count += 1
        if self.count > LARGEST:
            refuse(path, f"more than {LARGEST} values", "import it in parts")
        if isinstance(value, (dict, list)) and deep >= DEEPEST:
            refuse(path, f"nested more than {DEEPEST} deep", "flatten it")
        if isinstance(value, dict):
            for name, item in value.items():
                if not isinstance(name, str):
                    refuse(path, f"the name {name!r} is no text", "put it in quotes")
                self.value(item, path + pointer(name), deep + 1)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.value(item, path + pointer(index), deep + 1)
        elif isinstance(value, float) and value - value != 0:
            refuse(path, f"{value} is no JSON number", "write a finite number")
        elif not isinstance(value, (str, int, float, type(None))):
            refuse(path, f"{type(value).__name__} is no JSON", "write text, numbers, true, false or null")
