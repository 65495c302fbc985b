"""After what age flags answer STALE: their bounds, found once and kept up to date with each delta."""

from collections.abc import Iterable

from pennon.engine.links import Node
from pennon.model import InvalidItem, Item, Snapshot


class Bounds:
    """The staleness bounds of a snapshot's flags, looked for when first asked, and the age they are held against."""

    def __init__(self, snapshot: Snapshot, age_s: float = 0.0) -> None:
        self._snapshot = snapshot
        self._age_s = age_s
        self._bounds: dict[str, float] | None = None

    def _known(self) -> dict[str, float]:
        if self._bounds is None:
            records = self._snapshot.flags.records.items()
            self._bounds = {key: bound for key, item in records if (bound := self._bound(key, item)) is not None}
        return self._bounds

    def _bound(self, key: str, item: Item | None) -> float | None:
        # A search of the text spares decoding every flag. A writer that spells the name with escapes is decoded.
        if item is None or (b'"staleness"' not in item.text and b"\\u00" not in item.text):
            return None
        try:
            staleness = self._snapshot.flags[key].staleness
        except InvalidItem:
            return None
        return None if staleness is None else staleness.max_age_s

    def stale(self, age_s: float) -> frozenset[str]:
        """Return the flags whose bound has passed at an age."""
        return frozenset(key for key, bound in self._known().items() if bound < age_s)

    def next(self, age_s: float) -> float | None:
        """Return the lowest bound that an age has not passed."""
        return min((bound for bound in self._known().values() if bound >= age_s), default=None)

    def at(self, age_s: float) -> "Bounds":
        """Return the same bounds, held against an age."""
        held = Bounds(self._snapshot, age_s)
        held._bounds = self._known()
        return held

    def after(
        self, snapshot: Snapshot, touched: Iterable[Node] | None, stale: frozenset[str]
    ) -> tuple["Bounds", frozenset[str]]:
        """Return the bounds of a later snapshot, and which flags are stale in it if *stale* were before."""
        later = Bounds(snapshot, self._age_s)
        if self._bounds is None:
            return later, frozenset()
        if touched is None:
            return later, later.stale(self._age_s)
        later._bounds = self._bounds.copy()
        now_stale = set(stale)
        for key in [key for kind, key in touched if kind == "flag"]:
            now_stale.discard(key)
            later._bounds.pop(key, None)
            if (bound := later._bound(key, snapshot.flags.records.get(key))) is not None:
                later._bounds[key] = bound
                if bound < self._age_s:
                    now_stale.add(key)
        return later, frozenset(now_stale)
