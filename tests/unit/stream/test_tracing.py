"""The calls of a node to its upstreams as spans, and the trace that they carry."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from pennon.stream.tracing import TracedCalls

URL = "https://flags.example/behind/sdk/v1/snapshot"


class Traced:
    """Calls that are traced, and the spans that ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.calls = TracedCalls(provider.get_tracer("test"))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def traced() -> Traced:
    return Traced()


def test_a_call_carries_its_trace_and_says_what_was_asked_without_the_query(traced: Traced) -> None:
    headers = traced.calls.begin(f"{URL}?environment=shop%2Fproduction")
    traced.calls.answered(f"{URL}?environment=shop%2Fproduction", 200, {})
    [span] = traced.spans
    assert span.name == "GET /sdk/v1/snapshot"
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "flags.example",
        "url.path": "/sdk/v1/snapshot",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.context is not None
    assert headers == {
        "traceparent": f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}",
        "tracestate": "pennon=node",
    }


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_refusal_is_an_error(traced: Traced, status: int) -> None:
    traced.calls.begin("https://flags.example/sdk/v1/events?environment=shop%2Fproduction")
    traced.calls.answered("https://flags.example/sdk/v1/events?environment=shop%2Fproduction", status, {})
    [span] = traced.spans
    assert (span.name, span.status.status_code) == ("POST /sdk/v1/events", StatusCode.ERROR)


def test_no_answer_is_an_error(traced: Traced) -> None:
    traced.calls.begin(URL)
    traced.calls.failed(URL)
    [span] = traced.spans
    assert span.status.status_code is StatusCode.ERROR
    traced.calls.failed(URL)
    traced.calls.answered(URL, 200, {})
    assert len(traced.spans) == 1


def test_a_call_that_was_given_up_ends_with_the_next(traced: Traced) -> None:
    first, second = traced.calls.begin(URL), traced.calls.begin(URL)
    assert first["traceparent"] != second["traceparent"]
    assert len(traced.spans) == 1
    traced.calls.answered(URL, 304, {})
    assert len(traced.spans) == 2
