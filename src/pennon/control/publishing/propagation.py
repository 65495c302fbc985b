"""How far changes have come: what nodes report, what of it is kept, and the port of whoever keeps it.

Beside the log, for nothing is changed by it. All times are by the clocks of servers; those of nodes are never compared.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from pennon.model import Position
from pennon.stream.acks import Ack

REVISIONS = 100
"""Of so many revisions of an environment, the latest, it is kept when they arrived where."""


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last that a node of *environment* reported, and when it did.

    `writer` names the process that serves at the origin itself, whose reports are its own; it is empty for edge nodes.
    """

    environment: str
    ack: Ack
    heard_at: datetime
    writer: str = ""


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """After how many seconds a change was applied by which node, as far as one process, the *writer*, heard of it."""

    environment: str
    position: Position
    committed_at: datetime
    delays: Mapping[str, float]
    writer: str = ""


class PropagationStore(Protocol):
    """Keeps what nodes report, for all servers over one database."""

    def keep(self, reports: Sequence[NodeReport], arrivals: Sequence[Arrivals]) -> None:
        """Keep all of it in one transaction. A newer report replaces the one before, and so do arrivals of a writer.

        A report of a node that is `gone` removes it. What is old goes by itself. Raises `Unavailable`.
        """

    def reports(self, environment: str | None = None) -> list[NodeReport]:
        """Return the reports about *environment*, or about all, by environment and node."""

    def arrivals(self, environment: str, *, revision: int | None = None) -> list[Arrivals]:
        """Return when the latest changes arrived, or that of *revision*: newest first, those of all writers as one."""

    def commits(self, environment: str, epoch: int, *, limit: int = REVISIONS) -> Mapping[int, datetime]:
        """Return when the latest changes of an epoch were committed, by revision."""
