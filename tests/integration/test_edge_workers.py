"""`pennon edge run --workers`: the first worker is the node, the others follow it, and all have one address."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from pennon import Client
from pennon.sdk import Level
from tests.edges import EdgeProcess, edge_process
from tests.integration.test_workers import children_of
from tests.serving import Api, InProcess, serving

E = "projects/default/environments/production"
_PATIENCE_S = 60.0


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _turn(api: Api, *, on: bool) -> None:
    edit = {"do": "turnOn" if on else "turnOff", "flag": "checkout"}
    api.made("POST", f"{E}/changes", {"edits": [edit]})


def _answers(node: EdgeProcess, key: str) -> set[tuple[str, int]]:
    """Return which workers answer, and where each stands, by many connections of their own."""
    found = set()
    for _ in range(24):
        answer = httpx2.get(f"{node.url}/sdk/v1/snapshot", headers={"X-API-Key": key}, timeout=_PATIENCE_S)
        assert answer.status_code == 200, answer.text
        found.add((answer.headers["x-pennon-node"], answer.json()["revision"]))
    return found


def _is_at_both(origin: InProcess, node: EdgeProcess, key: str) -> bool:
    """Whether both workers answer, and stand where the origin stands."""
    answer = httpx2.get(f"{origin.url}/sdk/v1/snapshot", headers={"X-API-Key": key}, timeout=_PATIENCE_S)
    revision = answer.json()["revision"]
    return _answers(node, key) == {("pop", revision), ("pop-1", revision)}


def test_workers_of_an_edge_serve_one_state_and_are_replaced_and_renewed(tmp_path: Path) -> None:
    with serving(tmp_path / "origin") as (origin, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        _turn(api, on=True)
        key = api.key()
        options = ("--workers", "2", "--name", "pop")
        with edge_process(tmp_path / "edge", [origin.url], api.key(kind="edge"), *options) as node:
            assert node.ready["name"] == "pop"
            assert node.ready["environments"] == ["default/production"]
            until(lambda: _is_at_both(origin, node, key))
            # To the origin they are one stream: the second worker has its state from the first.
            text = api.http.get(f"{origin.url}/metrics").text
            assert 'pennon_streams{projection="edge"} 1.0' in text
            assert node.metric('pennon_worker_serving{worker="1"}') == 1

            with Client(node.url, key=key) as client:
                assert client.wait_until_ready(timeout=_PATIENCE_S)
                assert client.boolean("checkout", {"targetingKey": "u"}, default=False) is True
                os.kill(min(children_of(node.process.pid)), signal.SIGKILL)
                _turn(api, on=False)
                until(lambda: client.boolean("checkout", {"targetingKey": "u"}, default=True) is False)
                until(lambda: _is_at_both(origin, node, key))
                before = children_of(node.process.pid)
                node.process.send_signal(signal.SIGHUP)
                until(lambda: "all workers are renewed" in node.said())
                assert not before & children_of(node.process.pid)
                _turn(api, on=True)
                until(lambda: client.boolean("checkout", {"targetingKey": "u"}, default=False) is True)
                until(lambda: client.status().level is Level.STREAMING)
                client.flush()
            until(lambda: _is_at_both(origin, node, key))
            until(lambda: _counted(api) >= 3)
            assert node.stop() == 0
            assert "Traceback" not in node.said()


def _counted(api: Api) -> int:
    return sum(found["count"] for found in api.made("GET", f"{E}/counts?flag=checkout")["items"])
