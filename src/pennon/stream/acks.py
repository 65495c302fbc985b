"""Which revision the nodes below have applied, and when: what they report, and the last of it."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from pennon.events import Time, milliseconds
from pennon.model import Position

NODES = 10_000


class Ack(msgspec.Struct, frozen=True):
    """A node of the tree below: which revision it applied when, and how many SDKs below it stand at which."""

    node: Annotated[str, Meta(min_length=1, max_length=128)]
    revision: Annotated[str, Meta(max_length=40)]
    at: Time
    sdks: Annotated[dict[str, Annotated[int, Meta(ge=0, le=1_000_000_000)]], Meta(max_length=1000)] = {}

    @property
    def position(self) -> Position:
        """The revision as a position. Raises `ValueError` for text that is none."""
        return Position.parse(self.revision)


class AckBook:
    """The last ack of each node below, by environment. Bounded: the node silent longest is forgotten."""

    def __init__(self) -> None:
        self._acks: dict[tuple[str, str], Ack] = {}

    def take(self, environment: str, ack: Ack) -> None:
        """Keep *ack*, unless a newer one of that node is here."""
        known = self._acks.pop((environment, ack.node), None)
        is_older = known is not None and milliseconds(known.at) > milliseconds(ack.at)
        self._acks[environment, ack.node] = known if known is not None and is_older else ack
        if len(self._acks) > NODES:
            del self._acks[next(iter(self._acks))]

    def of(self, environment: str) -> Mapping[str, Ack]:
        """Return the last ack of every node, by its name."""
        return {node: ack for (place, node), ack in self._acks.items() if place == environment}
