"""What goes up next, and what an answer means: tables of cases, without a spool or a socket."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.events import EventBatch, Fate, Result
from pennon.ingest.accept import Spooled
from pennon.ingest.forward import GROUP_BYTES, MOST, Entry, Letter, Outbox, Upstreams, letter
from pennon.ingest.spool import Place, Record

ACCEPTED, DUPLICATE = Result(Fate.ACCEPTED), Result(Fate.DUPLICATE)
REFUSED, RETRY = Result(Fate.REFUSED, "bad"), Result(Fate.RETRY, "full")


def payload(sequence: int, *, padding: int = 0, via: tuple[str, ...] = ()) -> bytes:
    batch = EventBatch(instance="i1", sequence=sequence, sdk="x" * padding)
    return msgspec.json.encode(Spooled("shop/production", "k" * 64, 1000 + sequence, batch, via))


def records(*sequences: int, padding: int = 0) -> list[Record]:
    return [Record(payload(sequence, padding=padding), Place(1, sequence)) for sequence in sequences]


def outbox(count: int, *, padding: int = 0) -> Outbox:
    made = Outbox()
    assert made.fill(records(*range(1, count + 1), padding=padding)) == 0
    return made


def numbers(group: Sequence[Entry]) -> list[int]:
    return [entry.letter.sequence for entry in group]


def answer(made: Outbox, *results: Result, upstream: int = 0) -> list[str]:
    """Answer the group of *upstream*, and return why what was refused was."""
    refused = made.answered(made.group(upstream), upstream, results)
    return [one.why for one in refused]


def place(made: Outbox) -> int | None:
    settled = made.settled()
    return None if settled is None or settled.place is None else settled.place.offset


def test_record_is_read_without_reading_its_events() -> None:
    found = letter(payload(7, via=("0" * 16,)))
    assert found is not None
    assert (found.environment, found.instance, found.sequence, found.via) == ("shop/production", "i1", 7, ("0" * 16,))
    assert EventBatch.from_json(found.batch).sequence == 7


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"environment":"e"}', payload(1)[:-3], b"\xff" + payload(1)])
def test_record_that_is_none_of_ours_is_no_letter(content: bytes) -> None:
    assert letter(content) is None


def test_batch_goes_on_with_how_long_it_waited_and_by_whom() -> None:
    found = letter(payload(1, via=("0" * 16,)))
    assert found is not None
    sent = found.forwarded("1" * 16, now_ms=5000)
    assert (sent.waited_ms, sent.via, sent.key) == (3999, ("0" * 16, "1" * 16), "k" * 64)
    assert found.forwarded("1" * 16, now_ms=0).waited_ms == 0  # the clock was set back


def test_what_was_taken_lets_the_spool_move_on() -> None:
    made = outbox(3)
    assert answer(made, ACCEPTED, DUPLICATE, ACCEPTED) == []
    assert place(made) == 3
    assert (len(made), made.settled()) == (0, None)


def test_spool_moves_on_no_further_than_what_waits() -> None:
    made = outbox(3)
    answer(made, ACCEPTED, RETRY, ACCEPTED)
    assert place(made) == 1
    assert made.group(0) == []
    assert numbers(made.group(1)) == [2]
    answer(made, ACCEPTED, upstream=1)
    assert place(made) == 3


def test_upstream_that_declined_is_asked_again_once_it_is_forgiven() -> None:
    made = outbox(2)
    answer(made, RETRY, RETRY)
    assert made.group(0) == []
    made.forgive(0)
    assert numbers(made.group(0)) == [1, 2]


def test_what_is_refused_waits_until_it_is_kept_elsewhere() -> None:
    made = outbox(2)
    (refused,) = made.answered(made.group(0), 0, (REFUSED, ACCEPTED))
    assert (refused.why, numbers([refused.entry])) == ("bad", [1])
    assert place(made) is None
    refused.entry.settle()
    assert place(made) == 2


def test_request_that_cannot_be_taken_is_halved_until_the_culprit_is_alone() -> None:
    made = outbox(8)
    alone = []
    for _ in range(100):
        if not (group := made.group(0)):
            break
        if 3 in numbers(group):
            for one in made.unfit(group, "413"):
                alone += numbers([one.entry])
                one.entry.settle()
        else:
            made.answered(group, 0, [ACCEPTED] * len(group))
    assert alone == [3]
    assert place(made) == 8


def test_batch_over_which_the_upstream_breaks_is_refused_when_others_get_through() -> None:
    made = outbox(4)
    refused: list[int] = []
    for number in range(5, 200):
        group = made.group(0)
        if 2 in numbers(group):
            for one in made.broke(group, "500"):
                refused += numbers([one.entry])
                one.entry.settle()
        else:
            made.answered(group, 0, [ACCEPTED] * len(group))
        if refused:
            break
        made.settled()
        made.fill(records(number))
    assert refused == [2]


def test_upstream_that_breaks_over_everything_makes_nothing_refused() -> None:
    made = outbox(4)
    for _ in range(100):
        assert made.broke(made.group(0), "500") == []
    assert len(made.group(0)) == 1
    assert made.settled() is None


def test_groups_grow_again_after_an_answer() -> None:
    made = outbox(100)
    for _ in range(3):
        made.unfit(made.group(0), "413")
    assert len(made.group(0)) == 12
    answer(made, *[ACCEPTED] * 12)
    assert len(made.group(0)) == 24


def test_group_is_bounded_in_bytes_but_for_a_single_batch() -> None:
    made = outbox(4, padding=GROUP_BYTES // 2)
    assert numbers(made.group(0)) == [1]
    huge = outbox(2, padding=2 * GROUP_BYTES)
    assert numbers(huge.group(0)) == [1]


def test_damaged_records_hold_nothing_up() -> None:
    made = Outbox()
    assert made.fill([Record(None, Place(1, 5)), Record(b"junk", Place(1, 9))]) == 2
    assert place(made) == 9
    assert made.settled() is None
    assert made.fill([*records(10), Record(None, Place(1, 11))]) == 1
    answer(made, ACCEPTED)
    assert place(made) == 11


def test_what_nobody_takes_leaves_room_for_others() -> None:
    made = outbox(MOST)
    assert made.room == 0
    answer(made, RETRY, *[ACCEPTED] * (MOST - 1))
    assert place(made) is None
    assert made.room == MOST - 1
    assert sum(len(entry.letter.batch) for entry in made.group(1)) > 0


def test_letter_of_a_file_goes_up_beside_the_spools() -> None:
    made = outbox(1)
    again = letter(payload(9))
    assert isinstance(again, Letter)
    made.add("a.json", again)
    assert made.holds("a.json")
    answer(made, RETRY, ACCEPTED)
    settled = made.settled()
    assert settled is not None
    assert (settled.place, settled.files) == (None, ("a.json",))
    assert not made.holds("a.json")
    assert made.oldest == 1001


@given(
    st.lists(
        st.lists(st.sampled_from([ACCEPTED, DUPLICATE, REFUSED, RETRY, None]), min_size=6, max_size=6), max_size=12
    )
)
def test_spool_never_moves_past_what_is_not_settled(rounds: list[list[Result | None]]) -> None:
    made, settled, reached = outbox(6), set[int](), 0
    for fates in rounds:
        group = made.group(0)
        if not group:
            made.forgive(0)
            continue
        if None in fates[: len(group)]:
            for one in made.broke(group, "500"):
                settled |= set(numbers([one.entry]))
                one.entry.settle()
        else:
            results = [fate for fate in fates[: len(group)] if fate is not None]
            kept = {
                number
                for number, result in zip(numbers(group), results, strict=True)
                if result.status is not Fate.RETRY
            }
            for one in made.answered(group, 0, results):
                one.entry.settle()
            settled |= kept
        reached = place(made) or reached
        assert set(range(1, reached + 1)) <= settled
        assert reached == 6 or reached + 1 not in settled


class Chance:
    """Says always the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self) -> float:
        return self.value


