"""The hook under the real OpenTelemetry SDK: what it records are the names of the semantic conventions."""

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import feature_flag_attributes as names

from pennon import Client
from pennon.sdk.opentelemetry import EvaluationEvents
from pennon.testing import InMemorySource, flag

U1 = {"targetingKey": "u1"}
LOGS = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
SPANS = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def _providers() -> None:
    logs = LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(LOGS))
    set_logger_provider(logs)
    spans = TracerProvider()
    spans.add_span_processor(SimpleSpanProcessor(SPANS))
    trace.set_tracer_provider(spans)


@pytest.fixture(autouse=True)
def _empty() -> None:
    LOGS.clear()
    SPANS.clear()


def logged() -> list[tuple[str | None, dict[str, Any]]]:
    return [(each.log_record.event_name, dict(each.log_record.attributes or {})) for each in LOGS.get_finished_logs()]


def test_an_evaluation_is_an_event_with_the_conventions_names() -> None:
    hook = EvaluationEvents(environment="shop/production")
    with Client(source=InMemorySource(flag("a").on().target("on", "u1")), hooks=[hook]) as client:
        client.boolean("a", U1)
    assert logged() == [
        (
            "feature_flag.evaluation",
            {
                names.FEATURE_FLAG_KEY: "a",
                names.FEATURE_FLAG_RESULT_VARIANT: "on",
                names.FEATURE_FLAG_RESULT_REASON: "targeting_match",
                names.FEATURE_FLAG_VERSION: "1",
                names.FEATURE_FLAG_CONTEXT_ID: "u1",
                names.FEATURE_FLAG_PROVIDER_NAME: "pennon",
                names.FEATURE_FLAG_SET_ID: "shop/production",
            },
        )
    ]


def test_an_error_has_its_type_and_message_and_the_value_that_was_served() -> None:
    with Client(source=InMemorySource(), hooks=[EvaluationEvents(context_ids=False)]) as client:
        client.string("missing", U1, default="fallback")
        client.object("missing", U1, default={"large": 1})
    first, second = (attributes for _, attributes in logged())
    assert first == {
        names.FEATURE_FLAG_KEY: "missing",
        names.FEATURE_FLAG_RESULT_REASON: "error",
        names.FEATURE_FLAG_RESULT_VALUE: "fallback",
        names.FEATURE_FLAG_ERROR_MESSAGE: "there is no flag 'missing'",
        names.FEATURE_FLAG_PROVIDER_NAME: "pennon",
        "error.type": "flag_not_found",
    }
    assert names.FEATURE_FLAG_RESULT_VALUE not in second


def test_the_span_that_is_recorded_has_the_event_too() -> None:
    with Client(source=InMemorySource(flag("a").on()), hooks=[EvaluationEvents(logs=False)]) as client:
        client.boolean("a", U1)
        with trace.get_tracer("test").start_as_current_span("request"):
            client.boolean("a", U1)
    [span] = SPANS.get_finished_spans()
    assert [(event.name, (event.attributes or {})[names.FEATURE_FLAG_KEY]) for event in span.events] == [
        ("feature_flag.evaluation", "a")
    ]
    assert logged() == []
