"""The evaluations that a node answered itself, counted, and reported as any SDK reports its own; and the sample."""

import uuid
from collections import deque
from collections.abc import Iterator
from typing import Any

import structlog

from pennon.engine import ExposureSite, RuleSet
from pennon.engine.values import attribute_reader, unit
from pennon.events import NODE, Counters, EventBatch, Exposure, OnceAnHour, Sampler
from pennon.ingest.accept import EventSink, IngestError
from pennon.model import ErrorCode, Evaluation
from pennon.stream.ports import Clock

_log = structlog.get_logger(__name__)
_EXPOSURES = 10_000
_AT_ONCE = 1000
"""So many counters, and as many exposures, are in a batch: 10,000 are larger than what a node takes."""


class Report:
    """What one environment has to report. `exposed` is given to the compiler; it notes only while `evaluate` runs.

    A bulk answer asks every flag and shows nobody which ones are used: its client reports what it read.
    """

    def __init__(self, environment: str, clock: Clock, sampler: Sampler | None = None) -> None:
        self.sampler = sampler
        """What takes the sample of contexts, None where none is taken."""
        self._environment = environment
        self._clock = clock
        self._instance = uuid.uuid4().hex
        self._sequence = 0
        self._counters = Counters()
        self._once = OnceAnHour()
        self._exposures: list[Exposure] = []
        self._lost_exposures = 0
        self._revision: str | None = None
        self._unsent: deque[EventBatch] = deque()

    def evaluate(self, rules: RuleSet, flag: str, context: dict[str, Any]) -> Evaluation:
        """Return what *flag* serves to *context*, and note that it was asked."""
        now = self._clock.time()
        self._revision = f"{rules.epoch}.{rules.revision}"
        try:
            evaluation = rules.evaluate(flag, context, now=now)
        finally:
            self._revision = None
        # Names of flags that are not there come from outside and have no end.
        if evaluation.error_code is not ErrorCode.FLAG_NOT_FOUND:
            self._counters.add(flag, evaluation.flag_version, evaluation.variation, evaluation.reason, int(now * 1000))
        return evaluation

    def exposed(self, site: ExposureSite, context: dict[Any, Any]) -> None:
        """Note that the unit in *context* saw a variation, once an hour."""
        if self._revision is None:
            return
        now_ms = int(self._clock.time() * 1000)
        found = unit(attribute_reader(site.by)(context))
        if found is None or not self._once.is_first(site.flag, site.variation, found, now_ms):
            return
        if len(self._exposures) >= _EXPOSURES:
            self._lost_exposures += 1
            return
        exposure = Exposure(
            time=now_ms,
            flag=site.flag,
            version=site.version,
            variation=site.variation,
            rule_id=site.rule_id,
            experiment=site.experiment,
            by=site.by,
            unit=found,
            revision=self._revision,
        )
        self._exposures.append(exposure)

    async def send(self, sink: EventSink) -> None:
        """Give *sink* what there is to report. What it does not take is kept and offered again."""
        if await self._sent(sink):  # what waited: meanwhile nothing is cut, so what waits is bounded
            self._unsent.extend((*self._counts(), *self._sample()))
            await self._sent(sink)

    async def _sent(self, sink: EventSink) -> bool:
        """Send what waits, and return whether all of it is taken."""
        while self._unsent:
            try:
                await sink.accept(self._environment, NODE, self._unsent[0])
            except IngestError as error:
                _log.warning("the node's own counts wait", environment=self._environment, problem=str(error))
                return False
            self._unsent.popleft()
        return True

    def _counts(self) -> Iterator[EventBatch]:
        """Yield what was counted, in batches that no upstream finds too large."""
        lost = {"counters": self._counters.dropped, "exposures": self._lost_exposures}
        dropped = {name: count for name, count in lost.items() if count}
        counters, exposures = self._counters.take(), tuple(self._exposures)
        self._exposures.clear()
        self._counters.dropped = self._lost_exposures = 0
        for start in range(0, max(len(counters), len(exposures)), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            yield self._batch(counters=counters[part], exposures=exposures[part], dropped=dropped)
            dropped = {}

    def _sample(self) -> Iterator[EventBatch]:
        """Yield some of the sample, in a batch of its own: what is wrong with a context may not cost the counts."""
        if self.sampler is not None and (contexts := self.sampler.taken()):
            yield self._batch(contexts=contexts)

    def _batch(self, **entries: Any) -> EventBatch:
        self._sequence += 1
        return EventBatch(
            instance=self._instance,
            sequence=self._sequence,
            sent_at=int(self._clock.time() * 1000),
            sdk="pennon-node",
            **entries,
        )
