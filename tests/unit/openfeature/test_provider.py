"""The provider under the real OpenFeature SDK, over a client that serves what the test puts."""

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext, clear_evaluation_context
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.hook import Hook, HookContext
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails

from pennon import Client
from pennon.events import EventBatch
from pennon.openfeature import PennonProvider
from pennon.sdk.stores import FileStore, Stored
from pennon.testing import InMemorySource, condition, flag
from tests.integration.clients import QUICK
from tests.integration.upstream import KEY, Upstream, eventually, running

U1 = EvaluationContext("u1", {"country": "DE"})


@pytest.fixture
def source() -> InMemorySource:
    return InMemorySource(
        flag("bool").on(),
        flag("text").variations(dark="#000", light="#fff").on(),
        flag("whole").variations(a=3, b=1.0, c=2.5).on().target("b", "floaty").target("c", "fraction"),
        flag("fraction").variations(a=2.5, b=4).on().target("b", "whole"),
        flag("object").variations(a={"max": [1]}).on(),
        flag("list").variations(a=[1, 2]).on(),
    )


@pytest.fixture
def pennon(source: InMemorySource) -> Iterator[Client]:
    with Client(source=source) as client:
        yield client


@pytest.fixture
def client(pennon: Client) -> Iterator[OpenFeatureClient]:
    api.set_provider_and_wait(PennonProvider(pennon))
    yield api.get_client()
    api.shutdown()
    api.clear_providers()


class Heard:
    """The events of a client, as they come."""

    def __init__(self, client: OpenFeatureClient) -> None:
        self.events: list[tuple[ProviderEvent, EventDetails]] = []
        for event in ProviderEvent:
            client.add_handler(event, self._hear(event))

    def _hear(self, event: ProviderEvent) -> Callable[[EventDetails], None]:
        return lambda details: self.events.append((event, details))

    def of(self, event: ProviderEvent) -> list[EventDetails]:
        return [details for heard, details in self.events if heard is event]


