"""Commands on flags at the same time, over every storage."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from pennon.control.environments.views import Environment
from pennon.control.errors import Conflict, PreconditionFailed
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.flags.service import FlagService
from pennon.control.log import ChangeLog, EnvironmentName, Reading
from tests.contract.shop import ANNA, BERT, PRODUCTION, Shop
from tests.editing import read_edits

WRITERS, EACH = 4, 6


def test_no_edit_of_many_writers_is_lost(shop: Shop) -> None:
    shop.create()

    def write(writer: int) -> None:
        for number in range(EACH):
            values = [f"u-{writer}-{number}"]
            shop.edit({"do": "addTarget", "flag": "checkout", "variation": "on", "values": values})

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    (target,) = shop.flag().targets
    assert sorted(target.values) == sorted(
        f"u-{writer}-{number}" for writer in range(WRITERS) for number in range(EACH)
    )
    assert shop.flag().version == 1 + WRITERS * EACH


def test_of_many_writers_who_saw_one_version_one_wins(shop: Shop) -> None:
    shop.create()

    def write(writer: int) -> bool:
        try:
            shop.flags.change_definition(
                "shop", FlagDefinition(key="checkout", name=f"by {writer}"), expected=1, by=ANNA
            )
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(write, range(WRITERS))) == 1
    assert shop.definitions()[0].name.startswith("by ")


class Meddled:
    """The change log, but for somebody who is quick: after each look at it something happens."""

    def __init__(self, log: ChangeLog, happen: Iterator[None]) -> None:
        self._log = log
        self._happen = happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        with self._log.reading() as reading:
            yield reading
        next(self._happen, None)


def test_an_environment_that_comes_between_looking_and_locking_has_the_flag_once(shop: Shop) -> None:
    canary = EnvironmentName("shop", "canary")

    def meddle() -> Iterator[None]:
        shop.environments.create_environment("shop", Environment(key="canary"), by=BERT)
        yield

    flags = FlagService(Meddled(shop.log, meddle()))
    flags.create_flag("shop", FlagDefinition(key="checkout"), by=ANNA)
    assert shop.flag(on=canary).version == 1
    assert [report.change.action for report in shop.change_views.changes(canary).items] == ["createFlag"]


def test_a_project_whose_environments_never_rest_is_a_conflict(shop: Shop) -> None:
    def meddle() -> Iterator[None]:
        for number in range(100):
            shop.environments.create_environment("shop", Environment(key=f"e{number}"), by=BERT)
            yield

    flags = FlagService(Meddled(shop.log, meddle()))
    with pytest.raises(Conflict, match="keep changing"):
        flags.create_flag("shop", FlagDefinition(key="checkout"), by=ANNA)
    assert shop.definitions() == []


def test_edits_and_definitions_at_once_end_in_one_state(shop: Shop) -> None:
    shop.create()

    def configure(_: int) -> None:
        for number in range(EACH):
            word = "turnOn" if number % 2 == 0 else "turnOff"
            shop.changes.apply(PRODUCTION, read_edits([{"do": word, "flag": "checkout"}]), by=ANNA)

    def define(_: int) -> None:
        for number in range(EACH):
            definition = FlagDefinition(key="checkout", client_side=number % 2 == 0, name=str(number))
            shop.flags.change_definition("shop", definition, by=BERT)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(configure, 0), pool.submit(define, 0)]:
            future.result()
    assert (shop.flag().on, shop.flag().client_side, shop.definitions()[0].name) == (False, False, str(EACH - 1))
    for log in (PRODUCTION.log, "projects/shop"):
        assert shop.log.check(log).problem is None
