"""A law: whatever others do while a long change is checked, what comes of it is what comes of it one by one."""

import contextlib
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pennon.control.changes.service import ChangeService
from pennon.control.environments.gate import Alteration
from pennon.control.errors import PennonError
from pennon.control.log import Idempotency, Reading
from pennon.control.storage import Storage
from pennon.control.working.commands import Expectation
from tests.contract.shop import ANNA, Shop
from tests.contract.test_changes_properties import EDITS, START
from tests.editing import read_edits

Edits: TypeAlias = Sequence[dict[str, Any]]
_NUMBERS = count(1)
SMALL = st.lists(EDITS, min_size=1, max_size=1)
LONG = st.lists(EDITS, min_size=3, max_size=12)
EXPECTED = st.sampled_from([None, None, Expectation(revision=1), Expectation(revision=2), Expectation(flags={"a": 1})])


class World(Shop):
    """A project of its own, all salts of which are alike."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage.log, f"p{next(_NUMBERS)}")
        self.open()
        self.told: list[object] = []
        self.edit(*START, on=self.production)

    def salt(self) -> str:
        return "salt"

    def possible(self, edits: Edits) -> Edits:
        """Return those of *edits* that can be made together: nearly all that chance brings would be refused."""
        kept: list[dict[str, Any]] = []
        for each in edits:
            with contextlib.suppress(PennonError):
                self.changes.preview(self.production, read_edits([*kept, each]))
                kept.append(each)
        return kept or [{"do": "turnOn", "flag": "a"}]

    def small(self, edits: Edits) -> None:
        self.told.append(self._told(self.changes, edits, None, None))

    def long(self, edits: Edits, expected: Expectation | None, meanwhile: Callable[[], None]) -> object:
        """Make *edits* as a command that is carried out ahead; when it is asked whether it may, others go first."""

        def permit(_reading: Reading, _alteration: Alteration) -> None:
            meanwhile()

        changes = ChangeService(self.log, new_salt=self.salt, permit=permit)
        return self._told(changes, edits, expected, Idempotency(f"long of {self.project}", "same"))

    def left(self) -> object:
        """All that is there: items with versions and hashes, and where the logs stand."""
        with self.log.reading() as reading:
            names = [self.production.log, self.staging.log, f"projects/{self.project}"]
            states = [reading.state(name) for name in names]
        return [(s.head.revision, {k: {i.key: i.text for i in s.of(k).values()} for k in s.items}) for s in states]

    def _told(
        self, changes: ChangeService, edits: Edits, expected: Expectation | None, twice: Idempotency | None
    ) -> object:
        try:
            made = changes.apply(self.production, read_edits(edits), expected=expected, by=ANNA, idempotency=twice)
        except PennonError as error:
            return type(error)
        return made.changed, made.position


@settings(
    max_examples=settings().max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(long=LONG, smalls=st.lists(SMALL, min_size=1, max_size=3), expected=EXPECTED, is_sent_twice=st.booleans())
def test_a_long_change_and_small_ones_come_to_what_some_order_of_them_comes_to(
    storage: Storage, long: Edits, smalls: list[Edits], expected: Expectation | None, is_sent_twice: bool
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pennon.control.storage.log.MOST_LOCKED", 0)  # nothing is short
        at_once = World(storage)
        long = at_once.possible(long)
        waiting = list(smalls)

        def meanwhile() -> None:
            while waiting:
                at_once.small(waiting.pop(0))

        told = at_once.long(long, expected, meanwhile)
        meanwhile()  # who changes nothing is not asked
        if is_sent_twice and isinstance(told, tuple):
            assert at_once.long(long, expected, meanwhile) == told
    assert all(storage.log.check(name.log).problem is None for name in (at_once.production, at_once.staging))
    orders = [(smalls[:place], smalls[place:]) for place in range(len(smalls) + 1)]
    assert (told, at_once.told, at_once.left()) in [_one_by_one(storage, long, expected, order) for order in orders]


def _one_by_one(
    storage: Storage, long: Edits, expected: Expectation | None, order: tuple[list[Edits], list[Edits]]
) -> tuple[object, list[object], object]:
    world = World(storage)
    before, after = order
    for edits in before:
        world.small(edits)
    told = world.long(long, expected, lambda: None)
    for edits in after:
        world.small(edits)
    return told, world.told, world.left()
