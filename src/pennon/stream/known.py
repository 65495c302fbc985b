"""Which flags and variations may be reported: client keys are public, and made-up names would fill the counts."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from pennon.events import EventBatch
from pennon.model import DECODE_ERRORS, Item

_Variations: TypeAlias = frozenset[str]
_NONE: _Variations = frozenset()
REMEMBERED = 10_000
"""So many flags keep the variations that they had; then those changed longest ago lose them. As many are kept read."""


class _Variation(msgspec.Struct, frozen=True):
    key: str


class _Sketch(msgspec.Struct, frozen=True):
    variations: tuple[_Variation, ...] = ()


_SKETCHES = msgspec.json.Decoder(_Sketch)


class KnownFlags:
    """The flags of one projection with their variations: those there are, and those there were since this was made.

    A report comes seconds after what it tells of, and the flag may be another one by then, or gone.
    """

    def __init__(self) -> None:
        self._flags: Mapping[str, Item] = {}
        self._read: dict[str, tuple[int, _Variations]] = {}
        self._before: dict[str, _Variations] = {}

    def follow(self, flags: Mapping[str, Item], touched: Iterable[str] | None = None) -> None:
        """Know *flags* from now on, beside what was known. At most the *touched* ones differ; None: any may."""
        for key in tuple(self._flags) if touched is None else touched:
            before, after = self._flags.get(key), flags.get(key)
            if before is not None and (after is None or after.text != before.text):
                self._remember(key, before)
        self._flags = flags

    def knows(self, flag: str, variation: str | None) -> bool:
        """Whether there is or was such a *flag* with such a *variation*; None: any, the caller's default was served."""
        item, before = self._flags.get(flag), self._before.get(flag)
        if item is None and before is None:
            return False
        if variation is None or (before is not None and variation in before):
            return True
        return item is not None and variation in self._variations(flag, item)

    def known_of(self, batch: EventBatch) -> EventBatch:
        """Return *batch* without the counters and exposures of what is not known; the same one if all of it is."""
        counters = tuple(each for each in batch.counters if self.knows(each.flag, each.variation))
        exposures = tuple(each for each in batch.exposures if self.knows(each.flag, each.variation))
        if len(counters) + len(exposures) == len(batch.counters) + len(batch.exposures):
            return batch
        return msgspec.structs.replace(batch, counters=counters, exposures=exposures)

    def _remember(self, key: str, item: Item) -> None:
        self._before[key] = self._before.pop(key, _NONE) | self._variations(key, item)
        self._read.pop(key, None)
        if len(self._before) > REMEMBERED:
            del self._before[next(iter(self._before))]

    def _variations(self, key: str, item: Item) -> _Variations:
        """Return the variations of a flag, read once: its text may be long, and a batch ask for it a thousand times."""
        text = hash(item.text)  # kept with the bytes; the item may be another one each time, where it lies in a file
        read = self._read.get(key)
        if read is None or read[0] != text:
            self._read.pop(key, None)
            if len(self._read) >= REMEMBERED:
                del self._read[next(iter(self._read))]
            read = self._read[key] = (text, _read_variations(item))
        return read[1]


def _read_variations(item: Item) -> _Variations:
    try:
        return frozenset(variation.key for variation in _SKETCHES.decode(item.text).variations)
    except DECODE_ERRORS:
        return _NONE
