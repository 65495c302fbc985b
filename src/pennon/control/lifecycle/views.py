"""Read-only answers about a project's flags: which are archived, since when and by whom; and all as a manifest."""

import msgspec

from pennon.control.flags.definitions import FlagDefinition
from pennon.control.flags.views import Asked, FlagViews
from pennon.control.lifecycle.manifest import Manifest, manifest
from pennon.control.log import Change, ChangeLog, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page


class ArchivedFlag(msgspec.Struct, frozen=True):
    """A flag that is archived, and the change of the project that made it so."""

    definition: FlagDefinition
    change: Change


class LifecycleViews:
    """Answers about archived flags, and about all others that code may ask for."""

    def __init__(self, log: ChangeLog, flags: FlagViews) -> None:
        self._log = log
        self._flags = flags

    def archived(self, project: str, *, after: str | None = None, limit: int = 100) -> Page[ArchivedFlag]:
        """Return a page of archived flags in the order of their keys. Raises `NotFound` for the project."""
        page = self._flags.definitions(project, Asked(archived=True), after=after, limit=limit)
        with self._log.reading() as reading:
            # Nothing of a definition is changed while it is archived, so its last change is the one that archived it.
            revisions = sorted({item.changed_at for item in page.items})
            made = {revision: reading.change(project_log(project), revision) for revision in revisions}
        found = ((item, made[item.changed_at]) for item in page.items)
        archived = (ArchivedFlag(item.read(FlagDefinition), change) for item, change in found if change is not None)
        return Page(tuple(archived), page.next)

    def manifest(self, project: str) -> Manifest:
        """Return a project's flags as the OpenFeature CLI reads them. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_project(reading, project)
            stored = reading.items(project_log(project), "definition")
        return manifest(item.read(FlagDefinition) for item in stored)
