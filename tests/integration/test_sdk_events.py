"""What a client reports arrives once: counted, summed, resent under its own number, flushed at the end."""

import gc
import subprocess
import sys
import threading
import weakref
from collections import Counter as Tally
from collections.abc import Iterator

import pytest

from pennon import Client
from pennon.events import EventBatch
from pennon.model import Reason
from pennon.testing import flag
from tests.integration.clients import Clients, clients
from tests.integration.upstream import KEY, Upstream, eventually, running

U1 = {"targetingKey": "u1"}


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Clients]:
    with clients(request.param) as made:
        yield made


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.put(flag("new-checkout").on(), flag("price").variations(low=1, high=2).split(low=50, high=50).on())
        yield server


def counted(batches: list[EventBatch]) -> Tally[tuple[str, int | None, str | None, Reason]]:
    totals: Tally[tuple[str, int | None, str | None, Reason]] = Tally()
    for batch in batches:
        for entry in batch.counters:
            totals[entry.flag, entry.version, entry.variation, entry.reason] += entry.count
    return totals


def test_evaluations_are_counted_by_flag_version_variation_and_reason(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    for _ in range(5):
        client.flags.boolean("new-checkout", U1)
    client.flags.boolean("misspelt", U1)
    assert client.flush()
    upstream.put(flag("new-checkout").off())
    eventually(lambda: client.flags.status().revision == 2)
    client.flags.boolean("new-checkout", U1)
    assert client.flush()
    assert counted(upstream.batches) == {
        ("new-checkout", 1, "on", Reason.FALLTHROUGH): 5,
        ("misspelt", None, None, Reason.ERROR): 1,
        ("new-checkout", 2, "off", Reason.OFF): 1,
    }
    first, second = upstream.batches
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.instance == second.instance == client.flags.status().instance
    assert (first.revision, second.revision) == ("1.1", "1.2")
    assert first.sdk.startswith("pennon-python/")
    assert first.counters[0].to == second.counters[0].from_


def test_a_batch_that_was_not_taken_is_sent_again_under_its_number(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    client.flags.boolean("new-checkout", U1)
    upstream.refuse["/sdk/v1/events"] = (503, {"Retry_After": "1"})
    assert not client.flush()
    client.flags.boolean("new-checkout", U1)
    del upstream.refuse["/sdk/v1/events"]
    assert client.flush()
    assert client.flush()
    assert [batch.sequence for batch in upstream.batches] == [1, 2]
    assert counted(upstream.batches)["new-checkout", 1, "on", Reason.FALLTHROUGH] == 2


def test_closing_reports_also_what_came_after_a_batch_that_was_not_taken(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    client.flags.boolean("new-checkout", U1)
    upstream.refuse["/sdk/v1/events"] = (503, {})
    assert not client.flush()
    client.flags.boolean("new-checkout", U1)
    del upstream.refuse["/sdk/v1/events"]
    client.close()
    assert [sum(each.count for each in batch.counters) for batch in upstream.batches] == [1, 1]


def test_a_batch_that_will_never_be_taken_is_owned_up_to(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    for _ in range(3):
        client.flags.boolean("new-checkout", U1)
    client.flags.track("order-value", U1, value=2.5)
    upstream.refuse["/sdk/v1/events"] = (422, {})
    client.flush()
    del upstream.refuse["/sdk/v1/events"]
    assert client.flush()
    assert upstream.batches[-1].dropped == {"evaluations": 3, "metrics": 1}
    assert upstream.batches[-1].sequence == 2


def test_an_exposure_is_reported_once_a_unit_and_variation(make: Clients, upstream: Upstream) -> None:
    seen = flag("price").variations(low=1, high=2).split(low=50, high=50).on().experiment("exp-a")
    upstream.put(seen)
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    for _ in range(20):
        for user in ("u1", "u2"):
            client.flags.number("price", {"targetingKey": user, "plan": "pro"})
    assert client.flags.track("order-value", {"targetingKey": "u1"}, value=42.0)
    assert client.flush()
    exposures = [each for batch in upstream.batches for each in batch.exposures]
    assert sorted(str(each.unit) for each in exposures) == ["u1", "u2"]
    first = next(each for each in exposures if each.unit == "u1")
    assert (first.flag, first.version, first.experiment, first.by) == ("price", 2, "exp-a", "targetingKey")
    assert first.revision == "1.2"
    [metric] = [each for batch in upstream.batches for each in batch.metrics]
    assert (metric.key, metric.unit, metric.value) == ("order-value", "u1", 42.0)
    assert metric.variations == {"price": first.variation}


def test_counts_are_exact_while_flags_change_under_many_threads(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=0.02)
    assert client.wait_until_ready()
    rounds, threads = 3000, 4
    over = threading.Event()

    def evaluate() -> None:
        for _ in range(rounds):
            client.flags.boolean("new-checkout", U1)
            client.flags.number("price", U1)

    def change() -> None:
        while not over.is_set():
            upstream.put(flag("new-checkout").on())

    changing = threading.Thread(target=change)
    changing.start()
    # On a busy machine all would be evaluated before the stream is open.
    eventually(lambda: client.flags.status().revision > 3)
    evaluating = [threading.Thread(target=evaluate) for _ in range(threads)]
    for thread in evaluating:
        thread.start()
    for thread in evaluating:
        thread.join()
    over.set()
    changing.join()
    assert client.flush()
    by_flag: Tally[str] = Tally()
    for (key, _, _, _), count in counted(upstream.batches).items():
        by_flag[key] += count
    assert by_flag == {"new-checkout": rounds * threads, "price": rounds * threads}
    assert len({batch.sequence for batch in upstream.batches}) == len(upstream.batches)


def test_rules_that_a_request_holds_are_counted_after_they_were_superseded(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    pinned = client.flags.rules()
    upstream.put(flag("new-checkout").off())
    eventually(lambda: client.flags.status().revision == 2)
    assert client.flush()
    assert pinned.boolean("new-checkout", U1) is True
    assert (pinned.epoch, pinned.revision) == (1, 1)
    assert client.flush()
    assert counted(upstream.batches) == {("new-checkout", 1, "on", Reason.FALLTHROUGH): 1}


def test_closing_reports_what_is_left(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    client.flags.boolean("new-checkout", U1)
    client.close()
    assert sum(counted(upstream.batches).values()) == 1


def test_many_events_are_sent_before_their_time(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, flush_interval_s=1000)
    assert client.wait_until_ready()
    for user in range(600):
        client.flags.track("click", {"targetingKey": f"u{user}"})
    eventually(lambda: upstream.batches)
    assert upstream.batches[0].metrics


def test_events_can_be_switched_off(make: Clients, upstream: Upstream) -> None:
    client = make(upstream, events=False)
    assert client.wait_until_ready()
    client.flags.boolean("new-checkout", U1)
    assert client.flags.track("click", U1) is False
    assert client.flush()
    client.close()
    assert upstream.paths("/sdk/v1/events") == []


SYNC = """
from pennon import Client
client = Client({url!r}, key={key!r})
assert client.wait_until_ready(60)
client.boolean("new-checkout", {{"targetingKey": "u1"}})
"""
ASYNC = """
import asyncio
from pennon import AsyncClient
async def main():
    global client
    client = AsyncClient({url!r}, key={key!r})
    assert await client.wait_until_ready(60)
    client.boolean("new-checkout", {{"targetingKey": "u1"}})
asyncio.run(main())
"""


@pytest.mark.parametrize("program", [SYNC, ASYNC], ids=["sync", "async"])
def test_what_is_left_is_reported_when_the_process_ends(upstream: Upstream, program: str) -> None:
    code = program.format(url=upstream.url, key=KEY)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, timeout=60, check=True)
    assert sum(counted(upstream.batches).values()) == 1
    assert done.stderr == b""


def test_a_closed_client_can_be_collected(upstream: Upstream) -> None:
    client = Client(upstream.url, key=KEY)
    assert client.wait_until_ready(60)
    client.close()
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
