import gzip
import json
from typing import Any

import pytest

from examples.brave_studies.__main__ import own_server
from examples.brave_studies.replay import Follower, check_eligibility, check_past, current_studies, replay
from tests.shared import SHARED

pytestmark = [
    pytest.mark.skipif(SHARED is None, reason="the history of the studies does not lie beside the project"),
    pytest.mark.timeout(300),
]


def history() -> list[dict[str, Any]]:
    assert SHARED is not None
    with gzip.open(SHARED / "data" / "brave-studies-history.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def test_two_years_of_changes_arrive_as_they_were_made() -> None:
    changes = history()
    assert len(changes) == 291
    with own_server() as server, Follower(server.url, server.key) as follower:
        start = follower.client.status().revision
        rows = replay(server, follower, changes, lambda _: None)
        assert [revision for revision, _ in rows] == list(range(start + 1, start + 292))
        assert check_past(server, follower, rows, seed=7, count=20) == 20
        assert check_eligibility(follower, current_studies(changes), seed=11, count=2000) > 10_000
