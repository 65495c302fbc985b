"""Change requests with a time, and approvals that lapse, over both storages."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from pennon.control.access.credentials import NewToken
from pennon.control.access.service import TokenService
from pennon.control.environments.gate import Alteration, Gate
from pennon.control.environments.protection import Freeze, Protection
from pennon.control.environments.views import Environment
from pennon.control.errors import Invalid, PreconditionFailed, Protected
from pennon.control.log import SYSTEM, Actor, EnvironmentName, Reading
from pennon.control.requests.models import ChangeRequest
from pennon.control.requests.service import Draft, RequestService
from pennon.control.requests.timing import TimedRequests
from pennon.control.requests.views import RequestViews
from pennon.control.requests.views import request as find_request
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.contract.shop import PRODUCTION, STAGING, Shop, paths
from tests.editing import read_edits

ON = {"do": "turnOn", "flag": "checkout"}
CRITICAL = {"do": "setCritical", "flag": "checkout", "critical": True}
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


class Proposed:
    """The services about requests, over the storage of the test; production demands one approval."""

    def __init__(self, storage: Storage, clock: HandClock, shop: Shop) -> None:
        self.clock, self.shop, self.log = clock, shop, storage.log
        permit = Gate(clock).permit
        self.tokens = TokenService(storage.log, clock, storage.last_used)
        self.service = RequestService(storage.log, shop.changes, clock, new_salt=shop.salt, permit=permit)
        self.views = RequestViews(storage.log, shop.changes, permit=permit)
        self.timed = [TimedRequests(storage.log, clock, self.service, permit=permit) for _ in "ab"]
        self.anne, self.ben = self.actor("Anne", "developer"), self.actor("Ben", "releaseManager")
        self.protect(approvals=1)

    def actor(self, name: str, role: str) -> Actor:
        return self.tokens.create_token(NewToken(name=name, role=role), by=SYSTEM).token.actor

    def protect(self, **demands: Any) -> None:
        environment = Environment(key="production", production=True, protection=Protection(**demands))
        self.shop.environments.describe_environment("shop", environment, by=SYSTEM)

    def propose(
        self, *edits: dict[str, Any], at: datetime | None = NOON, on: tuple[EnvironmentName, ...] = (PRODUCTION,)
    ) -> ChangeRequest:
        changes = tuple((name.environment, tuple(read_edits(edits or (ON,)))) for name in on)
        outcome = self.service.create_request("shop", self.draft(changes, at), by=self.anne)
        assert outcome.item is not None
        return outcome.item.read(ChangeRequest)

    def draft(self, changes: Any, at: datetime | None) -> Draft:
        return Draft(title="Launch", changes=changes, apply_at=at)

    def approve(self, found: ChangeRequest, by: Actor | None = None) -> None:
        self.service.review_request("shop", found.key, "approved", by=by or self.ben)

    def tend(self, time: datetime = NOON) -> datetime | None:
        """Let it be *time*, and have both servers make what is due."""
        self.clock.time = time
        return [each.run() for each in self.timed][-1]

    def now(self, found: ChangeRequest) -> ChangeRequest:
        with self.log.reading() as reading:
            return find_request(reading, "shop", found.key)


@pytest.fixture
def proposed(storage: Storage, clock: HandClock, shop: Shop) -> Proposed:
    clock.time = NOON - timedelta(hours=2)
    shop.create()
    return Proposed(storage, clock, shop)


def test_an_approved_request_is_made_at_its_time_once_everywhere(proposed: Proposed) -> None:
    found = proposed.propose(on=(PRODUCTION, STAGING))
    proposed.approve(found)
    assert proposed.tend(NOON - timedelta(seconds=1)) == NOON
    assert not proposed.shop.flag().on
    before = proposed.shop.revision()
    assert proposed.tend() is None
    made = proposed.now(found)
    assert (made.state, made.attempt) == ("applied", None)
    assert proposed.shop.flag().on
    assert proposed.shop.flag(on=STAGING).on
    assert proposed.shop.revision() == before + 1
    with proposed.log.reading() as reading:
        (last,) = reading.latest(PRODUCTION.log, limit=1)
    # Anne may not change production: it is made by the rights of Ben, who said yes to it.
    assert (last.actor.id, last.actor.name) == (proposed.ben.id, "Ben (at the request's time)")


def test_what_is_not_approved_in_time_stays_open_and_says_so(proposed: Proposed) -> None:
    found = proposed.propose()
    proposed.tend()
    missed = proposed.now(found)
    assert missed.state == "open"
    assert missed.attempt is not None
    assert "flag.change in shop/production" in missed.attempt.why
    proposed.approve(found)
    assert proposed.tend(NOON + timedelta(minutes=5)) is None  # its time has passed: people decide
    assert proposed.now(found).state == "open"
    proposed.service.apply_request("shop", found.key, by=proposed.ben)
    assert proposed.now(found).state == "applied"


def test_what_was_changed_since_and_what_is_frozen_is_not_made(proposed: Proposed) -> None:
    proposed.shop.create("other")
    outdated, frozen = proposed.propose(), proposed.propose({**ON, "flag": "other"})
    for each in (outdated, frozen):
        proposed.approve(each)
    proposed.shop.edit(CRITICAL)
    proposed.protect(approvals=1, freezes=(Freeze(start=NOON, until=NOON + timedelta(days=1), reason="sale"),))
    proposed.tend()
    whys = [attempt.why for each in (outdated, frozen) if (attempt := proposed.now(each).attempt) is not None]
    assert "flag 'checkout' in production was changed by Anna in revision" in whys[0]
    assert "nothing is changed here until" in whys[1]
    assert not proposed.shop.flag().on
    with pytest.raises(Invalid, match=r"in production, nothing is changed here until .*: sale") as refused:
        proposed.propose(at=NOON + timedelta(hours=1))
    assert paths(refused) == ["/applyAt"]


def test_another_time_has_to_be_approved_again(proposed: Proposed) -> None:
    found = proposed.propose()
    proposed.approve(found)
    changes = tuple((each.environment, each.edits) for each in found.proposals)
    later = NOON + timedelta(hours=3)
    proposed.service.edit_request("shop", found.key, proposed.draft(changes, later), by=proposed.anne)
    assert (proposed.now(found).edition, proposed.now(found).approvals) == (2, 0)
    assert proposed.tend() == later
    assert proposed.now(found).attempt is None
    with pytest.raises(Invalid) as refused:
        proposed.service.edit_request("shop", found.key, proposed.draft(changes, NOON), by=proposed.anne)
    assert paths(refused) == ["/applyAt"]


def test_what_no_server_could_make_within_an_hour_waits_for_people(proposed: Proposed) -> None:
    soon, late = (proposed.propose(edit, at=NOON + timedelta(minutes=at)) for edit, at in ((CRITICAL, 10), (ON, 0)))
    for each in (soon, late):
        proposed.approve(each)
    proposed.tend(NOON + timedelta(minutes=61))
    assert proposed.now(soon).state == "applied"
    attempt = proposed.now(late).attempt
    assert attempt is not None
    assert "no server could make it at its time" in attempt.why
    assert not proposed.shop.flag().on


def test_an_approval_counts_while_its_giver_may_approve(proposed: Proposed) -> None:
    found = proposed.propose(at=None)
    proposed.approve(found)
    cleo = proposed.actor("Cleo", "releaseManager")
    proposed.tokens.revoke_token(proposed.ben.id, by=SYSTEM)
    with pytest.raises(Protected, match="changes here take 1 approval"):
        proposed.service.apply_request("shop", found.key, by=cleo)
    with proposed.log.reading() as reading:
        lapsed = proposed.views.lapsed(reading, "shop", proposed.now(found))
    assert lapsed == {("token", proposed.ben.id)}
    proposed.approve(found, by=cleo)
    proposed.service.apply_request("shop", found.key, by=cleo)
    assert proposed.shop.flag().on


def test_a_preview_tells_of_every_environment_and_what_is_in_the_way(proposed: Proposed) -> None:
    found = proposed.propose(on=(PRODUCTION, STAGING))
    proposed.shop.edit({"do": "turnOn", "flag": "checkout"}, on=STAGING)
    production, staging = proposed.views.previews("shop", found.key)
    assert production.preview is not None
    assert [item.sentences for item in production.preview.items] == [("flag checkout: turned on",)]
    assert production.problems == ()
    assert [problem.path for problem in staging.problems] == ["/changes/1"]
    assert "flag 'checkout' in staging was changed by Anna" in staging.problems[0].message
    proposed.shop.flags.delete_flag("shop", "checkout", confirm="checkout", by=SYSTEM)
    production, _ = proposed.views.previews("shop", found.key)
    assert production.preview is None
    assert [problem.path for problem in production.problems] == ["/changes/0", "/changes/0/edits/0/flag"]
    proposed.service.withdraw_request("shop", found.key, by=proposed.anne)
    assert proposed.views.previews("shop", found.key) == ()


def test_a_comment_is_in_the_way_of_nobody_who_edits_what_he_saw(proposed: Proposed) -> None:
    seen = proposed.propose(at=None)
    edit = partial(proposed.service.edit_request, "shop", seen.key, by=proposed.anne)
    for text in ("sure?", "sure"):
        proposed.service.comment_on_request("shop", seen.key, text, by=proposed.ben)
    talked_of = proposed.now(seen)
    assert (talked_of.version, talked_of.is_as_of(seen.version)) == (seen.version + 2, True)
    changes = (("production", tuple(read_edits([CRITICAL]))),)
    edit(proposed.draft(changes, None), expected=seen.version)
    edited = proposed.now(seen)
    assert [each.text for each in edited.comments] == ["sure?", "sure"]
    for version in (seen.version, talked_of.version, edited.version + 1):
        with pytest.raises(PreconditionFailed):
            edit(proposed.draft(changes, NOON), expected=version)
    proposed.service.comment_on_request("shop", seen.key, "better", by=proposed.ben)
    proposed.approve(seen)
    with pytest.raises(PreconditionFailed):
        edit(proposed.draft(changes, NOON), expected=edited.version)
    assert proposed.now(seen).edition == edited.edition


def test_who_comments_while_it_is_applied_stops_nothing(proposed: Proposed) -> None:
    found = proposed.propose(at=None)
    proposed.approve(found)
    permit = Gate(proposed.clock).permit

    def talked_of_once(reading: Reading, alteration: Alteration) -> None:
        if alteration.permission == "change.approve" and not proposed.now(found).comments:
            proposed.service.comment_on_request("shop", found.key, "now?", by=proposed.anne)
        permit(reading, alteration)

    service = RequestService(proposed.log, proposed.shop.changes, proposed.clock, permit=talked_of_once)
    service.apply_request("shop", found.key, by=proposed.ben)
    made = proposed.now(found)
    assert (made.state, [each.text for each in made.comments]) == ("applied", ["now?"])
