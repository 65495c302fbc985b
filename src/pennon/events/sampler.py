"""A sample of the contexts that flags are evaluated for: the distinct ones of an hour, all with the same chance. Pure.

Few hundred contexts a second are looked at, however many there are, see `Pace`; of those, the sample is `Lowest`. What
rules do not look at, and what is private, is left out before anything is kept.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from pennon.engine import Attributes, Sampled, attributes_of
from pennon.engine.attributes import KEY
from pennon.events.batches import CONTEXT_BYTES, SampledContext
from pennon.events.pacing import Pace
from pennon.events.sampling import Lowest, priority
from pennon.model import Flag, InvalidItem, ItemKind, Layer, Segment, Snapshot
from pennon.protocol.state import Reference

MOST = 1000
"""So many contexts of an hour are in the sample of a process."""
_HOUR_S = 3600
_SENT_AT_ONCE = 100
_encode = msgspec.json.Encoder(order="sorted").encode

Lock: TypeAlias = contextlib.AbstractContextManager[object]
SampledRequests: TypeAlias = Literal["none", "server-keys", "all-keys"]
"""Of which requests who evaluates for others samples the contexts. Those of client keys anybody can make up."""


class Sampler:
    """Takes a sample. `sampled` is what rules are given that are to call it; or ask `pace`, and call `look`.

    *time* is in seconds since 1970. *lock* makes what keeps threads apart, where more than one evaluates; it must be
    one that a thread may take again, for a garbage collection within may evaluate a flag.
    """

    def __init__(
        self,
        *,
        time: Callable[[], float],
        pace: Pace,
        private: Iterable[str] = (),
        lock: Callable[[], Lock] = contextlib.nullcontext,
    ) -> None:
        self._time = time
        self.pace = pace
        self._private = tuple(private)
        self.sampled = Sampled(pace.mask, self.look)
        self._wanted: tuple[str, ...] = (KEY,)
        self._attributes = Attributes(self._wanted, private=self._private)
        self._asked: dict[Reference, frozenset[str]] = {}
        self._alike: dict[frozenset[str], frozenset[str]] = {}
        self._askers: Counter[str] = Counter()
        self._make_lock = lock
        self._lock = lock()
        self._hour = int(self._time() // _HOUR_S)
        self._lowest = Lowest(MOST)
        self._unsent: dict[int, SampledContext] = {}

    def follow(self, snapshot: Snapshot, touched: Iterable[Reference] | None) -> None:
        """Look at what the rules of *snapshot* look at from now on, which differs in *touched* (None: in anything)."""
        if touched is None:
            self._asked.clear()
            self._alike.clear()
            self._askers.clear()
        names = _names(snapshot) if touched is None else touched
        before = frozenset(self._askers)
        for name in names:
            asked = _asked(snapshot, name)
            self._askers.subtract(self._asked.pop(name, ()))
            self._askers.update(asked)
            if asked:  # most flags look at the same few attributes, and ten thousand sets of them would be megabytes
                self._asked[name] = self._alike.setdefault(asked, asked)
        self._askers = +self._askers
        if touched is None or before != frozenset(self._askers):
            self._wanted = (KEY, *self._askers)
            self._attributes = Attributes(self._wanted, private=self._private)

    def tick(self) -> None:
        """Begin another hour, once one is over. To be called about once a second."""
        hour = int(self._time() // _HOUR_S)
        if hour != self._hour:
            with self._lock:
                self._hour, self._lowest = hour, Lowest(MOST)

    def taken(self, takes: Callable[[SampledContext], bool] = lambda _: True) -> tuple[SampledContext, ...]:
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
        self._lock = self._make_lock()
        self._lowest, self._unsent = Lowest(MOST), {}

    def look(self, context: Mapping[str, Any], private: Iterable[str] = ()) -> None:
        """Take *context* if it belongs to the sample, without what else is *private* in it. Never raises."""
        self.pace.looked()
        try:
            hidden = tuple(private)
            attributes = Attributes(self._wanted, private=(*self._private, *hidden)) if hidden else self._attributes
            self._offer(_encode(attributes.of(context)))
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
