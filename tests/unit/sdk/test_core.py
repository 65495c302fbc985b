"""A client without its loops, and with a clock that the test turns."""

import logging
import sys
import threading
from typing import Any

import pytest

from pennon.model import ErrorCode, Reason, Snapshot
from pennon.protocol import Frame, Hub
from pennon.sdk._core import Core
from pennon.sdk.config import Clock, Config
from pennon.sdk.ladder import Failure, FailureKind, Level, Standing
from pennon.sdk.status import Status
from pennon.sdk.stores import Stored
from pennon.testing import InMemorySource, flag

DOWN = Failure(FailureKind.UNREACHABLE, "nobody there")
NOW = 1_000_000_000.0


class Bench:
    """A core whose time is `now`, and a hub that feeds it."""

    def __init__(self, *flags: Any, **options: Any) -> None:
        self.now = 1000.0
        self.statuses: list[Status] = []
        clock = Clock(lambda: self.now, lambda: NOW + self.now)
        self.core = Core(Config(urls=("http://a",), clock=clock, on_status=self.statuses.append, **options))
        self.source = InMemorySource(*flags)
        self.hub = Hub()
        self.hub.load(self.source.snapshot, known_at=self.now)

    def stream(self) -> None:
        self.hub.confirm(self.now)
        self.frame(self.hub.opening("server", self.core.position, self.now))

    def frame(self, frame: Frame) -> None:
        self.core.receive(frame, self.now)
        self.core.stand(Level.STREAMING, None, self.now)

    def pass_time(self, seconds: float) -> float:
        self.now += seconds
        return self.core.tick(self.now)


def test_what_arrives_is_served_and_said() -> None:
    bench = Bench(flag("a").on())
    assert bench.core.evaluation("a", default=1).error_code is ErrorCode.PROVIDER_NOT_READY
    bench.stream()
    assert bench.core.boolean("a") is True
    status = bench.core.status()
    assert (status.level, status.ready, status.epoch, status.revision, status.age_s) == (Level.STREAMING, True, 1, 1, 0)
    assert [each.level for each in bench.statuses] == [Level.STREAMING]
    assert bench.statuses[0] == status


def test_the_age_grows_until_a_sign_of_life() -> None:
    bench = Bench(flag("a").on())
    bench.stream()
    bench.pass_time(20)
    assert bench.core.status().age_s == 20
    bench.hub.confirm(bench.now - 3)
    bench.frame(bench.hub.heartbeat(bench.now, "server"))
    assert bench.core.status().age_s == pytest.approx(3)


def test_a_flag_is_stale_after_its_bound_and_fresh_again_after_a_heartbeat() -> None:
    bench = Bench(flag("a").on().stale_after(60, serve="off"), flag("b").on())
    bench.stream()
    assert bench.pass_time(10) == pytest.approx(50, abs=0.01)
    assert bench.core.boolean("a") is True
    bench.pass_time(51)
    result = bench.core.evaluation("a", default=True)
    assert (result.value, result.reason) == (False, Reason.STALE)
    assert bench.core.boolean("b") is True
    bench.stream()
    assert bench.core.evaluation("a").reason is Reason.FALLTHROUGH
    assert bench.core.status().revision == 1


def test_a_stale_flag_stays_stale_over_changes_that_do_not_make_it_fresh() -> None:
    bench = Bench(flag("a").on().stale_after(60, serve="off"))
    bench.stream()
    bench.pass_time(100)
    before = bench.source.snapshot
    bench.source.put(flag("c").on())
    document = bench.source.snapshot.to_json()
    bench.core.receive_document(document, age=90.0, now=bench.now)
    bench.core.stand(Level.POLLING, None, bench.now)
    assert before.revision + 1 == bench.core.status().revision
    assert bench.core.evaluation("a").reason is Reason.STALE
    assert bench.core.boolean("c") is True


def test_last_known_flags_are_served_without_end() -> None:
    bench = Bench(flag("a").on())
    bench.stream()
    bench.core.stand(Level.LAST_KNOWN, DOWN, bench.now)
    assert bench.pass_time(1e8) == float("inf")
    assert bench.core.boolean("a") is True
    assert bench.core.status().level is Level.LAST_KNOWN


