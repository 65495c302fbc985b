"""The evaluation benchmark measures what it says: Pennon and the floor go through it here, no SDK of others."""

import json
from pathlib import Path

import pytest

from bench.evaluation.goals import outcomes
from bench.evaluation.measuring import FULL, QUICK, TINY, Cell, Extent, Results, run
from bench.evaluation.report import document, show
from bench.evaluation.sdks import MODES, SDKS, Unable
from bench.evaluation.sdks.base import Way
from bench.evaluation.worker import Worker, Wrong, check, compiled
from bench.evaluation.worlds import FLOORS, WORKLOADS, world


@pytest.fixture(scope="module")
def results() -> Results:
    return run(("floor", "pennon"), TINY, tell=lambda _: None)


def test_pennon_is_measured_in_every_workload_and_mode(results: Results) -> None:
    measured = {(cell.workload, cell.mode) for cell in results.rates if cell.sdk == "pennon"}
    assert measured == {(workload, mode) for workload in WORKLOADS for mode in MODES}
    assert not results.wrong
    assert not results.absent


def test_the_floor_is_measured(results: Results) -> None:
    assert {cell.workload for cell in results.rates if cell.sdk == "floor" and cell.mode == "value"} == set(FLOORS)
    assert results.rate(Cell("floor", "W1", "openfeature"))
    assert results.unable[Cell("floor", "W2", "counted")] == "no floor"


def test_every_slice_has_the_yardstick_beside_it(results: Results) -> None:
    for cell, rates in results.rates.items():
        beside = 0 if cell.workload in FLOORS else TINY.rounds
        assert len(rates) == TINY.rounds
        assert len(results.yardsticks.get(cell, ())) == beside


def test_a_run_is_shown_and_written(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    show(results)
    shown = capsys.readouterr().out
    assert "Pennon" in shown
    assert all(outcome.goal in shown for outcome in outcomes(results))
    written = json.loads(json.dumps(document(results)))
    assert len(written["cells"]) == len(results.rates)
    assert written["versions"] == results.versions


@pytest.mark.parametrize(("rate", "met"), [(2_400.0, True), (1_700.0, False)])
def test_a_goal_is_met_or_not(rate: float, met: bool) -> None:
    results = Results(TINY, yardstick="launchdarkly")
    cell = Cell("pennon", "W3", "counted")
    results.rates[cell], results.yardsticks[cell] = [rate], [100.0]
    found = {outcome.goal: outcome.met for outcome in outcomes(results) if outcome.goal.startswith("W3 counted, with")}
    assert list(found.values()) == [met]


def test_a_ratio_is_the_median_of_neighbours() -> None:
    results = Results(TINY)
    cell = Cell("pennon", "W1", "value")
    results.rates[cell], results.yardsticks[cell] = [10.0, 40.0, 90.0], [1.0, 2.0, 1.0]
    assert results.ratio(cell) == 20
    assert results.rate(cell) == 90


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_wrong_answer_is_noticed(workload: str) -> None:
    asked = world(workload, 20)
    wrong = Way("not answer(flag, user)", {"answer": lambda flag, user: True})
    with pytest.raises(Wrong):
        check(compiled(wrong)[0], wrong, asked)


@pytest.mark.parametrize("name", SDKS)
def test_an_sdk_is_measured_or_says_why_not(name: str) -> None:
    try:
        version = Worker(name).hello()["version"]
    except Unable as error:
        version = str(error)
    assert "make bench-peers" in version or bool(version) is (SDKS[name].distribution is not None)


def test_memory_is_that_of_the_flags(tmp_path: Path) -> None:
    path, worker = str(tmp_path / "configuration"), Worker("pennon")
    worker.document(path, 50)
    found = worker.memory(path, 50)
    assert found["bytes"] == (tmp_path / "configuration").stat().st_size
    assert found["load_s"] > 0


def test_a_full_run_has_more_of_everything() -> None:
    def extents(extent: Extent) -> tuple[float, ...]:
        return extent.rounds, extent.slice_s, extent.crowd, extent.loads, extent.patience_s

    assert all(full > quick > 0 or quick == 0 for full, quick in zip(extents(FULL), extents(QUICK), strict=True))
