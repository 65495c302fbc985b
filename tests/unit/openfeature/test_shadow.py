"""Two real providers under the real OpenFeature SDK: the vendor's (in memory), and Pennon's."""

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode, FlagNotFoundError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.hook import Hook
from openfeature.provider import ProviderStatus
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from openfeature.track import TrackingEventDetails

from pennon import Client
from pennon.openfeature import Conditions, PennonProvider, Redaction, Report, Sample, ShadowProvider
from pennon.openfeature.shadow import FLAG_ATTRIBUTE
from pennon.testing import InMemorySource, flag
from tests.integration.upstream import eventually

ADA = EvaluationContext("ada", {"country": "DE"})
GRACE = EvaluationContext("grace", {"country": "US"})
ANY = Conditions(evaluations=0, per_flag=0)


def in_germany(model: InMemoryFlag[Any], context: EvaluationContext) -> FlagResolutionDetails[Any]:
    variant = "on" if context.attributes.get("country") == "DE" else "off"
    return FlagResolutionDetails(model.variants[variant], reason=Reason.TARGETING_MATCH, variant=variant)


class Vendor(InMemoryProvider):
    """The old vendor: its provider can be made to fail, to hang and to tell of itself."""

    def __init__(self) -> None:
        on_off = {"on": True, "off": False}
        super().__init__(
            {
                "same": InMemoryFlag("off", on_off, context_evaluator=in_germany),
                "differs": InMemoryFlag("on", on_off),
                "text": InMemoryFlag("a", {"a": "dark"}),
                "whole": InMemoryFlag("a", {"a": 3}),
                "fraction": InMemoryFlag("a", {"a": 2.5}),
                "object": InMemoryFlag("a", {"a": {"max": [1]}}),
                "theirs": InMemoryFlag("on", on_off),
            }
        )
        self.before: Callable[[], object] = lambda: None
        self.hooks: list[Hook] = []
        self.ended = 0

    def get_provider_hooks(self) -> list[Hook]:
        return self.hooks

    def _resolve(self, flag_key: str, default_value: Any, evaluation_context: Any) -> FlagResolutionDetails[Any]:
        self.before()
        return super()._resolve(flag_key, default_value, evaluation_context)

    def shutdown(self) -> None:
        self.ended += 1


def raising(error: Exception) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def source() -> InMemorySource:
    return InMemorySource(
        flag("same").on().rule("on", country="DE").serving("off"),
        flag("differs").on().rule("on", country="DE").serving("off"),
        flag("text").variations(dark="dark", light="light").on(),
        flag("whole").variations(a=3, b=4).on(),
        flag("fraction").variations(a=2.5, b=4).on(),
        flag("object").variations(a={"max": [1]}, b={}).on(),
        flag("ours").on(),
        flag("use-pennon").on().target("on", "ada").rule("on", **{FLAG_ATTRIBUTE: "text"}).serving("off"),
    )


@pytest.fixture
def pennon(source: InMemorySource) -> Iterator[Client]:
    with Client(source=source) as client:
        yield client


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


class Move:
    """A shadow provider under the SDK's client."""

    def __init__(self, vendor: Vendor, pennon: Client, **options: Any) -> None:
        self.shadow = ShadowProvider(
            old=vendor, pennon=PennonProvider(pennon), redaction=Redaction(show=["country"]), **options
        )
        api.set_provider_and_wait(self.shadow)
        self.client: OpenFeatureClient = api.get_client()

    def counted(self, key: str) -> tuple[int, dict[str, int]]:
        found = {each.flag: each for each in self.shadow.report(ANY).flags}[key]
        return found.same, {kind.value: count for kind, count in found.differences.items()}

    @property
    def report(self) -> Report:
        return self.shadow.report(ANY)


@pytest.fixture
def move(vendor: Vendor, pennon: Client) -> Iterator[Callable[..., Move]]:
    yield lambda **options: Move(vendor, pennon, **options)
    api.shutdown()
    api.clear_providers()


