"""States of a log in the past: the log folded, from either end."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pennon.control.errors import NotFound
from pennon.control.log import NO_HASH, SYSTEM, ChangeLog, State, Stored
from pennon.control.storage import Storage
from pennon.model import Flag
from tests.clock import HandClock
from tests.contract.logs import LOG, delete, flag, open_logs, put, segment

KEYS = ("a", "b", "c")


def states_at_all_revisions(log: ChangeLog, name: str, last: int) -> list[State]:
    with log.reading() as reading:
        return [reading.state_at(name, revision=revision) for revision in range(last + 1)]


def items_at_all_revisions(log: ChangeLog, name: str, last: int) -> list[list[Stored]]:
    with log.reading() as reading:
        for revision in range(last + 1):
            one_by_one = (reading.item_at(name, "flag", key, revision=revision) for key in KEYS)
            assert [*filter(None, one_by_one)] == reading.items_at(name, "flag", revision=revision)
        return [reading.items_at(name, "flag", revision=revision) for revision in range(last + 1)]


def test_state_at_every_revision_is_what_it_was(storage: Storage) -> None:
    log = storage.log
    open_logs(log, LOG)
    seen = [_current(log)]
    put(log, flag("a"), segment("beta", "u1"))
    seen.append(_current(log))
    put(log, flag("b"))
    seen.append(_current(log))
    delete(log, "flag", "a")
    seen.append(_current(log))
    put(log, flag("a", on=False), segment("beta"))
    seen.append(_current(log))
    delete(log, "segment", "beta")
    seen.append(_current(log))
    then = states_at_all_revisions(log, LOG, 5)
    assert [state.items for state in then] == [state.items for state in seen]
    assert [state.head for state in then[1:]] == [state.head for state in seen[1:]]
    assert (then[0].head.revision, then[0].head.hash) == (0, NO_HASH)


@settings(
    max_examples=settings().max_examples // 4,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 3)), min_size=1, max_size=3),
        min_size=1,
        max_size=12,
    )
)
def test_state_folded_from_either_end_is_the_state_then(storage: Storage, steps: list[dict[str, int | None]]) -> None:
    log = storage.log
    with log.reading() as reading:
        name = f"environments/shop/e{len(reading.heads())}"
    open_logs(log, name)
    seen = [_current(log, name)]
    for step in steps:
        with log.writing(name, by=SYSTEM, action="step") as writing:
            for key, value in step.items():
                if value is not None:
                    writing.put(name, "flag", flag(key, salt=f"s{value}"))
                elif writing.item(name, "flag", key) is not None:
                    writing.delete(name, "flag", key)
        if writing.changes_made:
            seen.append(_current(log, name))
    last = seen[-1].head.revision
    assert len(seen) == last + 1
    assert states_at_all_revisions(log, name, last) == seen
    assert items_at_all_revisions(log, name, last) == [[*state.of("flag").values()] for state in seen]
    # Once more as the log's beginning, where every state is folded forwards.
    for number in range(last + 2):
        put(log, flag("later", salt=f"s{number}"), on=name)
    assert states_at_all_revisions(log, name, last)[1:] == seen[1:]
    assert log.check(name).problem is None


def test_items_of_the_past_come_in_pages_and_are_searched_by_their_keys(storage: Storage) -> None:
    log = storage.log
    open_logs(log, LOG)
    put(log, *(flag(f"Team-{number}") for number in range(1, 6)), flag("other"), segment("team-segment"))
    delete(log, "flag", "Team-3")
    put(log, flag("Team-2", on=False), flag("Team-9"))

    def found(revision: int, after: str | None = None) -> list[str]:
        with log.reading() as reading:
            items = reading.items_at(LOG, "flag", revision=revision, part="team", after=after, limit=2)
        assert all(item.read(Flag).on for item in items) == (revision < 3)
        return [item.key for item in items]

    assert (found(1), found(1, "Team-2"), found(1, "Team-4")) == (
        ["Team-1", "Team-2"],
        ["Team-3", "Team-4"],
        ["Team-5"],
    )
    assert found(2, "Team-2") == ["Team-4", "Team-5"]
    assert found(3) == ["Team-1", "Team-2"]
    with log.reading() as reading:
        later = reading.items_at(LOG, "flag", revision=3, part="TEAM", after="Team-2")
        assert [item.key for item in later] == ["Team-4", "Team-5", "Team-9"]
        assert reading.items_at(LOG, "flag", revision=0) == []


def test_state_at_a_time_is_that_of_the_last_change_up_to_then(storage: Storage, clock: HandClock) -> None:
    log, start = storage.log, clock.now()
    for number in range(4):
        put(log, flag(salt=f"s{number}"))
        clock.move(timedelta(minutes=1))
    with log.reading() as reading:

        def revision_at(minutes: float) -> int:
            return reading.state_at(LOG, time=start + timedelta(minutes=minutes)).head.revision

        assert revision_at(-0.001) == 0
        assert revision_at(0) == 1
        assert revision_at(0.999) == 1
        assert revision_at(2) == 3
        assert revision_at(999) == 4
        assert reading.state_at(LOG).head.revision == 4


def test_two_changes_at_one_time_are_both_in_the_state_of_that_time(storage: Storage, clock: HandClock) -> None:
    put(storage.log, flag("a"))
    put(storage.log, flag("b"))
    with storage.log.reading() as reading:
        assert set(reading.state_at(LOG, time=clock.now()).of("flag")) == {"a", "b"}


def test_revision_that_is_not_there_is_named_with_the_last_one(storage: Storage) -> None:
    put(storage.log, flag())
    with storage.log.reading() as reading:
        for revision in (2, -1):
            with pytest.raises(NotFound, match=f"no revision '{revision}'; the log {LOG} is at revision 1"):
                reading.state_at(LOG, revision=revision)
        with pytest.raises(NotFound):
            reading.state_at("environments/shop/none", revision=0)


def test_reading_sees_one_state_while_others_write(storage: Storage) -> None:
    log = storage.log
    put(log, flag())
    with log.reading() as reading:
        before = reading.state(LOG)
        put(log, flag(on=False), flag("new"))
        assert reading.state(LOG) == before
        assert reading.items(LOG, "flag") == list(before.of("flag").values())
        assert len(reading.changes(LOG, limit=9)) == 1
    assert len(_current(log).of("flag")) == 2


def _current(log: ChangeLog, name: str = LOG) -> State:
    with log.reading() as reading:
        return reading.state(name)
