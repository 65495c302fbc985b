"""The browser client, as a server and an edge node hand it out: to anybody, for any page."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.edges import edge
from tests.serving import serving

PAGE = {"Origin": "https://shop.example"}


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """A server, and an edge node below it."""
    folder = tmp_path_factory.mktemp("modules")
    with serving(folder / "origin") as (server, api), edge(folder / "edge", [server.url], api.key(kind="edge")) as node:
        yield [server.url, node.url]


def test_any_page_may_load_it_without_a_key(urls: list[str]) -> None:
    bodies = set()
    for url in urls:
        answer = httpx2.get(f"{url}/js/v1/pennon.js", headers=PAGE)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["x-request-id"]
        bodies.add(answer.text)
    assert len(bodies) == 1
    assert "export" in bodies.pop()


def test_only_its_head_may_be_asked_for_and_nothing_may_be_sent(urls: list[str]) -> None:
    for url in urls:
        at = f"{url}/js/v1/pennon.js"
        assert httpx2.head(at).headers["content-length"] == httpx2.get(at).headers["content-length"]
        assert httpx2.head(at).content == b""
        assert httpx2.post(at).status_code == 405
        preflight = httpx2.options(at, headers={**PAGE, "Access-Control-Request-Method": "GET"})
        assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "GET, OPTIONS")


def test_what_is_not_there_is_said_to_the_page_too(urls: list[str]) -> None:
    for url in urls:
        answer = httpx2.get(f"{url}/js/v1/..%2fmodules.py", headers=PAGE)
        assert (answer.status_code, answer.json()["title"]) == (404, "No such file")
        assert answer.headers["access-control-allow-origin"] == "*"
