"""Read-only answers about the flags of a project and of its environments."""

from collections.abc import Callable

from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.log import ChangeLog, EnvironmentName, Reading, Stored, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page, page_of


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
        *,
        search: str = "",
        tag: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Stored]:
        """Return a page of definitions in the order of their keys, from behind the key *after*.

        *search* is looked for in key, name and description, whatever the case; with *tag*, only flags that have it.
        """
        with self._log.reading() as reading:
            find_project(reading, project)
            matches = _matcher(search, tag)
            return page_of(reading, project_log(project), "definition", after=after, limit=limit, matches=matches)

    def flag(self, environment: EnvironmentName, key: str) -> Stored:
        """Return the flag that *environment* serves; `.read(Flag)` has it typed. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            if (stored := reading.item(environment.log, "flag", key)) is None:
                raise NotFound("flag", key)
            return stored

    def flags(
        self,
        environment: EnvironmentName,
        *,
        search: str = "",
        tag: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Stored]:
        """Return a page of the flags that *environment* serves; see `definitions`."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            matches = _by_definition(reading, environment.project, _matcher(search, tag))
            return page_of(reading, environment.log, "flag", after=after, limit=limit, matches=matches)


def _matcher(search: str, tag: str | None) -> Callable[[Stored], bool] | None:
    """Return what tells whether a definition is asked for; None: all are."""
    wanted = search.lower()
    if not wanted and tag is None:
        return None

    def matches(stored: Stored) -> bool:
        definition = stored.read(FlagDefinition)
        texts = (definition.key, definition.name, definition.description)
        return (tag is None or tag in definition.tags) and any(wanted in text.lower() for text in texts)

    return matches


def _by_definition(
    reading: Reading, project: str, matches: Callable[[Stored], bool] | None
) -> Callable[[Stored], bool] | None:
    if matches is None:
        return None
    asked_for = {item.key for item in reading.items(project_log(project), "definition") if matches(item)}
    return lambda stored: stored.key in asked_for
