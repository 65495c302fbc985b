"""What the endpoints say about themselves, and what the reference says about them."""

import re
from pathlib import Path

import pytest

from pennon import stream
from pennon.stream import NodeMetrics
from pennon.stream.endpoints import ENDPOINTS
from pennon.stream.subscribers import Ended

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "sdk-endpoints.md").read_text()
ROWS = re.findall(r"^\| \[`(\w+) (/[^`]+)`\]\(#[\w-]+\) \| ([^|]+) \|([^|]*)\|", REFERENCE, re.MULTILINE)


def shown(path: str) -> str:
    """A path as the reference writes it: what the rest is called does not matter."""
    return re.sub(r"\{\w+\}", "", path)


def test_reference_has_every_endpoint_its_keys_and_whether_browsers_may() -> None:
    documented = {(method, shown(path)): (kinds, browsers.strip() == "yes") for method, path, kinds, browsers in ROWS}
    assert documented.keys() == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    for endpoint in ENDPOINTS:
        kinds, browsers = documented[endpoint.method, endpoint.path]
        named = {kind for kind in ("server", "client", "edge") if kind in kinds}
        assert (named or {"server", "client", "edge"}) == set(endpoint.kinds), endpoint.path
        assert browsers is endpoint.browser, endpoint.path


def test_reference_has_every_metric() -> None:
    metrics = NodeMetrics()
    for family in metrics.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert f"| `{name}" in REFERENCE, name


@pytest.mark.parametrize("reason", list(Ended))
def test_reference_has_every_reason_for_which_streams_end(reason: Ended) -> None:
    assert f"`{reason}`" in REFERENCE


def test_only_client_keys_are_meant_for_pages() -> None:
    for endpoint in ENDPOINTS:
        assert endpoint.browser is ("client" in endpoint.kinds), endpoint.path


def test_package_offers_what_it_says() -> None:
    assert set(stream.__all__) == {
        "Clock",
        "Endpoints",
        "Front",
        "Intake",
        "LogReader",
        "NodeMetrics",
        "Quick",
        "StreamNode",
        "StreamSettings",
        "routes",
    }
    assert all(hasattr(stream, name) for name in stream.__all__)
