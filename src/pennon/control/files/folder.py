"""A folder of files, as what it says: which file says what, in which order, and where in them a problem is. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from pennon.control.environments.ownership import file_name, file_of
from pennon.control.files.document import Document, FlagEntry
from pennon.control.files.nodes import line_of, read_yaml
from pennon.control.files.text import yaml_text
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition
from pennon.model import Json, Layer, Problem, Segment, pointer
from pennon.model.flags import Wire
from pennon.model.strict import shape_problems

MANIFEST = "pennon.yaml"
FORMAT = 1
FOLDERS = ("flags", "segments", "layers")
_KINDS: Mapping[str, tuple[str, type[msgspec.Struct]]] = {"segments": ("segment", Segment), "layers": ("layer", Layer)}
_SET_BY_SERVER = ("version", "changedAt", "hash", "archived", "prepared", "previous")
_HEADER = """\
# Made by `pennon export --files`, which writes every file anew: comments elsewhere in these files do not outlive it.
# `pennon plan` shows what these files would change, and `pennon apply` changes it.
"""
_ORDERS: Mapping[str, tuple[str, ...]] = {
    "definition": ("key", "name", "description", "owner", "tags", "lifetime", "expectedRemoval", "kind", "clientSide"),
    "configuration": ("on", "prerequisites", "offVariation", "targets", "rules", "fallthrough", "staleness"),
    "rule": ("id", "description", "conditions", "serve"),
    "condition": ("attribute", "op"),
    "layer": ("key", "by", "slots"),
}
_LAST: Mapping[str, tuple[str, ...]] = {
    "segment": ("salt", "compat"),
    "configuration": ("salt", "needs", "compat"),
    "layer": ("salt",),
}
_MENDS: Mapping[str, str] = {"send a string": "put it in quotes: it is text"}


class Manifest(Wire, frozen=True, kw_only=True):
    """What `pennon.yaml` says: the form of the files, the project, and the environments that they speak of."""

    format: int
    project: str
    environments: tuple[str, ...]


class FileFault(msgspec.Struct, frozen=True):
    """What is wrong in a file. `path` is a JSON pointer; the line counts from 1, and 0 is the file itself."""

    file: str
    line: int
    path: str
    message: str
    mend: str

    @property
    def place(self) -> str:
        """Where it is, as editors and terminals know it."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Folder(msgspec.Struct, frozen=True):
    """What a folder says: `document` as JSON, and `faults`; where there are any, the document is not to be used."""

    project: str
    document: dict[str, Any]
    faults: tuple[FileFault, ...]
    origins: Mapping[str, str]
    files: Mapping[str, bytes]

    def located(self, path: str) -> str:
        """Return where in the files the JSON pointer *path* into the document is: `flags/a.yaml:12 /on`."""
        steps = path.split("/")
        for depth in (3, 4):  # /flags/KEY, /segments/ENVIRONMENT/KEY
            if (file := self.origins.get(prefix := "/".join(steps[:depth]))) is not None:
                inside = path.removeprefix(prefix).removeprefix("/definition")
                return f"{file}:{line_of(self.files[file], inside)} {inside}".rstrip()
        return path


def files_of(document: Document, project: str) -> dict[str, str]:
    """Return the text of each file that says *document*, by its name. The same document is the same bytes."""
    manifest = {"format": FORMAT, "project": project, "environments": list(document.environments)}
    files = {MANIFEST: _HEADER + yaml_text(manifest)}
    for key, name in _names("flag", document.flags):
        files[name] = yaml_text(_flag_members(document.flags[key]))
    for folder, places in (("segments", document.segments), ("layers", document.layers)):
        kind, _ = _KINDS[folder]
        for environment, items in places.items():
            for key, name in _names(kind, items, environment):
                files[name] = yaml_text(_ordered(kind, _members(items[key])))
    return dict(sorted(files.items()))


