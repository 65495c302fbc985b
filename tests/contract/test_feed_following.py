"""What a reader of the feed is told: all that he may see as he is then, once, wherever he was."""

from datetime import timedelta
from typing import Any

import pytest

from pennon.control.access.permissions import BUILT_IN, Grant, Principal, Role, resolved
from pennon.control.errors import Unauthenticated
from pennon.control.external_events.models import KEPT
from pennon.control.external_events.service import EventService, Report
from pennon.control.feed.following import Entry, Following, Scope
from pennon.control.feed.places import place_of
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.contract.shop import ANNA, STAGING, Shop

READER: dict[str, Role] = dict(BUILT_IN)


def may(*grants: Grant) -> Principal:
    return Principal(ANNA, resolved(grants, READER))


EVERYTHING = may(Grant(role="administrator"))
STAGING_ONLY = may(Grant(role="reader", project="shop", environments=("staging",)))
NOTHING = may()
ALL = Scope()


class Reader:
    """A reader who may see what `principal` says."""

    def __init__(
        self, storage: Storage, clock: HandClock, principal: Principal, *, scope: Scope = ALL, after: str = ""
    ) -> None:
        self.principal: Principal | None = principal
        self.following = Following(
            storage.log,
            storage.external_events,
            clock,
            scope,
            admit=self.admit,
            after=place_of(after) if after else None,
        )

    def admit(self) -> Principal:
        if self.principal is None:
            raise Unauthenticated("gone")
        return self.principal

    def look(self) -> list[str]:
        found: list[str] = []
        while entries := self.following.look():
            found.extend(map(said, entries))
        return found

    @property
    def place(self) -> str:
        return self.following.place


def said(entry: Entry) -> str:
    if entry.event is not None:
        return f"event {entry.event.id}"
    assert entry.change is not None
    return f"{entry.change.log.rpartition('/')[2]} {entry.change.why}"


class World:
    def __init__(self, storage: Storage, clock: HandClock, shop: Shop) -> None:
        self.storage, self.clock, self.shop = storage, clock, shop
        self.events = EventService(storage.log, storage.external_events, clock)

    def reader(self, principal: Principal = EVERYTHING, **about: Any) -> Reader:
        reader = Reader(self.storage, self.clock, principal, **about)
        if not about.get("after"):
            assert reader.look() == []
        return reader

    def change(self, why: str, **where: Any) -> None:
        self.clock.move(timedelta(seconds=1))
        self.shop.edit({"do": "putSegment", "segment": {"key": "s", "included": [why]}}, why=why, **where)

    def report(self, identity: str, **about: Any) -> None:
        self.clock.move(timedelta(seconds=1))
        self.events.report(Report(id=identity, project="shop", kind="deploy", **about))


@pytest.fixture
def world(storage: Storage, clock: HandClock, shop: Shop) -> World:
    return World(storage, clock, shop)


def test_what_happens_is_told_in_its_order_and_once(world: World) -> None:
    reader = world.reader()
    world.change("a")
    world.report("b")
    world.change("c", on=STAGING)
    assert reader.look() == ["production a", "event b", "staging c"]
    assert reader.look() == []


def test_who_comes_back_hears_all_that_he_missed(world: World) -> None:
    reader = world.reader()
    world.change("a")
    assert reader.look() == ["production a"]
    place = reader.place
    expected = []
    for number in range(103):  # more than one look takes
        world.change(f"b{number}")
        expected.append(f"production b{number}")
    world.report("c")
    world.clock.move(timedelta(days=3))
    Shop(world.storage.log, "bank").open()
    told = world.reader(after=place).look()
    assert [each for each in told if "production b" in each or "event" in each] == [*expected, "event c"]
    assert sorted(each for each in told if each not in (*expected, "event c")) == ["bank ", "bank ", "installation "]


def test_an_id_of_the_middle_goes_on_from_there(world: World) -> None:
    reader = world.reader()
    for why in ("a", "b", "c"):
        world.change(why)
    entries = reader.following.look()
    assert [said(each) for each in entries] == ["production a", "production b", "production c"]
    assert world.reader(after=entries[1].place).look() == ["production c"]


def test_one_hears_of_what_one_may_see_then_and_the_id_names_nothing_else(world: World) -> None:
    reader = world.reader(STAGING_ONLY)
    world.change("hidden")
    world.change("shown", on=STAGING)
    world.report("hidden", environments=("production",))
    world.report("shown", environments=("production", "staging"))
    world.report("whole")
    assert reader.look() == ["staging shown", "event shown", "event whole"]
    assert set(place_of(reader.place).logs) == {"projects/shop", "environments/shop/staging", "events/shop"}


def test_who_loses_a_role_hears_nothing_of_that_time_and_whoever_is_gone_hears_nothing_at_all(world: World) -> None:
    reader = world.reader()
    world.change("a")
    assert reader.look() == ["production a"]
    reader.principal = NOTHING
    world.change("hidden")
    world.report("hidden")
    assert reader.look() == []
    reader.principal = EVERYTHING
    world.change("b")
    assert reader.look() == ["production b"]
    reader.principal = None
    with pytest.raises(Unauthenticated):
        reader.look()


def test_a_scope_is_a_project_or_one_environment_of_it(world: World) -> None:
    whole = world.reader(scope=Scope("shop"))
    narrow = world.reader(scope=Scope("shop", "staging"))
    Shop(world.storage.log, "bank").open()
    world.change("a")
    world.change("b", on=STAGING)
    world.report("c", environments=("production",))
    world.report("d")
    assert whole.look() == ["production a", "staging b", "event c", "event d"]
    assert narrow.look() == ["staging b", "event d"]


def test_events_that_were_swept_meanwhile_hold_nobody_up(world: World) -> None:
    reader = world.reader()
    world.report("a")
    world.clock.move(KEPT + timedelta(seconds=1))
    world.storage.external_events.sweep(world.clock.now() - KEPT)
    assert reader.look() == []
    world.report("b")
    assert reader.look() == ["event b"]
