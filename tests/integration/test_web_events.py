"""What pages report as they are left: a beacon, which has no headers, with a client key in its URL."""

import json
from typing import Any

import httpx2
import pytest

from tests.integration.nodes import CLIENT, EDGE, SERVER, Batches, boolean, running

VALUES = {"web.lcp": 812, "web.inp": 48, "web.cls": 0.0312, "web.ttfb": 90, "web.errors": 0}
OF = {"time": 1772366400000, "by": "targetingKey", "unit": "u1", "variations": {"open": "on"}}
VITALS: dict[str, Any] = {
    "instance": "page-1",
    "sequence": 0,
    "metrics": [{**OF, "key": key, "value": value} for key, value in VALUES.items()],
}


def beacon(url: str, key: str, **headers: str) -> httpx2.Response:
    return httpx2.post(f"{url}/sdk/v1/events?key={key}", content=json.dumps(VITALS).encode(), headers=headers)


def test_web_vitals_of_a_client_key_are_taken_with_their_variations() -> None:
    sink = Batches()
    with running(boolean("open", client_side=True), sink=sink) as node:
        answer = beacon(node.url, CLIENT, origin="https://shop.example")
        assert (answer.status_code, answer.json()["accepted"]) == (202, 5)
        assert answer.headers["access-control-allow-origin"] == "*"
    [(_, _, taken)] = sink.taken
    found = {metric.key: (metric.value, metric.variations) for metric in taken.metrics}
    assert found == {key: (value, {"open": "on"}) for key, value in VALUES.items()}


@pytest.mark.parametrize("secret", [SERVER, EDGE])
def test_no_secret_key_may_be_in_a_url(secret: str) -> None:
    with running() as node:
        refused = beacon(node.url, secret)
        assert refused.status_code == 403
        assert "leaked" in refused.json()["detail"]
        assert beacon(node.url, "pennon_client_gone").status_code == 401