def manifest_of(data: bytes) -> Manifest | None:
    """Return what the `pennon.yaml` with the text *data* says; None where it cannot be read."""
    reading = read_yaml(data)
    if reading.faults or shape_problems(reading.value, Manifest):
        return None
    return msgspec.convert(reading.value, Manifest)


def read_folder(files: Mapping[str, bytes]) -> Folder:
    """Return what *files*, by their names below the folder, say, and everything that is wrong with them."""
    return _Reader(files).read()


class _Reader:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._faults: list[FileFault] = []
        self._origins: dict[str, str] = {}
        self._document: dict[str, Any] = {"environments": [], "flags": {}, "segments": {}, "layers": {}}

    def read(self) -> Folder:
        manifest = self._manifest()
        if manifest is not None:
            self._document["environments"] = list(manifest.environments)
        for file in sorted(self._files):
            folder, _, rest = file.partition("/")
            if folder in FOLDERS and not _is_beside(file):
                self._file(folder, rest, file, manifest)
        project = manifest.project if manifest else ""
        return Folder(project, self._document, tuple(self._faults), self._origins, self._files)

    def _manifest(self) -> Manifest | None:
        if MANIFEST not in self._files:
            self._fault(MANIFEST, "", "is not there", "is this the folder? pennon export --files makes one", line=0)
            return None
        value = self._value(MANIFEST)
        if value is None or not self._has_shape(MANIFEST, value, Manifest):
            return None
        manifest = msgspec.convert(value, Manifest)
        if manifest.format != FORMAT:
            mend = f"use a Pennon that reads it; this one reads {FORMAT}"
            self._fault(MANIFEST, "/format", f"there is no form {manifest.format} of files", mend)
            return None
        if len(set(manifest.environments)) != len(manifest.environments):
            self._fault(MANIFEST, "/environments", "an environment is there twice", "drop one")
        return manifest

    def _file(self, folder: str, rest: str, file: str, manifest: Manifest | None) -> None:
        depth = 1 if folder == "flags" else 2
        if not file.endswith(".yaml"):
            self._fault(file, "", "is no .yaml file", "rename it, or move it out of the folder", line=0)
        elif rest.count("/") != depth - 1:
            where = "flags/KEY.yaml" if folder == "flags" else f"{folder}/ENVIRONMENT/KEY.yaml"
            self._fault(file, "", "is in the wrong folder", f"files are {where}", line=0)
        elif (value := self._value(file)) is not None:
            if not isinstance(value, dict) or not isinstance(value.get("key"), str):
                self._fault(file, "/key", "has no key", "say which item it is, as in key: new-checkout")
            elif folder == "flags":
                self._flag(file, value, manifest)
            else:
                self._item(folder, file, value, manifest)

    def _flag(self, file: str, value: dict[str, Any], manifest: Manifest | None) -> None:
        members = {name: each for name, each in value.items() if name != "environments"}
        environments = value.get("environments", {})
        fits = self._has_shape(file, members, FlagDefinition)
        fits = self._has_shape(file, {"environments": environments}, _Configurations) and fits
        if fits and self._is_named(file, value["key"], "flag", ""):
            for environment in environments:
                self._knows(manifest, environment, file, pointer("environments", environment))
            self._put(file, ("flags", value["key"]), {"definition": members, "environments": environments})

    def _item(self, folder: str, file: str, value: dict[str, Any], manifest: Manifest | None) -> None:
        kind, model = _KINDS[folder]
        environment = self._environment(folder, file, manifest)
        if not self._has_shape(file, value, model) or environment is None:
            return
        if self._is_named(file, value["key"], kind, environment):
            self._put(file, (folder, environment, value["key"]), value)

    def _environment(self, folder: str, file: str, manifest: Manifest | None) -> str | None:
        """Return the environment whose folder *file* is in; None: the files speak of none that it can be."""
        name = file.split("/")[1]
        known = manifest.environments if manifest else (name,)
        found = next((each for each in known if file_name(each) == f"{name}.yaml"), None)
        if found is None:
            self._knows(manifest, name, file, "")
        return found

    def _knows(self, manifest: Manifest | None, environment: str, file: str, path: str) -> None:
        if manifest is not None and environment not in manifest.environments:
            message = f"{MANIFEST} does not name the environment {environment!r}"
            self._fault(file, path, message, f"add it to `environments` in {MANIFEST}, or leave this out")

    def _put(self, file: str, place: tuple[str, ...], value: Json) -> None:
        prefix, items = pointer(*place), self._document
        for step in place[:-1]:
            items = items.setdefault(step, {})
        if prefix in self._origins:
            message = f"{place[-1]!r} is in {self._origins[prefix]} too"
            self._fault(file, "/key", message, "delete one of the files")
        self._origins.setdefault(prefix, file)
        items[place[-1]] = value

    def _is_named(self, file: str, key: str, kind: str, environment: str) -> bool:
        names = [file_of(kind, key, environment, is_alone=alone) for alone in (True, False)]
        if file not in names:
            self._fault(file, "/key", f"it is {key!r}, and the file is called otherwise", f"rename it: {names[0]}")
        return file in names

    def _has_shape(self, file: str, value: Json, model: type[msgspec.Struct]) -> bool:
        found = [*_head_problems(value), *shape_problems(value, model)]
        for problem in found:
            mend = _MENDS.get(problem.mend, problem.mend.replace("send ", "write ", 1))
            self._fault(file, problem.path, problem.message, mend)
        return not found

    def _value(self, file: str) -> Json:
        reading = read_yaml(self._files[file])
        faults = [FileFault(file, each.line, each.path, each.message, each.mend) for each in reading.faults]
        self._faults += faults
        return None if faults else reading.value

    def _fault(self, file: str, path: str, message: str, mend: str, *, line: int | None = None) -> None:
        at = line_of(self._files[file], path) if line is None else line
        self._faults.append(FileFault(file, at, path, message, mend))


