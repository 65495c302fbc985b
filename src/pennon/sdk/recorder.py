"""What a client reports: how often each variation was served, who saw it, what was measured. No input, no output.

Everything is bounded. What does not fit is left out and counted, and the next batch says how much it was. A batch
keeps its number until it is taken, so that one sent twice counts once.
"""

import math
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from pennon._version import __version__
from pennon.engine import Context, Count, ExposureSite
from pennon.events import Counter, EventBatch, Exposure, Metric, Pace, SampledContext, Sampler
from pennon.model import Reason
from pennon.model.limits import SAFE_INTEGER
from pennon.sdk.config import Config
from pennon.sdk.exposures import Exposures, is_sendable

QUEUE = 10_000
"""How many exposures, and how many metrics, wait to be sent at most."""
BATCH = 1000
"""How many entries of each sort a batch has at most."""
_WAKE_AT = BATCH // 2
_MAX_KEY = 256
_MAX_VARIATIONS = 100
_SDK = f"pennon-python/{__version__}"
_REPORT_S = 60.0
_MAX_BYTES = 900_000  # a batch may have 1 MiB
_encode = msgspec.json.Encoder().encode

_Key = tuple[str, int | None, str | None, Reason]


class Pending(msgspec.Struct, frozen=True):
    """A batch on its way: its bytes, and how many entries it carries or owns up to having dropped, by sort.

    One that is full leaves something for the next.
    """

    body: bytes
    carries: Mapping[str, int]
    is_full: bool


