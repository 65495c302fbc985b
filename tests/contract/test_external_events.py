"""What other systems report: kept once, numbered in the order of commit, and found by when it happened."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from pennon.control.errors import Conflict, Invalid, NotFound
from pennon.control.external_events.models import KEPT, ExternalEvent
from pennon.control.external_events.service import EventService, Report
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.contract.shop import Shop


@pytest.fixture
def service(storage: Storage, clock: HandClock, shop: Shop) -> EventService:
    return EventService(storage.log, storage.external_events, clock)


def report(**about: Any) -> Report:
    return Report(**{"project": "shop", "kind": "deploy", "service": "api", **about})


def found(service: EventService, **about: Any) -> list[str]:
    return [each.event.id for each in service.events("shop", **{"start": None, "stop": None, **about})]


def test_a_report_that_comes_again_counts_once_and_another_under_its_id_is_refused(
    service: EventService, clock: HandClock
) -> None:
    first, is_new = service.report(report(id="b1", version="1"))
    clock.move(timedelta(minutes=5))
    again, is_new_again = service.report(report(id="b1", version="1"))
    assert (is_new, is_new_again) == (True, False)
    assert again == first
    with pytest.raises(Conflict, match="another event has the id 'b1'"):
        service.report(report(id="b1", version="2"))
    assert found(service) == ["b1"]


def test_the_same_id_in_another_project_is_another_event(service: EventService, storage: Storage) -> None:
    Shop(storage.log, "bank").open()
    assert service.report(report(id="b1"))[1]
    assert service.report(report(id="b1", project="bank"))[1]


def test_reports_at_once_are_numbered_without_gaps(service: EventService, storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: service.report(report(id=f"b{number % 12}")), range(24)))
    kept = storage.external_events.since("shop", 0, limit=100)
    assert [each.revision for each in kept] == list(range(1, 13))
    assert storage.external_events.heads() == {"shop": 12}
    assert [each.revision for each in storage.external_events.since("shop", 9, limit=2)] == [10, 11]


def test_they_are_listed_by_when_they_happened_newest_first_in_pages(service: EventService, clock: HandClock) -> None:
    now = clock.now()
    for hours in (3, 1, 2):
        service.report(report(id=f"h{hours}", time=now - timedelta(hours=hours)))
    assert found(service) == ["h1", "h2", "h3"]
    assert found(service, start=now - timedelta(hours=2)) == ["h1", "h2"]
    assert found(service, stop=now - timedelta(hours=1)) == ["h2", "h3"]
    assert found(service, limit=1) == ["h1"]
    assert found(service, after="h1") == ["h2", "h3"]
    with pytest.raises(Invalid):
        found(service, start=now, stop=now - timedelta(hours=1))


def test_what_was_reported_before_a_time_is_known(service: EventService, storage: Storage, clock: HandClock) -> None:
    service.report(report(id="b1"))
    clock.move(timedelta(minutes=1))
    service.report(report(id="b2", time=clock.now() - timedelta(days=3)))
    assert storage.external_events.revision_before("shop", clock.now()) == 1
    assert storage.external_events.revision_before("shop", clock.now() + timedelta(seconds=1)) == 2


def test_what_is_old_is_swept_and_numbers_go_on(service: EventService, storage: Storage, clock: HandClock) -> None:
    service.report(report(id="b1"))
    clock.move(KEPT + timedelta(seconds=1))
    assert storage.external_events.sweep(clock.now() - KEPT) == 1
    service.report(report(id="b2"))
    assert [each.revision for each in storage.external_events.since("shop", 0, limit=9)] == [2]


@pytest.mark.parametrize(
    ("about", "path"),
    [
        ({"id": "x" * 201}, "/id"),
        ({"service": "x" * 201}, "/service"),
        ({"link": "javascript:alert(1)"}, "/link"),
        ({"environments": ("nowhere",)}, "/environments/0"),
        ({"attributes": {"a": "x" * 4096}}, "/attributes"),
    ],
)
def test_what_is_wrong_with_a_report_is_told(service: EventService, about: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        service.report(report(**about))
    assert [each.path for each in refused.value.problems] == [path]


def test_a_report_is_of_now_or_of_the_last_days_and_of_a_project_that_is_there(
    service: EventService, clock: HandClock
) -> None:
    for off in (timedelta(hours=2), -KEPT - timedelta(seconds=1)):
        with pytest.raises(Invalid, match="days ago, or to come"):
            service.report(report(time=clock.now() + off))
    with pytest.raises(NotFound):
        service.report(report(project="none"))
    made, _ = service.report(report())
    assert isinstance(made, ExternalEvent)
    assert made.time == made.reported == clock.now()
