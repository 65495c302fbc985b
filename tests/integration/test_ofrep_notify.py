"""The notify stream: web clients hear that they should evaluate again, and nothing else."""

import contextlib
from collections.abc import Iterator

import httpx2
import msgspec
import pytest

from pennon.model import Position, Segment, Serve, Staleness
from pennon.stream import StreamSettings
from tests.integration.nodes import CLIENT, EDGE, ENVIRONMENT, SERVER, RunningNode, boolean, eventually, key, running

QUICK = StreamSettings(poll_s=0.1, notify_spread_s=0.2, heartbeat_s=20)
SHOWN = boolean("shown", client_side=True)


class Notices:
    """An `EventSource`, as little of it as is needed: no headers but the last event's id."""

    def __init__(self, response: httpx2.Response) -> None:
        self._chunks = response.iter_raw()
        self._lines: list[str] = []
        self._rest = ""
        self.last_id: str | None = None
        self.comments = 0

    def next(self) -> dict[str, str]:
        """Return the data of the next event."""
        data = ""
        while True:
            line = self._line()
            name, _, value = line.partition(":")
            if not line and data:
                return msgspec.json.decode(data, type=dict[str, str])
            if line.startswith(":"):
                self.comments += 1
            elif name == "data":
                data += value.strip()
            elif name == "id":
                self.last_id = value.strip()

    def comment(self) -> None:
        """Wait for a comment."""
        before = self.comments
        while self.comments == before:
            if self._line().startswith(":"):
                self.comments += 1

    def _line(self) -> str:
        while not self._lines:
            *self._lines, self._rest = (self._rest + next(self._chunks).decode()).split("\n")
        return self._lines.pop(0)


@contextlib.contextmanager
def noticing(node: RunningNode, uri: str | None = None, last_id: str | None = None) -> Iterator[Notices]:
    headers = {"accept": "text/event-stream"} | ({"last-event-id": last_id} if last_id else {})
    uri = uri or f"/ofrep/v1/stream?key={CLIENT}"
    with node.client(None) as client, client.stream("GET", uri, headers=headers) as response:
        assert response.status_code == 200
        yield Notices(response)


def refetch(notices: Notices) -> None:
    assert notices.next()["type"] == "refetchEvaluation"


def stream_uri(client: httpx2.Client) -> str:
    answer = client.post("/ofrep/v1/evaluate/flags", json={})
    return str(answer.json()["eventStreams"][0]["endpoint"]["requestUri"])


@pytest.mark.parametrize("secret", [CLIENT, SERVER])
def test_stream_that_a_bulk_answer_names_can_be_opened_without_any_header(secret: str) -> None:
    with running(SHOWN, settings=QUICK) as node, node.client(secret) as client:
        with noticing(node, stream_uri(client)) as notices:
            first = notices.next()
            assert first["type"] == "refetchEvaluation"
            assert first["etag"].startswith("v1_")
        eventually(lambda: node.value("pennon_streams", projection="notify") == 0)


def test_change_of_a_client_side_flag_is_told_within_the_spread() -> None:
    with running(SHOWN, settings=QUICK) as node, noticing(node) as notices:
        refetch(notices)
        node.write(boolean("shown", client_side=True, on=False))
        assert notices.next()["etag"].startswith("v2_")


def test_change_that_clients_do_not_see_is_not_told() -> None:
    with running(SHOWN, settings=QUICK) as node, noticing(node) as notices:
        refetch(notices)
        for number in range(5):
            node.write(boolean(f"hidden-{number}"))
        node.write(key("other", "server"))
        node.write(Segment(key="unused", salt="s"))
        node.write(boolean("shown", client_side=True, on=False))
        assert notices.next()["etag"].startswith("v9_"), "the first notice is that of the last change"


def test_several_changes_within_the_spread_are_one_notice() -> None:
    settings = StreamSettings(poll_s=0.1, notify_spread_s=1.0)
    with running(SHOWN, settings=settings) as node, noticing(node) as notices:
        refetch(notices)

        async def write() -> None:
            for number in range(10):
                node.bus.announce(
                    ENVIRONMENT, node.log.write(ENVIRONMENT, boolean("shown", client_side=True, on=number % 2 == 1))
                )

        node.run(write())  # at once: the time of the notice may be just after the first
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 11))
        notices.next()
        node.write(boolean("second", client_side=True))
        assert notices.next()["etag"].startswith("v12_")
        assert node.value("pennon_deliveries_total", event="refetch") <= 1 + 2 + 1


