"""A sample of the contexts that flags are evaluated for: the distinct ones of an hour, all with the same chance.

Nothing of it is on the way of an evaluation but an integer's `&`, see `pennon.engine.Sampled`. By that, few hundred
contexts a second are looked at, however many there are; of those, the sample is `pennon.events.Lowest`. What rules do
not look at, and what is private, is left out before anything is kept.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from pennon.engine import Attributes, Sampled, attributes_of
from pennon.engine.attributes import KEY
from pennon.events import CONTEXT_BYTES, Lowest, SampledContext, priority
from pennon.model import Flag, InvalidItem, ItemKind, Layer, Segment, Snapshot
from pennon.protocol.state import Reference

MOST = 1000
"""So many contexts of an hour are in the sample of a process."""
LOOKS = 100
"""So many contexts are looked at before every second one is passed over, and so on until the second is over."""
SPARSEST = 16
"""At least one in two to this power is looked at."""
_HOUR_S = 3600
_SENT_AT_ONCE = 100
_encode = msgspec.json.Encoder(order="sorted").encode


class Sampler:
    """Takes a sample. `sampled` is what the rules are given; they call it from any thread.

    *chance* gives numbers from 0 to 1.
    """

    def __init__(self, *, time: Callable[[], float], chance: Callable[[], float], private: Iterable[str] = ()) -> None:
        self._time = time
        self._chance = chance
        self._private = tuple(private)
        self._pace = [0]
        self.sampled = Sampled(self._pace, self._look)
        self._attributes = Attributes((KEY,), private=self._private)
        self._asked: dict[Reference, frozenset[str]] = {}
        self._askers: Counter[str] = Counter()
        self._lock = threading.RLock()  # a garbage collection within may evaluate a flag
        self._hour = int(self._time() // _HOUR_S)
        self._lowest = Lowest(MOST)
        self._unsent: dict[int, SampledContext] = {}
        self._looks, self._next = 0, LOOKS

    def follow(self, snapshot: Snapshot, touched: Iterable[Reference] | None) -> None:
        """Look at what the rules of *snapshot* look at from now on, which differs in *touched* (None: in anything)."""
        if touched is None:
            self._asked.clear()
            self._askers.clear()
        names = _names(snapshot) if touched is None else touched
        before = frozenset(self._askers)
        for name in names:
            asked = _asked(snapshot, name)
            self._askers.subtract(self._asked.pop(name, ()))
            self._askers.update(asked)
            if asked:
                self._asked[name] = asked
        self._askers = +self._askers
        if touched is None or before != frozenset(self._askers):
            self._attributes = Attributes((KEY, *self._askers), private=self._private)

    def tick(self) -> None:
        """Begin another hour, once one is over; and see to it that not too many are looked at, nor too few."""
        bits = self._pace[0].bit_count()
        if bits and self._looks < LOOKS // 2:
            bits -= 1
        self._looks, self._next = 0, LOOKS
        # Other bits each time: who evaluates in a rhythm must not fall into step with it.
        self._pace[0] = _bits(bits, self._chance)
        hour = int(self._time() // _HOUR_S)
        if hour != self._hour:
            with self._lock:
                self._hour, self._lowest = hour, Lowest(MOST)

    def taken(self, takes: Callable[[SampledContext], bool]) -> tuple[SampledContext, ...]:
        """Return some of the sample that was not sent yet, as much as *takes* says that there is room for."""
        taken: list[SampledContext] = []
        with self._lock:
            for rank, context in list(self._unsent.items())[:_SENT_AT_ONCE]:
                if not takes(context):
                    break
                taken.append(context)
                del self._unsent[rank]
        return tuple(taken)

    def after_fork_in_child(self) -> None:
        """Begin anew: what was gathered up to here is the parent's to send."""
        self._lock = threading.RLock()
        self._lowest, self._unsent = Lowest(MOST), {}

    def _look(self, context: Mapping[str, Any]) -> None:
        self._looks += 1
        if self._looks >= self._next:
            self._next += LOOKS
            self._pace[0] = _bits(min(self._pace[0].bit_count() + 1, SPARSEST), self._chance)
        try:
            self._offer(_encode(self._attributes.of(context)))
        except Exception:  # noqa: BLE001  # boundary: a context may hold anything, and nobody else's evaluation suffers
            return

    def _offer(self, text: bytes) -> None:
        if len(text) > CONTEXT_BYTES:
            return
        rank = priority(self._hour, text)
        with self._lock:
            if self._lowest.offer(rank):
                context = SampledContext(time=int(self._time() * 1000), context=msgspec.json.decode(text))
                self._unsent[rank] = context
                if len(self._unsent) >= 2 * MOST:  # what was gathered is not sent, or those were of another hour
                    self._unsent = {each: kept for each, kept in self._unsent.items() if self._lowest.holds(each)}


def _names(snapshot: Snapshot) -> list[Reference]:
    kinds: tuple[ItemKind, ...] = ("flag", "segment", "layer")
    return [(kind, key) for kind in kinds for key in snapshot.items(kind)]


def _asked(snapshot: Snapshot, name: Reference) -> frozenset[str]:
    kind, key = name
    kinds: Mapping[str, Mapping[str, Flag] | Mapping[str, Segment] | Mapping[str, Layer]]
    kinds = {"flag": snapshot.flags, "segment": snapshot.segments, "layer": snapshot.layers}
    try:
        return attributes_of(kinds[kind][key])
    except (KeyError, InvalidItem):
        return frozenset()


def _bits(count: int, chance: Callable[[], float]) -> int:
    """Return an integer with *count* of its lowest bits set, any of them."""
    places = list(range(SPARSEST))
    return sum(1 << places.pop(int(chance() * len(places)) % len(places)) for _ in range(count))
