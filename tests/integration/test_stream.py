"""The sync stream: what is sent when, on a real socket."""

import msgspec

from pennon.model import Snapshot
from pennon.protocol import DELTA, SNAPSHOT
from tests.integration.nodes import boolean, eventually, listening, running


def test_stream_opens_with_a_retry_time_and_the_snapshot_then_sends_each_change() -> None:
    with running(boolean("checkout")) as node, listening(node) as stream:
        opening = stream.next()
        assert stream.raw.startswith(b"retry: 1000\n\n")
        assert (opening.event, opening.id) == (SNAPSHOT, "1.1")
        assert list(Snapshot.from_json(opening.data).flags) == ["checkout"]

        node.write(boolean("search"))
        delta = stream.next()
        assert (delta.event, delta.id) == (DELTA, "1.2")
        assert list(msgspec.json.decode(delta.data)["flags"]) == ["search"]


def test_stream_that_the_client_leaves_is_counted_out() -> None:
    with running() as node:
        with listening(node) as stream:
            stream.next()
            assert node.value("pennon_streams", projection="server") == 1
        eventually(lambda: node.value("pennon_streams", projection="server") == 0)
        assert node.value("pennon_streams_ended_total", reason="left") == 1
