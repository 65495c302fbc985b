"""The page that shows how far changes have come: with no node, and with edge nodes that report well and badly."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from pennon.control.publishing import collecting
from tests.chromium import PASSWORD
from tests.integration.nodes import eventually
from tests.serving import Api, serving

PAGE = "/projects/default/environments/{}/propagation"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch, serving(tmp_path_factory.mktemp("far") / "data") as (_, api):
        patch.setattr(collecting, "INTERVAL_S", 0.1)
        patch.setattr(collecting, "LOOK_S", 0.2)
        api.made("POST", "accounts", {"key": "anne", "grants": [{"role": "reader"}]})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        yield api


@pytest.fixture(scope="module")
def anne(api: Api) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=api.url, follow_redirects=True, timeout=60) as http:
        http.post("/sign-in", data={"account": "anne", "password": PASSWORD})
        yield http


def test_edge_nodes_are_shown_with_what_they_have_and_who_is_late(api: Api, anne: httpx2.Client) -> None:
    with httpx2.Client(base_url=api.url, headers={"authorization": f"Bearer {api.key(kind='edge')}"}) as edge:

        def report(node: str, revision: str, **ack: Any) -> None:
            said = {"node": node, "revision": revision, "age": 0.5, "level": 0, **ack}
            answer = edge.post("/sdk/v1/acks", json={"acks": [{"at": time.time() * 1000, **said}]})
            assert answer.status_code == 204, answer.text

        report("pop-1", changed(api, "first"))
        seen(anne, "pop-1")
        revision = changed(api, "second")
        report("pop-1", revision, applied={revision: 0.0}, sdks={revision: 41, "1.1": 1})
        report("<b>pop-2</b>", "1.1", age=300.0, level=2)
        page = seen(anne, "pop-2", "In numbers")
    assert "1 of 2 edge nodes" in page
    home = anne.get("/projects/default").text
    assert "production: &lt;b&gt;pop-2&lt;/b&gt; has not what the origin has" in home
    assert "pop-1" not in home
    assert "&lt;b&gt;pop-2&lt;/b&gt;" in page
    assert "<b>pop-2" not in page
    assert "<strong>42</strong>" in page
    assert '<svg class="chart"' in page
    assert "a node has it not yet" in page  # the second node lacks what the first one has


def changed(api: Api, flag: str) -> str:
    api.made("POST", "projects/default/flags", {"key": flag})
    return str(api.made("GET", "projects/default/environments/production/propagation")["revision"])


def seen(anne: httpx2.Client, *words: str) -> str:
    def look() -> str | None:
        text = anne.get(PAGE.format("production")).text
        return text if all(word in text for word in words) else None

    return eventually(look, within=60) or ""


def test_where_no_node_has_reported_it_says_what_to_do(anne: httpx2.Client) -> None:
    answer = anne.get("/projects/default/propagation")
    assert answer.url.path == PAGE.format("production")
    assert answer.status_code == 200
    assert anne.get(PAGE.format("development")).status_code == 200
    assert anne.get(PAGE.format("nowhere")).status_code == 404
