"""Handing batches on to another node, decided: what to send next, to whom, and what an answer means. Pure.

    records of the spool ──► Outbox ──group──► an upstream ──results──► Outbox ──settled──► the spool moves on
                               │
                               └──► refused for good: a dead letter first, then settled

A batch leaves the outbox when it was taken above or is a dead letter, and the spool moves on behind what has left. What
is sent twice for want of an answer is counted once above.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from pennon.events import DIRECT, Fate, Forwarded, Result
from pennon.ingest.spool import Place, Record

MOST = 500
"""So many batches are in the outbox, and in one request, at most."""
GROUP_BYTES = 512 * 1024
"""A request has more than this only where a single batch does."""
_ENTRY_BYTES = 160
"""What a batch has around it in a request, but for the nodes that it came by."""
_HOP_BYTES = 19
_LONGEST = 20 * MOST
_STRIKES = 3
_OTHERS_FIRST = 4
_MAX_DOUBLINGS = 20


class Letter(msgspec.Struct, frozen=True):
    """A batch to be handed on: its place in the spool, and the batch as it is written there."""

    environment: str
    key_hash: str
    received_at: int
    """When it came to the first node, in milliseconds since 1970 by this node's clock."""
    batch: bytes
    instance: str
    sequence: int
    via: tuple[str, ...] = ()

    def forwarded(self, node: str, now_ms: int) -> Forwarded:
        """Return the batch as *node* hands it on at *now_ms*."""
        waited = max(0, now_ms - self.received_at)
        return Forwarded(self.key_hash, msgspec.Raw(self.batch), waited, (*self.via, node))

    @property
    def size(self) -> int:
        """About how many bytes it takes in a request."""
        return len(self.batch) + _ENTRY_BYTES + _HOP_BYTES * len(self.via)


class _Head(msgspec.Struct, frozen=True):
    instance: str
    sequence: int


class _Lying(msgspec.Struct, frozen=True, rename="camel"):
    environment: str
    key_hash: str
    received_at: int
    batch: msgspec.Raw
    via: tuple[str, ...] = DIRECT.via


_LYING = msgspec.json.Decoder(_Lying)
_HEADS = msgspec.json.Decoder(_Head)


