"""Deliveries over time: tried again, left alone, dead, by workers that share the lines. Only the far end is by hand."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pennon.control.clock import Clock
from pennon.control.log import SYSTEM
from pennon.control.storage import Storage
from pennon.control.webhooks.delivering import CLAIM, HUNG, Delivering
from pennon.control.webhooks.models import Webhook
from pennon.control.webhooks.retrying import FAILURES, UNTIL
from pennon.control.webhooks.sending import Answer
from pennon.control.webhooks.telling import Telling
from pennon.control.webhooks.vault import Vault
from tests.clock import HandClock
from tests.contract.shop import ANNA, Shop
from tests.contract.test_webhook_deliveries import OWNER, Plain, World

WELL, BAD, SILENT = Answer(204, ""), Answer(500, "no"), Answer(None, "it took too long")


class FarEnd:
    """Answers what a test prepared, and notes what came. Fails loudly where nothing was prepared."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.came: list[tuple[str, Mapping[str, str], Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.came.append((url, headers, msgspec.json.decode(body)))
        self.arrived.release()
        assert self.gate.wait(60)
        return self.answers.popleft()

    def stop(self) -> None:
        self.gate.set()


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.005)


class Server:
    """One server's part of the work."""

    def __init__(self, world: World, clock: Clock, far_end: FarEnd) -> None:
        storage = world.storage
        vault = Vault(storage.safe, Plain())
        self.far_end = far_end
        self.delivering = Delivering(storage.log, storage.deliveries, vault, far_end, clock)
        self.telling = Telling(world.server(), self.delivering, storage.deliveries, storage.external_events, clock)

    def run(self, *answers: Answer) -> None:
        """Deliver what is due, to an end that gives *answers*: all of them are taken."""
        self.far_end.answers.extend(answers)
        while self.telling.run() is not None and self.delivering.is_idle and self.far_end.answers:
            pass
        wait_for(lambda: self.delivering.is_idle)
        assert not self.far_end.answers


@pytest.fixture
def world(storage: Storage, clock: HandClock, shop: Shop) -> World:
    return World(storage, clock, shop)


@pytest.fixture
def server(world: World, clock: HandClock) -> Iterator[Server]:
    made = Server(world, clock, FarEnd())
    yield made
    made.telling.stop()


def standing(world: World) -> list[tuple[str, int]]:
    return [(each.state, each.attempts) for each in reversed(world.webhooks.deliveries(OWNER, "team"))]


def later(world: World) -> None:
    """Go on to when something is to be done next."""
    due = world.storage.deliveries.next_due()
    assert due is not None
    world.clock.time = max(world.clock.time, due)


def test_what_fails_is_tried_until_it_arrives_under_one_id(world: World, server: Server) -> None:
    world.webhook()
    server.run(BAD)
    for answer in (SILENT, BAD):
        later(world)
        server.run(answer)
    assert standing(world) == [("pending", 3)]
    later(world)
    server.run(WELL)
    assert standing(world) == [("delivered", 4)]
    assert len({headers["webhook-id"] for _, headers, _ in server.far_end.came}) == 1
    assert len({headers["webhook-timestamp"] for _, headers, _ in server.far_end.came}) > 1


def test_after_a_day_it_is_dead_and_was_tried_some_twenty_times(world: World, server: Server) -> None:
    world.webhook()
    begun = world.clock.time
    server.run(BAD)
    while standing(world)[0][0] == "pending":
        later(world)
        server.run(BAD)
    assert world.clock.time - begun >= UNTIL
    assert 10 < standing(world)[0][1] < 80
    assert world.storage.deliveries.next_due() is None


def test_who_is_told_to_come_back_later_does(world: World, server: Server) -> None:
    world.webhook()
    begun = world.clock.time
    server.run(Answer(429, "", timedelta(minutes=10)))
    due = world.storage.deliveries.next_due()
    assert due is not None
    assert due - begun >= timedelta(minutes=10)


def test_after_some_failures_nothing_is_tried_until_one_try_decides(world: World, server: Server) -> None:
    world.webhook()
    for number in range(FAILURES + 3):
        world.clock.move(timedelta(seconds=1))
        world.shop.create(f"f{number}")
    server.run(*[BAD] * FAILURES)
    assert sum(attempts for _, attempts in standing(world)) == FAILURES
    server.run()
    later(world)
    server.run(BAD)
    assert sum(attempts for _, attempts in standing(world)) == FAILURES + 1
    later(world)
    waiting = len(standing(world))
    world.clock.move(timedelta(hours=4))  # all that failed is due again
    server.run(*[WELL] * waiting)
    assert {state for state, _ in standing(world)} == {"delivered"}


def test_in_a_line_that_works_the_oldest_comes_first(world: World, server: Server) -> None:
    world.webhook(events=("flag.defined",))
    for number in range(5):
        world.clock.move(timedelta(seconds=1))
        world.shop.create(f"f{number}")
    server.run(*[WELL] * 5)
    keys = [body["data"]["changes"][0]["items"][0]["key"] for _, _, body in server.far_end.came]
    assert keys == [f"f{number}" for number in range(5)]


