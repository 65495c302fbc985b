"""Documents compressed once: for each environment, projection, position and coding, however many ask for it.

It happens off the loop, and who asks meanwhile waits for that one. With a folder, the worker processes of a server
share what one of them has made.
"""

import asyncio
from collections import OrderedDict
from functools import partial

from pennon.model import Position
from pennon.stream.codings import Coding, compressed
from pennon.stream.shelf import Document, Packed, Shelf, in_memory


class Documents:
    """What was compressed, the last used of it, at most *limit* bytes."""

    def __init__(self, *, limit: int, shelf: Shelf | None = None) -> None:
        self._limit = limit
        self._shelf = shelf
        self._kept: OrderedDict[tuple[Document, Coding], Packed] = OrderedDict()
        self._being_made: dict[tuple[Document, Coding], asyncio.Task[Packed]] = {}
        self.size = 0
        """How many bytes are kept."""

    def __len__(self) -> int:
        return len(self._kept)

    def kept(self, document: Document, coding: Coding) -> Packed | None:
        """Return *document* in *coding*, if it is there already."""
        key = document, coding
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return found

    async def packed(self, document: Document, body: bytes, coding: Coding) -> Packed:
        """Return *body*, which is *document*, in *coding*."""
        key = document, coding
        if (found := self.kept(document, coding)) is not None:
            return found
        making = self._being_made.get(key)
        if making is None:
            making = self._being_made[key] = asyncio.create_task(self._make(key, body))
        # Shielded: the one who came first may leave, and the others go on waiting.
        return await asyncio.shield(making)

    def moved_on(self, environment: str, position: Position | None) -> None:
        """Drop what *environment* is no longer; all of it for None."""
        for key in [key for key in self._kept if key[0].environment == environment and key[0].position != position]:
            self.size -= len(self._kept.pop(key))

    async def _make(self, key: tuple[Document, Coding], body: bytes) -> Packed:
        document, coding = key
        make = partial(compressed, body, coding)
        try:
            if self._shelf is None:
                made = await asyncio.to_thread(lambda: in_memory(make()))
            else:
                made = await asyncio.to_thread(self._shelf.fetch, document, coding, make)
        finally:
            del self._being_made[key]
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[Document, Coding], made: Packed) -> None:
        for other in [other for other in self._kept if _is_followed(other, key)]:
            self.size -= len(self._kept.pop(other))
        self._kept[key] = made
        self.size += len(made)
        while self.size > self._limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self.size -= len(dropped)


def _is_followed(old: tuple[Document, Coding], new: tuple[Document, Coding]) -> bool:
    """Whether nobody asks for *old* any more, now that *new* is there."""
    before, after = old[0], new[0]
    if before.environment != after.environment:
        return False
    if before.position != after.position:
        return before.position < after.position
    return (before.kind, before.since, old[1]) == (after.kind, after.since, new[1])