def test_old_vendor_is_served_and_agreement_counted(move: Callable[..., Move]) -> None:
    moving = move()
    assert moving.client.get_boolean_value("same", False, ADA) is True
    assert moving.client.get_boolean_value("same", True, GRACE) is False
    assert moving.client.get_string_value("text", "", ADA) == "dark"
    assert moving.client.get_integer_value("whole", 0, ADA) == 3
    assert moving.client.get_float_value("fraction", 0.0, ADA) == 2.5
    assert moving.client.get_object_value("object", {}, ADA) == {"max": [1]}
    report = moving.report
    assert (report.compared, report.same, report.served_by_old, report.served_by_pennon) == (6, 6, 6, 0)
    assert report.decision.go
    assert moving.shadow.get_metadata().name == "pennon-shadow (In-Memory Provider)"


def test_only_who_is_served_by_pennon_counts_in_pennon(move: Callable[..., Move], pennon: Client) -> None:
    moving = move(switch="use-pennon")
    for _ in range(3):
        moving.client.get_boolean_value("same", False, GRACE)  # the old vendor serves her
    assert {count.flag for count in pennon._counts()} == {"use-pennon"}
    moving.client.get_boolean_value("same", False, ADA)
    assert [count.count for count in pennon._counts() if count.flag == "same"] == [1]
    assert moving.counted("same")[0] == 4


def test_difference_is_counted_told_and_redacted(move: Callable[..., Move], caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Sample] = []
    moving = move(on_difference=heard.append)
    for context in (ADA, GRACE, GRACE):
        assert moving.client.get_boolean_value("differs", False, context) is True
    assert moving.counted("differs") == (1, {"value": 2})
    (first, _) = heard
    assert (first.old, first.pennon, first.context["country"]) == (True, False, "US")
    assert "grace" not in repr(heard)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert told[0].startswith("shadow mode: flag 'differs' differs: old True, Pennon False")
    assert "grace" not in told[0]
    decision = moving.report.decision
    assert decision.in_the_way == ("flag 'differs' differs in 2 of 3 evaluations (2 value)",)


def test_flag_that_one_side_does_not_know_is_served_by_the_other(move: Callable[..., Move]) -> None:
    moving = move()
    assert moving.client.get_boolean_value("ours", False, ADA) is True
    assert moving.client.get_boolean_value("theirs", False, ADA) is True
    assert moving.client.get_boolean_details("nobody's", True, ADA).error_code is ErrorCode.FLAG_NOT_FOUND
    assert moving.counted("ours") == (0, {"oldFailed": 1})
    assert moving.counted("theirs") == (0, {"pennonFailed": 1})
    assert moving.counted("nobody's") == (1, {})
    assert moving.report.fell_back == 1


def test_old_vendor_that_raises_is_stood_in_for(move: Callable[..., Move], vendor: Vendor) -> None:
    moving = move()
    vendor.before = raising(RuntimeError("vendor is down"))
    assert moving.client.get_boolean_value("same", False, ADA) is True
    assert moving.counted("same") == (0, {"oldFailed": 1})
    (sample,) = moving.report.flags[0].samples
    assert sample.old_error == "GENERAL: RuntimeError: vendor is down"
    assert (sample.old, sample.pennon) == (None, True)


def test_where_both_fail_the_one_that_should_serve_is_heard(move: Callable[..., Move], vendor: Vendor) -> None:
    moving = move()
    vendor.before = raising(FlagNotFoundError("gone at the vendor"))
    details = moving.client.get_boolean_details("theirs", True, ADA)
    assert (details.value, details.error_code, details.error_message) == (
        True,
        ErrorCode.FLAG_NOT_FOUND,
        "gone at the vendor",
    )
    vendor.before = raising(ProviderNotReadyError("not yet"))
    moving.client.get_boolean_details("theirs", True, ADA)
    (found,) = moving.report.flags
    assert (found.same, found.both_failed, found.compared) == (1, 1, 1)


