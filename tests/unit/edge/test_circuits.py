import pytest

from pennon.edge.breaker import BreakerSettings, Circuit
from pennon.edge.circuits import CircuitCalls, Circuits
from pennon.sdk.failures import UpstreamFailed
from pennon.sdk.ladder import FailureKind

NEAR, FAR = "http://127.0.0.1:80", "http://127.0.0.1:8000"
SNAPSHOT = "/sdk/v1/snapshot"


class Times:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def times() -> Times:
    return Times()


def circuits(times: Times) -> Circuits:
    settings = BreakerSettings(window=4, least=2, slow_s=1.0)
    return Circuits("me", [NEAR, FAR], times, settings=settings, chance=lambda: 1.0)


def test_a_call_carries_the_nodes_name(times: Times) -> None:
    assert CircuitCalls(circuits(times)).begin(NEAR + SNAPSHOT) == {"X-Pennon-Node": "me"}


def test_failures_open_the_circuit_to_that_upstream_only(times: Times) -> None:
    made = circuits(times)
    calls = CircuitCalls(made)
    for _ in range(2):
        calls.begin(FAR + SNAPSHOT)
        calls.failed(FAR + SNAPSHOT)
    with pytest.raises(UpstreamFailed) as caught:
        calls.begin(FAR + SNAPSHOT)
    assert caught.value.failure.kind is FailureKind.UNREACHABLE
    assert caught.value.failure.not_before_s == pytest.approx(1.0)
    calls.begin(NEAR + SNAPSHOT)
    assert [breaker.circuit(0) for breaker in made.breakers.values()] == [Circuit.CLOSED, Circuit.OPEN]


@pytest.mark.parametrize(
    ("status", "is_failure"),
    [(200, False), (304, False), (401, False), (404, False), (508, False), (429, True), (500, True), (503, True)],
)
def test_only_an_answer_that_says_that_the_server_cannot_is_a_failure(
    times: Times, status: int, is_failure: bool
) -> None:
    made = circuits(times)
    for _ in range(2):
        calls = CircuitCalls(made)
        calls.begin(NEAR + SNAPSHOT)
        calls.answered(NEAR + SNAPSHOT, status, {})
    assert made.breakers[NEAR].circuit(0) is (Circuit.OPEN if is_failure else Circuit.CLOSED)


def test_slow_answers_open_the_circuit(times: Times) -> None:
    made = circuits(times)
    calls = CircuitCalls(made)
    for _ in range(2):
        calls.begin(NEAR + SNAPSHOT)
        times.now += 3
        calls.answered(NEAR + SNAPSHOT, 200, {})
    assert made.breakers[NEAR].circuit(times.now) is Circuit.OPEN


def test_two_calls_at_once_are_timed_apart(times: Times) -> None:
    made = circuits(times)
    calls = CircuitCalls(made)
    for _ in range(2):
        calls.begin(NEAR + "/a")
        times.now += 0.9
        calls.begin(FAR + "/b")
        times.now += 0.9
        calls.answered(FAR + "/b", 200, {})
        calls.answered(NEAR + "/a", 200, {})
    assert [breaker.circuit(times.now) for breaker in made.breakers.values()] == [Circuit.OPEN, Circuit.CLOSED]


def test_what_is_cut_by_the_node_itself_is_nobodys_failure(times: Times) -> None:
    made = circuits(times)
    calls = CircuitCalls(made)
    calls.is_cut = True
    for _ in range(3):
        calls.begin(NEAR + SNAPSHOT)
        calls.failed(NEAR + SNAPSHOT)
    assert made.breakers[NEAR].circuit(0) is Circuit.CLOSED


def test_the_path_of_an_answer_is_kept(times: Times) -> None:
    calls = CircuitCalls(circuits(times))
    calls.begin(NEAR + SNAPSHOT)
    calls.answered(NEAR + SNAPSHOT, 200, {"x-pennon-path": "hub,origin"})
    assert (calls.upstream, calls.path) == (NEAR, ("hub", "origin"))


def test_an_answer_that_comes_from_here_is_refused(times: Times) -> None:
    calls = CircuitCalls(circuits(times))
    calls.begin(NEAR + SNAPSHOT)
    with pytest.raises(UpstreamFailed, match="has its state from here: hub from me from origin"):
        calls.answered(NEAR + SNAPSHOT, 200, {"x-pennon-path": "hub,me,origin"})
    with pytest.raises(UpstreamFailed):
        calls.come_by(("other", "me"))
