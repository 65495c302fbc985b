"""Flags overridden at night, on a node with a dead origin: for SDKs, web clients and nodes below; and the morning."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from pennon.cli.edge import app
from tests.edges import AnyEdge, EdgeProcess, edge, edge_process
from tests.integration.nodes import eventually
from tests.integration.test_edge import FLAG, PLACE, following, is_on, origin, turn
from tests.ports import free_port
from tests.processes import processes
from tests.serving import Api, process

NO, WRONG_USE, UNREACHABLE = 1, 2, 3


class Ended(NamedTuple):
    """What a command said and ended with."""

    returncode: int
    stdout: str
    stderr: str


def shell(folder: Path, *arguments: str) -> Ended:
    """Run `pennon edge override` on the node of *folder* as its own process, without a login or a key."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PENNON_")}
    command = ["edge", "override", *arguments, "--data", str(folder)]
    ended = processes().run(command, environ=environ | {"COLUMNS": "200"})
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def pennon(folder: Path, *arguments: str) -> Ended:
    """Run the same in this process, which is quicker."""
    found = CliRunner().invoke(app, ["override", *arguments, "--data", str(folder)], env={"COLUMNS": "200"})
    return Ended(found.exit_code, found.stdout, found.stderr)


def told(folder: Path, *arguments: str) -> str:
    ended = pennon(folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def web(node: AnyEdge, key: str) -> tuple[Any, str | None]:
    """Return what a web client gets, and which flags the answer says are overridden."""
    with node.client(key) as client:
        answer = client.post(f"/ofrep/v1/evaluate/flags/{FLAG}", json={"context": {"targetingKey": "u1"}})
    return answer.json()["value"], answer.headers.get("x-pennon-overrides")


def test_flag_is_turned_off_on_a_node_whose_origin_is_dead_and_for_all_below_until_the_origin_says_so_too(
    tmp_path: Path,
) -> None:
    folder, name = tmp_path / "hub", ("--name", "hub", "--port", str(free_port()))
    with process(tmp_path / "origin", "--port", str(free_port())) as (server, api):
        api.made("POST", "projects/default/flags", {"key": FLAG, "kind": "boolean"})
        edge_key, server_key = api.key(kind="edge"), api.key()
        turn(api, on=True)
        with (
            edge_process(folder, [server.url], edge_key, *name) as first,
            edge(tmp_path / "pop", [first.url], edge_key, name="pop") as pop,
            following(first, server_key) as near,
            following(pop, server_key) as far,
        ):
            eventually(lambda: is_on(near) and is_on(far))
            server.stop(signal.SIGKILL)
            eventually(lambda: first.status().level >= 1, within=60)

            ended = shell(folder, FLAG, "off", "--why", "it burns")
            assert "new-checkout is off in default/production on hub" in ended.stdout, ended.stderr
            eventually(lambda: not is_on(near) and not is_on(far))
            eventually(lambda: web(first, server_key) == (False, FLAG))
            assert web(pop, server_key)[0] is False
            (shown,) = first.status().overrides
            assert (shown.override.flag, shown.override.why, shown.state) == (FLAG, "it burns", "in force")
            assert "in force" in (listed := told(folder, "--list"))
            assert "it burns" in listed
            assert "a flag is overridden on this node" in first.said()

            first.stop(signal.SIGKILL)
            assert "the node is not running" in told(folder, "--list")
            with edge_process(folder, [server.url], edge_key, *name) as second:
                assert web(second, server_key)[0] is False, "it has outlived the node"
                eventually(lambda: pop.status().level == 0 and not is_on(far), within=60)
                _the_origin_is_back(tmp_path, second, server.url, str(api.token))
                eventually(lambda: is_on(near) and is_on(far), within=60)


def _the_origin_is_back(tmp_path: Path, hub: EdgeProcess, url: str, token: str) -> None:
    """Start the origin again: it is told of the override, and ends it by what it says."""
    with process(tmp_path / "origin", "--port", url.rpartition(":")[2]), Api(url, token) as api:
        (shown,) = eventually(lambda: [each for each in hub.status().overrides if each.differs], within=60)
        assert shown.state == "in force"

        def reported() -> Any:
            found = api.made("GET", f"{PLACE}/propagation")
            return "hub" in found["overridden"] and [node for node in found["nodes"] if node["overrides"]]

        (node,) = eventually(reported, within=60)
        assert node["overrides"] == [f"{FLAG}=off"]
        turn(api, on=False)
        (dropped,) = eventually(lambda: hub.status().dropped, within=60)
        assert dropped.because == "the origin serves the same"
        assert hub.status().overrides == ()
        turn(api, on=True)
        eventually(lambda: web(hub, api.key()) == (True, None), within=60)


def test_flag_is_fixed_to_a_variation_and_let_go_again(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    with origin(tmp_path / "origin") as (_, api):
        edge_key, server_key = api.key(kind="edge"), api.key()
        with edge(folder, [api.url], edge_key, name="hub") as hub, following(hub, server_key) as client:
            ended = pennon(folder, FLAG, "--variation", "on", "--keep")
            assert ended.returncode == 0, ended.stderr
            assert "The control plane can be reached from this node" in ended.stderr
            eventually(lambda: is_on(client))
            turn(api, on=True)
            turn(api, on=False)
            eventually(lambda: hub.revision() == api_revision(api), within=60)
            assert is_on(client), "it is to be kept"
            assert "kept" in told(folder, "--list")
            assert "serves again" in told(folder, FLAG, "--remove")
            eventually(lambda: not is_on(client))
            assert hub.status().overrides == ()


def api_revision(api: Api) -> str:
    return str(api.made("GET", f"{PLACE}/propagation")["revision"])


def test_wrong_use_is_said_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    with origin(tmp_path / "origin") as (_, api), edge(folder, [api.url], api.key(kind="edge"), name="hub"):
        for arguments, status, said in (
            (("chekout", "off"), NO, "no such flag"),
            ((FLAG, "--variation", "purple"), NO, "the flag has no such variation"),
            ((FLAG,), WRONG_USE, "What is it to serve?"),
            ((FLAG, "on"), WRONG_USE, "What is it to serve?"),
            ((FLAG, "off", "--variation", "on"), WRONG_USE, "What is it to serve?"),
            ((), WRONG_USE, "Which flag?"),
            ((FLAG, "off", "--env", "staging"), WRONG_USE, "Which environment?"),
            ((FLAG, "--remove"), NO, "is not overridden"),
        ):
            ended = pennon(folder, *arguments)
            assert (ended.returncode, said in ended.stderr) == (status, True), (arguments, ended.stderr)
        assert "No flag is overridden" in told(folder, "--list")
    assert pennon(tmp_path / "nowhere", FLAG, "off").returncode == WRONG_USE


def test_node_that_does_not_run_takes_it_when_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["pennon.cli.edge.override"], "_ANSWER_S", 0.2)
    folder = tmp_path / "hub"
    with origin(tmp_path / "origin") as (_, api):
        edge_key, server_key = api.key(kind="edge"), api.key()
        turn(api, on=True)
        with edge(folder, [api.url], edge_key, name="hub") as hub, following(hub, server_key) as client:
            eventually(lambda: is_on(client))
        ended = pennon(folder, FLAG, "off", "--keep", "--json")
        assert ended.returncode == UNREACHABLE
        assert "It is written down" in ended.stderr
        listed = json.loads(told(folder, "--list", "--json"))
        assert [each["state"] for each in listed["overrides"]] == ["not taken"]
        with edge(folder, [api.url], edge_key, name="hub") as hub, following(hub, server_key) as client:
            assert not is_on(client)
