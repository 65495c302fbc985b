"""Actions: what a replica asks of the shell that feeds it. The shell performs them; the replica owns nothing."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from pennon.model import Delta, Head, Item, ItemKind, Position, Snapshot
from pennon.protocol.state import Reference, delta_of


class Adopted(msgspec.Struct, frozen=True):
    """The replica holds *snapshot* from now on: swap the compiled rules, store it, pass it on.

    `touched` are exactly the items that differ from what was known before; None if nothing was. `step` is the delta
    that led here, if it was one.
    """

    snapshot: Snapshot
    touched: tuple[Reference, ...] | None
    previous: Position | None
    step: Delta | None = None

    def as_delta(self) -> Delta | None:
        """Return the step as a delta for a hub below; None where that must load the snapshot instead.

        It has no digest: the hub computes its own, and would refuse one that came wrong from above.
        """
        if self.step is not None:
            return msgspec.structs.replace(self.step, digest="", heads=self.snapshot.heads)
        before, after = self.previous, self.snapshot.position
        if before is None or self.touched is None or before.epoch != after.epoch or before >= after:
            return None
        changes: dict[ItemKind, dict[str, Item | None]] = {}
        for kind, key in self.touched:
            changes.setdefault(kind, {})[key] = self.snapshot.items(kind).get(key)
        return delta_of(
            changes,
            environment=self.snapshot.environment,
            position=after,
            since=before.revision,
            digest_after="",
            heads=self.snapshot.heads,
        )


class Endorsed(msgspec.Struct, frozen=True):
    """What the replica holds has other signed heads than before: pass them on to a hub below."""

    heads: tuple[Head, ...]

    def as_step(self, snapshot: Snapshot) -> Adopted:
        """Return it as a step from *snapshot*, which is held, to itself: for whoever follows by steps."""
        position = snapshot.position
        step = delta_of(
            {},
            environment=snapshot.environment,
            position=position,
            since=position.revision,
            digest_after=snapshot.digest,
            heads=self.heads,
        )
        return Adopted(snapshot, (), position, step)


class AskSince(msgspec.Struct, frozen=True):
    """Get the snapshot endpoint with `?since=` this position, or reconnect with it."""

    position: Position


class AskSnapshot(msgspec.Struct, frozen=True):
    """Get the whole snapshot, without `since` and without `If-None-Match`."""


class ReportKind(StrEnum):
    """What a report is about, for logs and counters."""

    MALFORMED = "malformed"
    DIGEST_MISMATCH = "digest mismatch"
    LAGGING = "lagging upstream"
    OLD_EPOCH = "upstream in an old epoch"
    OTHER_ENVIRONMENT = "other environment"
    UNSIGNED = "no signature"
    UNTRUSTED = "signature not trusted"
    STALE_HEAD = "signed too long ago"


class Reported(msgspec.Struct, frozen=True):
    """Something that a person may want to know.

    Nothing has to be done about it, but for a *refusal*: what came is not taken, and its sender is not to be believed.
    Close the connection, and come back as after any failure, asking for the whole.
    """

    problem: str
    kind: ReportKind
    is_refusal: bool = False


class Draining(msgspec.Struct, frozen=True):
    """The sender is about to close: reconnect after `retry_ms`, and do not count it as a failure."""

    retry_ms: int


Action: TypeAlias = Adopted | Endorsed | AskSince | AskSnapshot | Reported | Draining
