"""A long change holds up nobody: the kill switch is committed while it is checked, and it goes on from there."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from pennon.control.changes.service import ChangeService
from pennon.control.environments.gate import Alteration
from pennon.control.log import Outcome, Reading
from pennon.control.storage.log import MOST_LOCKED
from tests.contract.shop import BERT, PRODUCTION, Shop
from tests.editing import read_edits

WAIT_S = 60
MANY = MOST_LOCKED + 10


class Held:
    """A hook that stops whoever calls it for the *at*-th time, until it is let go."""

    def __init__(self, shop: Shop, at: int) -> None:
        self._shop = shop
        self._left = at
        self.arrived, self.go = Event(), Event()

    def pass_by(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.arrived.set()
            assert self.go.wait(WAIT_S)

    def salt(self) -> str:
        self.pass_by()
        return self._shop.salt()

    def permit(self, _reading: Reading, alteration: Alteration) -> None:
        if alteration.by == BERT:
            self.pass_by()


def putting(number: int, **more: Any) -> dict[str, Any]:
    configuration = {"fallthrough": {"variation": "on"}, "on": True}
    return {"do": "putFlag", "definition": {"key": f"f{number:05}"}, "configuration": configuration, **more}


GIANT = [putting(number) for number in range(MANY)]


@contextmanager
def under_way(held: Held, changes: ChangeService, *edits: dict[str, Any], **about: Any) -> Iterator[Future[Outcome]]:
    """Have *edits* of Bert made beside what the block does, which begins when they have come to where they are held."""
    with ThreadPoolExecutor(1) as pool:
        try:
            made = pool.submit(changes.apply, PRODUCTION, read_edits(edits), **{"by": BERT, **about})
            assert held.arrived.wait(WAIT_S)
            yield made
        finally:
            held.go.set()


def victim(shop: Shop, key: str = "victim") -> None:
    shop.create(key)
    shop.edit({"do": "turnOn", "flag": key})


@pytest.mark.parametrize("hook", ["salt", "permit"])
def test_kill_switch_is_committed_before_a_long_change_that_is_being_checked(shop: Shop, hook: str) -> None:
    victim(shop)
    if hook == "salt":  # as the last flag is looked at
        held = Held(shop, 2 * MANY - 5)
        changes = ChangeService(shop.log, new_salt=held.salt)
    else:
        held = Held(shop, 1)
        changes = ChangeService(shop.log, new_salt=shop.salt, permit=held.permit)
    with under_way(held, changes, *GIANT) as giant:
        killed = shop.edit({"do": "turnOff", "flag": "victim"})
        assert killed.position.revision == 3
        assert not giant.done()
        held.go.set()
        assert giant.result().position.revision == 4
    assert not shop.flag("victim").on
    assert shop.flag("f00000").on
    assert shop.flag("f00000").changed_at == 4
    assert shop.log.check(PRODUCTION.log).problem is None
