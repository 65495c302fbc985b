"""A long change holds up nobody: the kill switch is committed while it is checked, and it goes on from there."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from pennon.control.access.credentials import NewToken, Token
from pennon.control.access.service import TokenService
from pennon.control.changes.service import ChangeService
from pennon.control.environments.gate import Alteration
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import Forbidden, IdempotencyKeyReused, Invalid, Overtaken, PreconditionFailed
from pennon.control.files.service import FileService
from pennon.control.files.work import Orders
from pennon.control.log import EnvironmentName, Idempotency, Outcome, Reading, State, Stored
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.requests.service import Draft, RequestService
from pennon.control.storage import Storage
from pennon.control.storage.ahead import AheadWriting
from pennon.control.storage.log import ATTEMPTS
from pennon.control.storage.reading import StoredReading
from pennon.control.working.commands import Expectation
from pennon.model import Flag
from tests.clock import HandClock
from tests.contract.shop import ANNA, BERT, PRODUCTION, STAGING, Shop
from tests.editing import read_edits

WAIT_S = 60
MANY = 30


@pytest.fixture(autouse=True)
def less_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pennon.control.storage.log.MOST_LOCKED", MANY - 5)


class Meanwhile:
    """A hook of Bert's commands: when it is called for the *at*-th time, others *do* something."""

    def __init__(self, do: Callable[[], object], *, at: int = 1) -> None:
        self._do = do
        self._left = at
        self.calls = 0

    def permit(self, _reading: Reading, alteration: Alteration) -> None:
        if alteration.by.who == BERT.who and alteration.environment == PRODUCTION.environment:
            self.calls += 1
            self._left -= 1
            if self._left == 0:
                self._do()


def putting(number: int, **configuration: Any) -> dict[str, Any]:
    configured = {"fallthrough": {"variation": "on"}, "on": True, **configuration}
    return {"do": "putFlag", "definition": {"key": f"f{number:05}"}, "configuration": configured}


def giant(**configuration: Any) -> list[dict[str, Any]]:
    return [putting(number, **configuration) for number in range(MANY)]


TURNING_ON = [{"do": "turnOn", "flag": f"f{number:05}"} for number in range(MANY)]


def kill(shop: Shop) -> Outcome:
    return shop.edit({"do": "turnOff", "flag": "victim"})


def make(shop: Shop, hook: Meanwhile, edits: list[dict[str, Any]], **about: Any) -> Outcome:
    changes = ChangeService(shop.log, new_salt=shop.salt, permit=hook.permit)
    return changes.apply(PRODUCTION, read_edits(edits), **{"by": BERT, **about})


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shop.create("victim")
    shop.edit({"do": "turnOn", "flag": "victim"})
    return shop


@contextmanager
def held(shop: Shop, at: int) -> Iterator[tuple[Callable[[], str], Event]]:
    """Give salts, the *at*-th of which is waited for until the block ends, and whether somebody does."""
    arrived, go = Event(), Event()
    left = at

    def salt() -> str:
        nonlocal left
        left -= 1
        if left == 0:
            arrived.set()
            assert go.wait(WAIT_S)
        return shop.salt()

    try:
        yield salt, arrived
    finally:
        go.set()


def test_kill_switch_is_committed_before_a_long_change_that_is_being_checked(shop: Shop) -> None:
    made: Future[Outcome]
    # Each flag takes a salt for each of two environments, so this is among the last of them.
    with ThreadPoolExecutor(1) as pool, held(shop, 2 * MANY - 5) as (salt, arrived):
        changes = ChangeService(shop.log, new_salt=salt)
        made = pool.submit(changes.apply, PRODUCTION, read_edits(giant()), by=BERT)
        assert arrived.wait(WAIT_S)
        assert kill(shop).position.revision == 3
        assert not made.done()
    assert made.result().position.revision == 4
    assert not shop.flag("victim").on
    assert shop.flag("f00000").on
    assert shop.flag("f00000").changed_at == 4
    assert shop.log.check(PRODUCTION.log).problem is None


