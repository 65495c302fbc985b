"""How far changes have come: what edge nodes report, seen over the admin API and by Prometheus."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from pennon.control.publishing import collecting
from pennon.control.publishing.collecting import Collecting
from tests.integration.nodes import eventually
from tests.serving import Api, InProcess, serving

P = "projects/default/environments/production"


class Tree:
    """A server, and edge nodes that are only what they report."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._key = api.key(kind="edge")
        self.flags = 0

    def report(self, *acks: dict[str, Any]) -> None:
        headers = {"authorization": f"Bearer {self._key}"}
        body = {"acks": [{"at": time.time() * 1000, "age": 0.5, "level": 0, **ack} for ack in acks]}
        answer = httpx2.post(f"{self.api.url}/sdk/v1/acks", json=body, headers=headers)
        assert answer.status_code == 204, answer.text

    def change(self) -> str:
        """Change something, and return the revision."""
        self.flags += 1
        self.api.made("POST", "projects/default/flags", {"key": f"f{self.flags}", "kind": "boolean"})
        return str(self.api.made("GET", f"{P}/propagation")["revision"])

    def seen(self, check: Callable[[dict[str, Any]], Any], query: str = "") -> dict[str, Any]:
        """Return the propagation as soon as *check* is true of it."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.api.made("GET", f"{P}/propagation{query}")
            return found if check(found) else None

        return eventually(look, within=60.0) or {}


@pytest.fixture(scope="module", autouse=True)
def _in_no_time() -> Iterator[None]:
    """Collect more often than in production: tests wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "INTERVAL_S", 0.1)
        patch.setattr(collecting, "LOOK_S", 0.2)
        yield


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api]]:
    with serving(tmp_path_factory.mktemp("propagation") / "data", metrics_open=True) as both:
        yield both


@pytest.fixture(scope="module")
def tree(running: tuple[InProcess, Api]) -> Tree:
    return Tree(running[1])


def node_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next((node for node in found["nodes"] if node["node"] == name), {})


def test_node_that_reports_is_seen_with_all_that_it_said(tree: Tree) -> None:
    revision = tree.change()
    said = {"sdks": {revision: 17}, "path": ["hub", "origin"], "overrides": ["checkout=off"], "version": "0.1"}
    tree.report({"node": "ams-1", "revision": revision, "level": 1, **said})
    found = tree.seen(lambda found: node_of(found, "ams-1"))
    node = node_of(found, "ams-1")
    assert (node["state"], node["revision"], node["level"], node["origin"]) == ("current", revision, 1, False)
    assert {name: node[name] for name in said} == said
    assert found["overridden"] == ["ams-1"]
    assert found["sdks"][revision] >= 17
    assert found["environment"] == "default/production"


def test_time_from_commit_to_each_node_is_counted_change_by_change(tree: Tree) -> None:
    before = tree.change()
    tree.report(*({"node": name, "revision": before} for name in ("fra-1", "lon-1")))
    tree.seen(lambda found: node_of(found, "lon-1"))
    revision = tree.change()
    tree.report({"node": "fra-1", "revision": revision, "applied": {revision: 0.0}})
    found = tree.seen(lambda found: found["changes"], f"?revision={revision}")
    (change,) = [each for each in found["changes"] if each["revision"] == revision]
    assert change["arrived"] == 1
    assert "lon-1" in change["missing"]
    assert 0 <= change["max"] < 30
    detail = found["change"]
    assert (detail["revision"], list(detail["nodes"])) == (revision, ["fra-1"])
    tree.report({"node": "lon-1", "revision": revision, "applied": {revision: 0.0}})
    number = revision.partition(".")[2]
    later = tree.seen(lambda found: "lon-1" not in found["change"]["missing"], f"?revision={number}")
    assert len(later["change"]["nodes"]) == 2
    assert later["arrivals"]["count"] >= 2
    assert later["arrivals"]["histogram"][-1] == {"le": None, "count": later["arrivals"]["count"]}


