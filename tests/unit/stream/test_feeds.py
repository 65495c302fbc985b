"""What flows on streams: each frame made once, with the age of the moment in it."""

import re

import msgspec
import pytest

from pennon.model import Delta, Item, Position, Segment, Snapshot
from pennon.protocol import Frame, Hub, digest, sse
from pennon.stream import feeds
from pennon.stream.feeds import DeltaFeed, NoticeFeed
from pennon.stream.framing import PIECE, Framed, Template, chunk

ONE = Position(1, 1)


def dechunked(data: bytes) -> bytes:
    """Return the body that chunks hold; fail where they are not whole ones."""
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        body += rest[:length]
        data = rest[length + 2 :]
    return body


def frame_of(framed: Framed | None) -> Frame:
    assert framed is not None
    (frame,) = sse.Decoder().feed(dechunked(framed.head + bytes(framed.rest or b"")))
    return frame


def age_of(framed: Framed | None) -> float:
    return float(msgspec.json.decode(frame_of(framed).data)["age"])


def segment(key: str, size: int = 0) -> Item:
    return Item.of(Segment(key=key, version=1, changed_at=1, salt="s", included=tuple(f"u{n:06}" for n in range(size))))


class World:
    """A hub at revision 1, and the feed of its server projection."""

    def __init__(self, *items: Item) -> None:
        self.items = {item.key: item for item in items}
        self.revision = 1
        self.hub = Hub()
        self.hub.load(self._snapshot(), known_at=100.0)
        self.feed = DeltaFeed("server", 5000)
        self.feed.follow(self.hub)

    def change(self, item: Item) -> None:
        """Put *item*, and tell the feed."""
        since = self.hub.position
        assert since is not None
        self.items[item.key] = item
        self.revision += 1
        delta = Delta(
            environment="a/b",
            epoch=1,
            from_=since.revision,
            to=self.revision,
            digest=digest.combined({"segment": self.items}),
            segments={item.key: item},
        )
        self.feed.advance(since, self.hub.advance(delta, known_at=100.0)["server"])

    def _snapshot(self) -> Snapshot:
        items = {"segment": dict(self.items)}
        return Snapshot.of(items, environment="a/b", position=ONE, digest=digest.combined(items))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 20_000], ids=["small", "large"])
def test_template_gives_the_frame_at_any_age_as_one_chunk(size: int) -> None:
    data = b'{"age":0.000,"from":1,"pad":"%b"}' % (b"x" * size * 8)
    template = Template(Frame("delta", data, "1.2"), "mark")
    for age in (0.0, 0.5, 12345.678):
        framed = template.at(age)
        assert (framed.event, framed.mark) == ("delta", "mark")
        assert (framed.rest is None) == (len(data) < PIECE)
        assert frame_of(framed) == Frame("delta", data.replace(b"0.000", b"%.3f" % age), "1.2")
    assert template.size >= len(data)


def test_chunk_is_one_that_http_reads() -> None:
    assert dechunked(chunk(b"a" * 300) + chunk(b"b")) == b"a" * 300 + b"b"


def test_who_stands_nowhere_gets_the_snapshot_and_who_is_current_or_ahead_a_heartbeat() -> None:
    world = World(segment("s"))
    whole, current, ahead = (world.feed.frame(since, 101.0) for since in (None, ONE, Position(1, 9)))
    assert [frame_of(each).event for each in (whole, current, ahead)] == ["snapshot", "heartbeat", "heartbeat"]
    assert whole is not None
    assert current is not None
    assert ahead is not None
    assert whole.mark == current.mark == world.feed.mark == ONE
    assert ahead.mark == Position(1, 9), "it keeps what it has"


def test_everybody_who_stands_at_one_place_gets_one_and_the_same_object_with_a_fresh_age() -> None:
    world = World(segment("s"))
    first = world.feed.frame(None, 101.0)
    assert world.feed.frame(None, 101.01) is first
    assert age_of(first) == 1.0
    later = world.feed.frame(None, 103.0)
    assert age_of(later) == 3.0
    assert age_of(world.feed.frame(None, 102.0)) == 2.0, "whatever the order of the askers"


