"""What SDKs report: batches of counters, exposures and metrics, read from JSON and checked entry by entry.

Unknown fields are ignored, so that a newer SDK may say more. A batch with one bad entry is refused whole: nothing of it
is counted, and the sender learns which entry it was.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from pennon.model import DECODE_ERRORS, Json, ModelError, Problem, Reason, decoding_problem, pointer

MAX_SEQUENCE = 2**53 - 1
MOST_CONTEXTS = 1000
CONTEXT_BYTES = 4096
"""A sampled context, as JSON, is not larger. (What rules look at is little; a context may be 64 KiB.)"""

Time: TypeAlias = Annotated[dt.datetime, Meta(tz=True)] | int | float
"""A moment: RFC 3339 with a zone, or milliseconds since 1970."""

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
_Key: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
_Count: TypeAlias = Annotated[int, Meta(ge=1, le=10_000_000_000)]
"""More than any program evaluates between two batches, and far below what would overflow a sum of them."""
_Version: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]
_Unit: TypeAlias = Annotated[str, Meta(max_length=65536)] | Annotated[int, Meta(ge=-MAX_SEQUENCE, le=MAX_SEQUENCE)]
_Revision: TypeAlias = Annotated[str, Meta(max_length=40)] | Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]


class InvalidBatch(ModelError):
    """A batch that cannot be taken. `problems` lists every fault found, with its path."""


class _Reported(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """Base of what is reported: camelCase, fields at their default left out."""


class Counter(_Reported, frozen=True, kw_only=True):
    """How often a version of a flag served a variation for a reason, between two moments.

    `variation` is None where the caller's default was served; `version` where the flag was not known.
    """

    flag: _Key
    version: _Version | None = None
    variation: _Key | None = None
    reason: Reason
    count: _Count
    from_: Time = msgspec.field(name="from")
    to: Time


class Exposure(_Reported, frozen=True, kw_only=True):
    """A unit saw a variation. `by` names the attribute that the unit is the value of."""

    time: Time
    flag: _Key
    version: _Version | None = None
    variation: _Key
    rule_id: Annotated[str, Meta(max_length=256)] | None = None
    experiment: _Key | None = None
    by: _Name = "targetingKey"
    unit: _Unit
    revision: _Revision | None = None


class Metric(_Reported, frozen=True, kw_only=True):
    """Something measured of a unit; `variations` are those it had seen, by flag key, where the SDK knows."""

    time: Time
    key: _Key
    by: _Name = "targetingKey"
    unit: _Unit
    value: int | float = 1
    variations: Annotated[dict[_Key, _Key], Meta(max_length=1000)] = {}


class SampledContext(_Reported, frozen=True, kw_only=True):
    """A context that somebody evaluated flags for, with what rules look at and nothing else."""

    time: Time
    context: dict[str, Json]


class EventBatch(_Reported, frozen=True, kw_only=True):
    """What one instance of an SDK reports at once. It is counted once per (key, instance, sequence).

    `sequence` rises by one with each batch of the instance; a batch that is sent again keeps its own. `revision` is
    what the SDK evaluates by, `dropped` how many entries of each sort it had to leave out.
    """

    instance: Annotated[str, Meta(min_length=1, max_length=128)]
    sequence: Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]
    batch_id: Annotated[str, Meta(max_length=128)] | None = None
    sent_at: Time | None = None
    sdk: Annotated[str, Meta(max_length=256)] = ""
    revision: _Revision | None = None
    dropped: Annotated[dict[_Name, Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]], Meta(max_length=64)] = {}
    counters: tuple[Counter, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    metrics: tuple[Metric, ...] = ()
    contexts: Annotated[tuple[SampledContext, ...], Meta(max_length=MOST_CONTEXTS)] = ()

    @property
    def entries(self) -> int:
        """How many counters, exposures, metrics and contexts there are."""
        return len(self.counters) + len(self.exposures) + len(self.metrics) + len(self.contexts)

    @classmethod
    def from_json(cls, data: bytes) -> "EventBatch":
        """Read a batch. Raises `InvalidBatch` with the path and the mend of what is wrong."""
        try:
            data.decode()  # msgspec does not check the bytes that it skips
            batch = _DECODER.decode(data)
        except DECODE_ERRORS as error:
            problem = decoding_problem(error)
            mend = problem.mend or "see docs/reference/sdk-endpoints.md for the shape of a batch"
            raise InvalidBatch([Problem(problem.path, problem.message, mend)]) from error
        if problems := list(_problems(batch)):
            raise InvalidBatch(problems)
        return batch

    def to_json(self) -> bytes:
        """Write the batch."""
        return _ENCODER.encode(self)


def without_contexts(batch: bytes) -> bytes:
    """Return a batch as it travels without its contexts: for where it may lie for long, and be read."""
    if b'"contexts"' not in batch:
        return batch
    members = msgspec.json.decode(batch, type=dict[str, msgspec.Raw])
    return _ENCODER.encode({name: member for name, member in members.items() if name != "contexts"})


_DECODER = msgspec.json.Decoder(EventBatch)
_ENCODER = msgspec.json.Encoder()


def milliseconds(time: Time) -> int:
    """Return *time* as milliseconds since 1970."""
    if isinstance(time, dt.datetime):
        return round(time.timestamp() * 1000)
    return int(time)


_FIRST_MS = 0
_LAST_MS = 4_102_444_800_000  # the year 2100


def _problems(batch: EventBatch) -> Iterator[Problem]:
    """What the shape alone does not catch: NULs, which not every storage takes, and times that are none."""
    yield from _texts("", instance=batch.instance, batchId=batch.batch_id, sdk=batch.sdk, revision=batch.revision)
    yield from _moments("", sentAt=batch.sent_at)
    for at, counter in enumerate(batch.counters):
        path = pointer("counters", at)
        yield from _texts(path, flag=counter.flag, variation=counter.variation)
        yield from _moments(path, **{"from": counter.from_, "to": counter.to})
    for at, seen in enumerate(batch.exposures):
        path = pointer("exposures", at)
        yield from _texts(path, flag=seen.flag, variation=seen.variation, ruleId=seen.rule_id, by=seen.by)
        yield from _texts(path, experiment=seen.experiment, unit=seen.unit, revision=seen.revision)
        yield from _moments(path, time=seen.time)
    for at, metric in enumerate(batch.metrics):
        path = pointer("metrics", at)
        yield from _texts(path, key=metric.key, by=metric.by, unit=metric.unit)
        for flag, variation in metric.variations.items():
            yield from _texts(path + "/variations", key=flag, variation=variation)
        yield from _moments(path, time=metric.time)
    for at, sampled in enumerate(batch.contexts):
        path = pointer("contexts", at)
        yield from _moments(path, time=sampled.time)
        if len(_ENCODER.encode(sampled.context)) > CONTEXT_BYTES:
            yield Problem(path + "/context", f"larger than {CONTEXT_BYTES} bytes", "leave it out")


def _texts(path: str, **texts: str | int | None) -> Iterator[Problem]:
    for name, text in texts.items():
        if isinstance(text, str) and "\0" in text:
            yield Problem(path + pointer(name), "contains the character NUL", "leave it out")


def _moments(path: str, **times: Time | None) -> Iterator[Problem]:
    for name, time in times.items():
        if time is None:
            continue
        if not _FIRST_MS <= milliseconds(time) <= _LAST_MS:
            mend = "send RFC 3339 with a zone, or milliseconds (not seconds, not nanoseconds) since 1970"
            yield Problem(path + pointer(name), "not between 1970 and 2100", mend)
