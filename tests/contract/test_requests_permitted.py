"""Whoever may not propose any more does not, over both storages, also where he was let in a moment before."""

from collections.abc import Callable

import pytest

from pennon.control.errors import Forbidden
from pennon.control.log import SYSTEM, Actor
from pennon.control.requests.models import ChangeRequest
from pennon.control.requests.service import Draft
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.contract.shop import PRODUCTION, Shop
from tests.contract.test_timed_requests import ON, Proposed
from tests.editing import read_edits

DRAFT = Draft(title="Another", changes=((PRODUCTION.environment, tuple(read_edits([ON]))),))
COMMANDS: dict[str, Callable[[Proposed, ChangeRequest, Actor], object]] = {
    "create": lambda proposed, _, by: proposed.service.create_request("shop", DRAFT, by=by),
    "edit": lambda proposed, found, by: proposed.service.edit_request("shop", found.key, DRAFT, by=by),
    "comment": lambda proposed, found, by: proposed.service.comment_on_request("shop", found.key, "no", by=by),
    "withdraw": lambda proposed, found, by: proposed.service.withdraw_request("shop", found.key, by=by),
}


@pytest.fixture
def proposed(storage: Storage, clock: HandClock, shop: Shop) -> Proposed:
    shop.create()
    return Proposed(storage, clock, shop)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_was_revoked_between_the_door_and_the_command_counts(proposed: Proposed, command: str) -> None:
    found = proposed.propose(ON, at=None)
    proposed.tokens.revoke_token(proposed.anne.id, by=SYSTEM)
    reader = proposed.actor("Rita", "reader")
    before = proposed.now(found)
    for by in (proposed.anne, reader):
        with pytest.raises(Forbidden, match=r"is revoked|takes the permission change\.propose"):
            COMMANDS[command](proposed, found, by)
    assert proposed.now(found) == before
    with proposed.log.reading() as reading:
        assert reading.count("projects/shop", "request") == 1
    COMMANDS[command](proposed, found, proposed.ben)