def test_values_of_all_types(client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("bool", False, U1) is True
    assert client.get_string_value("text", "", U1) == "#000"
    assert client.get_integer_value("whole", 0, U1) == 3
    assert client.get_float_value("fraction", 0.0, U1) == 2.5
    assert client.get_object_value("object", {}, U1) == {"max": [1]}
    assert client.get_object_value("list", [], U1) == [1, 2]


def test_values_of_all_types_without_waiting(client: OpenFeatureClient) -> None:
    async def ask() -> list[Any]:
        return [
            await client.get_boolean_value_async("bool", False, U1),
            await client.get_string_value_async("text", "", U1),
            await client.get_integer_value_async("whole", 0, U1),
            await client.get_float_value_async("fraction", 0.0, U1),
            await client.get_object_value_async("object", {}, U1),
        ]

    assert asyncio.run(ask()) == [True, "#000", 3, 2.5, {"max": [1]}]


def test_whole_numbers_are_integers_and_floats_as_they_are_asked_for(client: OpenFeatureClient) -> None:
    whole = client.get_integer_value("whole", 0, EvaluationContext("floaty"))
    assert (whole, type(whole)) == (1, int)
    fraction = client.get_float_value("fraction", 0.0, EvaluationContext("whole"))
    assert (fraction, type(fraction)) == (4.0, float)
    details = client.get_integer_details("whole", 7, EvaluationContext("fraction"))
    assert (details.value, details.error_code) == (7, ErrorCode.TYPE_MISMATCH)


def test_one_flag_can_be_asked_for_as_any_type(client: OpenFeatureClient) -> None:
    for _ in range(2):
        assert client.get_boolean_value("bool", False, U1) is True
        assert client.get_string_details("bool", "d", U1).error_code is ErrorCode.TYPE_MISMATCH
        assert client.get_integer_details("bool", 3, U1).error_code is ErrorCode.TYPE_MISMATCH
        assert client.get_object_details("bool", {}, U1).error_code is ErrorCode.TYPE_MISMATCH
        assert client.get_float_value("whole", 0.5, U1) == 3.0
        assert client.get_integer_value("whole", 0, U1) == 3


def test_objects_are_the_callers_to_change(client: OpenFeatureClient) -> None:
    value: Any = client.get_object_value("object", {}, U1)
    value["max"].append(2)
    assert client.get_object_value("object", {}, U1) == {"max": [1]}


@pytest.mark.parametrize(
    ("made", "reason", "variant"),
    [
        (flag("f").off(), Reason.DISABLED, "off"),
        (flag("f").on().prerequisite("bool", "off"), Reason.DISABLED, "off"),
        (flag("f").on().target("off", "u1"), Reason.TARGETING_MATCH, "off"),
        (flag("f").on().rule("off", country="DE"), Reason.TARGETING_MATCH, "off"),
        (flag("f").on(), Reason.DEFAULT, "on"),
        (flag("f").on().split(on=100), Reason.SPLIT, "on"),
    ],
    ids=["off", "prerequisite", "target", "rule", "fallthrough", "split"],
)
def test_reasons_are_the_standards(
    source: InMemorySource, client: OpenFeatureClient, made: Any, reason: Reason, variant: str
) -> None:
    value = variant == "on"
    source.put(made)
    details = client.get_boolean_details("f", not value, U1)
    assert (details.reason, details.variant, details.value) == (reason, variant, value)
    assert details.error_code is None


def test_a_stale_flag_says_so_and_how_old_it_is(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "state")
    store.save(Stored(InMemorySource(flag("f").on().stale_after(60, serve="off")).snapshot, time.time() - 100))
    with Client(store=store) as kept:
        details = PennonProvider(kept).resolve_boolean_details("f", True)
    assert (details.value, details.reason, details.variant) == (False, Reason.STALE, "off")
    assert float(details.flag_metadata["age"]) >= 100


def test_a_missing_off_variation_gives_the_default_of_a_disabled_flag(
    source: InMemorySource, client: OpenFeatureClient
) -> None:
    source.put(flag("f")._with(off_variation=None))
    details = client.get_boolean_details("f", True, U1)
    assert (details.value, details.reason, details.variant) == (True, Reason.DISABLED, None)


@pytest.mark.parametrize(
    ("key", "made", "context", "code"),
    [
        ("missing", None, U1, ErrorCode.FLAG_NOT_FOUND),
        ("text", None, U1, ErrorCode.TYPE_MISMATCH),
        ("f", flag("f").on().split(on=100), EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("f", flag("f").on().rule("on", condition("x", "unheardOf", 1)), U1, ErrorCode.PARSE_ERROR),
    ],
    ids=["missing", "kind", "unit", "operator"],
)
def test_errors_are_the_standards(
    source: InMemorySource, client: OpenFeatureClient, key: str, made: Any, context: Any, code: ErrorCode
) -> None:
    if made is not None:
        source.put(made)
    details = client.get_boolean_details(key, True, context)
    assert (details.value, details.reason, details.error_code) == (True, Reason.ERROR, code)
    assert details.error_message


def test_metadata_says_what_answered(source: InMemorySource, client: OpenFeatureClient) -> None:
    source.put(flag("bool").on().rule("off", country="DE"))
    details = client.get_boolean_details("bool", True, U1)
    assert details.flag_metadata == {"revision": "1.2", "age": 0.0, "flagVersion": 2, "ruleId": "r1"}


def test_contexts_are_merged_and_flattened(source: InMemorySource, client: OpenFeatureClient) -> None:
    since = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    source.put(
        flag("f")
        .serving("off")
        .on()
        .rule(
            "on",
            condition("/org/plan", "equals", "pro"),
            condition("since", "before", "2026-02-01T00:00:00Z"),
            a=1,
            b=2,
        )
        .rule("on", targetingKey="u9")
    )
    api.set_evaluation_context(EvaluationContext("api", {"a": 0, "b": 2}))
    try:
        nested = EvaluationContext(attributes={"a": 1, "org": {"plan": "pro"}, "since": since})
        assert client.get_boolean_value("f", False, nested) is True
        assert client.get_boolean_value("f", True, EvaluationContext("u9")) is True
        assert client.get_boolean_value("f", True) is False
    finally:
        clear_evaluation_context()


def test_hooks_work(client: OpenFeatureClient) -> None:
    seen: list[Any] = []

    class Recording(Hook):
        def before(self, hook_context: HookContext, hints: Any) -> EvaluationContext | None:
            seen.append(("before", hook_context.flag_key))
            return EvaluationContext(attributes={"country": "FR"})

        def after(self, hook_context: HookContext, details: FlagEvaluationDetails[Any], hints: Any) -> None:
            seen.append(("after", details.variant))

        def error(self, hook_context: HookContext, exception: Exception, hints: Any) -> None:
            seen.append(("error", type(exception).__name__))

    client.add_hooks([Recording()])
    client.get_boolean_value("bool", False, U1)
    client.get_boolean_value("missing", False, U1)
    assert seen == [("before", "bool"), ("after", "on"), ("before", "missing"), ("error", "FlagNotFoundError")]


def test_changes_are_events_that_name_the_flags(source: InMemorySource, client: OpenFeatureClient) -> None:
    heard = Heard(client)
    source.put(flag("bool").off(), flag("user").prerequisite("bool"))
    source.put(flag("bool").on())
    eventually(lambda: len(heard.of(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)) == 2)
    changed = heard.of(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
    assert sorted((each.metadata["revision"], each.flags_changed) for each in changed) == [
        ("1.2", ["bool", "user"]),
        ("1.3", ["bool", "user"]),
    ]
    assert changed[0].provider_name == "pennon"


def test_tracking_reports_a_metric(pennon: Client, client: OpenFeatureClient) -> None:
    client.track("order-value", U1, TrackingEventDetails(42.5, {"currency": "EUR"}))
    client.track("click", U1)
    pending = pennon.pending()
    assert pending is not None
    metrics = EventBatch.from_json(pending.body).metrics
    assert [(each.key, each.unit, each.value) for each in metrics] == [
        ("order-value", "u1", 42.5),
        ("click", "u1", 1.0),
    ]


def test_a_provider_of_its_own_client_starts_and_stops_it() -> None:
    others = set(threading.enumerate())
    with running() as upstream:
        upstream.put(flag("a").on())
        provider = PennonProvider(url=upstream.url, key=KEY, **QUICK)
        with pytest.raises(ProviderNotReadyError):
            provider.resolve_boolean_details("a", False)
        api.set_provider_and_wait(provider, "own")
        client = api.get_client("own")
        assert client.get_provider_status() is ProviderStatus.READY
        assert client.get_boolean_value("a", False, U1) is True
        api.shutdown()
        api.clear_providers()
        assert sum(counter.count for batch in upstream.batches for counter in batch.counters) == 1
        assert not [each for each in set(threading.enumerate()) - others if each.name.startswith("pennon-")]


def test_the_provider_says_when_it_is_stale_and_ready_again() -> None:
    with running() as upstream:
        upstream.put(flag("a").on())
        api.set_provider_and_wait(PennonProvider(url=upstream.url, key=KEY, **QUICK), "stale")
        client = api.get_client("stale")
        heard = Heard(client)
        upstream.stop()
        eventually(lambda: client.get_provider_status() is ProviderStatus.STALE)
        assert client.get_boolean_value("a", False, U1) is True
        assert "could not be reached" in str(eventually(lambda: heard.of(ProviderEvent.PROVIDER_STALE))[0].message)
        upstream.start()
        eventually(lambda: client.get_provider_status() is ProviderStatus.READY)
        api.shutdown()
        api.clear_providers()


def test_a_refused_key_is_fatal_and_no_server_is_not(upstream: Upstream) -> None:
    with pytest.raises(ProviderFatalError):
        api.set_provider_and_wait(PennonProvider(url=upstream.url, key="wrong", **QUICK), "fatal")
    assert api.get_client("fatal").get_provider_status() is ProviderStatus.FATAL
    upstream.stop()
    with pytest.raises(ProviderNotReadyError):
        api.set_provider_and_wait(PennonProvider(url=upstream.url, key=KEY, ready_timeout_s=0.2, **QUICK), "late")
    late = api.get_client("late")
    assert late.get_provider_status() is ProviderStatus.ERROR
    upstream.start()
    eventually(lambda: late.get_provider_status() is ProviderStatus.READY)
    assert late.get_boolean_value("a", False, U1) is True
    api.shutdown()
    api.clear_providers()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.put(flag("a").on())
        yield server
