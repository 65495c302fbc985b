"""Read-only answers about the flags of a project and of its environments."""

import bisect
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

import msgspec

from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.flags.index import Indexed, Naming, Standing, definition_index, naming_index, standing_index
from pennon.control.log import ChangeLog, EnvironmentName, Reading, Stored, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page
from pennon.control.working.state import ARCHIVED, ItemName


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which flags are asked for: all that are not archived, or those among them of which each of these holds.

    `search` is in key, name or description, whatever the case; `tag` and `owner` are theirs; `among` has their keys.
    With `archived`, those that are, and no others.
    """

    search: str = ""
    tag: str | None = None
    owner: str | None = None
    archived: bool = False
    among: Collection[str] | None = None

    def has(self, entry: Indexed) -> bool:
        """Return whether the flag of *entry* is asked for."""
        return (
            entry.archived == self.archived
            and self.owner in (None, entry.owner)
            and self.tag in (None, *entry.tags)
            and (self.among is None or entry.key in self.among)
            and self.search.lower() in entry.words
        )


class Labels(msgspec.Struct, frozen=True):
    """By what the flags of a project can be told apart, in order. `flags` is how many were asked for."""

    flags: int
    tags: tuple[str, ...]
    owners: tuple[str, ...]


EVERY = Asked()
"""Asks for every flag that is not archived."""


class FlagViews:
    """Answers about flags. Each raises `NotFound` for a project or an environment that is not there."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log
        self._index = definition_index()
        self._standings = standing_index()
        self._naming = (naming_index("flag"), naming_index("segment"))

    def definition(self, project: str, key: str) -> Stored:
        """Return a flag's definition; `.read(FlagDefinition)` has it typed. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_project(reading, project)
            if (stored := reading.item(project_log(project), "definition", key)) is None:
                raise NotFound("flag", key)
            return stored

    def definitions(
        self,
        project: str,
        asked: Asked = EVERY,
        *,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Stored]:
        """Return a page of the definitions that are *asked* for, in the order of keys, from behind the key *after*."""
        with self._log.reading() as reading:
            find_project(reading, project)
            keys = list(islice(self._keys(reading, project, asked, after), limit + 1))
            found = reading.items_named(project_log(project), "definition", keys[:limit])
            return Page(tuple(found), keys[limit - 1] if len(keys) > limit else None)

    def labels(self, reading: Reading, project: str, asked: Asked = EVERY) -> Labels:
        """Return how many flags are *asked* for, and by what all that are not archived can be told apart."""
        entries = self._index.entries(reading, project_log(project))
        live = [entry for entry in entries if not entry.archived]
        return Labels(
            sum(asked.has(entry) for entry in entries),
            tuple(sorted({tag for entry in live for tag in entry.tags})),
            tuple(sorted({entry.owner for entry in live if entry.owner})),
        )

    def standings(self, reading: Reading, environment: EnvironmentName) -> Mapping[str, Standing]:
        """Return of each flag that *environment* serves whether it is on."""
        return self._standings.by_key(reading, environment.log)

    def flag(self, environment: EnvironmentName, key: str) -> Stored:
        """Return the flag that *environment* serves; `.read(Flag)` has it typed. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            if (stored := reading.item(environment.log, "flag", key)) is None:
                is_kept = reading.item(environment.log, ARCHIVED, key) is not None
                raise NotFound("flag", key, mend="it is archived: restore it first" if is_kept else "")
            return stored

    def flags(
        self,
        environment: EnvironmentName,
        asked: Asked = EVERY,
        *,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Stored]:
        """Return a page of the flags that *environment* serves; see `definitions`."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            keys = list(islice(self._keys(reading, environment.project, asked, after), limit + 1))
            found = reading.items_named(environment.log, "flag", keys[:limit])
            return Page(tuple(found), keys[limit - 1] if len(keys) > limit else None)

    def users(self, reading: Reading, environment: EnvironmentName, used: ItemName) -> list[ItemName]:
        """Return which flags and segments of *environment* name the item *used*, in order."""
        return [each.name for each in self.naming(reading, environment) if used in each.used]

    def naming(self, reading: Reading, environment: EnvironmentName) -> Iterator[Naming]:
        """Yield what the flags of *environment* name, then its segments; those that name nothing are left out."""
        for index in self._naming:
            yield from index.entries(reading, environment.log)

    def keys(self, reading: Reading, project: str, *, limit: int) -> list[str]:
        """Return the first keys of a project's flags, but the archived ones, in order."""
        return list(islice(self._keys(reading, project, EVERY, None), limit))

    def _keys(self, reading: Reading, project: str, asked: Asked, after: str | None) -> Iterator[str]:
        entries = self._index.entries(reading, project_log(project))
        start = 0 if after is None else bisect.bisect_right(entries, after, key=lambda entry: entry.key)
        return (entry.key for entry in islice(entries, start, None) if asked.has(entry))