def letter(payload: bytes) -> Letter | None:
    """Read a record of the spool without reading the events in it; None where it is none of ours."""
    try:
        found = _LYING.decode(payload)
        batch = bytes(found.batch)
        head = _HEADS.decode(batch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Letter(
        environment=found.environment,
        key_hash=found.key_hash,
        received_at=found.received_at,
        batch=batch,
        instance=head.instance,
        sequence=head.sequence,
        via=found.via,
    )


class Entry:
    """A letter in the outbox, and what its senders have learned of it.

    It comes from the spool, and *after* is the place behind it; or from a file, and *file* is its name.
    """

    __slots__ = ("after", "broke_at", "declined", "file", "is_settled", "letter", "strikes")

    def __init__(self, letter: Letter, *, after: Place | None = None, file: str | None = None) -> None:
        self.letter = letter
        self.after = after
        self.file = file
        self.is_settled = False
        self.declined: set[int] = set()
        """The upstreams that will not take it now, though they may take others."""
        self.broke_at: int | None = None
        self.strikes = 0

    def settle(self) -> None:
        """Note that this one is done with. Its bytes go now, though others before it may keep its place."""
        self.is_settled = True
        self.letter = _GONE


_GONE = Letter(environment="", key_hash="", received_at=0, batch=b"", instance="", sequence=0)
Group: TypeAlias = Sequence[Entry]


class Refused(msgspec.Struct, frozen=True):
    """A batch that no upstream will ever take, and why. It is settled once it is kept elsewhere."""

    entry: Entry
    why: str


class Settled(msgspec.Struct, frozen=True):
    """What the outbox has let go: the spool up to *place*, and these *files*."""

    place: Place | None
    files: tuple[str, ...]


class Outbox:
    """The batches that are on their way up, in the order in which they came."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._most = MOST
        self._taken = 0
        self._answers = 0
        self._end: Place | None = None
        self._passed: Place | None = None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def room(self) -> int:
        """How many more it can hold. One that nobody takes now does not hold up those behind it for long."""
        waiting = sum(not entry.is_settled for entry in self._entries)
        return max(0, min(MOST - waiting, _LONGEST - len(self._entries)))

    @property
    def end(self) -> Place | None:
        """The place up to which the spool was taken over, None where nothing was."""
        return self._end

    @property
    def oldest(self) -> int | None:
        """When the first batch that waits here came, in milliseconds since 1970; None where none waits."""
        return next((entry.letter.received_at for entry in self._entries if not entry.is_settled), None)

    def fill(self, records: Iterable[Record]) -> int:
        """Take *records* of the spool. Return how many of them are damaged: nothing can be done for those."""
        damaged = 0
        for record in records:
            self._end = record.after
            found = None if record.payload is None else letter(record.payload)
            if found is None:
                damaged += 1
            else:
                self._entries.append(Entry(found, after=record.after))
        if not self._entries:
            self._passed = self._end
        return damaged

    def add(self, file: str, letter: Letter) -> None:
        """Take a letter that lies in a file."""
        self._entries.append(Entry(letter, file=file))

    def holds(self, file: str) -> bool:
        """Whether the letter in *file* is here."""
        return any(entry.file == file for entry in self._entries)

    def group(self, upstream: int) -> list[Entry]:
        """Return what *upstream* should be sent now: nothing, where it has declined all that is left.

        One that the upstream once broke over goes alone, and after some others, so that it keeps none from arriving.
        """
        free = [entry for entry in self._entries if not entry.is_settled and upstream not in entry.declined]
        sound = [entry for entry in free if entry.broke_at is None]
        suspects = [entry for entry in free if entry.broke_at is not None]
        if sound and not (suspects and self._answers >= _OTHERS_FIRST):
            return _fitting(sound, self._most)
        # The one that had its turn longest ago.
        return sorted(suspects, key=lambda entry: entry.broke_at or 0)[:1]

    def answered(self, group: Group, upstream: int, results: Sequence[Result]) -> list[Refused]:
        """Take note of what *upstream* said of each of *group*. Return what it refused for good."""
        refused = []
        for entry, result in zip(group, results, strict=True):
            match result.status:
                case Fate.ACCEPTED | Fate.DUPLICATE:
                    entry.settle()
                    self._taken += 1
                case Fate.REFUSED:
                    refused.append(Refused(entry, result.problem or "refused"))
                case Fate.RETRY:
                    entry.declined.add(upstream)
        self._most = min(MOST, self._most * 2)
        self._answers += 1
        return refused

    def unfit(self, group: Group, why: str) -> list[Refused]:
        """Take note that a request with *group* cannot be taken as it is. Return what that means for good.

        Of several nobody knows which one it is: fewer go next time. One alone is refused.
        """
        if len(group) == 1:
            return [Refused(group[0], why)]
        self._most = max(1, len(group) // 2)
        return []

    def broke(self, group: Group, why: str) -> list[Refused]:
        """Take note that the upstream failed over a request with *group*: 500, or an answer without sense.

        It may be ill, or one of the batches make it so. That is one which it fails over alone, time and again, while it
        takes others in between.
        """
        if len(group) > 1:
            self._most = max(1, len(group) // 2)
            return []
        entry, self._answers = group[0], 0
        if entry.broke_at is not None and self._taken > entry.broke_at:
            entry.strikes += 1
        entry.broke_at = self._taken
        return [Refused(entry, why)] if entry.strikes >= _STRIKES else []

    def forgive(self, upstream: int) -> None:
        """Offer *upstream* everything again."""
        for entry in self._entries:
            entry.declined.discard(upstream)

    def settled(self) -> Settled | None:
        """Let go of what is settled: of the spool's what is in front, of files each. None where nothing is new."""
        files = tuple(entry.file for entry in self._entries if entry.is_settled and entry.file is not None)
        if files:
            self._entries = deque(entry for entry in self._entries if entry.file not in files)
        place, self._passed = self._passed, None
        while self._entries and self._entries[0].is_settled:
            place = self._entries.popleft().after or place
        if not self._entries:
            place = self._end if place is not None else None
        return Settled(place, files) if place is not None or files else None


def _fitting(entries: Sequence[Entry], most: int) -> list[Entry]:
    group: list[Entry] = []
    size = 0
    for entry in entries[:most]:
        size += entry.letter.size
        if group and size > GROUP_BYTES:
            break
        group.append(entry)
    return group


class Upstreams:
    """Which upstream to ask: the most preferred one of those that are not being left alone after a failure.

    After a failure one is left alone for a random time up to `base_s`, doubled with each further one up to `cap_s`; so
    the preferred ones are tried again, and gone back to, by themselves.
    """

    def __init__(self, count: int, *, chance: Callable[[], float], base_s: float = 0.5, cap_s: float = 60.0) -> None:
        self._failures = [0] * count
        self._not_before = [float("-inf")] * count
        self._chance = chance
        self._base_s = base_s
        self._cap_s = cap_s

    def choose(self, now: float) -> int | None:
        """Return the upstream to ask at *now*, None where all are left alone."""
        return next((at for at, not_before in enumerate(self._not_before) if not_before <= now), None)

    def wait_s(self, now: float) -> float:
        """Return how long it is until one may be asked."""
        return max(0.0, min(self._not_before) - now)

    @property
    def failures(self) -> int:
        """How often in a row the least failing upstream has failed."""
        return min(self._failures)

    def worked(self, upstream: int) -> None:
        """Note that *upstream* does what it should."""
        self._failures[upstream] = 0

    def failed(self, upstream: int, now: float, wish_s: float | None = None) -> None:
        """Note that *upstream* did not, and leave it alone for a while: for *wish_s* at least, if it said so."""
        doublings = min(self._failures[upstream], _MAX_DOUBLINGS)
        self._failures[upstream] += 1
        pause = self._chance() * min(self._cap_s, self._base_s * 2**doublings)
        if wish_s is not None:
            # Spread by half: many nodes were told the same.
            pause = max(pause, min(wish_s, self._cap_s) * (1 + self._chance() / 2))
        self._not_before[upstream] = now + pause
