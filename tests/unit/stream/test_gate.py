"""How many may be sent something large at a time."""

from pennon.stream.gate import Gate


def test_those_beyond_the_number_wait_in_order_and_each_follows_one_who_leaves() -> None:
    gate: Gate[str] = Gate(2)
    assert [gate.enter(name) for name in "abcd"] == [True, True, False, False]
    assert gate.leave("a") == "c"
    assert gate.leave("c") == "d"
    assert gate.leave("b") is None
    assert gate.enter("e")


def test_who_is_in_may_enter_again() -> None:
    gate: Gate[str] = Gate(1)
    assert gate.enter("a")
    assert gate.enter("a")
    assert gate.leave("a") is None
    assert gate.enter("b")


def test_who_waits_may_leave_and_lets_nobody_in() -> None:
    gate: Gate[str] = Gate(1)
    assert [gate.enter(name) for name in "abc"] == [True, False, False]
    assert gate.leave("b") is None
    assert gate.leave("b") is None
    assert gate.leave("a") == "c"


def test_who_never_came_lets_nobody_in() -> None:
    gate: Gate[str] = Gate(1)
    gate.enter("a")
    gate.enter("b")
    assert gate.leave("x") is None
