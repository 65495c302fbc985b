"""What comes back from below: `POST /sdk/v1/events` from SDKs, `POST /sdk/v1/acks` from edge nodes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pennon.events import ENVELOPE_BYTES, EventBatch, InvalidBatch, is_forwarding
from pennon.ingest.accept import Accepted, BatchTooOld, IngestUnavailable
from pennon.model import DECODE_ERRORS, Position, Problem, decoding_problem, pointer
from pennon.stream import forwarded
from pennon.stream.acks import NODES, Ack
from pennon.stream.calls import Call
from pennon.stream.http import JSON, NO_STORE, Answer, Refusal

_ACKS_BYTES = 8 * 1024 * 1024


async def answer_events(call: Call) -> Answer:
    """Take a batch of events; 202 once it is on disk. A batch with one malformed entry is refused whole."""
    batches, settings = call.node.metrics.batches, call.node.settings
    call.request.require_json()
    envelope = ENVELOPE_BYTES if call.access.kind == "edge" else 0
    body = await call.request.body(settings.events_bytes + envelope)
    if is_forwarding(body):
        return await forwarded.answer(call, body)
    try:
        batch = EventBatch.from_json(body)
    except InvalidBatch as error:
        batches.labels("malformed").inc()
        detail = "nothing of the batch is counted"
        raise Refusal(400, "Malformed batch", detail, problems=error.problems) from error
    if call.access.kind == "server":
        call.environment.census.reported(batch.instance, batch.revision, call.now)
    known = await forwarded.known_of(batch, call, call.projection)
    unknown = batch.entries - known.entries
    if unknown and not known.entries:
        return _taken(call, Accepted(0), unknown)
    try:
        accepted = await call.node.sink.accept(call.environment.name, call.access.key_hash, known)
    except BatchTooOld as error:
        batches.labels("too old").inc()
        raise Refusal(409, "Too old", str(error)) from error
    except IngestUnavailable as error:
        batches.labels("unavailable").inc()
        detail = "the batch could not be kept: send it again"
        raise Refusal(503, "Events cannot be kept now", detail, headers=(("retry-after", "5"),)) from error
    return _taken(call, accepted, unknown)


def _taken(call: Call, accepted: Accepted, unknown: int) -> Answer:
    forwarded.count(call, accepted, unknown)
    answer = {"accepted": accepted.accepted, "duplicate": accepted.duplicate, "unknown": unknown}
    return Answer(202, msgspec.json.encode(answer), (JSON, NO_STORE))


class _Acks(msgspec.Struct, frozen=True):
    acks: Annotated[list[Ack], Meta(max_length=NODES)]


_ACKS = msgspec.json.Decoder(_Acks)


async def answer_acks(call: Call) -> Answer:
    """Keep what an edge node reports of itself and of those below it."""
    call.request.require_json()
    body = await call.request.body(_ACKS_BYTES)
    try:
        acks = _ACKS.decode(body).acks
    except DECODE_ERRORS as error:
        raise _malformed(decoding_problem(error)) from error
    for at, ack in enumerate(acks):
        for path, text in ((pointer("acks", at, "revision"), ack.revision), *_named_paths(at, ack)):
            _check_position(path, text)
    for ack in acks:
        # What a node below says of this one, or of one above it, it cannot know better.
        if ack.node not in call.node.path:
            call.node.acks.take(call.environment.name, ack, call.now)
    return Answer(204, b"", (NO_STORE,))


def _named_paths(at: int, ack: Ack) -> list[tuple[str, str]]:
    named = (("sdks", ack.sdks), ("applied", ack.applied))
    return [(pointer("acks", at, field, revision), revision) for field, by in named for revision in by]


def _check_position(path: str, text: str) -> None:
    try:
        Position.parse(text)
    except ValueError as error:
        raise _malformed(Problem(path, str(error), "write epoch.revision")) from error


def _malformed(problem: Problem) -> Refusal:
    return Refusal(400, "Malformed acks", "nothing of them is kept", problems=(problem,))
