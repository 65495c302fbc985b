"""Adds up what was evaluated: calls to counters on the way out, counters to hours on the way in. Pure."""

import msgspec

from pennon.events.batches import Counter, EventBatch, milliseconds
from pennon.model import Reason

HOUR_MS = 3_600_000
_SKEW_MS = 60_000
"""A sender's clock that is off by less is left alone: its batch was under way for a while."""
_OLDEST_MS = 7 * 24 * HOUR_MS
"""What began earlier is counted as if it began then: nobody may fill a year of hours with one batch."""


class HourlyCount(msgspec.Struct, frozen=True, order=True):
    """How often a flag served a variation within an hour. `hour` is the hour's start in seconds since 1970."""

    flag: str
    variation: str | None
    hour: int
    count: int


class Counters:
    """Counts evaluations until they are taken away. Bounded: what does not fit any more is only counted as dropped."""

    def __init__(self, *, limit: int = 10_000) -> None:
        self._limit = limit
        self._counts: dict[tuple[str, int | None, str | None, Reason], list[int]] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, flag: str, version: int | None, variation: str | None, reason: Reason, now_ms: int) -> None:
        """Count one evaluation at *now_ms*."""
        entry = self._counts.get((flag, version, variation, reason))
        if entry is not None:
            entry[0] += 1
            entry[2] = now_ms
        elif len(self._counts) < self._limit:
            self._counts[flag, version, variation, reason] = [1, now_ms, now_ms]
        else:
            self.dropped += 1

    def take(self) -> tuple[Counter, ...]:
        """Return the counters, and begin anew."""
        taken, self._counts = self._counts, {}
        return tuple(
            Counter(flag=flag, version=version, variation=variation, reason=reason, count=count, from_=first, to=last)
            for (flag, version, variation, reason), (count, first, last) in taken.items()
        )


class OnceAnHour:
    """Lets one exposure a unit, variation and hour through. Bounded: when full it forgets, and one may repeat."""

    def __init__(self, *, limit: int = 100_000) -> None:
        self._limit = limit
        self._hour = 0
        self._seen: set[tuple[str, str, str | int]] = set()

    def is_first(self, flag: str, variation: str, unit: str | int, now_ms: int) -> bool:
        """Whether *unit* has not been seen with *variation* of *flag* in this hour; from now on it has."""
        hour = now_ms // HOUR_MS
        if hour != self._hour or len(self._seen) >= self._limit:
            self._seen.clear()
            self._hour = hour
        entry = (flag, variation, unit)
        if entry in self._seen:
            return False
        self._seen.add(entry)
        return True


def hourly(batch: EventBatch, received_ms: int) -> tuple[HourlyCount, ...]:
    """Return *batch*'s counters added up by flag, variation and hour, in that order.

    A counter belongs to the hour in which it began, read on our clock: a sender that says when it sent the batch is
    taken to be as wrong about everything else as about that. None is counted in an hour to come, nor further back than
    a week.
    """
    skew, earliest = skew_ms(batch, received_ms), max(received_ms - _OLDEST_MS, 0)
    sums: dict[tuple[str, str | None, int], int] = {}
    for counter in batch.counters:
        began = min(max(milliseconds(counter.from_) + skew, earliest), received_ms)
        place = (counter.flag, counter.variation, began // HOUR_MS * (HOUR_MS // 1000))
        sums[place] = sums.get(place, 0) + counter.count
    ordered = sorted(sums.items(), key=lambda entry: (entry[0][0], entry[0][1] or "", entry[0][2]))
    return tuple(HourlyCount(flag, variation, hour, count) for (flag, variation, hour), count in ordered)


def skew_ms(batch: EventBatch, received_ms: int) -> int:
    """Return by how much the sender's clock is behind ours, by when it says that it sent the batch; 0 if little."""
    if batch.sent_at is None:
        return 0
    skew = received_ms - milliseconds(batch.sent_at)
    return skew if abs(skew) > _SKEW_MS else 0
