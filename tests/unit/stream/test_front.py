"""What is done about every request that a node answers: an id, a count, a line of the log."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from pennon.control.api.metrics import HttpMetrics
from pennon.stream.front import Front, identity, is_below


class Counts:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []

    def __call__(self, method: str, route: str, *, status: int, duration_s: float, count: int = 1) -> None:
        assert duration_s >= 0
        self.seen += [(method, route, status)] * count


@pytest.fixture(autouse=True)
def _every_line_is_made() -> None:
    structlog.reset_defaults()  # a server in this process may have been told to log less


@pytest.fixture
def debugging() -> Iterator[None]:
    logger = logging.getLogger("pennon.http")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(before)


@pytest.mark.parametrize("given", [b"mine", b"a.b_c-1", b"x" * 64])
def test_sane_id_of_the_client_is_kept(given: bytes) -> None:
    assert identity(given) == given.decode()
    assert ("x-request-id", given.decode()) in Front().marks(given)


@pytest.mark.parametrize("given", [b"", b"a b", b"-a", b"x" * 65, b"a\nb", "é".encode(), b"\xff"])
def test_any_other_id_is_replaced(given: bytes) -> None:
    made = identity(given)
    assert len(made) == 16
    assert made.isalnum()


def test_ids_differ() -> None:
    assert len({identity(b"") for _ in range(100)}) == 100


def test_requests_are_counted_by_where_they_went() -> None:
    counts = Counts()
    front = Front(counts)
    front.answered("GET", "/sdk/v1/snapshot", status=200, duration_s=0.1)
    front.answered("POST", "/ofrep/v1/evaluate/flags/a", status=404, duration_s=0.1)
    front.answered("BREW", "/client/v1/rules/k", status=405, duration_s=0.1)
    assert counts.seen == [("GET", "/sdk/v1/", 200), ("POST", "/ofrep/v1/", 404), ("other", "/client/v1/", 405)]


@pytest.mark.usefixtures("debugging")
def test_requests_alike_are_counted_one_by_one_in_one_line() -> None:
    metrics = HttpMetrics()
    with capture_logs() as logs:
        Front(metrics.observe).answered("GET", "/sdk/v1/stream", status=200, duration_s=0.002, count=3)
    labels = {"method": "GET", "route": "/sdk/v1/"}
    assert metrics.registry.get_sample_value("pennon_http_requests_total", {**labels, "status": "200"}) == 3
    assert metrics.registry.get_sample_value("pennon_http_request_duration_seconds_count", labels) == 3
    assert [entry["requests"] for entry in logs] == [3]


@pytest.mark.usefixtures("debugging")
def test_each_request_is_a_line_for_who_looks_for_faults() -> None:
    with capture_logs() as lines:
        Front().answered("GET", "/sdk/v1/a%0Ab", status=200, duration_s=0.1234, request_id="mine")
    assert lines == [
        {
            "event": "request",
            "log_level": "debug",
            "method": "GET",
            "path": "/sdk/v1/a%0Ab",
            "status": 200,
            "duration_ms": 123.4,
            "request_id": "mine",
        }
    ]


def test_only_faults_are_lines_for_everybody() -> None:
    with capture_logs() as lines:
        Front().answered("GET", "/sdk/v1/snapshot", status=200, duration_s=0.1)
        Front().answered("GET", "/sdk/v1/snapshot", status=500, duration_s=0.1)
    assert [(line["status"], line["log_level"]) for line in lines] == [(500, "info")]


@pytest.mark.parametrize(
    ("path", "below"),
    [("/sdk/v1", True), ("/sdk/v1/", True), ("/ofrep/v1/x", True), ("/sdk/v1x", False), ("/sdk", False), ("/", False)],
)
def test_paths_that_a_node_answers_are_known(path: str, below: bool) -> None:
    assert is_below(path) is below
