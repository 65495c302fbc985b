"""Batches that an edge node hands on: each with the hash of the key that it came with, and an answer of its own."""

import asyncio

from pennon.events import (
    NODE,
    EventBatch,
    Fate,
    Forwarded,
    InvalidBatch,
    Result,
    forwarded_batches,
    results_body,
)
from pennon.ingest.accept import Accepted, BatchTooOld, IngestError
from pennon.model import Position
from pennon.protocol import Projection
from pennon.stream.calls import Call
from pennon.stream.http import JSON, NO_STORE, Answer, Refusal
from pennon.stream.samples import believed

_PROBLEMS = 3


async def answer(call: Call, body: bytes) -> Answer:
    """Take what an edge node hands on, and say of each batch what became of it. Raises `Refusal`."""
    if call.access.kind != "edge":
        detail = f"only edge nodes hand batches on, and this is a {call.access.kind} key"
        raise Refusal(403, "Wrong kind of key", detail)
    try:
        batches = forwarded_batches(body)
    except InvalidBatch as error:
        call.node.metrics.batches.labels("malformed").inc()
        raise Refusal(400, "Malformed batches", "nothing of them is counted", problems=error.problems) from error
    if any(_is_of_unknown_key(batch, call) for batch in batches):
        # Its maker may have used it on the edge before this node heard of it.
        await call.node.catch_up()
    # At once, so that they share the disk's next fsync.
    return Answer(200, results_body(await asyncio.gather(*(_take(batch, call) for batch in batches))), (JSON, NO_STORE))


async def _take(forwarded: Forwarded, call: Call) -> Result:
    outcomes, sink = call.node.metrics.batches, call.node.sink
    try:
        batch = EventBatch.from_json(bytes(forwarded.batch))
    except InvalidBatch as error:
        outcomes.labels("malformed").inc()
        said = "; ".join(f"{problem.path}: {problem.message}" for problem in error.problems[:_PROBLEMS])
        return Result(Fate.REFUSED, f"malformed: {said}")
    # A node that does not count leaves it to the one that does, which may know more keys.
    if not sink.passes_on and _is_of_unknown_key(forwarded, call):
        outcomes.labels("unknown key").inc()
        return Result(Fate.REFUSED, f"there is no such key in {call.environment.name}, nor was there one")
    known = await known_of(batch, call, _projection(forwarded.key, call))
    unknown = batch.entries - known.entries
    if unknown and not known.entries:
        return _taken(call, Accepted(0), unknown)
    try:
        return _taken(call, await sink.accept(call.environment.name, forwarded.key, known, forwarded.way), unknown)
    except BatchTooOld as error:
        outcomes.labels("too old").inc()
        return Result(Fate.REFUSED, f"too old: {error}")
    except IngestError as error:
        outcomes.labels("unavailable").inc()
        return Result(Fate.RETRY, str(error))


async def known_of(batch: EventBatch, call: Call, projection: Projection) -> EventBatch:
    """Return *batch* without what the key cannot have seen: names that anybody made up would fill the counts.

    Of contexts it has those that are `believed`.
    """
    batch = believed(call, batch, projection)
    flags = call.environment.known_flags(projection)
    known = flags.known_of(batch)
    if known is not batch and _is_ahead(batch, call):
        # The SDK may have its flags from another node, and been faster than the bus.
        await call.node.catch_up()
        known = flags.known_of(batch)
        if known is not batch and call.node.sink.passes_on and _is_ahead(batch, call):
            # A node that is cut off cannot say what is made up. The one that counts will.
            return batch
    return known


def count(call: Call, accepted: Accepted, unknown: int) -> None:
    """Note in the metrics what became of a batch."""
    metrics = call.node.metrics
    metrics.batches.labels("duplicate" if accepted.duplicate else "accepted").inc()
    if not accepted.duplicate:
        metrics.events.inc(accepted.accepted)
        metrics.unknown_events.inc(unknown)


def _taken(call: Call, accepted: Accepted, unknown: int) -> Result:
    count(call, accepted, unknown)
    return Result(Fate.DUPLICATE if accepted.duplicate else Fate.ACCEPTED, unknown=unknown)


def _is_of_unknown_key(forwarded: Forwarded, call: Call) -> bool:
    """Whether no key of that hash ever opened the environment. One that is revoked by now was good when it was used."""
    return forwarded.key != NODE and call.node.keys.record(call.environment.name, forwarded.key) is None


def _projection(key: str, call: Call) -> Projection:
    """Return what the holder of *key* sees."""
    record = call.node.keys.record(call.environment.name, key)
    return "client" if record is not None and record.kind == "client" else "server"


def _is_ahead(batch: EventBatch, call: Call) -> bool:
    position = call.environment.position
    try:
        return position is not None and Position.parse(str(batch.revision)) > position
    except ValueError:
        return False