def test_last_known_flags_end_with_their_time_to_live_and_come_back() -> None:
    bench = Bench(flag("a").on(), last_known_ttl=100.0)
    bench.stream()
    bench.pass_time(99)
    assert bench.core.boolean("a") is True
    bench.pass_time(99)
    assert bench.core.boolean("a") is True, "a live stream is not the last known state, however old its news"
    bench.stream()
    bench.core.stand(Level.LAST_KNOWN, DOWN, bench.now)
    assert bench.pass_time(60) == pytest.approx(40)
    assert bench.core.boolean("a") is True
    bench.pass_time(40)
    result = bench.core.evaluation("a", default=3)
    assert (result.value, result.error_code) == (3, ErrorCode.PROVIDER_NOT_READY)
    assert "last_known_ttl" in str(result.error_message)
    assert (bench.core.status().level, bench.core.status().ready) == (Level.DEFAULTS, False)
    bench.stream()
    assert bench.core.boolean("a") is True
    assert [each.level for each in bench.statuses] == [
        Level.STREAMING,
        Level.LAST_KNOWN,
        Level.DEFAULTS,
        Level.STREAMING,
    ]


def test_a_stored_state_past_its_time_to_live_is_not_served_while_the_server_is_looked_for() -> None:
    bench = Bench(flag("a").on(), last_known_ttl=100.0)
    bench.core.remember(Stored(bench.source.snapshot, NOW + bench.now - 500))
    for level in (Level.POLLING, Level.LAST_KNOWN, Level.POLLING):  # the stream failed, and no poll has answered
        bench.core.stand(level, DOWN, bench.now)
        assert (bench.core.boolean("a"), bench.core.status().level) == (False, Level.DEFAULTS)
    bench.stream()
    assert bench.core.boolean("a") is True


def test_a_stored_state_is_served_with_its_age_until_better_comes() -> None:
    bench = Bench(flag("a").on())
    bench.core.remember(Stored(bench.source.snapshot, NOW + bench.now - 500))
    assert bench.core.boolean("a") is True
    assert (bench.core.status().level, bench.core.status().age_s) == (Level.LAST_KNOWN, 500)
    bench.stream()
    assert bench.core.status().level is Level.STREAMING
    stored = bench.core.storable()
    assert stored is not None
    assert (stored.snapshot.revision, stored.known_at) == (1, NOW + bench.now)


def test_a_stored_state_from_the_future_has_no_age_below_zero() -> None:
    bench = Bench(flag("a").on())
    bench.core.remember(Stored(bench.source.snapshot, NOW + bench.now + 500))
    assert bench.core.status().age_s == 0


def test_nothing_known_is_nothing_to_store() -> None:
    assert Bench().core.storable() is None


def test_a_failure_is_said_once_until_the_stream_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pennon")
    bench = Bench(flag("a").on())
    bench.stream()
    for _ in range(5):
        bench.core.stand(Level.LAST_KNOWN, DOWN, bench.now)
        bench.core.stand(Level.LAST_KNOWN, Failure(FailureKind.BUSY, "busy"), bench.now)
    bench.stream()
    bench.core.stand(Level.LAST_KNOWN, DOWN, bench.now)
    assert caplog.text.count("nobody there") == 2
    assert caplog.text.count("busy") == 1
    assert caplog.text.count("streams again") == 1


