"""Read-only answers about the flags of a project and of its environments."""

from collections.abc import Callable

import msgspec

from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.log import ChangeLog, EnvironmentName, Reading, Stored, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page, page_of
from pennon.control.working.state import ARCHIVED

_MARK = b'"archived":true'


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which flags are asked for: all that are not archived, or those among them of which each of these holds.

    `search` is in key, name or description, whatever the case; `tag` and `owner` are theirs. With `archived`, those
    that are, and no others.
    """

    search: str = ""
    tag: str | None = None
    owner: str | None = None
    archived: bool = False

    def matcher(self) -> Callable[[Stored], bool]:
        """Return what tells of a stored definition whether it is asked for."""
        wanted, is_every = self.search.lower(), self == EVERY

        def matches(stored: Stored) -> bool:
            if is_every and _MARK not in stored.text:  # most need not be read
                return True
            definition = stored.read(FlagDefinition)
            if definition.archived != self.archived or self.owner not in (None, definition.owner):
                return False
            texts = (definition.key, definition.name, definition.description)
            return self.tag in (None, *definition.tags) and any(wanted in text.lower() for text in texts)

        return matches


EVERY = Asked()
"""Asks for every flag that is not archived."""


class FlagViews:
    """Answers about flags. Each raises `NotFound` for a project or an environment that is not there."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log

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
            matches = asked.matcher()
            return page_of(reading, project_log(project), "definition", after=after, limit=limit, matches=matches)

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
            matches = None if asked == EVERY else _by_definition(reading, environment.project, asked.matcher())
            return page_of(reading, environment.log, "flag", after=after, limit=limit, matches=matches)


def _by_definition(reading: Reading, project: str, matches: Callable[[Stored], bool]) -> Callable[[Stored], bool]:
    asked_for = {item.key for item in reading.items(project_log(project), "definition") if matches(item)}
    return lambda stored: stored.key in asked_for
