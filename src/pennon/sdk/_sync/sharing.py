# Generated from src/pennon/sdk/_async/sharing.py by scripts/generate.py: edit that file, not this one.
"""One stream for all processes of a host that have one local store: one leads and writes it, the others follow it.

Each takes the leader's seat if it is free. Who does not get it reads what the leader writes, and stands where it
stands. Where that does not work out, a process streams by itself, as one without a store does.
"""

import logging
import math
from collections import deque
from functools import partial

from pennon.model import ITEM_KINDS, Position, Snapshot
from pennon.protocol import Adopted
from pennon.protocol.state import Editable
from pennon.sdk._core import Core
from pennon.sdk._sync.transport import Transport
from pennon.sdk._sync.upstream import Upstream
from pennon.sdk.config import Config
from pennon.sdk.errors import CorruptStore
from pennon.sdk.ladder import Ladder, Standing
from pennon.sdk.sharing.notice import Notice
from pennon.sdk.sharing.share import Share
from pennon.sdk.threads import Bell, Loops, call

_LOG = logging.getLogger("pennon")
_BEAT_S = 1.0
_LOOK_S = 0.25
_HURRY_S = 0.02
_HURRY_FOR_S = 0.5
_SILENT_S = 3.0
_UNFIT_S = 1.0
_END_S = 1.0
_NOWHERE = Position(2**63, 0)  # beyond every other