@pytest.mark.parametrize("what", ["import", "change", "revert", "request", "files"])
def test_whatever_is_long_is_overtaken_by_the_kill_switch(shop: Shop, clock: HandClock, what: str) -> None:
    killed: list[int] = []
    hook = Meanwhile(lambda: killed.append(kill(shop).position.revision))
    changes = ChangeService(shop.log, new_salt=shop.salt, permit=hook.permit)
    files = FileService(shop.log, new_salt=shop.salt, permit=hook.permit)
    requests = RequestService(shop.log, shop.changes, clock, new_salt=shop.salt, permit=hook.permit)
    shop.edit(*giant())
    document = files.document("shop", ["production"])
    shop.edit(*giant(on=False))
    proposed = Draft(title="all on", changes=(("production", read_edits(giant())),))
    request = requests.create_request("shop", proposed, by=ANNA).item
    assert request is not None
    before = shop.revision()
    commands: dict[str, Callable[[], Outcome]] = {
        "import": lambda: changes.apply(PRODUCTION, read_edits(giant()), by=BERT.importing("unleash")),
        "change": lambda: changes.apply(PRODUCTION, read_edits(TURNING_ON), by=BERT),
        "revert": lambda: changes.revert(PRODUCTION, before, by=BERT),
        "request": lambda: requests.apply_request("shop", request.key, by=BERT),
        "files": lambda: files.apply("shop", document, Orders(turn_on=tuple(document.flags)), by=BERT),
    }
    assert commands[what]().changed
    assert killed == [before + 1]
    assert shop.revision() == before + 2
    assert shop.flag("f00000").on
    # Only the files say that it is on, and that was ordered for all of them.
    assert shop.flag("victim").on == (what == "files")
    assert shop.log.check(PRODUCTION.log).problem is None


def test_a_long_change_of_the_flag_that_was_killed_is_made_on_top_of_it(shop: Shop) -> None:
    on = {"do": "turnOn", "flag": "victim"}
    hook = Meanwhile(lambda: kill(shop))
    assert make(shop, hook, [*giant(), on]).position.revision == 4
    assert shop.flag("victim").on
    assert shop.flag("victim").version == 4  # created, on, off, on
    assert shop.change_views.changes(PRODUCTION, limit=2).items[1].change.action == "turnOff"


@pytest.mark.parametrize("expected", [Expectation(revision=2), Expectation(flags={"victim": 2})])
def test_a_long_change_is_told_when_what_it_expected_is_gone(shop: Shop, expected: Expectation) -> None:
    hook = Meanwhile(lambda: kill(shop))
    with pytest.raises(PreconditionFailed):
        make(shop, hook, giant(), expected=expected)
    assert shop.revision() == 3
    assert hook.calls == 1


def test_an_expectation_that_the_kill_switch_did_not_touch_still_holds(shop: Shop) -> None:
    shop.create("other")
    hook = Meanwhile(lambda: kill(shop))
    assert make(shop, hook, giant(), expected=Expectation(flags={"other": 1})).changed
    assert hook.calls == 2  # early, and with the logs locked


def test_a_long_change_is_checked_again_where_what_it_needs_is_deleted(shop: Shop) -> None:
    shop.create("needed")
    edits = giant(prerequisites=[{"flag": "needed", "variations": ["on"]}])
    hook = Meanwhile(lambda: shop.edit({"do": "deleteFlag", "flag": "needed"}))
    with pytest.raises(Invalid, match="needed"):
        make(shop, hook, edits)
    assert len(shop.definitions()) == 1


def test_a_flag_that_a_long_change_deletes_may_not_be_needed_meanwhile(shop: Shop) -> None:
    shop.edit(*giant())
    wanted = [{"flag": "f00000", "variations": ["on"]}]
    hook = Meanwhile(lambda: shop.edit({"do": "setPrerequisites", "flag": "victim", "prerequisites": wanted}))
    with pytest.raises(Exception, match="f00000"):
        make(shop, hook, [{"do": "deleteFlag", "flag": f"f{number:05}"} for number in range(MANY)])
    assert len(shop.definitions()) == MANY + 1


def test_an_environment_that_is_created_meanwhile_gets_the_flags_too(shop: Shop) -> None:
    hook = Meanwhile(lambda: shop.environments.create_environment("shop", Environment(key="qa"), by=ANNA))
    assert make(shop, hook, giant()).changed
    with shop.log.reading() as reading:
        assert reading.count("environments/shop/qa", "flag") == MANY + 1


def test_leave_that_is_taken_while_a_long_change_is_checked_is_missing_when_it_is_written(shop: Shop) -> None:
    class Taken(Meanwhile):
        def permit(self, reading: Reading, alteration: Alteration) -> None:
            super().permit(reading, alteration)
            if self.calls == 2:
                raise Forbidden("you may no longer")

    hook = Taken(lambda: None)
    with pytest.raises(Forbidden):
        make(shop, hook, giant())
    assert shop.revision() == 2


