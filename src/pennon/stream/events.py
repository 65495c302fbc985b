"""What comes back from below: `POST /sdk/v1/events` from SDKs, `POST /sdk/v1/acks` from edge nodes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pennon.events import EventBatch, InvalidBatch
from pennon.ingest.accept import BatchTooOld, IngestUnavailable
from pennon.model import DECODE_ERRORS, Position, Problem, decoding_problem, pointer
from pennon.stream.acks import NODES, Ack
from pennon.stream.calls import Call
from pennon.stream.http import JSON, NO_STORE, Answer, Refusal

_ACKS_BYTES = 1024 * 1024


async def answer_events(call: Call) -> Answer:
    """Take a batch of events; 202 once it is on disk. A batch with one malformed entry is refused whole."""
    batches, settings = call.node.metrics.batches, call.node.settings
    call.request.require_json()
    body = await call.request.body(settings.events_bytes)
    try:
        batch = EventBatch.from_json(body)
    except InvalidBatch as error:
        batches.labels("malformed").inc()
        detail = "nothing of the batch is counted"
        raise Refusal(400, "Malformed batch", detail, problems=error.problems) from error
    try:
        accepted = await call.node.sink.accept(call.environment.name, call.access.key_hash, batch)
    except BatchTooOld as error:
        batches.labels("too old").inc()
        raise Refusal(409, "Too old", str(error)) from error
    except IngestUnavailable as error:
        batches.labels("unavailable").inc()
        detail = "the batch could not be kept: send it again"
        raise Refusal(503, "Events cannot be kept now", detail, headers=(("retry-after", "5"),)) from error
    batches.labels("duplicate" if accepted.duplicate else "accepted").inc()
    if not accepted.duplicate:
        call.node.metrics.events.inc(accepted.accepted)
    return Answer(202, msgspec.json.encode(accepted), (JSON, NO_STORE))


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
        for path, text in ((pointer("acks", at, "revision"), ack.revision), *_sdk_paths(at, ack)):
            _check_position(path, text)
    for ack in acks:
        call.node.acks.take(call.environment.name, ack)
    return Answer(204, b"", (NO_STORE,))


def _sdk_paths(at: int, ack: Ack) -> list[tuple[str, str]]:
    return [(pointer("acks", at, "sdks", revision), revision) for revision in ack.sdks]


def _check_position(path: str, text: str) -> None:
    try:
        Position.parse(text)
    except ValueError as error:
        raise _malformed(Problem(path, str(error), "write epoch.revision")) from error


def _malformed(problem: Problem) -> Refusal:
    return Refusal(400, "Malformed acks", "nothing of them is kept", problems=(problem,))