class _Configurations(Wire, frozen=True, kw_only=True):
    environments: dict[str, FlagConfiguration]


def _head_problems(value: Json) -> Iterator[Problem]:
    for name in _SET_BY_SERVER if isinstance(value, dict) else ():
        if name in value:
            yield Problem(pointer(name), "is not for files to say", "leave it out")


def _is_beside(file: str) -> bool:
    """Return whether *file* is one that people and programs keep beside the others."""
    *folders, name = file.split("/")
    return name.startswith(("README", ".")) or any(each.startswith(".") for each in folders)


def _names(kind: str, keys: Iterable[str], environment: str = "") -> Iterator[tuple[str, str]]:
    """Yield each key with the name of its file, in the order of the keys."""
    counts = Counter(file_name(key).lower() for key in keys)
    for key in sorted(keys):
        yield key, file_of(kind, key, environment, is_alone=counts[file_name(key).lower()] == 1)


def _flag_members(entry: FlagEntry) -> dict[str, Json]:
    environments = {
        name: _ordered("configuration", {"on": each.on, **_members(each)})
        for name, each in sorted(entry.environments.items())
    }
    return {**_ordered("definition", _members(entry.definition)), "environments": environments}


def _members(item: msgspec.Struct) -> dict[str, Json]:
    found: dict[str, Json] = msgspec.json.decode(msgspec.json.encode(item))
    return found


def _ordered(kind: str, members: dict[str, Json]) -> dict[str, Json]:
    """Return *members* of an item, or of a part of one, in the order in which people read them."""
    first, last = _ORDERS.get(kind, ()), _LAST.get(kind, ())
    middle = (name for name in members if name not in first and name not in last)
    found = {name: members[name] for name in (*first, *middle, *last) if name in members}
    for name, part in (("rules", "rule"), ("conditions", "condition")):
        if kind in {"configuration", "segment", "rule"} and isinstance(found.get(name), list):
            found[name] = [_ordered(part, each) for each in found[name]]
    return found
