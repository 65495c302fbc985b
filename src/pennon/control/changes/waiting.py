"""What waits in the logs of projects to be done, as chores look for it every few seconds."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pennon.control.log import Head, Reading, project_log

T = TypeVar("T")
_PREFIX = project_log("")


class Waiting(Generic[T]):
    """Remembers what *read* found in a project, and reads it again only where the project's log went on.

    So that looking is one query, however many projects there are.
    """

    def __init__(self, read: Callable[[Reading, str], Sequence[T]]) -> None:
        self._read = read
        self._known: dict[str, tuple[Head, Sequence[T]]] = {}

    def look(self, reading: Reading) -> list[tuple[str, T]]:
        """Return what waits now, with the project in which it does."""
        heads = reading.heads(_PREFIX)
        self._known = {log: self._at(reading, log, head) for log, head in heads.items()}
        return [(log.removeprefix(_PREFIX), each) for log, (_, found) in self._known.items() for each in found]

    def _at(self, reading: Reading, log: str, head: Head) -> tuple[Head, Sequence[T]]:
        known = self._known.get(log)
        if known is not None and known[0] == head:
            return known
        return head, self._read(reading, log.removeprefix(_PREFIX))