class Recorder:
    """Gathers what happens and cuts it into batches. Evaluating threads write, one sender reads.

    `time` is in seconds since 1970. `wake` is called when there is enough to be sent before its time. *sampler* takes
    the sample of contexts, None for none; *application* is who evaluates, with a version.
    """

    def __init__(
        self,
        *,
        time: Callable[[], float],
        wake: Callable[[], None],
        sampler: Sampler | None = None,
        application: str = "",
    ) -> None:
        self._time = time
        self._wake = wake
        self._sampler = sampler
        self._sdk = f"{_SDK} {application}".rstrip()
        self._lock = threading.RLock()
        self._exposures = Exposures(time=time, pass_on=self._queue_exposure)
        self._totals: dict[_Key, int] = {}
        self._pending: Pending | None = None
        self._begin()

    def exposed(self, site: ExposureSite, context: Context) -> None:
        """Take an evaluation that is an exposure. A rule set calls it, in the caller's thread."""
        self._exposures.note(site, context)

    def evaluates_by(self, revision: str) -> None:
        """Note what is evaluated by from now on."""
        self._exposures.revision = revision

    def tick(self) -> None:
        """Do what is due. To be called about once a second."""
        self._exposures.tick()
        if self._sampler is not None:
            self._sampler.pace.tick()
            self._sampler.tick()

    def track(self, key: str, context: Context, *, value: float, by: str) -> bool:
        """Note that *value* was measured for the unit of *context*. Return whether it could be taken."""
        who = self._unit_of(context, by)
        if who is None or not (_is_key(key) and _is_key(by) and is_sendable(who) and _is_number(value)):
            self._drop("metrics")
            return False
        seen = dict(islice(self._exposures.seen_by(by, who).items(), _MAX_VARIATIONS))
        metric = Metric(time=self._now_ms(), key=key, by=by, unit=who, value=value, variations=seen)
        return self._queue(self._metrics, metric, "metrics")

    @property
    def has_pending(self) -> bool:
        """Whether a batch that was cut before still waits to be taken."""
        return self._pending is not None

    def pending(self, counts: Iterable[Count]) -> Pending | None:
        """Return the batch to send: a new one if the last was taken, None if there is nothing to say.

        *counts* are the totals of all that was evaluated.
        """
        if self._pending is None:
            self._pending = self._cut(counts)
        return self._pending

    def taken(self) -> None:
        """Note that the pending batch arrived."""
        self._pending = None

    def refused(self) -> None:
        """Note that the pending batch will never be taken: what it carried is lost, and counted."""
        if self._pending is not None:
            for sort, count in self._pending.carries.items():
                self._drop(sort, count)
        self._pending = None

    def after_fork_in_child(self, counts: Iterable[Count]) -> None:
        """Begin anew, as another instance: what was gathered up to here is the parent's to send."""
        self._lock = threading.RLock()
        self._exposures.after_fork_in_child()
        if self._sampler is not None:
            self._sampler.after_fork_in_child()
        self._totals = {_key(count): count.count for count in counts}
        self._begin()

    def _begin(self) -> None:
        self.instance = uuid.uuid4().hex
        self._sequence = 0
        self._pending = None
        self._dropped: dict[str, int] = {}
        self._seen: deque[Exposure] = deque()
        self._metrics: deque[Metric] = deque()
        self._since_ms = self._now_ms()
        self._reported: tuple[str, float] = ("", -math.inf)

    def _now_ms(self) -> int:
        return int(self._time() * 1000)

    def _unit_of(self, context: Context, by: str) -> str | None:
        try:
            return self._exposures.unit_of(dict(context), by)
        except Exception:  # noqa: BLE001  # boundary: what the application calls a context may be anything
            return None

    def _queue_exposure(self, exposure: Exposure) -> None:
        if is_sendable(str(exposure.unit)) and _is_key(exposure.flag):
            self._queue(self._seen, exposure, "exposures")
        else:
            self._drop("exposures")

    def _queue(self, queue: deque[Any], entry: Exposure | Metric, sort: str) -> bool:
        if len(queue) >= QUEUE:
            self._drop(sort)
            return False
        queue.append(entry)
        if len(queue) == _WAKE_AT:
            self._wake()
        return True

    def _drop(self, sort: str, count: int = 1) -> None:
        with self._lock:
            self._dropped[sort] = self._dropped.get(sort, 0) + count

    def _cut(self, counts: Iterable[Count]) -> Pending | None:
        room, now_ms = _Room(), self._now_ms()
        counters = self._counters(counts, now_ms, room)
        exposures, metrics = _taken(self._seen, room), _taken(self._metrics, room)
        contexts = () if self._sampler is None else self._sampler.taken(room.takes)
        with self._lock:
            dropped, self._dropped = self._dropped, {}
        if not (counters or exposures or metrics or contexts or dropped or self._has_moved()):
            return None
        self._sequence += 1
        self._since_ms = now_ms
        self._reported = (self._exposures.revision, self._time())
        batch = EventBatch(
            instance=self.instance,
            sequence=self._sequence,
            batch_id=uuid.uuid4().hex,
            sent_at=now_ms,
            sdk=self._sdk,
            revision=self._exposures.revision or None,
            dropped=dropped,
            counters=counters,
            exposures=exposures,
            metrics=metrics,
            contexts=contexts,
        )
        carries = {"evaluations": sum(each.count for each in counters), "exposures": len(exposures)}
        carries["metrics"] = len(metrics)
        carries = {sort: n for sort in carries if (n := carries[sort] + dropped.get(sort, 0))}
        return Pending(batch.to_json(), carries, bool(self._seen or self._metrics or len(counters) == BATCH))

    def _counters(self, counts: Iterable[Count], now_ms: int, room: "_Room") -> tuple[Counter, ...]:
        counters: list[Counter] = []
        for total in counts:
            key = _key(total)
            # A total below the last one is of a counter that was dropped for want of use and came back.
            last = self._totals.get(key, 0)
            more = total.count - last if total.count >= last else total.count
            if not more or not _is_key(total.flag):
                continue
            counter = Counter(
                flag=total.flag,
                version=total.version,
                variation=total.variation,
                reason=total.reason,
                count=more,
                from_=self._since_ms,
                to=now_ms,
            )
            if len(counters) == BATCH or not room.takes(counter):
                break
            self._totals[key] = total.count
            counters.append(counter)
        return tuple(counters)

    def _has_moved(self) -> bool:
        """Whether the server should hear which revision is evaluated by, although nothing else is to be said."""
        revision, at = self._reported
        return revision != self._exposures.revision and self._time() - at >= _REPORT_S


class _Room:
    """What still fits into a batch."""

    def __init__(self) -> None:
        self._left = _MAX_BYTES

    def takes(self, entry: Counter | Exposure | Metric | SampledContext) -> bool:
        self._left -= len(_encode(entry)) + 1
        return self._left >= 0


def _taken(queue: deque[Any], room: _Room) -> tuple[Any, ...]:
    taken: list[Any] = []
    while queue and len(taken) < BATCH and room.takes(queue[0]):
        taken.append(queue.popleft())
    return tuple(taken)


def sampler_of(config: Config) -> Sampler | None:
    """Return what samples contexts; None where nobody wants them, or there is nobody to send them to."""
    if not (config.sample_contexts and config.events and config.urls):
        return None
    pace = Pace(chance=config.chance)
    return Sampler(time=config.clock.time, pace=pace, private=config.private_attributes, lock=threading.RLock)


def _key(count: Count) -> _Key:
    return count.flag, count.version, count.variation, count.reason


def _is_key(text: object) -> bool:
    return isinstance(text, str) and is_sendable(text, _MAX_KEY)


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= SAFE_INTEGER
