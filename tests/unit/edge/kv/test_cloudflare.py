"""Publishing to Workers KV: what a worker finds there, how its limits are kept, and what is done about its refusals."""

import asyncio
import gzip
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from pennon.edge.kv.base import KvUnavailable, KvUnusable
from pennon.edge.kv.cloudflare import (
    LARGEST_VALUE,
    Address,
    Document,
    RateLimited,
    TooLarge,
    WorkersKv,
    pause,
)
from pennon.edge.kv.publishing import Publishing
from pennon.model import Position
from tests.workers_kv import ACCOUNT, NAMESPACE, TOKEN, WorkersKvServer

_SHOP = "shop/production"
_NAME = "pennon:1:shop/production:server"
_PATIENCE_S = 60.0


@pytest.fixture
def server() -> Iterator[WorkersKvServer]:
    with WorkersKvServer() as made:
        yield made


def _document(revision: int, *, environment: str = _SHOP, projection: str = "server", body: bytes = b"") -> Document:
    return Document(environment, projection, Position(1, revision), "d" * 64, body or b'{"revision":%d}' % revision)


def _run(
    server: WorkersKvServer,
    scenario: Callable[[WorkersKv], Awaitable[None]],
    *,
    token: str = TOKEN,
    namespace: str = NAMESPACE,
) -> None:
    async def main() -> None:
        async with asyncio.timeout(_PATIENCE_S):
            target = WorkersKv(Address(ACCOUNT, namespace), token, api=server.url)
            try:
                await scenario(target)
            finally:
                await target.close()

    asyncio.run(main())


def test_a_worker_finds_the_document_under_its_name_with_where_it_stands(server: WorkersKvServer) -> None:
    async def scenario(target: WorkersKv) -> None:
        assert await target.position(_SHOP, "server") is None
        assert await target.write([_document(7), _document(7, projection="client")]) == []
        assert await target.position(_SHOP, "server") == Position(1, 7)

    _run(server, scenario)
    assert sorted(server.values) == ["pennon:1:shop/production:client", _NAME]
    assert gzip.decompress(server.values[_NAME]) == b'{"revision":7}'
    assert server.metadata[_NAME] == {"format": 1, "position": "1.7", "digest": "d" * 64}


def test_a_worker_is_told_how_old_a_document_is_and_what_pages_call_it(server: WorkersKvServer) -> None:
    async def scenario(target: WorkersKv) -> None:
        known = Document(_SHOP, "server", Position(1, 7), "d" * 64, b"{}", "v7_1a2b3c4d", 1772366400.25)
        assert await target.write([known]) == []
        assert await target.position(_SHOP, "server") == Position(1, 7)

    _run(server, scenario)
    assert server.metadata[_NAME].items() >= {"flagsVersion": "v7_1a2b3c4d", "knownAt": 1772366400250}.items()