def test_node_that_stays_behind_is_named(tree: Tree) -> None:
    before = tree.change()
    tree.change()
    tree.report({"node": "par-1", "revision": before, "age": 7.0})
    found = tree.seen(lambda found: "par-1" in found["lagging"])
    assert node_of(found, "par-1")["lagSeconds"] >= 7.0
    assert node_of(found, "par-1")["state"] in ("lagging", "differing")


def test_node_that_stops_is_not_waited_for(tree: Tree) -> None:
    revision = tree.change()
    tree.report({"node": "rom-1", "revision": revision})
    tree.seen(lambda found: node_of(found, "rom-1"))
    tree.report({"node": "rom-1", "revision": revision, "gone": True})
    tree.seen(lambda found: not node_of(found, "rom-1"))


def test_origin_is_there_with_the_sdks_that_it_serves_itself(tree: Tree) -> None:
    found = tree.seen(lambda found: any(node["origin"] for node in found["nodes"]))
    assert [node["node"] for node in found["nodes"] if node["origin"]] == ["origin"]


def test_prometheus_is_told(tree: Tree) -> None:
    revision = tree.change()
    tree.report({"node": "mad-1", "revision": revision, "age": 0.25})
    lines = (
        'pennon_edge_lag_seconds{environment="default/production",node="mad-1"}',
        f'pennon_edge_revision{{environment="default/production",node="mad-1"}} {float(revision.partition(".")[2])}',
        'pennon_edges{state="current"}',
        "pennon_propagation_seconds_bucket",
    )

    def shown() -> bool:
        text = httpx2.get(f"{tree.api.url}/metrics").text
        return all(line in text for line in lines)

    assert eventually(shown, within=60.0)


def test_reports_outlive_the_server(tmp_path: Any) -> None:
    with serving(tmp_path / "data") as (_, api):
        tree = Tree(api)
        revision = tree.change()
        tree.report({"node": "ams-1", "revision": revision})
        tree.seen(lambda found: node_of(found, "ams-1"))
        token = api.token
    with serving(tmp_path / "data", token=token) as (_, api):
        found = api.made("GET", f"{P}/propagation")
    assert node_of(found, "ams-1")["revision"] == revision


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?revision=1.99999", 404),
        ("?revision=99999", 404),
        ("?revision=7.1", 404),
        ("?revision=x", 400),
        ("?revision=-1", 400),
        ("?revision=1.2.3", 400),
        ("?revision=", 400),
        ("?revision=1%0A", 400),
    ],
)
def test_revision_that_is_none_is_refused(tree: Tree, query: str, status: int) -> None:
    answer = tree.api.send("GET", f"{P}/propagation{query}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("place", ["projects/default/environments/none", "projects/none/environments/production"])
def test_environment_that_is_not_there_is_said_so(tree: Tree, place: str) -> None:
    assert tree.api.send("GET", f"{place}/propagation").status_code == 404


def test_token_of_another_project_sees_nothing(tree: Tree) -> None:
    tree.api.made("POST", "projects", {"key": "other"})
    secret = tree.api.made("POST", "tokens", {"name": "other", "role": "administrator", "project": "other"})["secret"]
    with tree.api.as_holder_of(secret) as other:
        assert other.send("GET", f"{P}/propagation").status_code == 403
    with tree.api.as_holder_of(None) as nobody:
        assert nobody.send("GET", f"{P}/propagation").status_code == 401


def test_storage_that_is_away_loses_no_report(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[int] = []
    keep = Collecting._keep

    def fail(self: Collecting, *args: Any) -> None:
        if len(failures) < 2:
            failures.append(1)
            raise ConnectionError("the database is away")
        keep(self, *args)

    revision = tree.change()
    monkeypatch.setattr(Collecting, "_keep", fail)
    tree.report({"node": "osl-1", "revision": revision})
    tree.seen(lambda found: node_of(found, "osl-1"))
    assert len(failures) == 2
