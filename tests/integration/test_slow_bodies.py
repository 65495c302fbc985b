"""A client that does not end its body holds no connection for good, and harms nobody else."""

import socket
from urllib.parse import urlsplit

import pytest

from tests.integration.nodes import SERVER, boolean, running


@pytest.mark.parametrize("path", ["/ofrep/v1/evaluate/flags", "/sdk/v1/events", "/client/v1/bootstrap"])
def test_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr("pennon.stream.http.BODY_S", 0.2)
    with running(boolean("checkout", client_side=True)) as node:
        place = urlsplit(node.url)
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as line:
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {SERVER}\r\ncontent-length: 100\r\n\r\n"
            line.sendall(head.encode() + b"{")
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"within 0.2 s" in answer
        with node.client() as client:
            assert client.post("/ofrep/v1/evaluate/flags/checkout", json={}).status_code == 200