def sending(server: Server, answer: Answer) -> None:
    """Have *server* send something, to an end that gives *answer* only when its gate is opened."""
    server.far_end.gate.clear()
    server.far_end.answers.append(answer)
    server.telling.run()
    assert server.far_end.arrived.acquire(timeout=60)


def test_what_a_killed_server_leaves_in_the_middle_another_one_takes_in_seconds(
    world: World, server: Server, clock: HandClock
) -> None:
    world.webhook()
    sending(server, BAD)
    other = Server(world, clock, FarEnd())
    other.run()  # it is the first one's
    assert world.storage.deliveries.next_due() == clock.now() + CLAIM  # when the other looks again
    world.clock.move(CLAIM)
    other.run(WELL)
    assert standing(world) == [("delivered", 1)]
    server.far_end.gate.set()
    wait_for(lambda: server.delivering.is_idle)
    assert standing(world) == [("delivered", 1)]  # what came of it late says nothing any more
    other.telling.stop()


def test_a_line_stays_with_a_server_that_lives_while_its_endpoint_takes_its_time(
    world: World, server: Server, clock: HandClock
) -> None:
    world.webhook()
    sending(server, WELL)
    other = Server(world, clock, FarEnd())
    for _ in range(4):
        world.clock.move(CLAIM * 0.9)
        server.telling.run()  # as it does every two seconds
        other.run()
    server.far_end.gate.set()
    wait_for(lambda: server.delivering.is_idle)
    assert standing(world) == [("delivered", 1)]
    other.telling.stop()


def test_the_line_of_a_worker_that_hangs_is_left_to_others(world: World, server: Server, clock: HandClock) -> None:
    world.webhook()
    sending(server, BAD)
    other = Server(world, clock, FarEnd())
    for _ in range(HUNG // CLAIM):
        server.telling.run()
        world.clock.move(CLAIM)
    other.run(WELL)
    assert standing(world) == [("delivered", 1)]
    other.telling.stop()


def test_a_server_that_stops_leaves_what_is_on_its_way_to_others_at_once(
    world: World, server: Server, clock: HandClock
) -> None:
    world.webhook()
    server.far_end.gate.clear()
    server.far_end.answers.append(SILENT)
    server.telling.run()
    assert server.far_end.arrived.acquire(timeout=60)
    server.telling.stop()
    assert standing(world) == [("pending", 0)]
    other = Server(world, clock, FarEnd())
    other.run(WELL)
    assert standing(world) == [("delivered", 1)]


def test_what_waits_for_a_webhook_that_is_gone_is_forgotten(world: World, server: Server) -> None:
    made = world.webhook()
    world.collecting.run()
    with world.storage.log.writing(OWNER, by=SYSTEM, action="deleteWebhook") as writing:
        writing.delete(OWNER, "webhook", "team")  # as if the server had died between the log and the line
    world.webhook()
    server.run(WELL)
    [(_, _, told)] = server.far_end.came
    assert told["data"]["changeId"] != made.outcome.change_id
    assert world.storage.deliveries.list(made.webhook.line) == []


def test_what_waits_for_a_disabled_webhook_is_dead(world: World, server: Server) -> None:
    made = world.webhook()
    world.collecting.run()
    with world.storage.log.writing(OWNER, by=ANNA, action="changeWebhook") as writing:
        stored = writing.item(OWNER, "webhook", "team")
        assert stored is not None
        writing.put(OWNER, "webhook", msgspec.structs.replace(stored.read(Webhook), enabled=False))
    server.run()
    assert standing(world) == [("dead", 0)]
    assert made.webhook.enabled


def test_a_url_that_cannot_be_opened_is_a_failure_that_says_so(world: World, server: Server) -> None:
    made = world.webhook()
    world.storage.safe.forget(f"webhook:{made.webhook.vault}")
    server.run()
    [delivery] = world.webhooks.deliveries(OWNER, "team")
    assert (delivery.state, delivery.attempts) == ("pending", 1)
    assert "URL of this webhook is gone" in delivery.said
    assert world.webhooks.url(made.webhook) is None


def test_the_metrics_say_what_waits_and_since_when(world: World, server: Server) -> None:
    world.webhook()
    server.run(BAD)
    world.clock.move(timedelta(seconds=11))
    server.far_end.answers.append(BAD)
    server.telling.run()
    wait_for(lambda: server.delivering.is_idle)
    shown = {
        (each.name, *each.labels.values()): each.value for m in server.telling.metrics.collect() for each in m.samples
    }
    assert shown["pennon_webhook_deliveries", "pending"] == 1
    assert shown["pennon_webhook_deliveries", "dead"] == 0
    assert shown["pennon_webhook_oldest_pending_seconds",] == 11
    assert shown["pennon_webhook_attempts_total", "refused"] >= 1