def test_documents_go_in_one_request_until_it_is_too_large(
    server: WorkersKvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.edge.kv.cloudflare._LARGEST_BULK", 100_000)

    async def scenario(target: WorkersKv) -> None:
        chance = random.Random(1)
        bodies = [chance.randbytes(16 * 1024) for _ in range(5)]  # of 22 KB each on the way, and their names
        await target.write([_document(1, environment=f"e{at}", body=body) for at, body in enumerate(bodies)])

    _run(server, scenario)
    assert len(server.values) == 5
    assert [method for method, _ in server.requests] == ["PUT", "PUT"]


def test_a_document_that_no_key_takes_is_said_before_it_is_sent(
    server: WorkersKvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LARGEST_VALUE == 25 * 2**20
    monkeypatch.setattr("pennon.edge.kv.cloudflare.LARGEST_VALUE", 1000)

    async def scenario(target: WorkersKv) -> None:
        with pytest.raises(TooLarge, match="takes 1000"):
            await target.write([_document(1, body=random.Random(1).randbytes(1001))])
        with pytest.raises(TooLarge, match="512 bytes"):
            await target.write([_document(1, environment="e" * 600)])

    _run(server, scenario)
    assert server.requests == []


@pytest.mark.parametrize(
    ("token", "namespace", "said"), [("wrong", NAMESPACE, "401: Authentication error"), (TOKEN, "gone", "404")]
)
def test_a_wrong_token_or_namespace_is_for_a_person_to_mend(
    server: WorkersKvServer, token: str, namespace: str, said: str
) -> None:
    async def scenario(target: WorkersKv) -> None:
        with pytest.raises(KvUnusable, match=said):
            await target.write([_document(1)])

    _run(server, scenario, token=token, namespace=namespace)


def test_refusals_that_pass_are_told_apart_and_a_limit_says_for_how_long(server: WorkersKvServer) -> None:
    async def scenario(target: WorkersKv) -> None:
        server.refuse = [(429, {"Retry-After": "17"}), (429, {}), (503, {})]
        with pytest.raises(RateLimited) as limited:
            await target.write([_document(1)])
        assert limited.value.retry_after_s == 17.0
        assert 17.0 <= pause(1, limited.value) <= 18.0
        with pytest.raises(RateLimited) as limited:
            await target.write([_document(1)])
        assert limited.value.retry_after_s is None
        with pytest.raises(KvUnavailable, match="503"):
            await target.write([_document(1)])

    _run(server, scenario)


def test_pauses_grow_with_failures_up_to_five_minutes() -> None:
    assert all(1.0 <= pause(1) <= 2.0 and 150.0 <= pause(50) <= 300.0 for _ in range(50))


def test_a_server_that_is_away_is_unavailable() -> None:
    server = WorkersKvServer()
    with server:
        pass

    async def scenario(target: WorkersKv) -> None:
        with pytest.raises(KvUnavailable, match="cannot be reached"):
            await target.write([_document(1)])

    _run(server, scenario)


@pytest.mark.parametrize(
    "url", ["cloudflare://", "cloudflare://account", "cloudflare:///namespace", "https://a/b", "cloudflare://a/b/c"]
)
def test_an_address_names_account_and_namespace(url: str) -> None:
    with pytest.raises(KvUnusable, match="cloudflare://ACCOUNT_ID/NAMESPACE_ID"):
        Address.parse(url)
    assert Address.parse("cloudflare://ab12/cd34") == Address("ab12", "cd34")


def test_publishing_needs_a_token() -> None:
    with pytest.raises(KvUnusable, match="API token"):
        WorkersKv(Address(ACCOUNT, NAMESPACE), "")


def test_an_address_says_by_which_api_and_how_often_what_stands_is_confirmed() -> None:
    assert Address.parse("cloudflare://a/b") == Address("a", "b")
    assert Address.parse("cloudflare://a/b?confirm=60&api=https://kv.example/client/v4/") == Address(
        "a", "b", "https://kv.example/client/v4", 60.0
    )


@pytest.mark.parametrize("query", ["confirm=9", "confirm=often", "confirm=", "api=kv.example", "pause=1"])
def test_an_address_with_what_cannot_be_is_refused(query: str) -> None:
    with pytest.raises(KvUnusable, match=r"confirm|api"):
        Address.parse(f"cloudflare://a/b?{query}")


class _Environments:
    """What a node holds."""

    def __init__(self) -> None:
        self.revision = 1

    def documents(self, environment: str) -> Sequence[Document]:
        return [_document(self.revision, environment=environment)]


def _publish(
    server: WorkersKvServer,
    held: _Environments,
    scenario: Callable[[Publishing], Awaitable[None]],
    *,
    pause_s: float = 0.01,
    confirm_s: float | None = None,
) -> None:
    async def main() -> None:
        async with asyncio.timeout(_PATIENCE_S):
            target = WorkersKv(Address(ACCOUNT, NAMESPACE), TOKEN, api=server.url)
            publishing = Publishing(target, held.documents, pause_s=pause_s, confirm_s=confirm_s)
            publishing.start()
            try:
                await scenario(publishing)
            finally:
                await publishing.close()

    asyncio.run(main())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_of_many_changes_the_newest_is_published_and_no_key_is_written_twice_a_second() -> None:
    held = _Environments()
    with WorkersKvServer(every_s=1.0) as server:

        async def scenario(publishing: Publishing) -> None:
            for revision in range(1, 61):
                held.revision = revision
                publishing.changed(_SHOP)
                await asyncio.sleep(0.02)
            await _until(lambda: server.metadata.get(_NAME, {}).get("position") == "1.60")

        _publish(server, held, scenario, pause_s=1.1)
        assert server.violations == []
        assert 2 <= len(server.writes) < 10


def test_what_could_not_be_published_is_said_and_tried_again_as_it_is_then(
    server: WorkersKvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.edge.kv.publishing.pause", lambda _failures, _error: 0.01)
    held = _Environments()

    async def scenario(publishing: Publishing) -> None:
        server.refuse = [(503, {})] * 3 + [(429, {"Retry-After": "1"})]
        publishing.changed(_SHOP)
        await _until(lambda: "503" in publishing.problem)
        held.revision = 2
        await _until(lambda: _NAME in server.values)
        assert server.metadata[_NAME]["position"] == "1.2"
        await _until(lambda: publishing.problem == "")
        assert publishing.published == 1

    _publish(server, held, scenario)


def test_what_has_not_changed_is_published_again_as_often_as_told_whatever_else_changes(
    server: WorkersKvServer,
) -> None:
    async def scenario(publishing: Publishing) -> None:
        publishing.changed(_SHOP)
        await _until(lambda: _NAME in server.values)
        while sum(name == _NAME for name, _ in server.writes) < 4:
            publishing.changed("shop/staging")
            await asyncio.sleep(0.005)

    _publish(server, _Environments(), scenario, confirm_s=0.05)
    times = [at for name, at in server.writes if name == _NAME]
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(times))


def test_what_is_not_to_be_confirmed_is_published_once(server: WorkersKvServer) -> None:
    async def scenario(publishing: Publishing) -> None:
        publishing.changed(_SHOP)
        await _until(lambda: _NAME in server.values)
        for number in range(5):
            publishing.changed(f"shop/{number}")
            await _until(lambda name=f"pennon:1:shop/{number}:server": name in server.values)  # type: ignore[misc]

    _publish(server, _Environments(), scenario)
    assert [name for name, _ in server.writes].count(_NAME) == 1


def test_keys_that_were_refused_are_written_again(server: WorkersKvServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pennon.edge.kv.publishing.pause", lambda _failures, _error: 0.01)
    server.refused_keys = {_NAME}

    async def scenario(publishing: Publishing) -> None:
        publishing.changed("shop/staging")
        publishing.changed(_SHOP)
        await _until(lambda: len(server.values) == 2)

    _publish(server, _Environments(), scenario)


def test_a_document_never_takes_the_place_of_a_later_one(server: WorkersKvServer) -> None:
    held = _Environments()
    held.revision = 9

    async def ahead(publishing: Publishing) -> None:
        publishing.changed(_SHOP)
        await _until(lambda: _NAME in server.values)

    async def behind(publishing: Publishing) -> None:
        publishing.changed(_SHOP)
        publishing.changed("shop/staging")
        await _until(lambda: "pennon:1:shop/staging:server" in server.values)
        assert server.metadata[_NAME]["position"] == "1.9"
        held.revision = 10
        publishing.changed(_SHOP)
        await _until(lambda: server.metadata[_NAME]["position"] == "1.10")

    _publish(server, held, ahead)
    held.revision = 8
    _publish(server, held, behind)


def test_what_is_too_large_is_said_and_the_next_change_is_tried(
    server: WorkersKvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.edge.kv.cloudflare.LARGEST_VALUE", 40)
    held = _Environments()
    body = random.Random(1).randbytes(100)

    async def scenario(publishing: Publishing) -> None:
        monkeypatch.setattr(held, "documents", lambda name: [_document(1, environment=name, body=body)])
        publishing._source = held.documents
        publishing.changed(_SHOP)
        await _until(lambda: "compressed" in publishing.problem)
        publishing._source = lambda name: [_document(2, environment=name, body=b"short")]
        publishing.changed(_SHOP)
        await _until(lambda: _NAME in server.values)
        await _until(lambda: publishing.problem == "")

    _publish(server, held, scenario)
