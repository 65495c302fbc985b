"""How pages and their files are sent: compressed as who asks takes them, and never so that a length tells a secret."""

import re
from collections.abc import Iterator

import httpx2
import pytest

from pennon.stream.codings import available
from tests.chromium import PASSWORD
from tests.serving import Api, serving

FLAGS = "/projects/default/flags"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("sent") / "data") as (_, api):
        api.made("POST", "accounts", {"key": "anne", "grants": [{"role": "administrator"}]})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        yield api


@pytest.fixture
def client(api: Api) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=api.url, headers={"Accept-Encoding": "identity"}) as client:
        assert client.post("/sign-in", data={"account": "anne", "password": PASSWORD}).status_code == 303
        yield client


def raw(client: httpx2.Client, path: str, accepted: str) -> tuple[bytes, httpx2.Headers]:
    with client.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
        assert answer.status_code == 200
        return b"".join(answer.iter_raw()), answer.headers


def stylesheet(client: httpx2.Client) -> str:
    found = re.search(r'href="(/pages/pennon-[0-9a-f]{12}\.css)"', client.get(FLAGS).text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("coding", available())
def test_pages_and_their_files_come_as_one_takes_them(client: httpx2.Client, coding: str) -> None:
    for path in (FLAGS, stylesheet(client)):
        whole, plain = raw(client, path, "identity")
        short, packed = raw(client, path, coding)
        assert "content-encoding" not in plain
        assert packed["content-encoding"] == coding
        assert packed["content-type"] == plain["content-type"]
        assert packed["content-type"].startswith("text/")
        assert "accept-encoding" in packed["vary"].lower()
        assert len(short) < len(whole) / 2
        assert client.get(path, headers={"Accept-Encoding": coding}).text.startswith(whole[:30].decode())


def test_who_takes_nothing_at_all_gets_the_page_as_it_is(client: httpx2.Client) -> None:
    body, headers = raw(client, FLAGS, "identity;q=0, *;q=0")
    assert b"<h1" in body
    assert "content-encoding" not in headers


def test_the_token_of_a_form_is_another_on_each_page_so_that_no_length_tells_it(client: httpx2.Client) -> None:
    tokens = {re.search(r'name="csrf" value="(\w+)"', client.get(FLAGS).text)[1] for _ in range(3)}  # type: ignore[index]
    assert len(tokens) == 3
    assert not any(one in client.get("/api/v1/session").text for one in tokens)
    assert client.post("/sign-out", data={"csrf": tokens.pop()}).status_code == 303