def test_old_vendor_that_hangs_is_given_up(move: Callable[..., Move], vendor: Vendor) -> None:
    moving, may_go = move(old_timeout_s=0.05), threading.Event()
    vendor.before = may_go.wait
    assert moving.client.get_boolean_value("same", False, ADA) is True
    may_go.set()
    vendor.before = lambda: None
    moving.shadow._old_timeout_s = 60.0  # one that does not hang may be slow on a busy machine
    assert moving.client.get_boolean_value("same", False, ADA) is True
    assert moving.counted("same") == (1, {"oldFailed": 1})
    (sample,) = moving.report.flags[0].samples
    assert sample.old_error == "GENERAL: TimeoutError: no answer within 0.05 s"


def test_switch_moves_users_one_by_one_and_back(move: Callable[..., Move], source: InMemorySource) -> None:
    moving = move(switch="use-pennon")
    assert moving.client.get_boolean_details("differs", False, ADA).reason == Reason.TARGETING_MATCH  # Pennon's
    assert moving.client.get_boolean_value("differs", False, GRACE) is True  # the vendor's
    assert (moving.report.served_by_old, moving.report.served_by_pennon) == (1, 1)
    source.put(flag("use-pennon"))
    assert moving.client.get_boolean_details("differs", False, ADA).reason == Reason.STATIC
    source.put(flag("use-pennon").on())
    assert moving.client.get_boolean_value("differs", False, GRACE) is False
    assert moving.counted("differs") == (2, {"value": 2})


def test_switch_can_move_one_flag(move: Callable[..., Move]) -> None:
    moving = move(switch="use-pennon")
    assert moving.client.get_string_details("text", "", None).reason == Reason.DEFAULT
    assert moving.client.get_integer_details("whole", 0, GRACE).reason == Reason.STATIC


def test_pennon_that_fails_when_it_serves_is_stood_in_for(move: Callable[..., Move], source: InMemorySource) -> None:
    source.put(flag("use-pennon").on())
    moving = move(switch="use-pennon")
    assert moving.client.get_boolean_value("theirs", False, GRACE) is True
    assert moving.counted("theirs") == (0, {"pennonFailed": 1})
    assert moving.report.fell_back == 1


def test_unknown_switch_leaves_everybody_where_they_are(move: Callable[..., Move]) -> None:
    moving = move(switch="no-such-flag")
    assert moving.client.get_boolean_value("differs", False, GRACE) is True


def test_what_is_not_sampled_is_not_compared(move: Callable[..., Move]) -> None:
    rolls = iter([0.05, 0.1, 0.5])
    moving = move(sampling=0.1, chance=lambda: next(rolls))
    for _ in range(3):
        moving.client.get_boolean_value("same", False, ADA)
    assert (moving.report.compared, moving.report.skipped) == (1, 2)


def test_slow_shadow_is_asked_elsewhere_for_a_while(
    move: Callable[..., Move], vendor: Vendor, source: InMemorySource
) -> None:
    source.put(flag("use-pennon").on())
    now = [0.0]
    moving = move(switch="use-pennon", clock=lambda: now[0], report_every_s=1e9)
    threads: list[str] = []

    def slow() -> None:
        threads.append(threading.current_thread().name)
        now[0] += 0.02

    vendor.before = slow
    here = threading.current_thread().name
    moving.client.get_boolean_value("same", False, ADA)
    vendor.before = lambda: None
    moving.client.get_boolean_value("same", False, ADA)
    vendor.before = slow
    for _ in range(3):
        moving.client.get_boolean_value("same", False, ADA)
    eventually(lambda: moving.report.compared == 5)
    assert threads == [here, here, here, "pennon-shadow"]  # once is not slow, twice in a row is
    now[0] += 61
    moving.client.get_boolean_value("same", False, ADA)
    assert threads[4:] == [here]


