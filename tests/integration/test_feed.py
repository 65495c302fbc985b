"""The feed of changes: of what one may see, as long as one may, and without a gap."""

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx2
import msgspec
import pytest

from pennon.control.feed.feeds import MOST_OF_ONE
from pennon.protocol.frames import Frame
from pennon.protocol.sse import Decoder
from tests.integration.test_cli import Shell
from tests.serving import Api, InProcess, serving

DEVELOPMENT, PRODUCTION = (f"projects/default/environments/{each}" for each in ("development", "production"))
WAIT_S = 60


class Reader:
    """Reads a feed in a thread, from the moment on at which it is ready."""

    def __init__(self, api: Api, query: str = "", after: str = "") -> None:
        self._connection: socket.socket | None = None
        headers = {"Authorization": f"Bearer {api.token}", **({"Last-Event-ID": after} if after else {})}
        self._frames: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._url, self._headers = f"{api.url}/api/v1/feed{query}", headers
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        ready = self.frame()
        assert ready is not None
        assert ready.event == "ready"
        self.place = ready.id or ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):  # it may have ended by itself
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT_S)

    def frame(self) -> Frame | None:
        """Return the next frame; None when the feed has ended."""
        return self._frames.get(timeout=WAIT_S)

    def next(self, event: str = "change") -> Any:
        """Return the data of the next frame, which has to be an *event*."""
        frame = self.frame()
        assert frame is not None
        assert frame.event == event, frame
        self.place = frame.id or self.place
        return msgspec.json.decode(frame.data)

    def _read(self) -> None:
        decoder = Decoder()
        try:
            with (
                httpx2.Client(timeout=WAIT_S) as http,
                http.stream("GET", self._url, headers=self._headers) as response,
            ):
                assert response.status_code == 200, response.read()
                self._connection = response.extensions["network_stream"].get_extra_info("socket")
                for piece in response.iter_raw():
                    for frame in decoder.feed(piece):
                        self._frames.put(frame)
        except httpx2.TransportError:
            pass  # closed
        finally:
            self._frames.put(None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api]]:
    with serving(tmp_path_factory.mktemp("feed") / "data") as both:
        both[1].made("POST", "projects/default/flags", {"key": "f"})
        both[1].made("POST", "projects", {"key": "other"})
        yield both


@pytest.fixture
def api(running: tuple[InProcess, Api]) -> Api:
    return running[1]


def holder(api: Api, role: str = "reader", **rest: Any) -> Api:
    return api.as_holder_of(api.made("POST", "tokens", {"name": role, "role": role, **rest})["secret"])


def change(api: Api, description: str, place: str = PRODUCTION) -> Any:
    edit = {"do": "putSegment", "segment": {"key": "s", "included": [description]}}
    return api.made("POST", f"{place}/changes", {"edits": [edit], "why": description})


def deploy(api: Api, **about: Any) -> Any:
    return api.made("POST", "events/external", {"project": "default", "kind": "deploy", "service": "api", **about})


def test_changes_and_events_are_told_as_they_happen(api: Api) -> None:
    with Reader(api) as reader:
        made = change(api, "first")
        told = reader.next()
        assert (told["changeId"], told["revision"], told["why"]) == (made["changeId"], made["revision"], "first")
        assert (told["project"], told["environment"], told["breakGlass"]) == ("default", "production", False)
        assert told["items"][0]["key"] == "s"
        event = deploy(api, version="1.2.3", environments=["production"])
        assert reader.next("event") == event


def test_who_comes_back_goes_on_where_he_was(api: Api) -> None:
    with Reader(api) as reader:
        change(api, "seen")
        assert reader.next()["why"] == "seen"
        place = reader.place
    for number in range(130):  # more than are read at a time
        change(api, f"missed {number}", PRODUCTION if number % 2 else DEVELOPMENT)
    deploy(api, text="missed, too")
    api.made("POST", "projects/default/environments", {"key": f"new-{place[-4:].lower().strip('-_')}"})
    with Reader(api, after=place) as reader:
        whys: list[str] = []
        events: list[str] = []
        for _ in range(130 + 1 + 2):
            frame = reader.frame()
            assert frame is not None
            told = msgspec.json.decode(frame.data)
            (events if frame.event == "event" else whys).append(told["text" if frame.event == "event" else "why"])
    assert sorted(whys) == sorted([f"missed {number}" for number in range(130)] + ["", ""])
    assert [each for each in whys if each][:3] == ["missed 0", "missed 1", "missed 2"]
    assert events == ["missed, too"]


