"""Read-only answers about flags at their end: which are archived, since when and by whom."""

import msgspec

from pennon.control.flags.definitions import FlagDefinition
from pennon.control.flags.views import Asked, FlagViews
from pennon.control.log import Change, ChangeLog, project_log
from pennon.control.working.pages import Page


class ArchivedFlag(msgspec.Struct, frozen=True):
    """A flag that is archived, and the change of the project that made it so."""

    definition: FlagDefinition
    change: Change


class ArchiveViews:
    """Answers about archived flags."""

    def __init__(self, log: ChangeLog, flags: FlagViews) -> None:
        self._log = log
        self._flags = flags

    def flags(self, project: str, *, after: str | None = None, limit: int = 100) -> Page[ArchivedFlag]:
        """Return a page of archived flags in the order of their keys. Raises `NotFound` for the project."""
        page = self._flags.definitions(project, Asked(archived=True), after=after, limit=limit)
        with self._log.reading() as reading:
            # Nothing of a definition is changed while it is archived, so its last change is the one that archived it.
            found = [(item, reading.change(project_log(project), item.changed_at)) for item in page.items]
        archived = (ArchivedFlag(item.read(FlagDefinition), change) for item, change in found if change is not None)
        return Page(tuple(archived), page.next)
