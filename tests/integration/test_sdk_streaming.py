"""A client and a server over real sockets: what arrives, what is asked for, and what happens when something breaks."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from pennon import Client
from pennon.model import ErrorCode, Position, Reason
from pennon.protocol import Frame
from pennon.sdk import Level
from pennon.testing import flag
from tests.integration.clients import Clients, clients
from tests.integration.upstream import Upstream, eventually, running

U1 = {"targetingKey": "u1"}


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Clients]:
    with clients(request.param) as made:
        yield made


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.put(flag("new-checkout").on())
        yield server


def streams(client: Any) -> bool:
    """Wait until the client streams: it is ready before that, by the snapshot that it begins with."""
    assert client.wait_until_ready()
    eventually(lambda: client.flags.status().level is Level.STREAMING)
    return True


def test_a_client_evaluates_what_the_server_holds_and_each_change_of_it(make: Clients, upstream: Upstream) -> None:
    client = make(upstream)
    assert client.flags.boolean("new-checkout", U1, default=False) in (True, False)
    assert client.wait_until_ready()
    assert client.flags.boolean("new-checkout", U1, default=False) is True
    upstream.put(flag("new-checkout").off())
    eventually(lambda: client.flags.status().revision == 2)
    assert client.flags.boolean("new-checkout", U1, default=True) is False
    upstream.delete("new-checkout")
    eventually(lambda: client.flags.status().revision == 3)
    assert client.flags.boolean("new-checkout", U1, default=True) is True
    eventually(lambda: client.flags.status().level is Level.STREAMING)


def test_a_client_begins_with_the_snapshot_and_streams_what_comes_after_it(make: Clients, upstream: Upstream) -> None:
    assert streams(make(upstream))
    asked = [(path, headers) for _, path, headers in upstream.requests]
    assert [path for path, _ in asked] == ["/sdk/v1/snapshot", "/sdk/v1/stream?since=1.1"]
    assert asked[0][1]["Accept-Encoding"] == httpx2.Client().headers["Accept-Encoding"], "what it can unpack"
    upstream.drop_streams()
    eventually(lambda: len(upstream.paths("/sdk/v1/stream")) == 2)
    assert len(upstream.paths("/sdk/v1/snapshot")) == 1, "it knows where it stands"


def test_a_server_with_too_many_snapshots_is_asked_again_when_it_says(make: Clients, upstream: Upstream) -> None:
    upstream.refuse["/sdk/v1/snapshot"] = (503, {"Retry_After": "1"})
    client = make(upstream)
    eventually(lambda: "is busy" in client.flags.status().problem)
    del upstream.refuse["/sdk/v1/snapshot"]
    assert streams(client)
    first, *_, stream = upstream.requests
    assert ("snapshot" in first[1], "stream" in stream[1]) == (True, True)
    assert upstream.asked_at[1] >= upstream.asked_at[0] + 1, "nothing is asked before the time that it named"


def test_before_anything_is_known_the_default_is_served_and_says_why(make: Clients, upstream: Upstream) -> None:
    upstream.stop()
    client = make(upstream)
    result = client.flags.evaluation("new-checkout", U1, default=7)
    assert (result.value, result.reason, result.error_code) == (7, Reason.ERROR, ErrorCode.PROVIDER_NOT_READY)
    assert not client.wait_until_ready(0.3)
    status = client.flags.status()
    assert (status.level, status.ready, status.age_s) == (Level.DEFAULTS, False, None)
    eventually(lambda: "could not be reached" in client.flags.status().problem)


def test_a_client_that_was_started_first_connects_when_the_server_comes(make: Clients, upstream: Upstream) -> None:
    upstream.stop()
    client = make(upstream)
    eventually(lambda: client.flags.status().problem)
    upstream.start()
    assert client.wait_until_ready()


def test_a_dropped_stream_resumes_where_it_stood(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, poll_interval_s=1000)
    assert streams(client)
    upstream.drop_streams()
    upstream.put(flag("new-checkout").off())
    eventually(lambda: client.flags.status().revision == 2)
    eventually(lambda: client.flags.status().level is Level.STREAMING)
    assert upstream.paths("/sdk/v1/stream")[-1].endswith("since=1.1")


def test_what_is_known_outlives_the_server(make: Clients, upstream: Upstream) -> None:
    levels: list[Level] = []
    client = make(upstream, on_status=lambda status: levels.append(status.level))
    assert streams(client)
    upstream.stop()
    eventually(lambda: client.flags.status().level is Level.LAST_KNOWN)
    assert client.flags.boolean("new-checkout", U1, default=False) is True
    assert client.flags.status().ready
    upstream.start()
    eventually(lambda: client.flags.status().level is Level.STREAMING)
    assert client.flags.status().problem == ""
    eventually(lambda: levels[-1] is Level.STREAMING)
    assert levels[:2] == [Level.POLLING, Level.STREAMING]
    assert Level.LAST_KNOWN in levels


def test_a_client_polls_while_streams_are_refused_and_goes_back_to_streaming(make: Clients, upstream: Upstream) -> None:
    upstream.refuse["/sdk/v1/stream"] = (502, {})
    client = make(upstream)
    assert client.wait_until_ready()
    assert client.flags.status().level is Level.POLLING
    upstream.put(flag("new-checkout").off())
    eventually(lambda: client.flags.status().revision == 2)
    polled = len(upstream.paths("/sdk/v1/snapshot"))
    eventually(lambda: len(upstream.paths("/sdk/v1/snapshot")) > polled + 1)
    assert upstream.paths("/sdk/v1/snapshot")[-1].endswith("since=1.2")
    assert [headers for _, path, headers in upstream.requests if "snapshot" in path][-1]["If-None-Match"]
    del upstream.refuse["/sdk/v1/stream"]
    eventually(lambda: client.flags.status().level is Level.STREAMING)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_an_error_once_and_ends_the_waiting(
    make: Clients, upstream: Upstream, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    upstream.refuse["/sdk/v1/snapshot"] = (status, {})
    client = make(upstream)
    assert not client.wait_until_ready(30)
    assert f"refused the key with {status}" in client.flags.status().problem
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "check that the key is a server key" in errors[0].getMessage()
    assert len(upstream.requests) == 1


def test_a_key_that_is_revoked_takes_nothing_away(
    make: Clients, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(upstream)
    assert streams(client)
    upstream.refuse["/sdk/v1/stream"] = upstream.refuse["/sdk/v1/snapshot"] = (401, {})
    upstream.drop_streams()
    eventually(lambda: "refused" in client.flags.status().problem)
    eventually(lambda: client.flags.status().level is Level.LAST_KNOWN)
    assert client.flags.boolean("new-checkout", U1, default=False) is True
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


def test_a_server_that_is_busy_is_left_alone_for_as_long_as_it_says(make: Clients, upstream: Upstream) -> None:
    upstream.refuse["/sdk/v1/stream"] = (503, {"Retry_After": "1000"})
    client = make(upstream)
    assert client.wait_until_ready()
    polls = len(upstream.paths("/sdk/v1/snapshot"))
    eventually(lambda: len(upstream.paths("/sdk/v1/snapshot")) > polls + 3)
    assert len(upstream.paths("/sdk/v1/stream")) == 1


def test_a_silent_stream_is_dead(make: Clients, upstream: Upstream) -> None:
    upstream.heartbeat_s = 0.05
    client = make(upstream, heartbeat_s=0.2)
    assert streams(client)
    upstream.mute = True
    eventually(lambda: "silent" in client.flags.status().problem)
    upstream.mute = False
    upstream.drop_streams()
    eventually(lambda: client.flags.status().level is Level.STREAMING)


def test_a_stream_without_a_first_frame_is_dead_and_polls_stand_in(make: Clients, upstream: Upstream) -> None:
    upstream.mute = True
    client = make(upstream, timeout_s=0.3)
    assert client.wait_until_ready()
    eventually(lambda: client.flags.status().level is Level.POLLING)
    assert client.flags.status().level is not Level.STREAMING


def test_heartbeats_keep_the_age_down(make: Clients, upstream: Upstream) -> None:
    client = make(upstream)
    assert streams(client)
    first = client.flags.status().age_s
    assert first is not None
    old = eventually(lambda: (age := client.flags.status().age_s or 0) > first + 0.2 and age)
    upstream.beat()
    eventually(lambda: (client.flags.status().age_s or 0) < old)


def test_a_goodbye_names_the_time_to_come_back(
    make: Clients, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pennon")
    client = make(upstream, poll_interval_s=1000)
    assert streams(client)
    upstream.send(upstream.hub.goodbye(400, 0.0))
    upstream.drop_streams()
    eventually(lambda: "is shutting down" in caplog.text)
    eventually(lambda: client.flags.status().level is Level.STREAMING)
    assert len(upstream.paths("/sdk/v1/stream")) == 2
    assert [record for record in caplog.records if record.levelno >= logging.WARNING and record.name == "pennon"] == []


def test_a_malformed_delta_is_mended_by_a_whole_snapshot(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, poll_interval_s=1000)
    assert streams(client)
    upstream.send(Frame("delta", b'{"age":0,"epoch":1,"from":1,"to":', "1.2"))
    eventually(lambda: len(upstream.paths("/sdk/v1/stream")) == 2)
    assert ["since" in path for path in upstream.paths("/sdk/v1/snapshot")] == [False, False]
    eventually(lambda: client.flags.status().level is Level.STREAMING)
    assert client.flags.boolean("new-checkout", U1, default=False) is True


@pytest.mark.parametrize(
    "raw",
    [
        b'event: snapshot\ndata: {"age":0,"flags":[]}\n\n',
        b"event: snapshot\ndata: \xff\xfe\n\n",
        b"data: no event at all\n\n" + b"\x00" * 100,
        b"event: snapshot\ndata: " + b"[" * 200_000 + b"\n\n",
        b"event: snapshot\ndata: " + b"x" * 2_000_000,
    ],
    ids=["wrong shape", "not UTF-8", "noise", "deep", "endless"],
)
def test_a_stream_of_nonsense_is_left_and_polls_stand_in(make: Clients, upstream: Upstream, raw: bytes) -> None:
    upstream.raw = raw
    upstream.heartbeat_s = 0.05
    client = make(upstream, max_bytes=1_000_000, timeout_s=0.5)
    assert client.wait_until_ready()
    assert client.flags.boolean("new-checkout", U1, default=False) is True
    upstream.raw = None
    upstream.drop_streams()
    eventually(lambda: client.flags.status().level is Level.STREAMING)


def test_an_answer_beyond_the_limit_is_not_read(make: Clients, upstream: Upstream) -> None:
    upstream.refuse["/sdk/v1/stream"] = (502, {})
    upstream.document = b'{"flags":{}}' + b" " * 100_000
    client = make(upstream, max_bytes=50_000)
    eventually(lambda: "more than 50000 bytes" in client.flags.status().problem)
    assert not client.flags.status().ready


def test_a_body_that_lies_about_its_length_changes_nothing(
    make: Clients, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(upstream, timeout_s=0.5)
    assert streams(client)
    upstream.refuse["/sdk/v1/stream"] = (502, {})
    upstream.refuse["/sdk/v1/snapshot"] = (200, {"Content_Length": "100000", "X": "y"})
    upstream.drop_streams()
    eventually(lambda: "snapshot was silent" in caplog.text)
    assert client.flags.boolean("new-checkout", U1, default=False) is True


def test_a_digest_that_does_not_match_asks_for_a_snapshot(make: Clients, upstream: Upstream) -> None:
    client = make(upstream)
    assert streams(client)
    wrong = {"age": 0, "epoch": 1, "revision": 1, "digest": "0" * 64}
    upstream.send(Frame("heartbeat", json.dumps(wrong).encode(), "1.1"))
    eventually(lambda: len(upstream.paths("/sdk/v1/snapshot")) >= 2)
    assert "since" not in upstream.paths("/sdk/v1/snapshot")[1]
    assert client.flags.boolean("new-checkout", U1, default=False) is True


def test_a_gap_is_filled_from_the_snapshot_endpoint(make: Clients, upstream: Upstream) -> None:
    client = make(upstream)
    assert streams(client)
    delta = {"age": 0, "epoch": 1, "from": 5, "to": 6, "digest": "0" * 64}
    upstream.send(Frame("delta", json.dumps(delta).encode(), "1.6"))
    eventually(lambda: len(upstream.paths("/sdk/v1/snapshot")) >= 2)
    assert upstream.paths("/sdk/v1/snapshot")[1].endswith("since=1.1")
    assert client.flags.position == Position(1, 1)


def test_upstreams_are_tried_in_the_order_of_preference(make: Clients, upstream: Upstream) -> None:
    with running() as second:
        second.put(flag("new-checkout").on())
        upstream.stop()
        client = make([upstream, second])
        assert client.wait_until_ready()
        eventually(lambda: second.streams == 1)
        upstream.start()
        second.drop_streams()
        eventually(lambda: upstream.streams == 1)
        assert client.flags.status().ready


def test_a_redirect_is_named_and_not_followed(make: Clients, upstream: Upstream) -> None:
    upstream.refuse["/sdk/v1/stream"] = (301, {"Location": "https://elsewhere.example/"})
    client = make(upstream)
    eventually(lambda: "redirects to https://elsewhere.example/" in client.flags.status().problem or None)


def test_a_page_that_is_no_stream_is_named(make: Clients, upstream: Upstream) -> None:
    upstream.refuse["/sdk/v1/stream"] = (200, {})
    client = make(upstream)
    assert client.wait_until_ready()
    eventually(lambda: "something else than a stream" in client.flags.status().problem)


@pytest.mark.parametrize("age", ["-5", "nonsense", "inf", "12.5"])
def test_an_age_is_taken_as_it_is_said_if_it_is_one(make: Clients, upstream: Upstream, age: str) -> None:
    upstream.refuse["/sdk/v1/stream"] = (502, {})
    upstream.age = age
    began = time.monotonic()
    client = make(upstream, poll_interval_s=1000)
    assert client.wait_until_ready()
    told = 12.5 if age == "12.5" else 0.0
    assert told <= (client.flags.age_s or 0) <= told + time.monotonic() - began


def test_listeners_hear_of_changes_and_one_that_raises_harms_nobody(
    make: Clients, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    def bad(change: Any) -> None:
        raise RuntimeError("a bug of the application")

    client = make(upstream, on_change=bad)
    client.flags.on_change(heard.append)
    assert streams(client)
    upstream.put(flag("theme").variations(dark=1, light=2), flag("other").prerequisite("theme", "dark"))
    upstream.put(flag("theme").variations(dark=3, light=2))
    eventually(lambda: len(heard) >= 2 and heard[-1].revision == 3)
    assert set(heard[-1].flags) == {"theme", "other"}
    assert "a listener raised" in caplog.text


def test_a_flag_that_changes_all_the_time_is_warned_of(
    make: Clients, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(upstream)
    assert streams(client)
    for _ in range(25):
        upstream.put(flag("new-checkout").on())
    eventually(lambda: client.flags.status().revision == 26)
    warnings = [record.getMessage() for record in caplog.records if "more than 10 times" in record.getMessage()]
    assert warnings == ["flag new-checkout changed more than 10 times within a minute"]


def test_closing_is_quick_and_may_be_repeated_and_what_is_known_stays(make: Clients, upstream: Upstream) -> None:
    client = make(upstream)
    assert client.wait_until_ready()
    client.close()
    client.close()
    assert client.flags.boolean("new-checkout", U1, default=False) is True


def test_a_listener_may_close_the_client(make: Clients, upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    closed: list[bool] = []

    def close(_: Any) -> None:
        if isinstance(client.flags, Client):
            client.flags.close()
        closed.append(True)

    client = make(upstream)
    assert client.wait_until_ready()
    client.flags.on_change(close)
    upstream.put(flag("other").on())
    eventually(lambda: closed)
    client.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert client.flags.boolean("new-checkout", U1) is True


def test_a_server_names_how_long_to_wait_before_connecting_again(make: Clients, upstream: Upstream) -> None:
    upstream.raw = b"retry: 20000\nevent: heartbeat\ndata: {}\n\n"
    client = make(upstream, chance=lambda: 1.0, poll_interval_s=0.1)
    eventually(lambda: client.flags.status().ready)
    upstream.drop_streams()
    polls = len(upstream.paths("/sdk/v1/snapshot"))
    eventually(lambda: len(upstream.paths("/sdk/v1/snapshot")) > polls + 12)
    assert len(upstream.paths("/sdk/v1/stream")) <= 2