class Sharing:
    """Keeps *core* in step with the server, through this process's own stream or another's."""

    def __init__(self, core: Core, config: Config, share: Share) -> None:
        self._core = core
        self._config = config
        self._now = config.clock.monotonic
        self._share = share
        self._bell = Bell(share.wakeups.handle)
        self._stopping = False
        self._leads = False
        self._steps: deque[Adopted] = deque()
        self._beat_at = -math.inf
        self._hurry_until = -math.inf
        self._look_at = -math.inf
        self._looked_at = self._heard_at = self._well_at = self._now()
        self._beat = -1
        self._told: Standing | None = None
        self._goal: tuple[Position, float] | None = None
        self._trouble = ""
        self._complaint = ""
        self._transport: Transport | None = None
        self._upstream: Upstream | None = None
        self._stream = Loops(self._release)

    def run(self) -> None:
        """Lead or follow until `stop`."""
        try:
            while not self._stopping:
                happened = self._share.wakeups.take()
                if happened.closed:
                    self._hurry_until = self._now() + _HURRY_FOR_S
                try:
                    self._turn(is_told=happened.written)
                except (OSError, CorruptStore) as error:
                    self._complain(error)
                    self._look_at = self._now() + _LOOK_S
                    self._suffer("the local store cannot be shared", within_s=_UNFIT_S)
                self._bell.wait(self._pause_s())
        finally:
            self._step_down()
            if self._stopping:
                self._let_go()

    def stop(self) -> None:
        """End `run`, also while it waits for the network."""
        self._stopping = True
        if self._upstream is not None:
            self._upstream.stop()
        self._bell.ring()

    def stopped(self, timeout_s: float) -> bool:
        """Wait at most *timeout_s* seconds for the stream to end. Return whether it has."""
        return self._stream.stop(timeout_s)

    def close(self) -> None:
        """Let go of everything, if `run` did not come to it."""
        self._step_down()
        self._let_go()
        self._release()

    def forget(self) -> None:
        """Have nothing to do with it any more, in a forked process."""
        self._share.forget()
        self._bell.forget()

    def watch(self, now: float) -> None:
        """Cut the stream if it has been silent for too long. To be called about once a second."""
        if self._upstream is not None:
            self._upstream.watch(now)

    def sync(self) -> None:
        """See onto the disk what this process wrote. To be called about once a second, from another loop."""
        if self._leads:
            call(self._share.sync)

    def _turn(self, *, is_told: bool) -> None:
        seat = self._share.seat
        if not seat.is_in_place():
            self._step_down()
            self._share.reopen()
        if not seat.take():
            # While it hurries to take the seat, it leaves the processors to whoever has it.
            if is_told or self._now() >= self._look_at:
                self._follow()
                self._look_at = self._now() + self._look_s()
            return
        if not self._leads:
            self._accede()
        self._publish()
        self._recover()

    # As the leader.

    def _accede(self) -> None:
        """Begin to lead: know what the last leader left, stream, write."""
        try:
            self._catch_up()
        except (OSError, CorruptStore) as error:
            self._complain(error)  # it is written anew
        call(partial(self._share.begin_leading, self._core.position))
        call(self._take_into_memory)
        self._steps.clear()
        self._core.pass_on = self._take_step
        self._leads = True
        self._beat_at = -math.inf
        self._start_stream()

    def _take_into_memory(self) -> None:
        """Hold every item: who leads can write the store again, whatever becomes of its file."""
        stored = self._core.storable()
        if stored is None or not any(isinstance(stored.snapshot.items(kind), Editable) for kind in ITEM_KINDS):
            return
        snapshot = stored.snapshot
        copy = Snapshot.of(
            {kind: dict(snapshot.items(kind)) for kind in ITEM_KINDS},
            environment=snapshot.environment,
            position=snapshot.position,
            digest=snapshot.digest,
            heads=snapshot.heads,
        )
        if not self._core.rehouse(copy):
            self._core.doubt()  # a part of it is not in its file any more

    def _take_step(self, step: Adopted) -> None:
        self._steps.append(step)
        self._bell.ring()

    def _publish(self) -> None:
        """Tell the others what changed, and every second that this process lives."""
        now = self._now()
        is_beat = now - self._beat_at >= _BEAT_S
        if not (is_beat or self._steps or self._core.standing != self._told):
            return
        if is_beat:
            self._beat_at = now
        steps = [self._steps.popleft() for _ in range(len(self._steps))]
        try:
            stored = self._core.storable()
            if stored is not None and (is_beat or not self._share.add(steps, stored.known_at)):
                call(partial(self._share.publish, steps, stored))
        finally:
            self._share.announce(self._notice())  # who then misses something in the store helps himself

    def _notice(self, *, is_leaving: bool = False) -> Notice:
        self._told = standing = self._core.standing
        stored, age = self._core.storable(), self._core.age_s
        snapshot = Snapshot() if stored is None else stored.snapshot
        return Notice(
            owner="",
            pid=0,
            beat=0,
            level=None if standing is None else standing.level,
            failure=None if standing is None else standing.failure,
            epoch=snapshot.epoch,
            revision=snapshot.revision,
            digest=snapshot.digest,
            known_at=None if stored is None or age is None else self._now() - age,
            is_leaving=is_leaving,
        )

    # As a follower.

    def _follow(self) -> None:
        notice = self._share.seat.read()
        self._listen(notice)
        if notice is None or self._now() - self._heard_at > _SILENT_S:
            self._suffer("the process that leads is silent", within_s=_SILENT_S)
        elif notice.owner != self._share.store.owner:
            self._suffer(
                f"{self._share.store.path} is in use by a client of another url, key or environment: "
                "give each a path of its own",
                within_s=_UNFIT_S,
            )
        else:
            self._catch_up()
            if self._agrees(notice):
                self._recover()
                self._stand_with(notice)
            elif self._is_apart():
                self._suffer("the process that leads has another state than it writes", within_s=0.0)

    def _listen(self, notice: Notice | None) -> None:
        """Note when the leader was last heard. The time that this process itself was away does not count."""
        now = self._now()
        if notice is not None and notice.beat != self._beat:
            self._beat, self._heard_at = notice.beat, now
        away_s = now - self._looked_at - 2 * _BEAT_S
        if away_s > 0:
            self._heard_at += away_s
            self._well_at += away_s
        self._looked_at = now

    def _catch_up(self) -> None:
        found = self._share.news()
        if found is None:
            found = call(self._share.find)
        if found.stored is not None:
            snapshot = found.stored.snapshot
            if not self._core.rehouse(snapshot, anew=found.was_damaged):
                self._core.receive_snapshot(snapshot, age=self._age(found.stored.known_at), now=self._now())
        for record in found.records:
            if record.delta:
                self._core.receive_document(record.delta, age=self._age(record.known_at), now=self._now())

    def _age(self, known_at: float) -> float:
        return max(self._config.clock.time() - known_at, 0.0)

    def _agrees(self, notice: Notice) -> bool:
        """Return whether what is known is what the leader knows. Both move: the one may be ahead for a moment."""
        stored = self._core.storable()
        own = None if stored is None else (stored.snapshot.position, stored.snapshot.digest)
        said = None if notice.known_at is None else (Position(notice.epoch, notice.revision), notice.digest)
        if own == said:
            self._goal = None
            return True
        if own is None or said is None or own[0] == said[0]:
            self._goal = self._goal or (_NOWHERE, self._now())
        elif self._goal is None or min(own[0], said[0]) >= self._goal[0]:
            self._goal = (max(own[0], said[0]), self._now())
        return False

    def _is_apart(self) -> bool:
        """Return whether one of the two has not come for a while to where the other was."""
        return self._goal is not None and self._now() - self._goal[1] > _UNFIT_S

    def _stand_with(self, notice: Notice) -> None:
        """Stand where the leader stands."""
        now = self._now()
        if notice.known_at is not None:
            self._core.receive_unchanged(age=max(now - notice.known_at, 0.0), now=now)
        if notice.level is not None:
            self._core.stand(notice.level, notice.failure, now)

    # By itself, where there is nobody to follow.

    def _suffer(self, trouble: str, *, within_s: float) -> None:
        """Bear with *trouble* for a while, then stream."""
        self._trouble = self._trouble or trouble
        if self._now() - self._well_at >= within_s and self._upstream is None:
            _LOG.warning("%s; this process streams by itself", trouble)
            self._start_stream()

    def _complain(self, error: Exception) -> None:
        """Say once, not with each turn, what is wrong with the store."""
        if str(error) != self._complaint:
            self._complaint = str(error)
            what = error if isinstance(error, CorruptStore) else f"the local store cannot be written: {error}"
            _LOG.warning("%s", what)

    def _recover(self) -> None:
        """Note that all is well, and follow without a stream if another process has one."""
        self._well_at = self._now()
        if self._upstream is not None and not self._leads:
            _LOG.info("this process follows another again")
            self._stop_stream()
        self._trouble = self._complaint = ""

    def _start_stream(self) -> None:
        if self._upstream is not None:
            return
        ladder = Ladder(self._config.pace, upstreams=len(self._config.urls), chance=self._config.chance)
        self._transport = Transport(self._config)
        self._upstream = upstream = Upstream(self._core, self._config, self._transport, ladder)
        if self._stopping:  # said between the last look and now: who said so did not see this one
            upstream.stop()
        self._stream = Loops(self._release)
        self._stream.start({"pennon-upstream": upstream.run})

    def _stop_stream(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.stop()
            self._stream.stop(_END_S)
            self._release()

    def _release(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _pause_s(self) -> float:
        now = self._now()
        if self._leads and self._core.standing is None:
            return _HURRY_S  # others wait to be told how the first attempt went
        if self._leads:
            return max(self._beat_at + _BEAT_S - now, 0.0)
        if now < self._hurry_until:
            return _HURRY_S
        return max(self._look_at - now, 0.0)

    def _look_s(self) -> float:
        return _BEAT_S if self._share.wakeups.is_watching and not self._trouble else _LOOK_S

    # At the end.

    def _step_down(self) -> None:
        """Hand over: what is left to be said is said, and the seat is free."""
        leads, self._leads, self._core.pass_on = self._leads, False, None
        try:
            if leads and self._share.seat.is_in_place():
                if (stored := self._core.storable()) is not None:
                    self._share.publish(list(self._steps), stored, is_last=True)
                self._share.announce(self._notice(is_leaving=True))
        except OSError as error:
            self._complain(error)
        self._share.leave()

    def _let_go(self) -> None:
        self._share.close()
        self._bell.close()
