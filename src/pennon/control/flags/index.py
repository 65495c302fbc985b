"""What lists of flags are searched by: a few words of each definition, kept between requests as long as they hold.

Reading ten thousand definitions takes a fifth of a second, and lists are searched as people type. What is kept belongs
to a revision of the project's log; a later one is reached by the changes between.
"""

import threading
from collections.abc import Iterable, Mapping

import msgspec

from pennon.control.flags.definitions import FlagDefinition
from pennon.control.log import Head, Reading, project_log

_MOST_CHANGES = 500
"""Beyond so many all is read anew."""
_MOST_PROJECTS = 50


class Indexed(msgspec.Struct, frozen=True, gc=False):
    """What a definition is found by. `words` are its key, name and description in lower case."""

    key: str
    words: str
    tags: tuple[str, ...]
    owner: str
    archived: bool


class _Known(msgspec.Struct, frozen=True):
    head: Head
    entries: Mapping[str, Indexed]
    ordered: tuple[Indexed, ...]


class DefinitionIndex:
    """Keeps, of each project that somebody lists, what its definitions are found by."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._changing = threading.Lock()

    def entries(self, reading: Reading, project: str) -> tuple[Indexed, ...]:
        """Return what *reading* has of the project's definitions, in the order of their keys."""
        log = project_log(project)
        head = reading.head(log)
        if head is None:
            return ()
        known = self._known.get(project)
        if known is not None and known.head == head:
            return known.ordered
        entries = _followed(reading, log, known, head)
        if entries is None:
            entries = {stored.key: _indexed(stored.text) for stored in reading.items(log, "definition")}
        found = _Known(head, entries, tuple(entries[key] for key in sorted(entries)))
        self._keep(project, found)
        return found.ordered

    def _keep(self, project: str, found: _Known) -> None:
        with self._changing:
            known = self._known.pop(project, None)
            is_newer = known is None or _place(found.head) >= _place(known.head)
            self._known[project] = found if is_newer or known is None else known
            while len(self._known) > _MOST_PROJECTS:
                del self._known[next(iter(self._known))]


def _followed(reading: Reading, log: str, known: _Known | None, head: Head) -> dict[str, Indexed] | None:
    """Return *known* with the changes up to *head*; None where that is not how it came about."""
    if known is None or known.head.epoch != head.epoch or not 0 < head.revision - known.head.revision <= _MOST_CHANGES:
        return None
    changes = reading.changes(log, after=known.head.revision, until=head.revision, limit=_MOST_CHANGES)
    if not changes or changes[0].previous != known.head.hash or changes[-1].hash != head.hash:
        return None
    entries = dict(known.entries)
    for edit in (edit for change in changes for edit in change.edits if edit.kind == "definition"):
        if edit.after is None:
            entries.pop(edit.key, None)
        else:
            entries[edit.key] = _indexed(edit.after)
    return entries


def _indexed(text: bytes) -> Indexed:
    definition = msgspec.json.decode(text, type=FlagDefinition)
    words = "\n".join(_texts(definition)).lower()
    return Indexed(definition.key, words, definition.tags, definition.owner, definition.archived)


def _texts(definition: FlagDefinition) -> Iterable[str]:
    return definition.key, definition.name, definition.description


def _place(head: Head) -> tuple[int, int]:
    return head.epoch, head.revision
