"""Flags from a JSON or YAML file, watched: development without a server, and installations that deploy files.

The file holds a snapshot, as a server would send it, or the short form:

    flags:
      new-checkout: true                      # a value: that is what everybody gets
      theme: {variations: {dark: "#000", light: "#fff"}, serve: dark}
"""

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from pennon.model import DECODE_ERRORS, ModelError, Snapshot, decoding_problem
from pennon.sdk.errors import InvalidFile
from pennon.sdk.sources.base import Adopt
from pennon.sdk.sources.short import expanded

_LOOK_EVERY_S = 0.5


class FileSource:
    """Reads flags from the file at *path*, and again whenever it changes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._listeners: list[Adopt] = []
        self._seen: tuple[int, int, int] | None = None
        self._content = b""
        self._snapshot: Snapshot | None = None
        self._problem = ""

    @property
    def look_every_s(self) -> float:
        """How often the file is looked at."""
        return _LOOK_EVERY_S

    def attach(self, adopt: Adopt) -> None:
        """Begin: hand *adopt* what the file holds. Raises `InvalidFile` if it cannot be read at the start."""
        if self._snapshot is None and (problem := self.look()):
            raise InvalidFile(problem)
        self._listeners.append(adopt)
        if self._snapshot is not None:
            adopt(self._snapshot)

    def detach(self, adopt: Adopt) -> None:
        """Stop handing anything to *adopt*."""
        self._listeners = [each for each in self._listeners if each != adopt]

    def look(self) -> str:
        """Read the file if it changed, and hand over what it holds. Return what is wrong with it, if anything is."""
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return self._problem
            content = self.path.read_bytes()
            self._seen = stamp
            self._problem = ""
            if content != self._content or self._snapshot is None:
                self._take(read_flags(content, self.path.name, revision=self._next_revision()))
                self._content = content
        except OSError as error:
            self._problem = f"{self.path} cannot be read: {error.strerror or error}"
        except InvalidFile as error:
            self._problem = f"{self.path}: {error}"
        return self._problem

    def _stamp(self) -> tuple[int, int, int]:
        found = self.path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _next_revision(self) -> int:
        return 1 if self._snapshot is None else self._snapshot.revision + 1

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        for adopt in list(self._listeners):
            adopt(snapshot)


def read_flags(content: bytes, name: str, *, revision: int = 1) -> Snapshot:
    """Return the state that the *content* of a file called *name* (`.json`, `.yaml`, `.yml`) holds.

    A document without a revision gets *revision*. Raises `InvalidFile`.
    """
    if name.endswith((".yaml", ".yml")):
        document = _yaml(content)
    else:
        try:
            document = msgspec.json.decode(content)
        except DECODE_ERRORS as error:
            raise InvalidFile(str(decoding_problem(error))) from error
    if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
        raise InvalidFile('/: expected an object with the member "flags", an object of flags by key')
    try:
        text = msgspec.json.encode(expanded(document, revision=revision))
        return Snapshot.from_json(text)
    except (ModelError, TypeError, UnicodeEncodeError) as error:
        raise InvalidFile(str(error)) from error


def _yaml(content: bytes) -> Any:
    try:
        import yaml  # noqa: PLC0415  # an extra, for those who write YAML
    except ImportError as error:
        raise InvalidFile("reading YAML needs PyYAML: pip install pennon[yaml], or write JSON") from error

    class Loader(yaml.SafeLoader):
        """YAML 1.2 as far as words go: `on` and `2026-01-01` are strings, `on: true` has the member "on"."""

    bool_tag, date_tag = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
    Loader.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] not in (bool_tag, date_tag)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(bool_tag, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
    try:
        return yaml.load(content, Loader)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFile(" ".join(str(error).split())) from error
