"""A sample of contexts, from the SDK over an edge node to what a preview says: counts, and nothing else anywhere."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from pennon import Client
from pennon.events import EventBatch
from pennon.testing import flag
from tests.edges import edge
from tests.integration.clients import Clients, clients
from tests.integration.upstream import eventually
from tests.integration.upstream import running as upstream
from tests.serving import Api, InProcess, serving

PRODUCTION = "projects/default/environments/production"
EDITS = {"edits": [{"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api]]:
    with serving(tmp_path_factory.mktemp("origin")) as (running, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        conditions = [{"attribute": "country", "op": "in", "values": ["Ruritania-2"]}]
        rule = {"id": "r", "conditions": conditions, "serve": {"variation": "off"}}
        edits = [{"do": "turnOn", "flag": "checkout"}, {"do": "addRule", "flag": "checkout", "rule": rule}]
        api.made("POST", f"{PRODUCTION}/changes", {"edits": edits})
        yield running, api


def evaluate(url: str, key: str, number: int, **options: Any) -> None:
    with Client(url, key=key, sample_contexts=True, **options) as client:
        assert client.wait_until_ready(timeout=30)
        for at in range(number):
            country = f"Ruritania-{at % 3}"
            context = {"targetingKey": f"somebody-{at}", "country": country, "email": f"{at}@mail.example", "age": at}
            client.boolean("checkout", context)
        assert client.flush()


def moves(api: Api, edits: Any = None) -> Any:
    return api.made("POST", f"{PRODUCTION}/changes/preview", edits or EDITS)["moves"]


def test_a_preview_counts_the_users_of_a_real_client(server: tuple[InProcess, Api]) -> None:
    running, api = server
    assert moves(api) is None
    evaluate(running.url, api.key(), 60)
    eventually(lambda: (found := moves(api)) is not None and found["contexts"] == 60)
    found = moves(api)
    assert found["flags"] == [
        {
            "flag": "checkout",
            "moved": 40,
            "share": 0.666667,
            "pairs": [{"from": "on", "to": "off", "count": 40}],
            "sentence": "66.7 % of 60 users go from on to off",
        }
    ]
    assert found["unseen"] == []
    assert dt.datetime.fromisoformat(found["since"]).minute == 0
    plan = {"op": "in", "attribute": "email", "values": ["0@mail.example"]}
    asking = {"do": "addCondition", "flag": "checkout", "rule": "r", "condition": plan}
    assert moves(api, {"edits": [asking]})["unseen"] == ["email"]


def test_nothing_of_a_context_lies_on_a_disk_in_plain(server: tuple[InProcess, Api]) -> None:
    running, api = server
    eventually(lambda: moves(api) is not None)
    files = [file for file in Path(running.settings.data).rglob("*") if file.is_file()]
    assert any(file.name == "pennon.db" for file in files)
    rules = api.http.get(f"{PRODUCTION}/flags/checkout").content
    assert b"Ruritania" in rules
    for file in files:
        held = file.read_bytes()
        if file.name.startswith("pennon.db"):  # the rule itself names a country
            assert b"Ruritania-1" not in held
        else:
            assert b"Ruritania" not in held, file
        assert b"somebody-" not in held, file
        assert b"mail.example" not in held, file


def test_contexts_come_by_an_edge_node_and_not_with_a_client_key(tmp_path: Path) -> None:
    with serving(tmp_path / "origin") as (running, api):
        api.made("POST", "projects/default/flags", {"key": "checkout", "clientSide": True})
        api.made("POST", f"{PRODUCTION}/changes", {"edits": [{"do": "turnOn", "flag": "checkout"}]})
        edge_key = api.key(kind="edge")
        with edge(tmp_path / "edge", [running.url], edge_key) as node:
            public = api.key(kind="client")
            for url in (node.url, running.url):
                made_up = [{"time": 1, "context": {"targetingKey": f"made-up-{at}"}} for at in range(20)]
                batch = {"instance": f"browser {url}", "sequence": 0, "contexts": made_up}
                answer = httpx2.post(f"{url}/sdk/v1/events", json=batch, headers={"x-api-key": public})
                assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "duplicate": False, "unknown": 20})
            evaluate(node.url, api.key(), 30)
            eventually(lambda: (found := moves(api)) is not None and found["contexts"] == 30)


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Clients]:
    with clients(request.param) as made:
        yield made


def test_a_private_attribute_never_leaves_the_process(make: Clients) -> None:
    with upstream() as far_end:
        far_end.put(flag("new-checkout").on().rule("on", email="x@mail.example", country="DE"))
        client = make(far_end, sample_contexts=True, private_attributes=["email"], application="shop/2.1")
        assert client.wait_until_ready()
        client.flags.boolean("new-checkout", {"targetingKey": "u1", "country": "FR", "email": "u1@mail.example"})
        assert client.flush()
        [batch] = far_end.batches
        assert [each.context for each in batch.contexts] == [{"targetingKey": "u1", "country": "FR"}]
        assert batch.sdk.split()[1] == "shop/2.1"
        assert b"mail.example" not in b"".join(far_end.bodies)


def test_without_the_option_nothing_is_sent(make: Clients) -> None:
    with upstream() as far_end:
        far_end.put(flag("new-checkout").on())
        client = make(far_end)
        assert client.wait_until_ready()
        client.flags.boolean("new-checkout", {"targetingKey": "u1"})
        assert client.flush()
        assert b"contexts" not in b"".join(far_end.bodies)


def test_a_server_of_before_takes_batches_with_contexts() -> None:
    """What does not know the member skips it: so did `EventBatch`, which ignores what it does not know."""

    class Older(msgspec.Struct):
        instance: str
        sequence: int

    batch = EventBatch(instance="i", sequence=1).to_json()[:-1] + b',"contexts":[{"time":1,"context":{"a":1}}]}'
    assert msgspec.json.decode(batch, type=Older).sequence == 1
    assert EventBatch.from_json(batch).entries == 1
    assert b"contexts" not in EventBatch(instance="i", sequence=1).to_json()
