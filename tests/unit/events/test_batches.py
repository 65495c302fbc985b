"""Batches of events: what is read, what is refused, and how that is said."""

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.events import Counter, EventBatch, Exposure, InvalidBatch, Metric, milliseconds
from pennon.model import Reason

COUNTER: dict[str, Any] = {
    "flag": "checkout",
    "version": 5,
    "variation": "on",
    "reason": "SPLIT",
    "count": 3,
    "from": 1_760_000_000_000,
    "to": "2025-10-09T08:53:30Z",
}
EXPOSURE: dict[str, Any] = {
    "time": 1_760_000_000_000,
    "flag": "checkout",
    "version": 5,
    "variation": "on",
    "ruleId": "r1",
    "experiment": "exp-a",
    "by": "targetingKey",
    "unit": "u1",
    "revision": "1.7",
}
METRIC: dict[str, Any] = {
    "time": 1_760_000_000_000,
    "key": "order-value",
    "unit": 17,
    "value": 42.5,
    "variations": {"checkout": "on"},
}


def batch(**fields: Any) -> bytes:
    return json.dumps({"instance": "i1", "sequence": 1, **fields}).encode()


def problem(data: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidBatch) as refused:
        EventBatch.from_json(data)
    first = refused.value.problems[0]
    assert first.mend
    return first.path, first.message


def test_batch_with_everything_in_it_is_read() -> None:
    data = batch(
        batchId="b1",
        sentAt="2025-10-09T08:53:31+02:00",
        sdk="python/1",
        revision="1.7",
        dropped={"exposures": 2},
        counters=[COUNTER],
        exposures=[EXPOSURE],
        metrics=[METRIC],
    )
    read = EventBatch.from_json(data)
    assert (read.instance, read.sequence, read.batch_id, read.revision) == ("i1", 1, "b1", "1.7")
    assert read.dropped == {"exposures": 2}
    assert read.entries == 3
    assert read.counters == (
        Counter(
            flag="checkout",
            version=5,
            variation="on",
            reason=Reason.SPLIT,
            count=3,
            from_=1_760_000_000_000,
            to=datetime(2025, 10, 9, 8, 53, 30, tzinfo=UTC),
        ),
    )
    assert read.exposures[0] == Exposure(
        time=1_760_000_000_000,
        flag="checkout",
        version=5,
        variation="on",
        rule_id="r1",
        experiment="exp-a",
        unit="u1",
        revision="1.7",
    )
    assert read.metrics[0] == Metric(
        time=1_760_000_000_000, key="order-value", unit=17, value=42.5, variations={"checkout": "on"}
    )


def test_smallest_batch_reports_nothing() -> None:
    assert EventBatch.from_json(batch()).entries == 0


def test_unknown_fields_are_ignored() -> None:
    read = EventBatch.from_json(batch(flavour="new", counters=[{**COUNTER, "colour": "blue"}]))
    assert read.counters[0].count == 3


def test_what_is_written_reads_the_same() -> None:
    read = EventBatch.from_json(batch(counters=[COUNTER], exposures=[EXPOSURE], metrics=[METRIC]))
    assert EventBatch.from_json(read.to_json()) == read


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"sequence": -1}, "/sequence"),
        ({"sequence": 2**53}, "/sequence"),
        ({"sequence": "1"}, "/sequence"),
        ({"instance": ""}, "/instance"),
        ({"instance": "x" * 129}, "/instance"),
        ({"instance": "a\0b"}, "/instance"),
        ({"counters": [COUNTER, {**COUNTER, "count": 0}]}, "/counters/1/count"),
        ({"counters": [{**COUNTER, "count": 10**11}]}, "/counters/0/count"),
        ({"counters": [{**COUNTER, "reason": "BECAUSE"}]}, "/counters/0/reason"),
        ({"counters": [{**COUNTER, "flag": "a\0"}]}, "/counters/0/flag"),
        ({"counters": [{**COUNTER, "from": 1_760_000_000}]}, None),
        ({"counters": [{**COUNTER, "to": 1_760_000_000_000_000}]}, "/counters/0/to"),
        ({"counters": [{**COUNTER, "to": "2025-10-09T08:53:30"}]}, "/counters/0/to"),
        ({"exposures": [{**EXPOSURE, "unit": None}]}, "/exposures/0/unit"),
        ({"exposures": [{**EXPOSURE, "unit": "\0"}]}, "/exposures/0/unit"),
        ({"metrics": [{**METRIC, "value": "42"}]}, "/metrics/0/value"),
        ({"metrics": [{**METRIC, "variations": {"a\0": "b"}}]}, "/metrics/0/variations/key"),
        ({"dropped": {"exposures": -1}}, "/dropped/*"),
        ({"sentAt": -1}, "/sentAt"),
        ({"sentAt": 1e300}, "/sentAt"),
        ({"sentAt": "0001-01-01T00:00:00+14:00"}, "/sentAt"),
    ],
)
def test_bad_entry_refuses_the_batch_and_is_named(fields: dict[str, Any], path: str | None) -> None:
    if path is None:  # seconds instead of milliseconds lie in 1970: odd, but a moment
        assert EventBatch.from_json(batch(**fields)).entries == 1
    else:
        assert problem(batch(**fields))[0] == path


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'{"instance":"i"',
        b'{"instance":"i"}',
        b'{"instance":"\xff","sequence":1}',
        b'{"instance":"i","sequence":1,"unknown":"\xff"}',
        b'{"instance":"\\ud800","sequence":1}',
        b'{"instance":"i","sequence":1,"metrics":[{"time":1,"key":"k","unit":"u","value":NaN}]}',
        b'{"x":' * 100_000,
    ],
)
def test_bytes_that_are_no_batch_are_refused(data: bytes) -> None:
    problem(data)


def test_every_bad_text_is_reported_at_once() -> None:
    data = batch(counters=[{**COUNTER, "flag": "\0"}, {**COUNTER, "variation": "\0"}])
    with pytest.raises(InvalidBatch) as refused:
        EventBatch.from_json(data)
    assert [problem.path for problem in refused.value.problems] == ["/counters/0/flag", "/counters/1/variation"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidBatch):
        assert EventBatch.from_json(data).instance


def test_a_moment_is_the_same_however_it_is_written() -> None:
    zone = timezone(timedelta(hours=2))
    assert milliseconds(datetime(2025, 10, 9, 10, 53, 20, 500_000, tzinfo=zone)) == 1_760_000_000_500
    assert milliseconds(1_760_000_000_500.0) == milliseconds(1_760_000_000_500) == 1_760_000_000_500
