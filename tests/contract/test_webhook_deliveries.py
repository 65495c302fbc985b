"""Deliveries: each change once for each webhook, whoever looks, and each line tended by one at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pennon.control.log import INSTALLATION, project_log
from pennon.control.storage import Storage, open_storage
from pennon.control.webhooks.addresses import networks
from pennon.control.webhooks.collecting import Collecting
from pennon.control.webhooks.deliveries import KEPT, Delivery, Line
from pennon.control.webhooks.models import PING, Webhook
from pennon.control.webhooks.retrying import UNTIL, Circuit
from pennon.control.webhooks.service import MadeWebhook, WebhookService, Wish
from pennon.control.webhooks.vault import Vault
from tests.clock import HandClock
from tests.contract.shop import ANNA, Shop

OWNER = project_log("shop")
LINE = Line("l1", OWNER, "team")
SOON = timedelta(seconds=60)


class Plain:
    """Seals nothing."""

    def seal_text(self, name: str, text: bytes) -> bytes:
        return text

    def open_text(self, name: str, sealed: bytes) -> bytes:
        return sealed


class World:
    """A shop with webhooks, and what looks for news."""

    def __init__(self, storage: Storage, clock: HandClock, shop: Shop) -> None:
        self.storage, self.clock, self.shop = storage, clock, shop
        vault = Vault(storage.safe, Plain())
        self.webhooks = WebhookService(storage.log, clock, vault, storage.deliveries, networks(["127.0.0.0/8"]))
        self.collecting = self.server()

    def server(self, storage: Storage | None = None) -> Collecting:
        of = storage or self.storage
        return Collecting(of.log, of.external_events, of.deliveries, self.clock)

    def webhook(self, key: str = "team", owner: str = OWNER, **wish: Any) -> MadeWebhook:
        self.clock.move(timedelta(seconds=1))  # what was before is at another time
        made = Wish(url="https://hooks.example/x", **wish)
        return self.webhooks.create_webhook(owner, key, made, by=ANNA)

    def collected(self, key: str = "team", owner: str = OWNER) -> list[Any]:
        while self.collecting.run():
            pass
        found = self.webhooks.deliveries(owner, key, limit=1000)
        return [msgspec.json.decode(each.body) for each in reversed(found)]

    def types(self, **where: str) -> list[str]:
        return [each["type"] for each in self.collected(**where)]


@pytest.fixture
def world(storage: Storage, clock: HandClock, shop: Shop) -> World:
    return World(storage, clock, shop)


def test_a_command_is_one_delivery_however_many_logs_it_wrote(world: World) -> None:
    world.webhook(events=("flag.defined", "flags.changed"))
    world.clock.move(timedelta(seconds=1))
    world.shop.create("checkout")
    [told] = world.collected()
    assert [each["log"] for each in told["data"]["changes"]] == [
        "environments/shop/production",
        "environments/shop/staging",
        "projects/shop",
    ]
    assert world.collected() == [told]


def test_a_webhook_hears_of_nothing_before_it_was_made_or_enabled(world: World) -> None:
    world.shop.create("old")
    world.clock.move(timedelta(seconds=1))
    world.webhook()
    assert world.types() == ["webhook.changed"]
    off, on = (Wish(url=None, enabled=enabled) for enabled in (False, True))
    world.clock.move(timedelta(seconds=1))
    world.webhooks.change_webhook(OWNER, "team", off, by=ANNA)
    world.shop.create("meanwhile")
    assert world.types() == ["webhook.changed"]
    world.clock.move(timedelta(seconds=1))
    world.webhooks.change_webhook(OWNER, "team", on, by=ANNA)
    world.clock.move(timedelta(seconds=1))
    world.shop.create("new")
    told = world.collected()[-1]
    assert told["data"]["changes"][0]["items"][0]["key"] == "new"
    assert len(world.collected()) == 3


def test_a_webhook_of_the_installation_hears_of_every_project_and_one_of_a_project_of_that(world: World) -> None:
    world.webhook("mine")
    world.webhook("all", owner=INSTALLATION)
    world.clock.move(timedelta(seconds=1))
    Shop(world.storage.log, "bank").open()
    assert world.types(key="mine") == ["webhook.changed"]
    assert "environment.changed" in world.types(key="all", owner=INSTALLATION)


def test_servers_that_look_at_once_make_each_delivery_once(world: World, url: str) -> None:
    world.webhook()
    world.clock.move(timedelta(seconds=1))
    for number in range(12):
        world.shop.create(f"f{number}")
    others = [open_storage(url, clock=world.clock) for _ in range(3)]
    try:
        servers = [world.collecting, *(world.server(each) for each in others)]

        def look(server: Collecting) -> None:
            while server.run():
                pass

        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(look, servers))
    finally:
        for each in others:
            each.close()
    changes = [each["data"]["changeId"] for each in world.collected()]
    assert len(changes) == len(set(changes)) == 13


def test_what_was_found_and_how_far_one_looked_are_kept_together_or_not_at_all(world: World) -> None:
    store = world.storage.deliveries
    delivery = Delivery.of(LINE, "c1", "flags.changed", b"{}", world.clock.now())
    assert store.collect({"a": (0, 3)}, [(LINE, delivery)])
    other = Delivery.of(LINE, "c2", "flags.changed", b"{}", world.clock.now())
    assert not store.collect({"a": (0, 4)}, [(LINE, other)])
    assert store.cursors()["a"] == 3
    assert [each.source for each in store.list(LINE.name)] == ["c1"]
    assert store.collect({"a": (3, 4)}, [(LINE, delivery), (LINE, other)])
    assert [each.source for each in store.list(LINE.name)] == ["c2", "c1"]


def waiting(world: World, *sources: str, line: Line = LINE) -> list[Delivery]:
    made = [Delivery.of(line, each, "flags.changed", b"{}", world.clock.now()) for each in sources]
    cursor = world.storage.deliveries.cursors().get("a", 0)
    assert world.storage.deliveries.collect({"a": (cursor, cursor + 1)}, [(line, each) for each in made])
    return made


def test_a_line_is_claimed_by_one_until_it_is_released_or_its_time_is_over(world: World) -> None:
    store, now = world.storage.deliveries, world.clock.now()
    waiting(world, "c1")
    claim = store.claim("one", now, now + SOON)
    assert claim is not None
    assert store.claim("two", now, now + SOON) is None
    assert store.hold(claim, now + 2 * SOON)
    assert store.claim("two", now + SOON, now + 2 * SOON) is None
    late = store.claim("two", now + 2 * SOON, now + 3 * SOON)
    assert late is not None
    assert not store.hold(claim, now + 9 * SOON)
    store.release(claim)  # which it has no more
    assert store.claim("three", now, now + SOON) is None
    store.release(late)
    assert store.claim("three", now, now + SOON) is not None


def test_the_lines_of_several_webhooks_are_shared_among_workers(world: World) -> None:
    store, now = world.storage.deliveries, world.clock.now()
    for number in range(6):
        waiting(world, "c", line=Line(f"l{number}", OWNER, f"w{number}"))
    with ThreadPoolExecutor(6) as pool:
        claims = list(pool.map(lambda number: store.claim(f"worker {number}", now, now + SOON), range(6)))
    claimed = [claim.line.name for claim in claims if claim]
    assert len(claimed) == len(set(claimed))
    while (claim := store.claim("last", now, now + SOON)) is not None:
        claimed.append(claim.line.name)
    assert sorted(claimed) == [f"l{number}" for number in range(6)]


def test_the_oldest_that_is_due_comes_first_and_a_test_before_it(world: World) -> None:
    store, now = world.storage.deliveries, world.clock.now()
    first, second = waiting(world, "c1", "c2")
    claim = store.claim("one", now, now + SOON)
    assert claim is not None
    assert store.first_due(LINE.name, now) == first
    later = replace(first, attempts=1, due=now + SOON, status=500, said="no")
    store.record(claim, later, Circuit(1))
    assert store.first_due(LINE.name, now) == second
    assert store.first_due(LINE.name, now + SOON) == later
    store.record(claim, second, Circuit(9, now + SOON))
    store.release(claim)
    assert store.claim("two", now, now + SOON) is None
    assert store.next_due() == now + SOON
    store.add(LINE, Delivery.of(LINE, "ping:1", PING, b"{}", now))
    assert store.claim("two", now, now + SOON) is not None
    tested = store.first_due(LINE.name, now)
    assert tested is not None
    assert tested.type == PING


def test_what_is_dead_is_sent_again_for_another_day(world: World) -> None:
    store, now = world.storage.deliveries, world.clock.now()
    made = waiting(world, "c1", "c2", "c3")
    store.bury(LINE.name, "gone", now)
    assert [(each.state, each.said) for each in store.list(LINE.name, state="dead")] == [("dead", "gone")] * 3
    assert store.next_due() is None
    world.clock.move(timedelta(days=2))
    now = world.clock.now()
    assert store.redeliver(LINE.name, now, identity=made[0].id) == 1
    assert store.redeliver(LINE.name, now) == 2
    again = store.find(LINE.name, made[0].id)
    assert again is not None
    assert (again.state, again.due, again.until) == ("pending", now, now + UNTIL)
    assert store.backlog().pending == 3


def test_what_is_in_each_state_is_counted_for_each_line(world: World) -> None:
    store = world.storage.deliveries
    assert store.tally([LINE.name, "another"]) == {}
    waiting(world, "c1", "c2", "c3")
    assert store.tally([LINE.name, "another"]) == {LINE.name: {"pending": 3}}
    store.bury(LINE.name, "gone", world.clock.now())
    assert store.tally([LINE.name]) == {LINE.name: {"dead": 3}}
    assert store.tally(["another"]) == store.tally([]) == {}


def test_deliveries_are_listed_in_pages(world: World) -> None:
    made = waiting(world, *(f"c{number}" for number in range(7)))
    store = world.storage.deliveries
    first = store.list(LINE.name, limit=3)
    rest = store.list(LINE.name, after=first[-1].id, limit=10)
    assert [*first, *rest] == made[::-1]


def test_what_is_old_is_swept_with_lines_that_are_empty(world: World) -> None:
    store = world.storage.deliveries
    waiting(world, "c1")
    assert store.sweep(world.clock.now() - KEPT) == 0
    world.clock.move(KEPT + timedelta(seconds=1))
    assert store.sweep(world.clock.now() - KEPT) == 1
    assert store.list(LINE.name) == []


def sealed(storage: Storage, webhook: Webhook) -> bytes | None:
    return storage.safe.find(f"webhook:{webhook.vault}")


def test_only_what_is_in_force_is_kept_sealed_and_the_log_has_no_url(world: World) -> None:
    made = world.webhook()
    assert sealed(world.storage, made.webhook) is not None
    world.webhooks.change_webhook(OWNER, "team", Wish(url="https://other.example/secret"), by=ANNA)
    rotated = world.webhooks.rotate_secret(OWNER, "team", overlap=SOON, by=ANNA)
    assert sealed(world.storage, made.webhook) is None
    contents = sealed(world.storage, rotated.webhook)
    assert contents is not None
    assert b"other.example/secret" in contents
    with world.storage.log.reading() as reading:
        rows = reading.latest(OWNER, limit=10)
    assert not any(b"/secret" in (edit.after or b"") for row in rows for edit in row.edits)
    assert rotated.webhook.host == "https://other.example"
    world.webhooks.delete_webhook(OWNER, "team", by=ANNA)
    assert sealed(world.storage, rotated.webhook) is None
