"""What files say of a project, as one document: what the server takes and gives, whatever the files look like. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition, configuration_of
from pennon.control.flags.schema_steps import cleaned_up
from pennon.control.log import EnvironmentName, Reading, project_log
from pennon.model import Flag, Layer, Problem, Segment, pointer
from pennon.model.flags import Wire

M = TypeVar("M", bound=msgspec.Struct)


class FlagEntry(Wire, frozen=True, kw_only=True):
    """A flag: what it is, and what environments do with it. One that is left out stays as it is; a new flag is off."""

    definition: FlagDefinition
    environments: Mapping[str, FlagConfiguration] = {}


class Document(Wire, frozen=True, kw_only=True):
    """What files say. `environments` are those that they speak of; what is in others is not theirs.

    Flags are by their keys; segments and layers by environment, then key.
    """

    environments: tuple[str, ...]
    flags: Mapping[str, FlagEntry] = {}
    segments: Mapping[str, Mapping[str, Segment]] = {}
    layers: Mapping[str, Mapping[str, Layer]] = {}


def document_of(reading: Reading, project: str, environments: Iterable[str]) -> Document:
    """Return what files that say all of *environments* say. Archived flags are in none."""
    names = [EnvironmentName(project, key) for key in environments]
    flags = {name.environment: {s.key: s.read(Flag) for s in reading.items(name.log, "flag")} for name in names}
    definitions = [stored.read(FlagDefinition) for stored in reading.items(project_log(project), "definition")]
    return Document(
        environments=tuple(name.environment for name in names),
        flags={
            definition.key: FlagEntry(
                definition=cleaned_up(headless(definition)),
                environments={
                    environment: configuration_of(found[definition.key])
                    for environment, found in flags.items()
                    if definition.key in found
                },
            )
            for definition in definitions
            if not definition.archived
        },
        segments={name.environment: _items(reading, name, "segment", Segment) for name in names},
        layers={name.environment: _items(reading, name, "layer", Layer) for name in names},
    )


def document_problems(document: Document) -> Iterator[Problem]:
    """Yield where *document* contradicts itself."""
    known = frozenset(document.environments)
    for key, entry in document.flags.items():
        yield from _key_problems(pointer("flags", key, "definition"), key, entry.definition.key)
        yield from _strangers(pointer("flags", key, "environments"), entry.environments, known)
    for kind, places in (("segments", document.segments), ("layers", document.layers)):
        yield from _strangers(pointer(kind), places, known)
        for environment, items in places.items():
            for key, item in items.items():
                yield from _key_problems(pointer(kind, environment, key), key, item.key)


def headless(item: M) -> M:
    """Return *item* without what its log says of it."""
    return replace(item, version=1, changed_at=0, hash="")


def _items(reading: Reading, name: EnvironmentName, kind: str, model: type[M]) -> dict[str, M]:
    return {stored.key: headless(stored.read(model)) for stored in reading.items(name.log, kind)}


def _key_problems(path: str, named: str, key: str) -> Iterator[Problem]:
    if named != key:
        yield Problem(path + "/key", f"it is {key!r}, and stands under {named!r}", "give both the same key")


def _strangers(path: str, environments: Iterable[str], known: Collection[str]) -> Iterator[Problem]:
    for environment in environments:
        if environment not in known:
            message = f"the files do not speak of the environment {environment!r}"
            yield Problem(path + pointer(environment), message, "add it to `environments`, or leave this out")