def test_a_long_change_that_is_overtaken_each_time_gives_up_and_changes_nothing(shop: Shop) -> None:
    def fight() -> None:
        shop.edit({"do": "turnOn" if not shop.flag("victim").on else "turnOff", "flag": "victim"})

    class Always(Meanwhile):
        def permit(self, reading: Reading, alteration: Alteration) -> None:
            self._left = 1
            super().permit(reading, alteration)

    hook = Always(fight)
    shop.edit(*giant(on=False))
    before = shop.revision()
    with pytest.raises(Overtaken, match="again and again"):
        make(shop, hook, [*TURNING_ON, {"do": "setOffVariation", "flag": "victim", "variation": "on"}])
    assert hook.calls == ATTEMPTS
    assert shop.revision() == before + ATTEMPTS
    assert not shop.flag("f00000").on


def test_a_long_change_that_is_sent_twice_at_once_is_made_once(shop: Shop) -> None:
    twice = Idempotency("import-1", "x")
    first: list[Outcome] = []
    quiet = Meanwhile(lambda: None)
    hook = Meanwhile(lambda: first.append(make(shop, quiet, giant(), idempotency=twice)))
    second = make(shop, hook, giant(), idempotency=twice)
    assert second == first[0]
    assert shop.revision() == 3
    assert make(shop, hook, giant(), idempotency=twice) == second
    assert hook.calls == 1  # what is only told again is not done again
    with pytest.raises(IdempotencyKeyReused):
        make(shop, hook, giant(), idempotency=Idempotency("import-1", "y"))


def test_what_others_do_elsewhere_does_not_overtake_a_long_change(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pennon.control.storage.ahead.MOST_REVISIONS", 1)
    hook = Meanwhile(Shop(shop.log, "other").open)
    assert make(shop, hook, giant()).changed
    assert hook.calls == 2


def test_an_environment_is_created_and_deleted_without_the_locks(shop: Shop) -> None:
    shop.edit(*giant())
    killed: list[int] = []

    def first_flag(stored: Stored) -> Flag | None:
        # When the last flag is looked at, which is never come to under the locks.
        if stored.key == "victim" and not killed:
            killed.append(kill(shop).position.revision)
        return shop.first_flag(stored)

    qa = EnvironmentName("shop", "qa")
    environments = EnvironmentService(shop.log, first_flag)
    for _ in range(2):  # the second time its log is there
        environments.create_environment("shop", Environment(key="qa"), by=BERT)
        assert len(shop.contents(qa)["flag"]) == MANY + 1
        environments.delete_environment(qa, confirm="qa", by=BERT)
        assert shop.log.check(qa.log).problem is None
    assert killed == [4]


def test_a_project_is_deleted_without_the_locks(
    shop: Shop, storage: Storage, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.edit(*giant())
    projects, tokens = ProjectService(shop.log), TokenService(shop.log, clock, storage.last_used)
    made: list[str] = []
    state = AheadWriting.state

    def meanwhile(writing: AheadWriting, log: str) -> State:
        if not made:
            projects.create_project(Project(key="other"), by=ANNA)
            tokens.create_token(NewToken(name="elsewhere", role="reader", project="other"), by=ANNA)
        if len(made) < len(shop_logs):  # all of the first time; what came meanwhile has it done again
            token = tokens.create_token(NewToken(name="late", role="reader", project="shop"), by=ANNA).token
            made.append(token.key)
        return state(writing, log)

    shop_logs = ["projects/shop", PRODUCTION.log, STAGING.log]
    monkeypatch.setattr(AheadWriting, "state", meanwhile)
    projects.delete_project("shop", confirm="shop", by=BERT)
    with shop.log.reading() as reading:
        assert [reading.state(log).items for log in shop_logs] == [{}, {}, {}]
        found = reading.items("installation", "token")
        assert {each.key for each in found if each.read(Token).revoked} == set(made)
        assert len(found) == len(made) + 1
    assert all(shop.log.check(log).problem is None for log in ("installation", *shop_logs))


def test_a_long_change_has_the_time_at_which_it_is_written(shop: Shop, clock: HandClock) -> None:
    def later() -> None:
        clock.move(timedelta(seconds=5))
        kill(shop)

    make(shop, Meanwhile(later), giant())
    written, killed = shop.change_views.changes(PRODUCTION, limit=2).items
    assert (written.change.revision, killed.change.revision) == (4, 3)
    assert written.change.time == clock.now()


def test_all_that_can_be_read_of_a_log_is_remembered_by_a_command_that_can_be_overtaken() -> None:
    reads = {name for name in vars(StoredReading) if not name.startswith("_")}
    # What is there of the first two is there for good, and the third asks for each item.
    assert reads - {"written_together", "stream", "items_named"} <= vars(AheadWriting).keys()
