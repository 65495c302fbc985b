"""A Pennon context as LaunchDarkly's contexts: one of a kind, or several; their keys and attributes.

A place in them is written `[kind:]reference`. The kind is `user` where it is left out; the reference is a name, or a
JSON pointer into the context of that kind. The name `targetingKey` (or `key`) is the context's key, `kind` its kind.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

Context: TypeAlias = dict[Any, Any]
Reader: TypeAlias = Callable[[Context], Any]

USER = "user"
MULTI = "multi"
_KIND = re.compile(r"[-A-Za-z0-9._]+")
_PREFIXED = re.compile(r"([-A-Za-z0-9._]+):(.*)", re.DOTALL)
_BAD_ESCAPE = re.compile(r"~(?![01])")
_HIDDEN = frozenset({"targetingKey", "privateAttributes", "_meta"})
"""Members that make a context, and are no attributes of it."""


class Place(NamedTuple):
    """An attribute of the context of one kind. `steps` are the names to it; none: the reference is malformed."""

    kind: str
    steps: tuple[str, ...]

    @property
    def text(self) -> str:
        """The place as a Pennon condition's `attribute`, a split's `by` or a target's `attribute` has it."""
        prefix = "" if self.kind == USER else f"{self.kind}:"
        if self.steps == ("key",):
            return f"{prefix}targetingKey"
        name = self.steps[0]
        if len(self.steps) == 1 and not name.startswith("/") and ":" not in name and name != "targetingKey":
            return prefix + name
        return prefix + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in self.steps)


def place(text: str) -> Place:
    """Read `[kind:]reference`."""
    prefixed = _PREFIXED.fullmatch(text)
    kind, reference = (prefixed[1], prefixed[2]) if prefixed else (USER, text)
    if reference == "targetingKey":
        return Place(kind, ("key",))
    return Place(kind, reference_steps(reference))


def reference_steps(reference: str) -> tuple[str, ...]:
    """Return the names that one of LaunchDarkly's attribute references goes through; none where it is malformed."""
    if not reference.startswith("/"):
        return (reference,) if reference else ()
    steps = reference[1:].split("/")
    if any(not step or _BAD_ESCAPE.search(step) for step in steps):
        return ()
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def is_kind(name: object) -> bool:
    """Tell whether a context may have this kind."""
    return isinstance(name, str) and name not in {"kind", MULTI} and _KIND.fullmatch(name) is not None


def key_of(individual: Context) -> str | None:
    """Return the key of the context of one kind: a string that is not empty."""
    for name in ("targetingKey", "key"):
        found = individual.get(name)
        if isinstance(found, str) and found:
            return found
    return None


def individuals(context: Context) -> dict[str, Context]:
    """Return the contexts of all kinds that *context* holds."""
    kind = context.get("kind")
    if kind != MULTI:
        return {kind if isinstance(kind, str) and kind else USER: context}
    return {name: member for name, member in context.items() if isinstance(member, dict) and name != "targetingKey"}


def is_valid(context: Context) -> bool:
    """Tell whether LaunchDarkly takes *context*: at least one kind, and each of them well-named and with a key."""
    if type(kind := context.get("kind")) is not str:
        return key_of(context) is not None
    if kind == MULTI:
        found = individuals(context)
        return bool(found) and all(is_kind(name) and key_of(member) is not None for name, member in found.items())
    return (not kind or is_kind(kind)) and key_of(context) is not None


def individual(kind: str) -> Callable[[Context], Context | None]:
    """Return a function that finds the context of *kind*."""

    def find(context: Context) -> Context | None:
        top = context.get("kind")
        if top == MULTI:
            member = context.get(kind) if kind != "targetingKey" else None
            return member if isinstance(member, dict) else None
        return context if (top if isinstance(top, str) and top else USER) == kind else None

    return find


def key_reader(kind: str) -> Callable[[Context], str | None]:
    """Return a function that finds the key of the context of *kind*."""
    find = individual(kind)

    def read(context: Context) -> str | None:
        found = find(context)
        return None if found is None else key_of(found)

    return read


def attribute_reader(where: Place) -> Reader:
    """Return a function that finds an attribute, None where the kind or the attribute is not there."""
    if where.steps == ("key",):
        return key_reader(where.kind)
    find, (first, *rest) = individual(where.kind), where.steps

    def read(context: Context) -> Any:
        found = find(context)
        if found is None:
            return None
        value = _member(found, first, where.kind)
        for step in rest:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    return read


def _member(found: Context, name: str, kind: str) -> Any:
    """Return an attribute. Those that LaunchDarkly gives a type are not there with any other."""
    if name in _HIDDEN:
        return None
    if name == "kind":
        return kind
    if name == "key":
        return key_of(found)
    value = found.get(name)
    if name == "name":
        return value if isinstance(value, str) else None
    if name == "anonymous":
        return value is True
    return value
