"""Changes are found in a log by who made them, how and when, page after page. Over every storage."""

from datetime import timedelta

from pennon.control.changes.searching import Found, Sought, search
from pennon.control.environments.protection import Leave
from pennon.control.log import Actor
from tests.clock import HandClock
from tests.contract.shop import PRODUCTION, Shop

BERT = Actor("account", "bert", "Bert Brandt")
ON, OFF = {"do": "turnOn", "flag": "checkout"}, {"do": "turnOff", "flag": "checkout"}


def found(shop: Shop, *, before: int | None = None, limit: int = 50, **sought: object) -> Found:
    with shop.log.reading() as reading:
        return search(reading, PRODUCTION.log, Sought(**sought), before=before, limit=limit)  # type: ignore[arg-type]


def actions(of: Found) -> list[str]:
    return [change.action for change in of.changes]


def test_changes_are_found_by_who_made_them_and_how(shop: Shop) -> None:
    shop.create()
    shop.edit(ON)
    shop.edit(OFF, by=BERT)
    shop.edit(ON, by=BERT, leave=Leave(is_break_glass=True), why="down")
    assert actions(found(shop, who="brandt")) == ["turnOn", "turnOff"]
    assert actions(found(shop, who="bert", action="turn off")) == ["turnOff"]
    assert actions(found(shop, action="TURNON")) == ["turnOn", "turnOn"]
    assert [change.actor for change in found(shop, is_break_glass=True).changes] == [BERT]
    assert actions(found(shop, item=("flag", "nothing"))) == []


def test_changes_are_found_by_their_time(shop: Shop, clock: HandClock) -> None:
    shop.create()
    clock.move(timedelta(hours=1))
    start = clock.now()
    shop.edit(ON)
    clock.move(timedelta(hours=1))
    stop = clock.now()
    shop.edit(OFF)
    assert actions(found(shop, since=start, until=stop)) == ["turnOn"]
    assert actions(found(shop, since=stop)) == ["turnOff"]
    assert actions(found(shop, until=start))[0] == "createFlag"


def test_pages_of_what_is_found_leave_nothing_out_and_say_nothing_twice(shop: Shop) -> None:
    shop.create()
    for at in range(5):
        shop.edit(OFF if at % 2 else ON, by=BERT)
    seen: list[int] = []
    page = found(shop, who="bert", limit=2)
    while True:
        seen += (change.revision for change in page.changes)
        if page.next is None:
            break
        page = found(shop, who="bert", limit=2, before=page.next)
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 5