def test_preferred_upstream_is_asked_unless_it_failed_a_moment_ago() -> None:
    ways = Upstreams(2, chance=Chance(1.0), base_s=1.0, cap_s=8.0)
    assert ways.choose(100.0) == 0
    ways.failed(0, 100.0)
    assert ways.choose(100.5) == 1
    ways.failed(1, 100.5)
    assert ways.choose(100.5) is None
    assert ways.wait_s(100.5) == 0.5
    assert ways.choose(101.0) == 0


def test_pauses_double_up_to_a_bound_and_end_with_a_success() -> None:
    ways, now, pauses = Upstreams(1, chance=Chance(1.0), base_s=1.0, cap_s=8.0), 0.0, []
    for _ in range(6):
        ways.failed(0, now)
        pauses.append(ways.wait_s(now))
        now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 8, 8]
    assert ways.failures == 6
    ways.worked(0)
    ways.failed(0, now)
    assert ways.wait_s(now) == 1


def test_pauses_are_spread_and_respect_what_the_upstream_wishes() -> None:
    ways = Upstreams(1, chance=Chance(0.5), base_s=1.0, cap_s=60.0)
    ways.failed(0, 0.0)
    assert ways.wait_s(0.0) == 0.5
    ways.failed(0, 0.0, 10.0)
    assert ways.wait_s(0.0) == 12.5
    assert ways.choose(12.4) is None
    assert ways.choose(12.5) == 0


def test_failures_without_end_do_not_overflow() -> None:
    ways = Upstreams(1, chance=Chance(1.0))
    for _ in range(5000):
        ways.failed(0, 0.0)
    assert ways.wait_s(0.0) == 60.0
