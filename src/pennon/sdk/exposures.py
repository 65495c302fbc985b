"""Which unit saw which variation: noted once an hour, in bounded memory, without a lock where nothing is new."""

import threading
from collections.abc import Callable
from typing import Any, cast

from pennon.engine import Context, ExposureSite
from pennon.engine.values import attribute_reader, unit
from pennon.events import Exposure

UNITS = 10_000
"""How many units are remembered as seen, twice over: the newest, and those before them."""
_READERS = 256
_MAX_UNIT = 4096
_HOUR_S = 3600

_Seen = dict[tuple[str, str], dict[str, str]]


class Exposures:
    """Passes on each exposure that was not passed on within the hour: one a unit, variation and hour."""

    def __init__(self, *, time: Callable[[], float], pass_on: Callable[[Exposure], None]) -> None:
        self.revision = ""
        self._time = time
        self._pass_on = pass_on
        self._lock = threading.RLock()  # a garbage collection within may evaluate a flag
        self._hour = time() // _HOUR_S
        self._readers: dict[str, Callable[[Any], Any]] = {}
        self._seen: _Seen = {}
        self._before: _Seen = {}

    def note(self, site: ExposureSite, context: Context) -> None:
        """Take an evaluation that is an exposure. Called by the rule set, in the caller's thread."""
        by = site.by
        who = context.get(by)
        if type(who) is not str or not who.isascii() or by[:1] == "/":  # else it is its own unit, the usual case
            who = self.unit_of(context, by)
            if who is None:
                return
        seen = self._seen.get((by, who))
        if seen is None or seen.get(site.flag) != site.variation:
            self._note_new(site, who)

    def unit_of(self, context: Context, by: str) -> str | None:
        """Return the unit of *context* by the attribute *by*, None if it has none."""
        reader = self._readers.get(by)
        if reader is None:
            if len(self._readers) >= _READERS:
                self._readers.clear()
            reader = self._readers[by] = attribute_reader(by)
        return unit(reader(cast("dict[Any, Any]", context)))

    def seen_by(self, by: str, who: str) -> dict[str, str]:
        """Return the variations that the unit *who* is remembered to have seen, by flag."""
        return {**self._before.get((by, who), {}), **self._seen.get((by, who), {})}

    def tick(self) -> None:
        """Begin a new hour, once one is over."""
        hour = self._time() // _HOUR_S
        if hour != self._hour:
            with self._lock:
                self._hour = hour
                self._before, self._seen = self._seen, {}

    def after_fork_in_child(self) -> None:
        """Be usable, whatever thread held the lock."""
        self._lock = threading.RLock()

    def _note_new(self, site: ExposureSite, who: str) -> None:
        with self._lock:
            seen = self._seen.get((site.by, who))
            if seen is None:
                if len(self._seen) >= UNITS:
                    self._before, self._seen = self._seen, {}
                seen = self._seen[site.by, who] = {}
            if seen.get(site.flag) == site.variation:
                return
            seen[site.flag] = site.variation
            self._pass_on(
                Exposure(
                    time=int(self._time() * 1000),
                    flag=site.flag,
                    version=site.version,
                    variation=site.variation,
                    rule_id=site.rule_id,
                    experiment=site.experiment,
                    by=site.by,
                    unit=who,
                    revision=self.revision or None,
                )
            )


def is_sendable(text: str, limit: int = _MAX_UNIT) -> bool:
    """Return whether *text* is one that a batch may carry.

    Not every storage takes a NUL, UTF-8 has no lone surrogates, and no text is endless.
    """
    return 0 < len(text) <= limit and "\0" not in text and (text.isascii() or _is_unicode(text))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
