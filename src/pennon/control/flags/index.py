"""What flags are found by: lists by words, tags and owners, and others by what they name."""

from collections.abc import Iterable
from functools import partial

import msgspec

from pennon.control.flags.definitions import FlagDefinition
from pennon.control.index import Index
from pennon.control.working.state import ItemName, WorkingKind, decoded
from pennon.control.working.uses import IN_SEGMENT, uses

_SERVES = b'"serves"'
_NAMING = (b'"prerequisites":[{', _SERVES, b'"layer":', IN_SEGMENT.encode())
"""What is in the text of an item that names others."""


class Indexed(msgspec.Struct, frozen=True, gc=False):
    """What a definition is found by. `words` are its key, name and description in lower case."""

    key: str
    words: str
    tags: tuple[str, ...]
    owner: str
    archived: bool


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Whether an environment has a flag on."""

    key: str
    on: bool = False


class Naming(msgspec.Struct, frozen=True, gc=False):
    """What an item names: the prerequisites, segments and layers that it cannot do without."""

    name: ItemName
    used: frozenset[ItemName]


def definition_index() -> Index[Indexed]:
    """Return an index of the definitions of projects, by the names of their logs."""
    return Index("definition", _indexed)


def standing_index() -> Index[Standing]:
    """Return an index of which flags environments have on, by the names of their logs."""
    return Index("flag", msgspec.json.Decoder(Standing).decode)


def naming_index(kind: WorkingKind) -> Index[Naming]:
    """Return an index of what the items of a kind name in environments, by the names of their logs."""
    return Index(kind, partial(_naming, kind), _NAMING)


def asking_index() -> Index[Naming]:
    """Return an index of what flags name whose conditions ask for other flags, as imported ones may."""
    return Index("flag", partial(_naming, "flag"), (_SERVES,))


def _naming(kind: WorkingKind, text: bytes) -> Naming | None:
    found = list(uses(decoded(kind, text)))
    return Naming(found[0].user, frozenset(use.used for use in found)) if found else None


def _indexed(text: bytes) -> Indexed:
    definition = msgspec.json.decode(text, type=FlagDefinition)
    words = "\n".join(_texts(definition)).lower()
    return Indexed(definition.key, words, definition.tags, definition.owner, definition.archived)


def _texts(definition: FlagDefinition) -> Iterable[str]:
    return definition.key, definition.name, definition.description
