"""Counts evaluations where they happen: one atomic step each, no lock, nothing built.

An `itertools.count` counts; its `__next__` is bound into the compiled flag. It is read through its `repr`, which
changes nothing and is all that is left of it to read since Python 3.14 no longer pickles iterators.
"""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import count

from pennon.model import Reason
from pennon.model.flags import Wire

RETIRED = 4096
"""So many versions that are gone, and flags that never were, keep their counters; then the oldest go."""


class Count(Wire, frozen=True, kw_only=True):
    """How often a version of a flag served a variation for a reason. `version` is None for a flag that is unknown."""

    flag: str
    version: int | None
    variation: str | None
    reason: Reason
    count: int


class Tally:
    """The counters of a rule set and of all that were made from it."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, int | None], dict[tuple[str | None, Reason], count[int]]] = {}
        self._retired: deque[tuple[str, int | None]] = deque()

    def counter(self, flag: str, version: int | None, variation: str | None, reason: Reason) -> Callable[[], int]:
        """Return the step of one counter: the same one whenever it is asked for again."""
        counters = self._versions.setdefault((flag, version), {})
        return counters.setdefault((variation, reason), count()).__next__

    def count_unknown(self, flag: str) -> None:
        """Count an evaluation of a flag that does not exist."""
        counters = self._versions.get((flag, None))
        if counters is None:
            self.retire(flag, None)  # at once: names may come from outside, so only the last ones are kept
            counters = self._versions.setdefault((flag, None), {})
        next(counters.setdefault((None, Reason.ERROR), count()))

    def retire(self, flag: str, version: int | None) -> None:
        """Note that a version is gone. Its counters stay readable until many more are gone."""
        self._retired.append((flag, version))
        if len(self._retired) > RETIRED:
            self._versions.pop(self._retired.popleft(), None)

    def __iter__(self) -> Iterator[Count]:
        for (flag, version), counters in list(self._versions.items()):
            for (variation, reason), counter in list(counters.items()):
                if total := int(repr(counter)[6:-1]):
                    yield Count(flag=flag, version=version, variation=variation, reason=reason, count=total)
