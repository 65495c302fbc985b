"""Any request gets an answer: whatever is in it, nothing fails, and a stranger changes nothing."""

import asyncio
import time
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.bus import MemoryBus
from pennon.stream import Endpoints, StreamNode
from pennon.stream.endpoints import ENDPOINTS
from tests.integration.nodes import CLIENT, EDGE, ENVIRONMENT, KEYS, SERVER, Batches, MemoryLog, boolean

PATHS = st.sampled_from([endpoint.path for endpoint in ENDPOINTS]) | st.just("/sdk/v1") | st.just("/")
REST = st.binary(max_size=30) | st.sampled_from([b"checkout", CLIENT.encode(), SERVER.encode(), b"%2F", b"%", b"//"])
METHODS = st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "BREW"])
BODIES = st.one_of(
    st.binary(max_size=60),
    st.just(b"{}"),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5).map(
        lambda value: msgspec.json.encode(
            {"context": value, "instance": "i", "sequence": 1, "acks": [], "counters": value}
        )
    ),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"authorization",
                b"x-api-key",
                b"origin",
                b"if-none-match",
                b"last-event-id",
                b"content-length",
                b"content-type",
                b"content-encoding",
                b"accept-encoding",
            ]
        ),
        st.binary(max_size=20)
        | st.sampled_from(
            [SERVER.encode(), CLIENT.encode(), EDGE.encode(), b"Bearer " + SERVER.encode(), b"1.1", b"gzip"]
        ),
    ),
    max_size=4,
)
QUERIES = st.binary(max_size=20) | st.sampled_from(
    [
        b"since=1.1",
        b"since=x",
        b"environment=shop/production",
        b"environment=%00",
        b"key=" + CLIENT.encode(),
        b"token=x",
    ]
)


@st.composite
def scopes(draw: st.DrawFn) -> dict[str, Any]:
    path = draw(PATHS).encode() + (draw(REST) if draw(st.booleans()) else b"")
    return {
        "type": "http",
        "method": draw(METHODS),
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": draw(QUERIES),
        "headers": draw(HEADERS),
        "root_path": draw(st.sampled_from(["", "/proxied"])),
    }


async def exchanged(scope: dict[str, Any], body: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Return what one request is answered, and whether the node is as it was before. Streams are left at once."""
    log, sink = MemoryLog(), Batches()
    log.write(ENVIRONMENT, *KEYS, boolean("checkout", client_side=True))
    async with StreamNode(log, MemoryBus(), sink, time) as node:
        sent: list[dict[str, Any]] = []
        coming: list[dict[str, Any]] = [
            {"type": "http.request", "body": body, "more_body": False},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0)
            return coming.pop(0) if len(coming) > 1 else coming[0]

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await asyncio.wait_for(Endpoints(node)(scope, receive, send), 60)
        is_unchanged = not sink.taken and not list(node.subscribers()) and not node.acks.of(ENVIRONMENT)
        return sent, is_unchanged


@settings(max_examples=300)
@given(scopes(), BODIES)
def test_any_request_is_answered_and_never_by_a_failure(scope: dict[str, Any], body: bytes) -> None:
    sent, is_unchanged = asyncio.run(exchanged(scope, body))
    start = sent[0]
    assert start["type"] == "http.response.start"
    has_no_stream = start["status"] == 501 and scope["path"].endswith("/stream")
    assert start["status"] < 500 or has_no_stream, "a stream needs a server that hands its connection over"
    for name, value in start["headers"]:
        assert name == name.lower()
        assert not set(b"\r\n\0") & set(name + value)
    if scope["method"] == "HEAD":
        assert sent[1:] == [{"type": "http.response.body", "body": b""}]
    elif start["status"] >= 400:
        assert is_unchanged
        kind = dict(start["headers"])[b"content-type"]
        error = msgspec.json.decode(sent[1]["body"])
        if kind == b"application/problem+json":
            assert error["status"] == start["status"]
            assert error["title"]
        else:
            assert error["errorDetails"]
    if start["status"] == 401:
        assert b"www-authenticate" in dict(start["headers"])
