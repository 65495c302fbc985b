"""Sampled contexts: sealed, bounded, swept, and counted with; over every storage."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pennon.control.changes.service import ChangeService
from pennon.control.contexts.keeping import KEPT, MOST, PURPOSE, SealedContext, hour_at, opened, sealed
from pennon.control.contexts.sweeping import Sweeping
from pennon.control.contexts.views import ContextViews
from pennon.control.errors import Unavailable
from pennon.control.signing.sealing import Box, Secret
from pennon.control.storage import Storage
from pennon.control.storage.contexts import StoredContexts
from pennon.control.storage.tables import sampled_contexts
from tests.clock import HandClock
from tests.contract.shop import PRODUCTION, STAGING, Shop
from tests.editing import read_edits

SECRET = Secret("x" * 32, Path("unused"))
SHOP = str(PRODUCTION)


@pytest.fixture
def box() -> Box:
    return SECRET.box(PURPOSE)


def of(priority: int, hour: int = 3600, environment: str = SHOP) -> SealedContext:
    return SealedContext(environment, hour, priority, b"sealed %d" % priority)


def kept(store: StoredContexts, clock: HandClock, environment: str = SHOP) -> list[int]:
    found = store.find(environment, since=clock.now() - timedelta(days=40_000), limit=10_000)
    return [each.priority for each in found]


def test_of_each_hour_the_lowest_are_kept_whoever_brings_them(storage: Storage, clock: HandClock) -> None:
    store = storage.contexts
    few = type(store)(store._database, most=3)
    few.keep([of(5), of(9), of(7), of(2, hour=7200)])
    few.keep([of(6), of(5), of(8), of(1, environment=str(STAGING))])
    assert kept(few, clock) == [2, 5, 6, 7]
    assert kept(few, clock, str(STAGING)) == [1]
    assert few.environments() == [SHOP, str(STAGING)]
    few.keep([])
    assert kept(few, clock) == [2, 5, 6, 7]


def test_servers_that_share_a_database_keep_the_sample_that_one_would(storage: Storage, box: Box) -> None:
    contexts = [{"targetingKey": f"u{number}"} for number in range(40)]
    hour = hour_at(HandClock().now())
    all_of_them = sorted(sealed(box, SHOP, hour, each) for each in contexts)
    first, second = (StoredContexts(storage.contexts._database, most=10) for _ in range(2))
    first.keep(sealed(box, SHOP, hour, each) for each in contexts[:25])
    second.keep(sealed(box, SHOP, hour, each) for each in contexts[15:])
    found = first.find(SHOP, since=HandClock().now() - KEPT, limit=100)
    assert [each.priority for each in found] == [each.priority for each in all_of_them[:10]]


def test_nothing_in_a_row_can_be_read_or_tried_out(storage: Storage, box: Box) -> None:
    context = {"targetingKey": "anna@example.org", "country": "DE"}
    hour = hour_at(HandClock().now())
    storage.contexts.keep([sealed(box, SHOP, hour, context)])
    with storage.contexts._database.reading() as connection:
        row = connection.execute(select(sampled_contexts)).one()
    assert b"anna" not in row.sealed
    [found] = storage.contexts.find(SHOP, since=HandClock().now() - KEPT, limit=10)
    assert opened(box, [found]) == [(hour, context)]
    other = Secret("y" * 32, Path("unused")).box(PURPOSE)
    assert opened(other, [found]) == []
    assert opened(box, [SealedContext(str(STAGING), hour, found.priority, found.sealed)]) == []
    # With another secret the same context has another place: a priority tells nobody whose it is.
    assert sealed(other, SHOP, hour, context).priority != row.priority


def test_a_week_later_nothing_is_left(shop: Shop, storage: Storage, clock: HandClock, box: Box) -> None:
    hour = hour_at(clock.now())
    storage.contexts.keep([sealed(box, SHOP, hour, {"targetingKey": "u1"})])
    sweeping = Sweeping(storage.contexts, clock, is_on=True)
    sweeping.run()
    assert storage.contexts.environments() == [SHOP]
    clock.move(KEPT + timedelta(hours=1))
    sweeping.run()
    assert storage.contexts.environments() == []


def test_where_no_sample_is_wanted_any_more_none_is_kept(storage: Storage, clock: HandClock, box: Box) -> None:
    hour = hour_at(clock.now())
    storage.contexts.keep([sealed(box, str(name), hour, {"targetingKey": "u1"}) for name in (PRODUCTION, STAGING)])
    Sweeping(storage.contexts, clock, is_on=True).run()
    assert storage.contexts.environments() == [SHOP, str(STAGING)]
    Sweeping(storage.contexts, clock, is_on=False).run()
    assert storage.contexts.environments() == []


def counting(storage: Storage, clock: HandClock) -> ChangeService:
    views = ContextViews(storage.contexts, partial(SECRET.box, PURPOSE), clock)
    return ChangeService(storage.log, contexts=views)


def remember(storage: Storage, box: Box, clock: HandClock, *contexts: dict[str, Any]) -> None:
    storage.contexts.keep(sealed(box, SHOP, hour_at(clock.now()), each) for each in contexts)


def test_a_preview_counts_whom_a_change_moves(shop: Shop, storage: Storage, clock: HandClock, box: Box) -> None:
    shop.create("checkout")
    shop.create("banner")
    for key in ("checkout", "banner"):
        shop.edit({"do": "turnOn", "flag": key})
    shop.edit(
        {"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}},
        {"do": "putSegment", "segment": {"key": "beta", "rules": []}},
        {
            "do": "addRule",
            "flag": "checkout",
            "rule": {
                "id": "r",
                "conditions": [{"op": "inSegment", "values": ["beta"]}],
                "serve": {"variation": "on"},
            },
        },
        {"do": "addPrerequisite", "flag": "banner", "prerequisite": {"flag": "checkout", "variations": ["on"]}},
    )
    countries = ["DE"] * 30 + ["FR"] * 50 + ["US"] * 9
    users = [{"targetingKey": f"u{at}", "country": country} for at, country in enumerate(countries)]
    remember(storage, box, clock, *users)
    rules = [{"id": "r", "conditions": [{"attribute": "country", "op": "in", "values": ["DE"]}]}]
    edits = read_edits([{"do": "putSegment", "segment": {"key": "beta", "rules": rules}}])
    found = counting(storage, clock).preview(PRODUCTION, edits, with_moves=True).moves
    assert found is not None
    assert found.moves.contexts == 89
    # The segment is all that is altered: a flag tests for it, and another needs that flag.
    assert [(each.flag, each.moved) for each in found.moves.flags] == [("checkout", 30), ("banner", 30)]
    [move] = found.moves.flags[0].moves
    assert (move.before, move.after, move.count) == ("off", "on", 30)
    assert found.since <= clock.now()
    rules[0]["conditions"][0]["values"] = ["US"]  # type: ignore[index]
    edits = read_edits([{"do": "putSegment", "segment": {"key": "beta", "rules": rules}}])
    found = counting(storage, clock).preview(PRODUCTION, edits, with_moves=True).moves
    assert found is not None
    assert [each.moved for each in found.moves.flags] == [None, None]


def test_of_each_user_the_newest_context_counts(shop: Shop, storage: Storage, clock: HandClock, box: Box) -> None:
    shop.create("checkout")
    remember(storage, box, clock, *({"targetingKey": f"u{at}", "plan": "old"} for at in range(20)))
    clock.move(timedelta(hours=1))
    remember(storage, box, clock, *({"targetingKey": f"u{at}", "plan": "new"} for at in range(20)))
    sample = ContextViews(storage.contexts, partial(SECRET.box, PURPOSE), clock).sample(PRODUCTION)
    assert len(sample.contexts) == 20
    assert {each["plan"] for each in sample.contexts} == {"new"}
    assert "u1" not in repr(sample)


def test_without_contexts_nothing_is_said(shop: Shop, storage: Storage, clock: HandClock, box: Box) -> None:
    shop.create("checkout")
    service, edits = counting(storage, clock), read_edits([{"do": "turnOn", "flag": "checkout"}])
    assert service.preview(PRODUCTION, edits, with_moves=True).moves is None
    remember(storage, box, clock, *({"targetingKey": f"u{at}"} for at in range(9)))
    assert service.preview(PRODUCTION, edits, with_moves=True).moves is None
    assert service.preview(PRODUCTION, edits).moves is None


def test_an_hour_has_its_bound(storage: Storage) -> None:
    assert storage.contexts._most == MOST == 1000


def test_a_preview_goes_on_without_the_secret(shop: Shop, storage: Storage, clock: HandClock, box: Box) -> None:
    def lost() -> Box:
        raise Unavailable("the secret cannot be read")

    remember(storage, box, clock, *({"targetingKey": f"u{at}"} for at in range(20)))
    assert ContextViews(storage.contexts, lost, clock).sample(PRODUCTION).contexts == ()
