"""The sample of an environment's contexts, for who counts with it. It is opened in memory only."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from pennon.control.clock import Clock
from pennon.control.contexts.keeping import KEPT, Context, ContextStore, OpenBox, opened, time_of
from pennon.control.errors import Unavailable
from pennon.control.log import EnvironmentName
from pennon.engine.attributes import KEY
from pennon.engine.values import unit

_log = structlog.get_logger(__name__)
LIMIT = 15_000
"""So many are opened at once at most: the lowest priorities of all hours, which is a sample again."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Contexts by what they say, of each targeting key the newest; and since when there are any."""

    contexts: Sequence[Context] = ()
    since: datetime | None = None

    def __repr__(self) -> str:
        return f"Sample({len(self.contexts)} contexts)"  # never in a log or a traceback


class ContextViews:
    """Answers what there is of contexts."""

    def __init__(self, store: ContextStore, box: OpenBox, clock: Clock) -> None:
        self._store = store
        self._box = box
        self._clock = clock

    def sample(self, environment: EnvironmentName) -> Sample:
        """Return the contexts of the last week. Raises `Unavailable`."""
        kept = self._store.find(str(environment), since=self._clock.now() - KEPT, limit=LIMIT)
        if not kept:
            return Sample()
        try:
            box = self._box()
        except Unavailable as error:  # a preview that says less is better than none
            _log.warning("sampled contexts cannot be opened", problem=str(error))
            return Sample()
        found: dict[object, tuple[int, Context]] = {}
        for hour, context in opened(box, kept):
            who = unit(context.get(KEY)) if KEY in context else None
            name: object = who if who is not None else ("", str(sorted(context.items(), key=str)))
            if name not in found or found[name][0] < hour:
                found[name] = (hour, context)
        if not found:
            return Sample()
        since = time_of(min(hour for hour, _ in found.values()))
        return Sample(contexts=[context for _, context in found.values()], since=since)
