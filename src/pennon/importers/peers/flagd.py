"""Asks flagd's Python SDK, through the OpenFeature client as applications do. Runs where that SDK is installed.

The first line in is the dialect and the configuration, each line after it a flag, contexts and the time; a line goes
out for each. The configuration is handed over in memory, as flagd's daemon would send it: without the members that the
daemon drops, and flags as an object where the file has an array of them.
"""

import importlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any, TypeAlias

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider import AbstractProvider, Metadata

PACKAGES = {"v1": "openfeature-provider-flagd", "v2": "openfeature-flagd-core", "v3": "openfeature-flagd-core"}
FIRST = "openfeature.contrib.provider.flagd.resolvers"
LATER = "openfeature.contrib.tools.flagd.core"
DROPPED = ("$schema", "description", "flagSetId", "key", "priority")
DEFAULTS: dict[str, Any] = {"boolean": False, "string": "", "integer": 0, "float": 0.0, "object": {}}
Resolvers: TypeAlias = dict[str, Callable[..., Any]]


class Provider(AbstractProvider):
    """Hands each question on to the SDK's resolver in process."""

    def __init__(self, resolvers: Resolvers) -> None:
        super().__init__()
        self.resolvers = resolvers

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata("flagd")

    def resolve_boolean_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> Any:
        """Resolve a flag."""
        return self.resolvers["boolean"](flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> Any:
        """Resolve a flag."""
        return self.resolvers["string"](flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> Any:
        """Resolve a flag."""
        return self.resolvers["integer"](flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> Any:
        """Resolve a flag."""
        return self.resolvers["float"](flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> Any:
        """Resolve a flag."""
        return self.resolvers["object"](flag_key, default_value, evaluation_context)


def read(text: str) -> Any:
    """Return the file's content: JSON, or YAML as flagd's daemon reads it, to which `on` is a text."""
    try:
        return json.loads(text)
    except ValueError:
        import yaml  # noqa: PLC0415  # only for those who write YAML

    class Loader(yaml.SafeLoader):
        """Words and dates are texts, but for true and false."""

    words, dates = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
    Loader.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] not in {words, dates}]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(words, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
    return yaml.load(text, Loader)  # a SafeLoader


def as_sent(document: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration as the daemon sends it."""
    flags = document.get("flags", {})
    if isinstance(flags, list):
        flags = {flag["key"]: flag for flag in flags}
    kept = {key: {name: value for name, value in flag.items() if name not in DROPPED} for key, flag in flags.items()}
    return {**document, "flags": kept}


def resolvers(dialect: str, document: dict[str, Any]) -> tuple[Resolvers, Any]:
    """Return the SDK's resolvers by the kind of value, and the module in which it looks at the clock."""
    if dialect == "v1":
        resolver_class = importlib.import_module(f"{FIRST}.in_process").InProcessResolver
        store_class = importlib.import_module(f"{FIRST}.process.flags").FlagStore
        resolver = resolver_class.__new__(resolver_class)  # its own constructor would look for a daemon
        resolver.flag_store = store_class(lambda _details: None)
        resolver.flag_store.update(document)
        found = {kind: getattr(resolver, f"resolve_{kind}_details") for kind in DEFAULTS}
        return found, importlib.import_module(f"{FIRST}.process.targeting")
    core = importlib.import_module(LATER).FlagdCore()
    core.set_flags(document)
    found = {kind: getattr(core, f"resolve_{kind}_value") for kind in DEFAULTS}
    return found, importlib.import_module(f"{LATER}.targeting.targeting")


def kind_of(flag: dict[str, Any]) -> str:
    """Return the kind of a flag's values, as an application asks for them."""
    values = [value for value in flag["variants"].values() if value is not None]
    if not values or isinstance(values[0], bool):
        return "boolean"
    if isinstance(values[0], str):
        return "string"
    if isinstance(values[0], (int, float)):
        return "float" if any(isinstance(value, float) for value in values) else "integer"
    return "object"


def outcome(ask: Callable[..., Any], flag: str, default: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Return what the SDK answers to one context."""
    attributes = {name: value for name, value in context.items() if name != "targetingKey"}
    details = ask(flag, default, EvaluationContext(context.get("targetingKey"), attributes))
    if details.error_code is not None:
        error = f"{details.error_code.value}: {details.error_message}"
        return {"value": None, "variation": None, "default": True, "error": error}
    if details.variant is None:
        return {"value": None, "variation": None, "default": True, "error": None}
    return {"value": details.value, "variation": details.variant, "default": False, "error": None}


def main() -> None:
    """Answer line by line."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    sys.stdout = sys.stderr  # JSONLogic's `log` prints
    logging.disable(logging.CRITICAL)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        first = json.loads(sys.stdin.readline())
        document = as_sent(read(first["document"]))
        kinds = {key: kind_of(flag) for key, flag in document["flags"].items()}
        found, clock = resolvers(first["dialect"], document)
        api.set_provider(Provider(found))
        client = api.get_client()
        package = PACKAGES[first["dialect"]]
        say({"sdk": package, "version": version(package)})
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["now"] is not None:
                clock.time = SimpleNamespace(time=partial(float, asked["now"]))
            kind = kinds.get(asked["flag"], "boolean")
            ask = getattr(client, f"get_{kind}_details")
            contexts = asked["contexts"]
            say({"outcomes": [outcome(ask, asked["flag"], DEFAULTS[kind], context) for context in contexts]})
    except Exception as error:  # noqa: BLE001  # the boundary: whoever asked is told
        say({"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
