"""Writes the same bytes to many sockets. The loop over them runs in C: nearly all of what a delivery costs is in it."""

import os
from collections.abc import Iterable, Sequence
from itertools import repeat


def write_each(descriptors: Sequence[int], data: bytes) -> list[int]:
    """Write *data* to each of *descriptors*, none of which blocks. Return how many bytes each took.

    That is 0 for one that takes nothing now, and for one that never will again: who owns it finds out which.
    """
    return write_own(descriptors, repeat(data))


def write_own(descriptors: Sequence[int], each: Iterable[bytes]) -> list[int]:
    """Write to each of *descriptors* its own of *each*; otherwise as `write_each`."""
    taken: list[int] = []
    left, data = iter(descriptors), iter(each)
    while len(taken) < len(descriptors):
        try:
            taken.extend(map(os.write, left, data))
        except OSError:  # what came before it is in the list
            taken.append(0)
    return taken