def test_what_a_slow_shadow_cannot_keep_up_with_is_skipped(
    move: Callable[..., Move], vendor: Vendor, source: InMemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.openfeature.asking._WAITING", 1)
    source.put(flag("use-pennon").on())
    moving, may_go, asked = move(switch="use-pennon", limit_s=-1.0), threading.Event(), threading.Event()
    for _ in range(2):
        moving.client.get_boolean_value("same", False, ADA)  # slower than allowed, whatever it took

    def hang() -> None:
        asked.set()
        may_go.wait()

    vendor.before = hang
    moving.client.get_boolean_value("same", False, ADA)
    assert asked.wait(60)
    for _ in range(3):
        assert moving.client.get_boolean_value("same", False, ADA) is True
    assert moving.report.skipped == 2
    may_go.set()
    eventually(lambda: moving.report.compared == 4)


def test_callback_that_raises_harms_no_evaluation(move: Callable[..., Move], caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Sample) -> None:
        raise ValueError("the callback is broken")

    moving = move(on_difference=broken)
    assert moving.client.get_boolean_value("differs", False, GRACE) is True
    assert "a comparison failed" in caplog.text


def test_report_is_logged_now_and_then_and_at_the_end(
    move: Callable[..., Move], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pennon")
    now = [0.0]
    moving = move(clock=lambda: now[0], report_every_s=100.0)
    moving.client.get_boolean_value("same", False, ADA)
    assert "evaluations of" not in caplog.text
    now[0] = 100.0
    moving.client.get_boolean_value("same", False, ADA)
    moving.client.get_boolean_value("same", False, ADA)
    assert caplog.text.count("shadow mode: 2 evaluations of 1 flags compared, 0 differ: no-go") == 1
    api.shutdown()
    assert "shadow mode ends: 3 evaluations" in caplog.text


def test_asynchronous_evaluations_are_compared_too(move: Callable[..., Move], source: InMemorySource) -> None:
    moving = move(switch="use-pennon")

    async def ask() -> None:
        client = moving.client
        assert await client.get_boolean_value_async("same", False, GRACE) is False  # Pennon is the shadow
        assert await client.get_boolean_value_async("same", False, ADA) is True  # the vendor is
        assert await client.get_string_value_async("text", "", ADA) == "dark"
        assert await client.get_integer_value_async("whole", 0, ADA) == 3
        assert await client.get_float_value_async("fraction", 0.0, ADA) == 2.5
        assert await client.get_object_value_async("object", {}, ADA) == {"max": [1]}
        assert await client.get_boolean_value_async("theirs", False, ADA) is True
        while moving.shadow._tasks:
            await asyncio.gather(*moving.shadow._tasks)

    asyncio.run(ask())
    report = moving.report
    assert (report.compared, report.same, report.served_by_old, report.served_by_pennon) == (7, 6, 2, 5)


def test_asynchronous_vendor_that_hangs_is_given_up(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = move(old_timeout_s=0.05)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(vendor, "resolve_boolean_details_async", hang)
    assert asyncio.run(moving.client.get_boolean_value_async("same", False, ADA)) is True
    assert moving.counted("same") == (0, {"oldFailed": 1})


def test_asynchronous_shadow_that_cannot_keep_up_is_skipped(
    move: Callable[..., Move], source: InMemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.openfeature.shadow._TASKS", 0)
    source.put(flag("use-pennon").on())
    moving = move(switch="use-pennon")
    assert asyncio.run(moving.client.get_boolean_value_async("same", False, ADA)) is True
    assert (moving.report.compared, moving.report.skipped) == (0, 1)


def test_vendor_that_does_not_start_leaves_pennon_to_serve(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor, "initialize", lambda _: raising(RuntimeError("no licence"))())
    vendor.before = raising(ProviderNotReadyError("no licence"))
    moving = move()
    assert moving.client.get_provider_status() is ProviderStatus.READY
    assert moving.client.get_boolean_value("same", False, ADA) is True
    assert moving.report.fell_back == 1


def test_of_two_that_do_not_start_the_old_one_is_heard(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = Vendor()
    for each, said in ((vendor, "no licence"), (other, "no server")):
        monkeypatch.setattr(each, "initialize", lambda _, said=said: raising(RuntimeError(said))())
    shadow = ShadowProvider(old=vendor, pennon=other)
    with pytest.raises(RuntimeError, match="no licence"):
        shadow.initialize(EvaluationContext())
    monkeypatch.setattr(vendor, "initialize", lambda _: None)
    shadow.initialize(EvaluationContext())
    assert "the provider 'pennon' did not start: no server" in caplog.text


def test_metrics_go_to_both_and_neither_harms_the_other(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    moving = move()
    moving.client.track("sold", ADA, TrackingEventDetails(3.0))
    assert vendor._tracking_events["sold"].value == 3.0
    monkeypatch.setattr(vendor, "track", lambda *_: raising(RuntimeError("full"))())
    moving.client.track("sold", ADA, TrackingEventDetails(3.0))
    assert "the provider 'old', tracking, failed" in caplog.text


def test_events_tell_how_the_two_are_together(move: Callable[..., Move], vendor: Vendor) -> None:
    moving = move()
    heard: list[tuple[ProviderEvent, EventDetails]] = []

    def listener(event: ProviderEvent) -> Callable[[EventDetails], None]:
        return lambda details: heard.append((event, details))

    for event in ProviderEvent:
        moving.client.add_handler(event, listener(event))
    eventually(lambda: len(heard) == 1)  # it is ready, which a new listener is told
    vendor.emit_provider_stale(ProviderEventDetails())  # and is not told of: Pennon is well
    vendor.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=["same"]))
    pennon = moving.shadow._pennon.provider
    assert isinstance(pennon, PennonProvider)
    pennon.emit_provider_error(ProviderEventDetails())
    assert moving.client.get_provider_status() is ProviderStatus.STALE
    vendor.emit_provider_error(ProviderEventDetails())
    assert moving.client.get_provider_status() is ProviderStatus.ERROR
    vendor.emit_provider_ready(ProviderEventDetails())
    eventually(lambda: len(heard) == 5)  # in any order: each listener has a thread
    assert sorted(event.value for event, _ in heard) == [
        ProviderEvent.PROVIDER_CONFIGURATION_CHANGED.value,
        ProviderEvent.PROVIDER_ERROR.value,
        ProviderEvent.PROVIDER_READY.value,
        ProviderEvent.PROVIDER_READY.value,
        ProviderEvent.PROVIDER_STALE.value,
    ]
    assert ["same"] in [details.flags_changed for _, details in heard]
    moving.shadow.detach()
    vendor.emit_provider_error(ProviderEventDetails())
    assert moving.client.get_provider_status() is ProviderStatus.READY


def test_hooks_of_the_vendor_run_and_both_are_ended(move: Callable[..., Move], vendor: Vendor) -> None:
    before: list[str] = []

    class Counting(Hook):
        def before(self, hook_context: Any, hints: Any) -> None:
            before.append(hook_context.flag_key)

    vendor.hooks = [Counting()]
    moving = move()
    moving.client.get_boolean_value("same", False, ADA)
    assert before == ["same"]
    api.shutdown()
    assert vendor.ended == 1


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("answered", [None, 5, FlagResolutionDetails(True, error_code="GENERAL")])  # type: ignore[arg-type]
def test_old_vendor_whose_answer_is_none_is_stood_in_for(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch, answered: Any
) -> None:
    moving = move()
    monkeypatch.setattr(vendor, "resolve_boolean_details", lambda *_: answered)
    assert moving.shadow.resolve_boolean_details("same", False, ADA).value is True
    assert moving.counted("same") == (0, {"oldFailed": 1})


def test_old_vendor_whose_error_has_no_words_is_stood_in_for(move: Callable[..., Move], vendor: Vendor) -> None:
    moving = move()
    vendor.before = raising(Unspeakable())
    assert moving.shadow.resolve_boolean_details("same", False, ADA).value is True
    assert moving.report.flags[0].samples[0].old_error == "GENERAL: Unspeakable: (without words)"


def test_what_an_error_quotes_of_the_context_is_redacted(
    move: Callable[..., Move], vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    context = EvaluationContext(
        "ada", {"country": "DE", "mail": "ada@example.com", "age": 36, "org": {"plan": ["gold"]}}
    )
    moving = move(on_difference=lambda _: raising(ValueError("ada@example.com"))())
    vendor.before = raising(RuntimeError("ada@example.com, 36, of DE, is not 'gold' to ada; code 4361"))
    assert moving.shadow.resolve_boolean_details("same", False, context).value is True
    assert "a comparison failed: ValueError at " in caplog.text
    said = moving.report.flags[0].samples[0].old_error or ""
    for quoted in ("ada", "36", "gold"):  # as words: a redaction is a hash, which may end in "36"
        assert not re.search(rf"\b{quoted}\b", said + caplog.text)
    assert "of DE" in said
    assert said.endswith("code 4361")


def test_context_that_cannot_be_shown_is_counted_all_the_same(move: Callable[..., Move]) -> None:
    rings: list[Any] = []
    rings.append(rings)
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    moving = move()
    attributes = {"country": deep, "odd": Unprintable(), "rings": rings, "deep": deep}
    moving.shadow.resolve_boolean_details("differs", False, EvaluationContext("ada", attributes))
    assert moving.counted("differs") == (0, {"value": 1})
    assert moving.report.flags[0].samples[0].context["odd"] == "(not to be shown)"


@pytest.mark.parametrize("value", [10**30, "\ud800", Unprintable(), {"\ud800": [float("nan"), object()]}])
def test_report_is_json_whatever_a_provider_answers(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    moving = move()
    monkeypatch.setattr(vendor, "resolve_object_details", lambda *_: FlagResolutionDetails(value))
    moving.shadow.resolve_object_details("object", {}, EvaluationContext("ada", {"country": value}))
    assert moving.counted("object") == (0, {"value": 1})
    assert b'"differing":1' in moving.report.to_json()


def test_shadow_may_change_its_context_and_the_callers_stays(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pennon serves; the vendor's provider empties what it is given."""

    def emptied(_key: str, _default: Any, context: Any) -> FlagResolutionDetails[Any]:
        context.attributes["tags"].clear()
        context.attributes.clear()
        return FlagResolutionDetails(True)

    monkeypatch.setattr(vendor, "resolve_boolean_details", emptied)
    context = EvaluationContext("ada", {"country": "DE", "tags": ["a"]})
    assert move(switch="use-pennon").shadow.resolve_boolean_details("same", False, context).value is True
    assert context.attributes == {"country": "DE", "tags": ["a"]}


def test_old_vendor_that_changes_the_context_does_not_change_what_pennon_is_asked(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def emptied(_key: str, _default: Any, context: Any) -> FlagResolutionDetails[Any]:
        context.attributes.clear()
        return FlagResolutionDetails(True)

    monkeypatch.setattr(vendor, "resolve_boolean_details", emptied)
    moving = move()
    moving.shadow.resolve_boolean_details("same", False, EvaluationContext("ada", {"country": "DE"}))
    assert moving.counted("same") == (1, {})


def test_shadow_that_hangs_is_given_up_after_the_time_that_the_old_vendor_has(
    move: Callable[..., Move], vendor: Vendor
) -> None:
    moving, may_go = move(old_timeout_s=0.05, switch="use-pennon"), threading.Event()
    vendor.before = may_go.wait
    assert moving.client.get_boolean_value("same", False, ADA) is True
    may_go.set()
    assert moving.counted("same") == (0, {"oldFailed": 1})


def test_who_waits_for_the_old_vendor_when_all_ends_gets_an_answer(move: Callable[..., Move], vendor: Vendor) -> None:
    moving, may_go, answers = move(old_timeout_s=30.0), threading.Event(), list[Any]()
    vendor.before = may_go.wait

    def ask() -> None:
        answers.append(moving.shadow.resolve_boolean_details("same", False, ADA).value)

    asking = [threading.Thread(target=ask) for _ in range(20)]  # more than may ask at a time
    for thread in asking:
        thread.start()
    callers = moving.shadow._callers
    assert eventually(lambda: callers._pool is not None and callers._pool._work_queue.qsize() == 4)
    callers.stop()
    may_go.set()
    for thread in asking:
        thread.join(60)
    assert answers == [True] * 20


def test_forked_process_asks_the_old_vendor_on_threads_of_its_own(
    move: Callable[..., Move], vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = move(old_timeout_s=30.0)
    moving.client.get_boolean_value("same", False, ADA)
    before = moving.shadow._callers._pool
    monkeypatch.setattr("os.getpid", lambda: -1)
    moving.client.get_boolean_value("same", False, ADA)
    assert moving.shadow._callers._pool is not before
    assert moving.counted("same") == (2, {})
    assert before is not None
    before.shutdown()
