"""Remembers which batches were taken: per source, the ranges of its sequence numbers. Pure, and bounded."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Self, TypeAlias

import msgspec

Source: TypeAlias = tuple[str, str]
"""The hash of the key that a batch came with, and the instance that sent it."""


class Standing(StrEnum):
    """What is known of a batch: `TOO_OLD` is one so far behind that nobody can say."""

    NEW = "new"
    TAKEN = "taken"
    TOO_OLD = "too old"


class _Ranges(msgspec.Struct):
    """Sequence numbers as ascending [first, last] pairs; below `floor` it is not known which were there."""

    pairs: list[list[int]]
    floor: int = 0

    def standing(self, sequence: int) -> Standing:
        at = self._after(sequence)
        if at and self.pairs[at - 1][1] >= sequence:
            return Standing.TAKEN
        return Standing.TOO_OLD if sequence < self.floor else Standing.NEW

    def add(self, sequence: int, limit: int) -> None:
        at = self._after(sequence)
        self.pairs.insert(at, [sequence, sequence])
        if at + 1 < len(self.pairs) and self.pairs[at + 1][0] == sequence + 1:
            self.pairs[at][1] = self.pairs.pop(at + 1)[1]
        if at and self.pairs[at - 1][1] == sequence - 1:
            self.pairs[at - 1][1] = self.pairs.pop(at)[1]
        while len(self.pairs) > limit:
            self.floor = self.pairs.pop(0)[1] + 1

    def _after(self, sequence: int) -> int:
        """Return how many pairs start at or before *sequence*. The newest is nearly always meant: look from the end."""
        at = len(self.pairs)
        while at and self.pairs[at - 1][0] > sequence:
            at -= 1
        return at


class _Kept(msgspec.Struct, array_like=True):
    key: str
    instance: str
    ranges: _Ranges


class Taken:
    """The batches that were taken, of the sources heard of last."""

    def __init__(self, *, sources: int = 100_000, gaps: int = 256) -> None:
        self._limit = sources
        self._gaps = gaps
        self._ranges: dict[Source, _Ranges] = {}

    def __len__(self) -> int:
        return len(self._ranges)

    def standing(self, source: Source, sequence: int) -> Standing:
        """Return what is known of a source's batch."""
        ranges = self._ranges.get(source)
        return Standing.NEW if ranges is None else ranges.standing(sequence)

    def add(self, source: Source, sequence: int) -> None:
        """Note that a batch was taken. The source that was silent longest is forgotten if there are too many."""
        ranges = self._ranges.pop(source, None) or _Ranges([])
        if ranges.standing(sequence) is Standing.NEW:
            ranges.add(sequence, self._gaps)
        self._ranges[source] = ranges
        if len(self._ranges) > self._limit:
            del self._ranges[next(iter(self._ranges))]

    def to_json(self) -> bytes:
        """Write all that is remembered."""
        return msgspec.json.encode(list(self._kept()))

    @classmethod
    def from_json(cls, data: bytes, *, sources: int = 100_000, gaps: int = 256) -> Self:
        """Read what `to_json` wrote. Raises `msgspec.DecodeError` for anything else."""
        taken = cls(sources=sources, gaps=gaps)
        for kept in msgspec.json.decode(data, type=list[_Kept]):
            taken._ranges[kept.key, kept.instance] = kept.ranges
        return taken

    def _kept(self) -> Iterator[_Kept]:
        for (key, instance), ranges in self._ranges.items():
            yield _Kept(key, instance, ranges)
