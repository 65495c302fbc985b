"""The probe: what it is told stays in order, whatever raises in between."""

import pytest

from pennon.engine.probes import Site, Trace


def _raises() -> bool:
    raise ValueError("a context that acts up")


def test_sites_nest() -> None:
    trace = Trace()
    trace.enter(Site("rule", "/rules/0", None))
    trace.enter(Site("condition", "/rules/0/conditions/0", None))
    trace.found("DE")
    trace.leave(True)
    trace.leave(False)
    (ruled,) = trace.root.children
    (asked,) = ruled.children
    assert (ruled.outcome, asked.outcome, asked.found) == (False, True, "DE")


def test_a_site_that_was_never_left_is_unfinished() -> None:
    trace = Trace()
    trace.enter(Site("rule", "/rules/0", None))
    assert not trace.root.children[0].is_finished


def test_tests_behind_a_failure_are_asked_and_may_raise() -> None:
    trace = Trace()
    asked: list[bool] = []

    def last() -> bool:
        asked.append(True)
        return True

    def enters_and_raises() -> bool:
        trace.enter(Site("condition", "/x", None))
        return _raises()

    answer = trace.every(lambda: False, enters_and_raises, last)
    assert answer is False
    assert asked == [True]
    trace.enter(Site("rule", "/rules/1", None))
    assert [node.site.path for node in trace.root.children] == ["/x", "/rules/1"]


def test_a_test_that_decides_raises_as_it_would_in_an_evaluation() -> None:
    with pytest.raises(ValueError, match="acts up"):
        Trace().every(lambda: True, _raises)
