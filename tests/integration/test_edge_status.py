"""A tree of real nodes as the origin, the command line and the nodes themselves show it."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pennon.cli.edge import app
from pennon.control.publishing import collecting
from pennon.edge import reporting
from tests.edges import EdgeInProcess, edge
from tests.integration.nodes import eventually
from tests.integration.test_edge import PLACE, following, origin, turn
from tests.serving import Api

NO, WRONG_USE, UNREACHABLE = 1, 2, 3


class Tree:
    """origin ← hub ← pop, and an SDK at the pop."""

    def __init__(self, api: Api, hub: EdgeInProcess, pop: EdgeInProcess, key: str) -> None:
        self.api, self.hub, self.pop, self.edge_key = api, hub, pop, key

    def propagation(self) -> dict[str, Any]:
        return dict(self.api.made("GET", f"{PLACE}/propagation"))

    def nodes(self) -> dict[str, dict[str, Any]]:
        return {node["node"]: node for node in self.propagation()["nodes"]}


@pytest.fixture(scope="module", autouse=True)
def _in_no_time() -> Iterator[None]:
    """Report and collect more often than in production: tests wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "INTERVAL_S", 0.1)
        patch.setattr(collecting, "LOOK_S", 0.2)
        patch.setattr(reporting, "COALESCED_S", 0.1)
        yield


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    folder = tmp_path_factory.mktemp("tree")
    with origin(folder / "origin") as (_, api):
        edge_key, server_key = api.key(kind="edge"), api.key()
        with (
            edge(folder / "hub", [api.url], edge_key, name="hub") as hub,
            edge(folder / "pop", [hub.url], edge_key, name="pop") as pop,
            following(pop, server_key),
        ):
            yield Tree(api, hub, pop, edge_key)


class Shell:
    """Runs `pennon edge` in this process, which is quicker than a process of its own; logged in by its environment."""

    def __init__(self, api: Api, home: Path) -> None:
        self.environ = {
            "XDG_CONFIG_HOME": str(home),
            "PENNON_URL": api.url,
            "PENNON_TOKEN": api.token or "",
            "PENNON_EDGE_KEY": "",
            "COLUMNS": "160",
        }

    def run(self, *arguments: str, **environ: str) -> Result:
        return CliRunner().invoke(app, arguments, env={**self.environ, **environ})

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def shell(tree: Tree, tmp_path: Path) -> Shell:
    return Shell(tree.api, tmp_path)


def test_every_node_is_seen_at_the_origin_with_its_way_there(tree: Tree) -> None:
    revision = turn(tree.api, on=True)

    def arrived() -> dict[str, dict[str, Any]] | None:
        found = tree.nodes()
        return found if {"hub", "pop"} <= found.keys() and found["pop"]["revision"] == revision else None

    nodes = eventually(arrived, within=60) or {}
    assert nodes["hub"]["path"] == ["origin"]
    assert nodes["pop"]["path"] == ["hub", "origin"]
    assert (nodes["pop"]["state"], nodes["pop"]["level"]) == ("current", 0)
    eventually(lambda: tree.nodes()["pop"]["sdks"] == {revision: 1}, within=60)
    assert tree.nodes()["hub"]["sdks"] == {}, "an edge node is no SDK"


def test_changes_are_timed_from_commit_to_each_node(tree: Tree) -> None:
    revisions = [turn(tree.api, on=on) for on in (False, True, False)]

    def timed() -> Any:
        changes = {change["revision"]: change for change in tree.propagation()["changes"]}
        found = [changes.get(each, {}) for each in revisions]
        # Who arrived when, and where who stands, are two tables, and one is written first.
        return all(each.get("arrived") == 2 and each["missing"] == [] for each in found) and changes

    changes = eventually(timed, within=60)
    for revision in revisions:
        assert 0 <= changes[revision]["max"] < 20


def test_command_shows_a_calm_tree(tree: Tree, shell: Shell) -> None:
    eventually(lambda: all(node["state"] == "current" for node in tree.nodes().values()), within=60)
    ended = shell.run("status", "--env", "production")
    assert ended.exit_code == 0, ended.stdout
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("default/production is at 1.")
    (pop,) = [line for line in lines if line.startswith("pop ")]
    assert "current" in pop
    assert "streaming" in pop
    assert "hub ← origin" in pop
    assert "SDKs: 1 at" in ended.stdout
    assert [each["environment"] for each in shell.json("status")] == [
        "default/development",
        "default/production",
    ]


def test_node_that_is_late_is_named_and_the_answer_is_no(tree: Tree, shell: Shell) -> None:
    late = {"node": "slow-1", "revision": "1.1", "at": 0, "age": 8.0}
    with tree.hub.client() as client:
        assert client.post("/sdk/v1/acks", json={"acks": [late]}).status_code == 204
    eventually(lambda: "slow-1" in tree.propagation()["lagging"], within=60)
    ended = shell.run("status", "--env", "production")
    assert ended.exit_code == NO
    assert "✗ slow-1" in ended.stdout
    with tree.hub.client() as client:
        client.post("/sdk/v1/acks", json={"acks": [late | {"gone": True}]})
    eventually(lambda: "slow-1" not in tree.nodes(), within=60)


def test_node_says_itself_how_it_stands_to_who_has_its_key(tree: Tree, shell: Shell) -> None:
    ended = shell.run("status", "--node", tree.pop.url, PENNON_EDGE_KEY=tree.edge_key)
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("pop (")
    assert "is ready, streaming" in ended.stdout
    assert "default/production" in ended.stdout
    assert shell.run("status", "--node", tree.pop.url).exit_code == WRONG_USE
    refused = shell.run("status", "--node", tree.pop.url, "--key", "pennon_edge_wrong")
    assert refused.exit_code == NO
    nobody = shell.run("status", "--node", "http://127.0.0.1:1", "--key", "pennon_edge_x")
    assert nobody.exit_code == UNREACHABLE


def test_status_is_shown_anew_until_it_is_stopped(tree: Tree, shell: Shell) -> None:
    # Whoever runs the tests in the background has them ignore the signal, which is inherited.
    heeding = ["env", "--default-signal=INT"]
    status = [sys.executable, "-m", "pennon.cli", "edge", "status", "--env", "production", "--watch", "--json"]
    command = [*heeding, *status]
    with Popen(command, stdout=PIPE, env={**os.environ, **shell.environ}, text=True) as watching:
        assert watching.stdout is not None
        first, second = watching.stdout.readline(), watching.stdout.readline()
        assert first.startswith('{"environment":"default/production"')
        assert second.startswith('{"environment":"default/production"')
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) in (0, NO)


def test_node_that_stops_in_good_order_is_not_waited_for(tree: Tree, tmp_path: Path) -> None:
    with edge(tmp_path / "short", [tree.api.url], tree.edge_key, name="short"):
        eventually(lambda: "short" in tree.nodes(), within=60)
    eventually(lambda: "short" not in tree.nodes(), within=60)
