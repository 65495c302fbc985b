"""A client and a server over real sockets: state arrives, changes arrive, and what is known outlives the server."""

from collections.abc import Iterator

import pytest

from pennon import Client
from pennon.sdk import Level
from pennon.testing import flag
from tests.integration.upstream import KEY, Upstream, eventually, running


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.put(flag("new-checkout").on())
        yield server


def test_a_client_evaluates_what_the_server_holds_and_each_change_of_it(upstream: Upstream) -> None:
    with Client(upstream.url, key=KEY) as client:
        assert client.boolean("new-checkout", {"targetingKey": "u1"}, default=False) in (True, False)
        assert client.wait_until_ready(timeout=5)
        assert client.boolean("new-checkout", {"targetingKey": "u1"}, default=False) is True
        upstream.put(flag("new-checkout").off())
        eventually(lambda: client.status().revision == 2)
        assert client.boolean("new-checkout", {"targetingKey": "u1"}, default=True) is False
        upstream.delete("new-checkout")
        eventually(lambda: client.status().revision == 3)
        assert client.boolean("new-checkout", {"targetingKey": "u1"}, default=True) is True
        assert client.status().level is Level.STREAMING
