"""Batches on their way up through edge nodes: what a node hands on of those it took, and what it is told of each. Pure.

A batch keeps the hash of the key that it first came with, by which it is counted; for how long it has waited at the
nodes so far, which no clock but theirs can say; and the nodes that it came by, so that none gives it back.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from pennon.events.batches import InvalidBatch
from pennon.model import DECODE_ERRORS, Problem, decoding_problem

NODE = "node"
"""In place of a key's hash: a node reports the evaluations that it answered itself."""
MOST_BATCHES = 1000
"""So many batches may be in one request."""
MAX_HOPS = 32
ENVELOPE_BYTES = 4096
"""So much longer than the batch in it a request may be: one of the largest size must fit, too."""

_HopId: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]


class Way(msgspec.Struct, frozen=True):
    """How a batch came here: for how long it waited on other nodes, and which they were, the first one first."""

    waited_ms: int = 0
    via: tuple[str, ...] = ()


DIRECT = Way()


class Forwarded(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A batch, by the hash of the key that it first came with, or `NODE`. It is not read here: it may be malformed."""

    key: Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{64}|node)\Z")]
    batch: msgspec.Raw
    waited_ms: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    via: Annotated[tuple[_HopId, ...], Meta(max_length=MAX_HOPS)] = ()

    @property
    def way(self) -> Way:
        """How it came."""
        return Way(self.waited_ms, self.via)


class Fate(StrEnum):
    """What became of a batch. `REFUSED`: it will never be taken. `RETRY`: it is not now, it may be later."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    RETRY = "retry"


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a batch's sender is told of it. `unknown`: so many entries were left out, of flags that nobody knows."""

    status: Fate
    problem: str = ""
    unknown: int = 0


class _Batches(msgspec.Struct, frozen=True):
    batches: Annotated[tuple[Forwarded, ...], Meta(max_length=MOST_BATCHES)]


class _Sketch(msgspec.Struct, frozen=True):
    batches: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    instance: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Results(msgspec.Struct, frozen=True):
    results: tuple[Result, ...]


_BATCHES = msgspec.json.Decoder(_Batches)
_SKETCHES = msgspec.json.Decoder(_Sketch)
_RESULTS = msgspec.json.Decoder(_Results)
_encode = msgspec.json.Encoder().encode


def is_forwarding(body: bytes) -> bool:
    """Whether *body* hands on batches of others: it has `batches`, and no `instance`, which a batch always has."""
    try:
        found = _SKETCHES.decode(body)
    except DECODE_ERRORS:
        return False
    return found.batches is not msgspec.UNSET and found.instance is msgspec.UNSET


def forwarded_batches(body: bytes) -> tuple[Forwarded, ...]:
    """Return the batches that *body* hands on. Raises `InvalidBatch` where they cannot even be told apart."""
    try:
        body.decode()  # msgspec does not check the bytes that it skips
        return _BATCHES.decode(body).batches
    except DECODE_ERRORS as error:
        problem = decoding_problem(error)
        mend = problem.mend or "see docs/reference/sdk-endpoints.md for what edge nodes send"
        raise InvalidBatch([Problem(problem.path, problem.message, mend)]) from error


def forwarding(batches: Iterable[Forwarded]) -> bytes:
    """Return the body that hands on *batches*."""
    return b'{"batches":[%b]}' % b",".join(map(_encode, batches))


def results_body(results: Iterable[Result]) -> bytes:
    """Return the body that tells what became of each batch."""
    return _encode({"results": tuple(results)})


def read_results(body: bytes, count: int) -> tuple[Result, ...] | None:
    """Return what became of *count* batches, None where *body* does not say it of each of them."""
    try:
        results = _RESULTS.decode(body).results
    except DECODE_ERRORS:
        return None
    return results if len(results) == count else None
