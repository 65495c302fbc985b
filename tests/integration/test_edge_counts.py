"""What is evaluated below edge nodes is counted at the origin, and pages get the same from an edge as from there."""

from pathlib import Path
from typing import Any

from pennon import Client
from tests.edges import edge
from tests.integration.upstream import eventually
from tests.serving import Api, serving

FLAG = "new-checkout"
PLACE = "projects/default/environments/production"


def counted(api: Api) -> int:
    entries: list[dict[str, Any]] = api.made("GET", f"{PLACE}/counts?flag={FLAG}")["items"]
    return sum(entry["count"] for entry in entries)


def test_counts_of_a_whole_tree_arrive_at_its_origin(tmp_path: Path) -> None:
    with serving(tmp_path / "origin") as (_, api):
        api.made("POST", "projects/default/flags", {"key": FLAG, "kind": "boolean", "clientSide": True})
        edge_key, server_key = api.key(kind="edge"), api.key()
        with (
            edge(tmp_path / "hub", [api.url], edge_key, name="hub") as hub,
            edge(tmp_path / "pop", [hub.url], edge_key, name="pop") as pop,
        ):
            with Client(pop.url, key=server_key) as client:
                assert client.wait_until_ready(60)
                for _ in range(7):
                    client.boolean(FLAG, {"targetingKey": "u1"})
                assert client.flush()
            with pop.client(server_key) as asking, hub.client(server_key) as above:
                asked = {"context": {"targetingKey": "u1"}}
                assert asking.post(f"/ofrep/v1/evaluate/flags/{FLAG}", json=asked).status_code == 200
                pages = [one.post("/client/v1/bootstrap", json=asked).json() for one in (asking, above)]
            assert pages[0]["flags"] == pages[1]["flags"] == {FLAG: pages[0]["flags"][FLAG]}
            assert pages[0]["flagsVersion"] == pages[1]["flagsVersion"]
            eventually(lambda: counted(api) >= 7)
            assert pop.metric('pennon_forwarded_batches_total{outcome="accepted"}') >= 1
        # A node that stops reports what it evaluated itself and hands it on before it is gone: the pop, then the hub.
        eventually(lambda: counted(api) == 8)
