import threading

import pytest

from pennon.openfeature.asking import Background, Callers


def test_jobs_that_wait_are_done_before_the_end() -> None:
    done: list[int] = []
    background = Background()
    for number in range(5):
        assert background.put(lambda number=number: done.append(number))  # type: ignore[misc]
    background.stop()
    assert done == [0, 1, 2, 3, 4]
    background.stop()  # again, and nothing


def test_jobs_after_the_end_start_it_anew() -> None:
    done = threading.Event()
    background = Background()
    background.put(lambda: None)
    background.stop()
    assert background.put(done.set)
    assert done.wait(60)
    background.stop()


def test_end_does_not_wait_for_a_job_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pennon.openfeature.asking._WAITING", 1)
    background, may_go, asked = Background(), threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        may_go.wait()

    background.put(hang)
    assert asked.wait(60)
    assert background.put(lambda: None)
    assert not background.put(lambda: None)
    background.stop(timeout_s=0.01)
    may_go.set()


def test_callers_that_never_called_end_at_once() -> None:
    Callers().stop()
