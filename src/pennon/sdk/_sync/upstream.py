# Generated from src/pennon/sdk/_async/upstream.py by scripts/generate.py: edit that file, not this one.
"""Follows a server: streams, polls while the stream is down, and hands what comes to a receiver.

What to try next is the ladder's business, what a frame means the receiver's.
"""

import math

from pennon.model import Position
from pennon.protocol import (
    GOODBYE,
    Action,
    AskSince,
    AskSnapshot,
    Draining,
    Frame,
    FrameTooLarge,
    Reported,
    ReportKind,
)
from pennon.protocol.heads import from_header
from pennon.protocol.sse import Decoder
from pennon.sdk._sync.transport import Answer, Transport
from pennon.sdk.config import Config
from pennon.sdk.failures import UpstreamFailed
from pennon.sdk.ladder import Connect, Failure, FailureKind, Ladder, Poll, Wait
from pennon.sdk.receiver import Receiver
from pennon.sdk.threads import Signal

_HEARTBEATS = 2.5
_ASKS = 3  # one answer may lead to another question, not to an endless talk


class Upstream:
    """Keeps *receiver* in step with the first of the servers that answers."""

    def __init__(self, receiver: Receiver, config: Config, transport: Transport, ladder: Ladder) -> None:
        self._receiver = receiver
        self._config = config
        self._transport = transport
        self._now = config.clock.monotonic
        self._ladder = ladder
        self._stopping = Signal()
        self._etags: dict[str, str] = {}
        self._wants_whole = False
        self._silent_from = math.inf

    def run(self) -> None:
        """Follow until `stop`."""
        while not self._stopping.is_set():
            match self._ladder.next(self._now()):
                case Connect(upstream):
                    self._follow(self._config.urls[upstream])
                case Poll():
                    self._poll()
                case Wait(until):
                    self._stopping.wait(until - self._now())

    def stop(self) -> None:
        """End `run`, also while it waits for the network."""
        self._stopping.set()
        self._transport.line.close()

    def watch(self, now: float) -> None:
        """Cut the stream if it has been silent for too long. To be called about once a second."""
        if now >= self._silent_from:
            self._silent_from = math.inf
            self._transport.line.cut()

    def _follow(self, url: str) -> None:
        failure = Failure(FailureKind.ENDED, f"{url} closed the stream")
        decoder = Decoder(limit=self._config.max_bytes)
        try:
            self._begin(url)
            self._silent_from = self._now() + self._config.timeout_s
            with self._transport.stream(f"{url}/sdk/v1/stream", self._params()) as chunks:
                self._etags.clear()  # they name what was held before the stream
                for chunk in chunks:
                    for frame in decoder.feed(chunk):
                        self._silent_from = self._now() + _HEARTBEATS * self._config.heartbeat_s
                        actions = self._receiver.receive(frame, self._now())
                        failure = self._perform(actions, url) or failure
                        self._stand_on_stream(frame)
        except UpstreamFailed as failed:
            failure = failed.failure
        except FrameTooLarge as error:
            failure = Failure(FailureKind.BROKEN, f"{url}: {error}")
        self._silent_from = math.inf
        if not self._stopping.is_set():
            self._ladder.ended(failure, self._now())
            self._stand(failure)

    def _begin(self, url: str) -> None:
        """Fetch the whole, where nothing is held that a stream could go on from.

        A snapshot travels compressed, and its bytes are the same for all; on the stream it would be neither.
        """
        if self._receiver.position is not None and not self._wants_whole:
            return
        self._perform(self._ask(url, whole=True), url)
        self._wants_whole = False
        self._ladder.polled(self._now())
        self._stand(None)

    def _stand_on_stream(self, frame: Frame) -> None:
        self._wants_whole = False
        self._ladder.opened(self._now())
        if frame.retry_ms is not None and frame.event != GOODBYE:  # a goodbye's is meant for once
            self._ladder.asked_to_wait(frame.retry_ms / 1000)
        self._stand(None)

    def _poll(self) -> None:
        failure = None
        for url in self._config.urls:
            try:
                self._perform(self._ask(url, whole=self._wants_whole), url)
            except UpstreamFailed as failed:
                failure = failed.failure
                continue
            self._wants_whole = False
            self._ladder.polled(self._now())
            return self._stand(None)
        if failure is not None and not self._stopping.is_set():
            self._ladder.poll_failed(failure, self._now())
            self._stand(failure)
        return None

    def _perform(self, actions: list[Action], url: str) -> Failure | None:
        """Do what the receiver cannot do itself; return the server's goodbye if there was one.

        Raises `UpstreamFailed` where the upstream does not answer, or makes no sense.
        """
        goodbye = None
        for _ in range(_ASKS):
            asked: list[Action] = []
            for action in actions:
                match action:
                    case AskSince():
                        asked += self._ask(url, whole=False)
                    case AskSnapshot():
                        asked += self._ask(url, whole=True)
                    case Draining(retry_ms):
                        goodbye = Failure(FailureKind.DRAINING, f"{url} is shutting down", retry_ms / 1000)
                    case Reported(problem, kind, is_refusal=True):
                        self._wants_whole = True
                        self._etags.pop(url, None)  # it names what was not taken
                        raise UpstreamFailed(Failure(FailureKind.UNTRUSTED, f"{url}: {kind}: {problem}"))
                    case Reported(problem, ReportKind.MALFORMED):
                        self._wants_whole = True
                        raise UpstreamFailed(Failure(FailureKind.BROKEN, f"{url}: {problem}"))
            actions = asked
        return goodbye

    def _ask(self, url: str, *, whole: bool) -> list[Action]:
        headers = {} if whole or url not in self._etags else {"If-None-Match": self._etags[url]}
        params = self._params(whole=whole)
        answer = self._transport.get(f"{url}/sdk/v1/snapshot", params, headers)
        age = _age(answer)
        if answer.status == 304:
            said = from_header(answer.headers.get("x-pennon-heads", ""))
            return self._receiver.receive_unchanged(age=age, now=self._now(), said=said)
        actions = self._receiver.receive_document(answer.body, age=age, now=self._now())
        if etag := answer.headers.get("etag"):
            self._etags = {url: etag}
        return actions

    def _params(self, *, whole: bool = False) -> dict[str, str]:
        params = {"environment": self._config.environment} if self._config.environment else {}
        position: Position | None = self._receiver.position
        if position is not None and not (whole or self._wants_whole):
            params["since"] = str(position)
        return params

    def _stand(self, failure: Failure | None) -> None:
        self._receiver.stand(self._ladder.level(known=True), failure, self._now())


def _age(answer: Answer) -> float:
    try:
        age = float(answer.headers.get("x-pennon-age", "0"))
    except ValueError:
        return 0.0
    return age if 0 <= age < math.inf else 0.0