def test_a_healthy_day_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(flag("a").on())
    bench.stream()
    for kind in (FailureKind.DRAINING, FailureKind.ENDED):
        bench.core.stand(Level.POLLING, Failure(kind, "a deploy"), bench.now)
        bench.stream()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_the_replica_reports_is_the_problem(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(flag("a").on())
    bench.core.receive(Frame("snapshot", b'{"age":0'), bench.now)
    bench.core.stand(Level.LAST_KNOWN, DOWN, bench.now)
    assert "malformed" in caplog.text
    assert bench.core.status().ready is False


def test_the_revision_of_the_status_is_never_ahead_of_the_one_that_answers() -> None:
    source = InMemorySource(flag("a").on())
    core = Core(Config(source=source))
    source.attach(core.adopt)
    ahead: list[tuple[int, int]] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            said, answering = core.status().revision, core.rules().revision
            if said > answering:
                ahead.append((said, answering))

    watching, interval = threading.Thread(target=watch), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        watching.start()
        for number in range(400):
            source.put(flag("a").on() if number % 2 else flag("a").off())
    finally:
        sys.setswitchinterval(interval)
        is_over.set()
        watching.join()
    assert core.status().revision == source.snapshot.revision > 400
    assert ahead == []


def test_a_change_names_flags_by_segment_and_prerequisite() -> None:
    changes: list[Any] = []
    source = InMemorySource(flag("a").on(), flag("b").prerequisite("a").on(), flag("c").on())
    core = Core(Config(source=source, on_change=changes.append))
    source.attach(core.adopt)
    source.put(flag("a").off())
    source.advance()
    assert [change.flags for change in changes] == [{"a", "b", "c"}, {"a", "b"}]
    assert [change.revision for change in changes] == [1, 2]


def test_changes_are_told_one_after_another_and_a_slow_listener_holds_up_nobody_else() -> None:
    told: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def listen(change: Any) -> None:
        if change.revision == 1:
            begun.set()
            assert go_on.wait(60)
        told.append(change.revision)

    states: list[Snapshot] = []
    source = InMemorySource(flag("a").on())
    source.attach(states.append)
    source.put(flag("a").off())
    source.put(flag("b"))
    core = Core(Config(source=source, on_change=listen))
    slow = threading.Thread(target=core.adopt, args=(states[0],))
    slow.start()
    assert begun.wait(60)
    core.adopt(states[1])
    core.adopt(states[2])
    assert core.status().revision == 3
    assert told == []
    go_on.set()
    slow.join(60)
    assert told == [1, 2, 3]


def test_a_child_process_is_another_instance_that_reports_its_own() -> None:
    bench = Bench(flag("a").on())
    bench.stream()
    bench.core.boolean("a")
    bench.core.track("click", {"targetingKey": "u1"})
    parent = bench.core.status().instance
    bench.core._after_fork_in_child()
    assert bench.core.status().instance != parent
    bench.core.boolean("a")
    pending = bench.core.pending()
    assert pending is not None
    assert pending.carries == {"evaluations": 1}


def counted(core: Core) -> int:
    return sum(count.count for count in core._counts() if count.flag == "a")


def test_a_state_that_is_kept_elsewhere_answers_and_counts_on() -> None:
    bench = Bench(flag("a").on())
    assert not bench.core.rehouse(bench.source.snapshot)
    bench.stream()
    known = bench.core.storable()
    assert known is not None
    assert bench.core.boolean("a") is True
    elsewhere = Snapshot.from_json(known.snapshot.to_json())
    for anew in (False, True):
        assert bench.core.rehouse(elsewhere, anew=anew)
        assert bench.core.boolean("a") is True
    assert bench.core.rules().snapshot is elsewhere
    assert counted(bench.core) == 3
    assert not bench.core.rehouse(InMemorySource(flag("a").off()).snapshot)
    assert bench.core.boolean("a") is True


def test_a_state_that_is_doubted_is_served_until_the_whole_has_come() -> None:
    bench = Bench(flag("a").on())
    bench.stream()
    assert bench.core.boolean("a") is True
    bench.core.doubt()
    assert (bench.core.position, bench.core.storable(), bench.core.age_s) == (None, None, None)
    assert bench.core.boolean("a") is True
    assert bench.core.status().revision == 1
    bench.stream()
    assert (str(bench.core.position), bench.core.boolean("a"), counted(bench.core)) == ("1.1", True, 3)


def test_what_went_wrong_is_remembered_until_the_next_stream() -> None:
    bench = Bench(flag("a").on())
    assert bench.core.standing is None
    bench.stream()
    bench.core.stand(Level.POLLING, DOWN, bench.now)
    bench.core.stand(Level.POLLING, None, bench.now)
    assert bench.core.standing == Standing(Level.POLLING, DOWN)
    bench.core.stand(Level.STREAMING, None, bench.now)
    assert bench.core.standing == Standing(Level.STREAMING)