def test_step_is_given_to_those_who_stand_before_it_and_older_ones_get_all_in_one() -> None:
    world = World(segment("a"))
    world.change(segment("b"))
    world.change(segment("c"))
    steps = {since: frame_of(world.feed.frame(Position(1, since), 101.0)) for since in (1, 2)}
    assert {each.id for each in steps.values()} == {"1.3"}
    touched = {since: set(msgspec.json.decode(each.data)["segments"]) for since, each in steps.items()}
    assert touched == {1: {"b", "c"}, 2: {"c"}}


def test_step_larger_than_the_history_is_still_a_step() -> None:
    world = World(segment("a"))
    world.hub = Hub(history_bytes=1)
    world.hub.load(world._snapshot(), known_at=100.0)
    world.feed.follow(world.hub)
    world.change(segment("b"))
    assert frame_of(world.feed.frame(ONE, 101.0)).event == "delta"


def test_heartbeat_says_where_the_hub_is_now() -> None:
    world = World(segment("s"))
    assert b"id: 1.1\n" in world.feed.beat(101.0)
    world.change(segment("t"))
    beat = world.feed.beat(102.0)
    assert b"id: 1.2\nevent: heartbeat\n" in beat
    assert b'"age":2.000,' in beat
    assert b'"age":4.000,' in world.feed.beat(104.0)


def test_goodbye_tells_each_another_time() -> None:
    world = World(segment("s"))
    times = {re.search(rb"retry: (\d+)\n", world.feed.goodbye(101.0)) for _ in range(20)}
    waits = {int(found[1]) for found in times if found}
    assert len(waits) > 5
    assert max(waits) <= 5000


def test_large_frames_are_let_go_of_when_nobody_asks_any_more() -> None:
    world = World(segment("s", 20_000))
    large = world.feed.frame(None, 101.0)
    world.feed.tidy(103.0)
    again = world.feed.frame(None, 103.0)
    assert large is not None
    assert again is not None
    assert again.rest is not None
    assert large.rest is not None
    assert again.rest.obj is large.rest.obj, "asked for lately"
    world.feed.tidy(110.0)
    anew = world.feed.frame(None, 110.0)
    assert anew is not None
    assert anew.rest is not None
    assert anew.rest.obj is not large.rest.obj


def test_frames_for_many_places_are_kept_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_KEPT_BYTES", 2000)
    world = World(segment("s"))
    for number in range(50):
        world.change(segment(f"s{number}"))
    for since in range(1, 51):
        assert frame_of(world.feed.frame(Position(1, since), 101.0)).event == "delta"
        assert world.feed._kept_bytes <= 2000 or len(world.feed._kept) == 1


def test_feed_without_a_hub_has_nothing() -> None:
    feed = DeltaFeed("server", 0)
    assert feed.mark is None
    with pytest.raises(LookupError):
        feed.frame(None, 0.0)


def test_notice_is_for_those_who_saw_another_version() -> None:
    versions = iter(["a", "a", "b", "b", "b"])
    feed = NoticeFeed(lambda _: next(versions), lambda: "v7_x", 100)
    assert feed.renew(0.0)
    assert not feed.renew(0.0)
    notice = feed.frame("a", 0.0)
    assert notice is not None
    assert (notice.mark, feed.mark) == ("b", "b")
    assert dechunked(notice.head) == b'id: b\ndata: {"type":"refetchEvaluation","etag":"v7_x"}\n\n'
    assert feed.frame("b", 0.0) is None
    assert feed.frame(None, 0.0) is notice
    assert dechunked(feed.beat(0.0)) == b":\n\n"
    assert dechunked(feed.goodbye(0.0)).startswith(b"retry: ")