@pytest.mark.parametrize(
    ("before", "after"),
    [({"critical": True}, {"critical": True}), ({}, {"critical": True}), ({"critical": True}, {})],
)
def test_critical_flag_is_told_at_once(before: dict[str, bool], after: dict[str, bool]) -> None:
    settings = StreamSettings(poll_s=0.1, notify_spread_s=3600)
    flag = boolean("shown", client_side=True, **before)
    with running(flag, settings=settings) as node, noticing(node) as notices:
        refetch(notices)
        node.write(boolean("other", client_side=True))  # is planned for some time in the hour
        node.write(boolean("shown", client_side=True, on=False, **after))
        assert notices.next()["etag"].startswith("v3_")


def test_client_that_comes_back_is_told_unless_it_is_current() -> None:
    with running(SHOWN, settings=QUICK) as node:
        with noticing(node) as notices:
            refetch(notices)
            current = notices.last_id
        node.write(boolean("hidden"))
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 2))
        with noticing(node, last_id=current) as notices:
            node.write(boolean("shown", client_side=True, on=False))
            assert notices.next()["etag"].startswith("v3_"), "it had missed nothing that it sees"
            later = notices.last_id
        assert later != current
        with noticing(node, last_id=current) as notices:
            refetch(notices)
            assert notices.last_id == later


def test_flag_that_becomes_stale_is_told() -> None:
    flag = boolean("shown", client_side=True, staleness=Staleness(max_age_s=60, serve=Serve(variation="off")))
    with running(flag, settings=QUICK) as node, noticing(node) as notices:
        refetch(notices)
        node.log.fail = {ENVIRONMENT}
        eventually(lambda: node.value("pennon_follow_failures_total", environment=ENVIRONMENT) >= 1)
        node.node.environments[ENVIRONMENT].hub._known_at -= 100
        refetch(notices)
        node.log.fail = set()
        refetch(notices)


def test_idle_stream_is_kept_open_by_comments() -> None:
    settings = StreamSettings(poll_s=0.1, heartbeat_s=0.05)
    with running(SHOWN, settings=settings) as node, noticing(node) as notices:
        for _ in range(3):
            notices.comment()


def test_stream_of_a_server_key_tells_of_changes_that_clients_do_not_see() -> None:
    with running(SHOWN, settings=QUICK) as node, node.client() as client:
        uri = stream_uri(client)
        with noticing(node, uri) as notices:
            refetch(notices)
            node.write(boolean("hidden"))
            assert notices.next()["etag"].startswith("v2_")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"?key={SERVER}", 403),
        (f"?key={EDGE}", 403),
        ("?key=unknown", 401),
        ("?token=unknown", 401),
        ("?token=" + "A" * 38, 401),
        ("", 401),
    ],
)
def test_what_does_not_open_the_stream_is_refused(query: str, status: int) -> None:
    with running(SHOWN) as node, node.client(None) as client:
        assert client.get(f"/ofrep/v1/stream{query}").status_code == status


def test_pages_of_other_origins_may_not_listen_with_a_key_that_is_not_theirs() -> None:
    limited = key("limited", "client", origins=("https://shop.example",))
    with running(SHOWN, limited) as node, node.client(None) as client:
        refused = client.get("/ofrep/v1/stream?key=limited", headers={"origin": "https://evil.example"})
        assert refused.status_code == 403
        page = {"origin": "https://shop.example"}
        with client.stream("GET", "/ofrep/v1/stream?key=limited", headers=page) as response:
            assert response.status_code == 200
            assert response.headers["access-control-allow-origin"] == "https://shop.example"
            assert response.headers["content-type"] == "text/event-stream"


def test_revoked_key_ends_its_notify_streams() -> None:
    with running(SHOWN, settings=QUICK) as node, noticing(node) as notices:
        refetch(notices)
        node.write(key(CLIENT, "client", revoked=True))
        with pytest.raises(StopIteration):
            notices.next()
        eventually(lambda: node.value("pennon_streams_ended_total", reason="revoked") == 1)


def test_draining_ends_notify_streams_too() -> None:
    with running(SHOWN, settings=QUICK) as node, noticing(node) as notices:
        refetch(notices)
        node.run(node.node.drain())
        with pytest.raises(StopIteration):
            notices.next()
        eventually(lambda: node.value("pennon_streams", projection="notify") == 0)
