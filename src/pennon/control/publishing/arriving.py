"""From what nodes report to when each change arrived where. Pure; one environment, as one process hears of it."""

from collections.abc import Mapping
from datetime import datetime

from pennon.control.publishing.propagation import REVISIONS, Arrivals
from pennon.model import Position

ENTRIES = 200_000
"""So many arrivals are remembered, of all revisions together: 10,000 nodes at the latest 20."""


class Arriving:
    """Follows which revisions each node has come to, and remembers the latest arrivals."""

    def __init__(self, environment: str, *, writer: str) -> None:
        self._environment = environment
        self._writer = writer
        self._reached: dict[str, Position] = {}
        self._delays: dict[Position, dict[str, float]] = {}
        self._committed: dict[Position, datetime] = {}
        self._entries = 0
        self._below = Position(0, 0)
        self._changed: set[Position] = set()

    def begins(self, node: str, position: Position) -> None:
        """Note where *node* stands, without its having come there now: what it applied before is not known in time."""
        self._reached[node] = position

    def forget_nodes(self) -> None:
        """Forget where all nodes stand: there are more names than there can be nodes."""
        self._reached.clear()

    def knows(self, node: str) -> bool:
        """Whether it is known where *node* stood before."""
        return node in self._reached

    def applied(self, node: str, at: Mapping[Position, datetime], commits: Mapping[int, datetime]) -> list[float]:
        """Take note that *node* came to positions at these times, and return after how many seconds each change did.

        *commits* says when the changes of the epoch were made. A step over several changes brought each of them.
        """
        delays = []
        for position, moment in sorted(at.items()):
            before = self._reached.setdefault(node, position)
            if position <= before:
                continue
            self._reached[node] = position
            if before.epoch != position.epoch:
                continue
            for revision in range(max(before.revision, position.revision - REVISIONS) + 1, position.revision + 1):
                if (committed_at := commits.get(revision)) is not None:
                    delay = max(0.0, (moment - committed_at).total_seconds())
                    self._note(Position(position.epoch, revision), committed_at, node, delay)
                    delays.append(delay)
        return delays

    def changed(self) -> list[Arrivals]:
        """Return what has come since `kept`, each change with all that this process knows of its arrivals."""
        return [
            Arrivals(
                environment=self._environment,
                position=position,
                committed_at=self._committed[position],
                delays=dict(self._delays[position]),
                writer=self._writer,
            )
            for position in sorted(self._changed)
        ]

    def kept(self) -> None:
        """Note that what `changed` returned is kept."""
        self._changed.clear()

    def _note(self, position: Position, committed_at: datetime, node: str, delay: float) -> None:
        if position <= self._below:
            return  # what is kept of it would be replaced by this alone
        self._committed[position] = committed_at
        delays = self._delays.setdefault(position, {})
        self._entries += node not in delays
        delays.setdefault(node, round(delay, 4))
        self._changed.add(position)
        if len(self._delays) > REVISIONS or self._entries > ENTRIES:
            self._forget(min(self._delays))

    def _forget(self, position: Position) -> None:
        self._below = max(self._below, position)
        self._entries -= len(self._delays.pop(position))
        del self._committed[position]
        self._changed.discard(position)
