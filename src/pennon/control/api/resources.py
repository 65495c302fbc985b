"""What the nouns' request and response types share. What a route shows may be sent back as it is.

So every field is shown, also where it is at its default, and what only the server sets is taken and not looked at.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pennon.control.errors import Invalid

READ_ONLY = {"readOnly": True}
"""Said in the schema of what only the server sets."""


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every item shows. The four are set by the server; sent back, only `key` is compared with the path."""

    key: Annotated[str | None, Meta(description="What it is called. Left out: what the path says.")] = None
    version: Annotated[
        int | None, Meta(description="Raised by each change, never used twice.", extra_json_schema=READ_ONLY)
    ] = None
    changed_at: Annotated[
        int | None, Meta(description="The revision that made it what it is.", extra_json_schema=READ_ONLY)
    ] = None
    hash: Annotated[str | None, Meta(description="The hash of its stored text.", extra_json_schema=READ_ONLY)] = None


class WarningResource(msgspec.Struct, frozen=True, kw_only=True):
    """What the one who made a change may not have thought of. `docs/reference/findings.md` explains each code."""

    code: Annotated[str, Meta(description="What kind of warning it is.")]
    path: Annotated[str, Meta(description="JSON pointer to it, from the environment's state.")]
    message: str
    mend: Annotated[str, Meta(description="What to do about it.")]


class WarnedResource(Resource, frozen=True, kw_only=True):
    """What an environment has. An answer to a change of it may warn of it."""

    warnings: Annotated[
        tuple[WarningResource, ...] | UnsetType,
        Meta(description="After a change only, if there are any.", extra_json_schema=READ_ONLY),
    ] = UNSET


R = TypeVar("R", bound=msgspec.Struct)
M = TypeVar("M", bound=msgspec.Struct)

_SET_BY_SERVER = frozenset(WarnedResource.__struct_fields__)


def shown(model: msgspec.Struct, resource: type[R]) -> R:
    """Return *model* as the *resource* that is shown of it."""
    names = (name for name in resource.__struct_fields__ if name != "warnings")
    return resource(**{name: getattr(model, name) for name in names})


def encoded(model: msgspec.Struct, resource: type[R]) -> bytes:
    """Return *model* as the JSON of the *resource* that is shown of it."""
    return msgspec.json.encode(shown(model, resource))


def sent(resource: Resource, model: type[M], **known: Any) -> M:
    """Return what was sent as a *model*: without what the server sets, and with what is *known* of it."""
    names = [name for name in resource.__struct_fields__ if name not in _SET_BY_SERVER]
    return model(**{name: getattr(resource, name) for name in names}, **known)


def require_same_key(resource: Resource, key: str) -> None:
    """Raise `Invalid` if *resource* says that it is another than the *key* of the path."""
    if resource.key is not None and resource.key != key:
        message = f"it is {resource.key!r}, and the path says {key!r}"
        raise Invalid.at("/key", message, "leave it out, or mend the path")
