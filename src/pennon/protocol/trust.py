"""Trust: whose signatures count, and what a signed head says of a state in hand. No cryptography of its own."""

from collections.abc import Callable, Collection, Iterable

import msgspec

from pennon.model import Head, Position, Rotation, Snapshot
from pennon.protocol import heads
from pennon.protocol.actions import Reported, ReportKind
from pennon.protocol.heads import Verify
from pennon.protocol.projection import Projection
from pennon.protocol.roots import Lines


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a state. `environment` is the one it must be of, empty for any; `projections` those it may be.

    `is_strict`: nothing is adopted without proof. `max_head_age_s`: for how long a signature proves that a state is
    current; None: without end.
    """

    is_strict: bool = False
    environment: str = ""
    projections: Collection[Projection] = ("server", "edge")
    max_head_age_s: float | None = None


class Trust:
    """The public keys whose signatures count, as they follow rotations; and what they have signed.

    *time* gives seconds since 1970. One trust may serve many replicas, one after the other: it remembers rotations.
    """

    def __init__(self, keys: Iterable[str], verify: Verify, *, time: Callable[[], float], terms: Terms) -> None:
        self.terms = terms
        self._keys = set(keys)
        self._replaced: set[str] = set()
        self._verify = verify
        self._time = time
        self._good: dict[str, Head] = {}

    def fault(self, head: Head) -> str:
        """Return why the signature of *head* does not count; empty if it does."""
        if self._good.get(head.projection) == head:
            return ""  # heartbeats say the same one over and over
        self.follow(head.rotations)
        if head.key in self._replaced:
            return f"{head.key} was replaced by another key"
        if head.key not in self._keys:
            return f"{head.key} is not one of the trusted keys"
        if not self._is_signed(head.key, heads.statement(head), head.signature):
            return f"its signature is not that of {head.key}"
        self._good[head.projection] = head
        return ""

    def follow(self, rotations: Iterable[Rotation]) -> None:
        """Trust the keys that trusted ones are replaced by, in place of those. The first word of a key is its last."""
        for rotation, _ in zip(rotations, range(heads.MOST_ROTATIONS), strict=False):
            known = rotation.from_ in self._keys and rotation.from_ not in self._replaced
            if known and rotation.to not in self._replaced | {rotation.from_}:
                message = heads.rotation_statement(rotation)
                if heads.key_bytes(rotation.to) and self._is_signed(rotation.from_, message, rotation.signature):
                    self._keys.add(rotation.to)
                    self._replaced.add(rotation.from_)
                    self._good.clear()

    def judged(self, snapshot: Snapshot, lines: Lines, *, environment: str = "") -> "Head | Reported":
        """Return the head that proves *snapshot*, whose items have *lines*; or what is wrong with it.

        *environment* is the one that is known already: another's state is no later state of it.
        """
        found = [head for head in snapshot.heads if head.projection in self.terms.projections]
        found = list(heads.fitting(found, snapshot.environment, snapshot.position))
        if not found:
            return self.unsigned(snapshot.position)
        faults = []
        for head in found:
            if (fault := self._fault_of(head, lines, self.terms.environment or environment)) == "":
                return head
            faults.append(fault)
        return Reported(f"{snapshot.position} is not proved: {'; '.join(faults)}", ReportKind.UNTRUSTED)

    def is_fresh(self, head: Head) -> bool:
        """Whether *head* is young enough to prove that its state is current."""
        limit = self.terms.max_head_age_s
        return limit is None or self.age_s(head) <= limit

    def age_s(self, head: Head) -> float:
        """Return how many seconds ago *head* was signed, by both clocks of the day."""
        return max(0.0, self._time() - head.time / 1000)

    def stale(self, head: Head) -> Reported:
        """Return what to say of a head that is not fresh."""
        problem = f"{head.epoch}.{head.revision} was signed {self.age_s(head):.0f} s ago: nothing proves it current"
        return Reported(problem, ReportKind.STALE_HEAD)

    def unsigned(self, position: Position) -> Reported:
        """Return what to say of a state that came without a signed head."""
        return Reported(f"{position} came without a signed head", ReportKind.UNSIGNED)

    def _fault_of(self, head: Head, lines: Lines, wanted: str) -> str:
        if wanted and head.environment != wanted:
            return f"it is {head.environment!r}, not {wanted!r}"
        if fault := self.fault(head):
            return fault
        return "" if lines.root() == head.root else "its items are not those that were signed"

    def _is_signed(self, key: str, message: bytes | None, signature: str) -> bool:
        public, raw = heads.key_bytes(key), heads.decoded(signature, heads.SIGNATURE_BYTES)
        return not (message is None or public is None or raw is None) and self._verify(public, message, raw)
