"""Frames: what travels on a stream, apart from how it is written there (`sse`).

Every frame's data is a JSON object whose first member is `age`: for how many seconds its sender has not known the
state to be current at the origin. It comes first so that a body, encoded once, serves every moment.
"""

from math import inf
from typing import TypeVar

import msgspec

from pennon.model import DECODE_ERRORS, Head, InvalidJson, Position, Problem, decoding_problem
from pennon.model.flags import Wire

SNAPSHOT = "snapshot"
DELTA = "delta"
HEARTBEAT = "heartbeat"
GOODBYE = "goodbye"

LARGEST_INTEGER = 2**53 - 1
"""Epochs and revisions above it would mean something else to a reader that has doubles only."""


T = TypeVar("T")


class Frame(msgspec.Struct, frozen=True):
    """One event of a stream. `id` is `epoch.revision`; `retry_ms` asks the receiver to wait before it reconnects."""

    event: str
    data: bytes
    id: str | None = None
    retry_ms: int | None = None


class Heartbeat(Wire, frozen=True, kw_only=True):
    """The data of a heartbeat: where the sender stands, and with what digest.

    Those for edge nodes have the `path`: the sender's name, and of every node that the state came by, the origin last.
    """

    epoch: int
    revision: int
    digest: str
    environment: str = ""
    path: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()

    @property
    def position(self) -> Position:
        """Epoch and revision."""
        return Position(self.epoch, self.revision)


class Goodbye(Wire, frozen=True):
    """The data of a goodbye: when to come back."""

    retry_ms: int


class _Step(msgspec.Struct, frozen=True):
    from_: msgspec.Raw = msgspec.field(name="from", default_factory=msgspec.Raw)


class _Aged(msgspec.Struct, frozen=True):
    age: float


_AGED_DECODER = msgspec.json.Decoder(_Aged)
_STEP_DECODER = msgspec.json.Decoder(_Step)
_HEARTBEAT_DECODER = msgspec.json.Decoder(Heartbeat)
_GOODBYE_DECODER = msgspec.json.Decoder(Goodbye)


def aged(body: bytes, age: float) -> bytes:
    """Return *body*, a JSON object with at least one member, with `age` (in milliseconds' steps) before it."""
    return b'{"age":%.3f,' % max(age, 0.0) + body[1:]


def is_delta(data: bytes) -> bool:
    """Whether a document is a delta: it says `from` which revision it is. Raises `InvalidJson`."""
    return bytes(_decoded(_STEP_DECODER, data).from_) != b""


def age_of(data: bytes) -> float:
    """Return the age that a frame's data says. Raises `InvalidJson` where it says none."""
    return checked_age(_decoded(_AGED_DECODER, data).age)


def checked_age(age: float) -> float:
    """Return *age*. Raises `InvalidJson` where it is below zero or not finite, as a header may say."""
    if not 0 <= age < inf:
        raise InvalidJson([Problem("/age", "not a number of seconds from 0 on")])
    return age


def heartbeat_of(data: bytes) -> Heartbeat:
    """Return what a heartbeat says. Raises `InvalidJson`."""
    heartbeat = _decoded(_HEARTBEAT_DECODER, data)
    check_position(heartbeat.position)
    return heartbeat


def goodbye_of(data: bytes) -> Goodbye:
    """Return what a goodbye says. Raises `InvalidJson`."""
    goodbye = _decoded(_GOODBYE_DECODER, data)
    if not 0 <= goodbye.retry_ms <= LARGEST_INTEGER:
        raise InvalidJson([Problem("/retryMs", f"not between 0 and {LARGEST_INTEGER}")])
    return goodbye


def check_position(position: Position) -> None:
    """Raise `InvalidJson` unless *position* is one that an environment can have."""
    for path, number in (("/epoch", position.epoch), ("/revision", position.revision)):
        if not 0 <= number <= LARGEST_INTEGER:
            raise InvalidJson([Problem(path, f"not between 0 and {LARGEST_INTEGER}")])


def _decoded(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except DECODE_ERRORS as error:
        raise InvalidJson([decoding_problem(error)]) from error
