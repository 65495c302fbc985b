"""What a command read of the logs, and whether a change that others made since alters any of it. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from pennon.control.log import Edit


class Seen:
    """Reads as they were asked for: items by their keys, items of a kind by a part of their texts, and logs whole."""

    def __init__(self) -> None:
        self._items: set[tuple[str, str, str]] = set()
        self._parts: defaultdict[tuple[str, str], set[bytes]] = defaultdict(set)
        self._logs: set[str] = set()
        self._prefixes: set[str] = set()
        self._known: set[str] = set()

    def is_of(self, log: str) -> bool:
        """Return whether anything of *log* was read."""
        return log in self._known or log.startswith(tuple(self._prefixes))

    def item(self, log: str, kind: str, key: str) -> None:
        """Note that one item was looked up, whether it was there or not."""
        self._known.add(log)
        self._items.add((log, kind, key))

    def kind(self, log: str, kind: str, *, part: bytes = b"") -> None:
        """Note that the items of one kind were listed whose text has *part* in it."""
        self._known.add(log)
        self._parts[log, kind].add(part)

    def log(self, log: str) -> None:
        """Note that something of *log* was read that every change to it alters."""
        self._known.add(log)
        self._logs.add(log)

    def logs(self, prefix: str) -> None:
        """Note that it was read where each log stands whose name starts with *prefix*."""
        self._prefixes.add(prefix)

    def is_altered(self, log: str, edits: Iterable[Edit]) -> bool:
        """Return whether *edits*, which others made to *log*, alter what was read of it."""
        if log in self._logs or log.startswith(tuple(self._prefixes)):
            return True
        return any(self._is_altered_by(log, edit) for edit in edits)

    def _is_altered_by(self, log: str, edit: Edit) -> bool:
        if (log, edit.kind, edit.key) in self._items:
            return True
        parts = self._parts.get((log, edit.kind), ())
        return any(part in text for part in parts for text in (edit.before, edit.after) if text is not None)
