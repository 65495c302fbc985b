"""An edge node between an origin and those who ask it, all on real sockets."""

from pathlib import Path

from pennon import Client
from tests.edges import edge
from tests.serving import serving

FLAGS = "projects/default/flags"


def test_an_sdk_follows_the_origin_through_an_edge(tmp_path: Path) -> None:
    with serving(tmp_path / "origin") as (_, api):
        api.made("POST", FLAGS, {"key": "new-checkout", "kind": "boolean"})
        edge_key, server_key = api.key(kind="edge"), api.key()
        with edge(tmp_path / "edge", [api.url], edge_key) as node, Client(node.url, key=server_key) as client:
            client.wait_until_ready(timeout=10)
            assert client.boolean("new-checkout", {"targetingKey": "u1"}, default=True) is False
            print(node.status())
