"""Who is due in a broadcast, while members come and go."""

from hypothesis import given
from hypothesis import strategies as st

from pennon.stream.roster import Roster


class Person:
    def __init__(self, name: int) -> None:
        self.name = name
        self.index = -1


def roster_of(count: int) -> tuple[Roster[Person], list[Person]]:
    roster: Roster[Person] = Roster()
    people = [Person(name) for name in range(count)]
    for person in people:
        roster.add(person)
    return roster, people


def walked(roster: Roster[Person], most: int = 3) -> list[int]:
    """Return the names of all who are due, in order."""
    names = []
    while roster.left:
        names += [person.name for person in roster.take(most) if person is not None]
    return names


def test_walk_comes_to_everybody_once_in_slices() -> None:
    roster, _ = roster_of(10)
    roster.begin()
    assert sorted(walked(roster)) == list(range(10))
    assert roster.take(3) == []


def test_next_walk_begins_elsewhere() -> None:
    roster, _ = roster_of(10)
    firsts = set()
    for _ in range(10):
        roster.begin()
        firsts.add(walked(roster)[0])
    assert len(firsts) > 3


def test_those_who_were_still_due_come_first_when_all_are_due_again() -> None:
    roster, _ = roster_of(9)
    roster.begin()
    reached = {person.name for person in roster.take(4) if person is not None}
    roster.begin()
    order = walked(roster)
    assert set(order[:5]) == set(range(9)) - reached
    assert sorted(order) == list(range(9))


def test_empty_roster_has_nobody_due() -> None:
    roster: Roster[Person] = Roster()
    roster.begin()
    assert roster.take(5) == []
    assert len(roster) == 0


def test_removed_member_is_told_nothing_and_may_be_removed_again() -> None:
    roster, people = roster_of(5)
    roster.begin()
    roster.remove(people[2])
    roster.remove(people[2])
    assert sorted(walked(roster)) == [0, 1, 3, 4]
    assert len(roster) == 4
    assert [person.name for person in roster] == [0, 1, 3, 4]


def test_holes_are_closed_when_most_have_left() -> None:
    roster, people = roster_of(200)
    for person in people[:190]:
        roster.remove(person)
    assert len(roster._ring) < 100
    roster.begin()
    assert sorted(walked(roster)) == list(range(190, 200))


@given(st.lists(st.sampled_from(["add", "remove", "take", "begin"]), max_size=300), st.randoms(use_true_random=False))
def test_whoever_was_there_at_the_beginning_and_stays_is_told_before_the_walk_ends(steps: list[str], chance) -> None:  # type: ignore[no-untyped-def]
    roster, people = roster_of(40)
    inside = set(people)
    owed: set[Person] = set()
    for number, step in enumerate(steps):
        if step == "add":
            person = Person(1000 + number)
            roster.add(person)
            inside.add(person)
        elif step == "remove" and inside:
            person = chance.choice(sorted(inside, key=lambda each: each.name))
            roster.remove(person)
            inside.discard(person)
            owed.discard(person)
        elif step == "take":
            owed -= set(roster.take(chance.randint(1, 9)))
        elif step == "begin":
            roster.begin()
            owed = set(inside)
        assert len(roster) == len(inside)
        assert set(roster) == inside
    while roster.left:
        owed -= set(roster.take(7))
    assert not owed
