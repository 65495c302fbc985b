"""Deliveries: what is to be sent to whom, and what came of it. The port that a storage implements, and its types.

They are rows and not changes. All deliveries of a webhook stand in a line; one server at a time tends a line.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

import msgspec

from pennon.control.webhooks.retrying import UNTIL, Circuit

KEPT = timedelta(days=30)
DeliveryState: TypeAlias = Literal["pending", "delivered", "dead"]


class Line(msgspec.Struct, frozen=True):
    """The line of a webhook: its name, and the log and key that the webhook is found by."""

    name: str
    owner: str
    webhook: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be told. `source` names what it tells of, once in a line; `id` is the same at each attempt.

    `status` and `said` are of the last attempt. After `until` it is tried no more.
    """

    id: str
    line: str
    source: str
    type: str
    body: bytes
    created: datetime
    due: datetime
    until: datetime
    state: DeliveryState = "pending"
    attempts: int = 0
    status: int | None = None
    said: str = ""
    ended: datetime | None = None

    @classmethod
    def of(cls, line: Line, source: str, kind: str, body: bytes, now: datetime) -> "Delivery":
        """Return a new delivery, due now. The same source has the same id, whoever makes it."""
        digest = hashlib.sha256(f"{line.name} {source}".encode()).hexdigest()
        return cls(
            id=f"msg_{digest[:24]}",
            line=line.name,
            source=source,
            type=kind,
            body=body,
            created=now,
            due=now,
            until=now + UNTIL,
        )


class Claim(msgspec.Struct, frozen=True):
    """A line that this server tends, and how its endpoint has been doing."""

    line: Line
    claimant: str
    circuit: Circuit


class Backlog(msgspec.Struct, frozen=True):
    """How many deliveries wait, how many are dead, and since when the oldest waits."""

    pending: int
    dead: int
    oldest: datetime | None


Move: TypeAlias = tuple[int, int]
"""From which revision of a log to which it was looked at."""


class DeliveryStore(Protocol):
    """Keeps deliveries, lines, and up to where each log was looked at. All raise `Unavailable`."""

    def cursors(self) -> Mapping[str, int]:
        """Return up to which revision each log was looked at. Logs of which nothing was are left out."""

    def collect(self, moves: Mapping[str, Move], found: Sequence[tuple[Line, Delivery]]) -> bool:
        """Keep what was *found* and move the cursors, in one transaction. False: somebody else was faster.

        A delivery that is there already, by its line and source, stays as it is.
        """

    def add(self, line: Line, delivery: Delivery) -> None:
        """Keep one more, and have it tried at once, also where the circuit is open."""

    def claim(self, claimant: str, now: datetime, until: datetime) -> Claim | None:
        """Claim a line for *claimant* in which something is due, and which nobody tends; the longest due first."""

    def hold(self, claim: Claim, until: datetime) -> bool:
        """Keep a claim for longer. False: it is another's by now."""

    def hold_all(self, claimants: Collection[str], until: datetime) -> None:
        """Keep the claims of all of these for longer, but those that are others' by now."""

    def first_due(self, line: str, now: datetime) -> Delivery | None:
        """Return what is to be sent next of a line: of what is due, a test, else the oldest."""

    def record(self, claim: Claim, delivery: Delivery, circuit: Circuit) -> bool:
        """Keep what came of an attempt, for the delivery and for the line. False: it is another's by now."""

    def release(self, claim: Claim) -> None:
        """Tend a line no more."""

    def bury(self, line: str, said: str, now: datetime) -> None:
        """Have everything that waits in a line be dead."""

    def forget(self, line: str) -> None:
        """Keep nothing of a line."""

    def next_due(self) -> datetime | None:
        """Return when something is to be done next, in any line that nobody tends."""

    def list(
        self, line: str, *, state: DeliveryState | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Return deliveries of a line, the newest first, from behind the one with the id *after*."""

    def find(self, line: str, identity: str) -> Delivery | None:
        """Return a delivery of a line by its id."""

    def redeliver(self, line: str, now: datetime, *, identity: str | None = None) -> int:
        """Have one delivery, or all dead ones of a line, be sent again, and close the circuit. Return how many."""

    def circuit(self, line: str) -> Circuit:
        """Return how the endpoint of a line has been doing."""

    def tally(self, lines: Collection[str]) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Return how many deliveries of each of *lines* are in each state. What has none is left out."""

    def backlog(self) -> Backlog:
        """Return how much waits in all lines together."""

    def sweep(self, before: datetime) -> int:
        """Forget deliveries that were made before, and lines that are empty; return how many deliveries."""