def test_one_hears_of_what_one_may_see(api: Api) -> None:
    with holder(api, project="default", environments=["development"]) as limited, Reader(limited) as reader:
        change(api, "hidden", PRODUCTION)
        api.made("PUT", "projects/other", {"name": "hidden"})
        change(api, "shown", DEVELOPMENT)
        assert reader.next()["why"] == "shown"


def test_a_feed_may_be_of_one_project_or_environment(api: Api) -> None:
    with (
        Reader(api, "?project=default&environment=production") as narrow,
        Reader(api, "?project=other") as other,
    ):
        change(api, "elsewhere", DEVELOPMENT)
        change(api, "here", PRODUCTION)
        api.made("PUT", "projects/other", {"name": "Other"})
        api.made("POST", "projects/other/environments", {"key": "e"})
        assert narrow.next()["why"] == "here"
        assert other.next()["action"] == "createEnvironment"


@pytest.mark.parametrize(
    ("query", "last", "status"),
    [
        ("?environment=production", "", 400),
        ("?project=none", "", 404),
        ("?project=default&environment=none", "", 404),
        ("", "nonsense", 400),
    ],
)
def test_what_no_feed_is_of_is_told(api: Api, query: str, last: str, status: int) -> None:
    answer = api.http.get(f"feed{query}", headers={"Last-Event-ID": last} if last else {})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_a_project_that_one_does_not_see_is_told_of_like_one_that_is_not_there(api: Api) -> None:
    with holder(api, project="default") as limited:
        statuses = {limited.http.get(f"feed?project={each}").status_code for each in ("other", "none")}
    assert statuses == {403}


def test_a_feed_ends_when_its_token_is_revoked(api: Api) -> None:
    made = api.made("POST", "tokens", {"name": "leaving", "role": "reader"})
    with api.as_holder_of(made["secret"]) as leaving, Reader(leaving) as reader:
        api.made("DELETE", f"tokens/{made['token']['key']}")
        assert reader.next("ended")["why"]
        assert reader.frame() is None


def test_a_token_has_so_many_feeds_and_those_that_end_make_room(api: Api) -> None:
    with holder(api) as watching:
        readers = [Reader(watching) for _ in range(MOST_OF_ONE)]
        refused = watching.http.get("feed")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        for each in readers:
            each.__exit__()
        for _ in range(300):
            with watching.http.stream("GET", "feed") as answer:
                if answer.status_code == 200:
                    break
            change(api, "so that closed feeds are noticed")
        assert answer.status_code == 200


def test_who_reports_for_one_environment_or_with_a_scope_reports_that_and_no_more(api: Api) -> None:
    event = {"project": "default", "kind": "deploy"}
    with holder(api, "developer", project="default", environments=["development"]) as limited:
        assert limited.send("POST", "events/external", {**event, "environments": ["development"]}).status_code == 201
        for elsewhere in ({}, {"environments": ["development", "production"]}, {"project": "other"}):
            refused = limited.send("POST", "events/external", {**event, **elsewhere})
            assert (refused.status_code, "event.report" in refused.json()["detail"]) == (403, True)
    with holder(api, "developer", project="default", scopes=["event.report"]) as pipeline:
        first, again = (pipeline.made("POST", "events/external", event, Idempotency_Key="run-7") for _ in range(2))
        assert first == again
        assert first["id"] == "run-7"
        assert pipeline.send("GET", "projects/default/events/external").status_code == 403


def test_a_server_that_stops_says_goodbye_and_ends(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, api):
        reader = Reader(api)
    with reader:
        assert reader.next("goodbye")["why"] == "the server is stopping"
        assert reader.frame() is None


def test_pennon_reports_a_deploy_and_watches(api: Api, tmp_path: Path) -> None:
    shell = Shell(api, tmp_path)
    watching: list[str] = []
    thread = threading.Thread(target=lambda: watching.append(shell.done("change", "watch", "--limit", "3")))
    feeds = api.made("GET", "projects")  # the server is awake
    assert feeds
    thread.start()
    for _ in range(600):
        if not thread.is_alive():
            break
        shown = deploy(api, version="1.2.3", who="ci")
        thread.join(0.1)
    thread.join(WAIT_S)
    assert shown["kind"] == "deploy"
    assert watching[0].count("deploy api 1.2.3") == 3
    assert "ci" in watching[0]
    made = shell.json("event", "report", "deploy", "--service", "web", "--id", "build-7", "--env", "production")
    assert (made["id"], made["environments"]) == ("build-7", ["production"])
    assert "web" in shell.done("event", "list", "--limit", "1")
    refused = shell.run("event", "report", "party")
    assert refused.returncode == 1
    assert "/kind" in refused.stderr
