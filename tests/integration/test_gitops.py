"""Files that people keep in a repository, against a real server: by the command line, and over HTTP."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from typer.testing import CliRunner, Result

from pennon.cli import apply
from pennon.cli.root import app
from tests.serving import Api, serving

NO, WRONG_USE = 1, 2
PRODUCTION = "environments/production"
SOURCE = "git@host.example:team/flags"
CI = ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_SHA", "CI_PROJECT_URL", "CI_COMMIT_SHA")
_NUMBERS = count(1)


class Project:
    """A project of the one server. Paths are below it."""

    def __init__(self, server: Api) -> None:
        self.server = server
        self.key = f"shop-{next(_NUMBERS)}"
        server.made("POST", "projects", {"key": self.key})

    def made(self, method: str, path: str, body: object = None) -> Any:
        return self.server.made(method, f"projects/{self.key}/{path}", body)

    def send(self, method: str, path: str, body: object = None) -> httpx2.Response:
        return self.server.send(method, f"projects/{self.key}/{path}", body)

    def token(self, role: str) -> str:
        return str(self.server.made("POST", "tokens", {"name": role, "role": role})["secret"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("gitops") / "data", max_request_rate=0) as (_, api):
        yield api


@pytest.fixture
def api(server: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(server)
    for key in ("development", "production"):
        project.made("POST", "environments", {"key": key})
    project.made("POST", "flags", {"key": "checkout", "name": "Checkout"})
    project.made("POST", f"{PRODUCTION}/segments", {"key": "beta", "included": ["u1"]})
    project.made("POST", f"{PRODUCTION}/changes", {"edits": [{"do": "turnOn", "flag": "checkout"}]})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PENNON_URL", server.url)
    monkeypatch.setenv("PENNON_TOKEN", str(server.token))
    monkeypatch.setenv("PENNON_PROJECT", project.key)
    monkeypatch.setenv("COLUMNS", "200")
    for name in CI:
        monkeypatch.delenv(name, raising=False)
    return project


@pytest.fixture
def folder(api: Project, tmp_path: Path) -> Path:
    """The files of the project, as exported."""
    done("export", "--files", str(tmp_path / "flags"))
    return tmp_path / "flags"


def pennon(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=stdin)


def done(*words: str) -> str:
    result = pennon(*words)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: str, status: int = NO) -> str:
    result = pennon(*words)
    assert result.exit_code == status, result.output
    return result.output


def write(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text, text
    file.write_text(text.replace(old, new), "utf-8")


def is_on(api: Project, place: str = PRODUCTION) -> bool:
    return bool(api.made("GET", f"{place}/flags/checkout")["on"])


def changes(api: Project) -> int:
    return len(api.made("GET", f"{PRODUCTION}/changes")["items"])


def test_files_go_from_exported_to_applied(api: Project, folder: Path) -> None:
    assert "nothing to change" in done("plan", str(folder), "--check")
    write(folder / "flags/checkout.yaml", "name: Checkout", "name: The checkout")
    write(folder / "segments/production/beta.yaml", "[u1]", "[u1, u2]")
    before = changes(api)
    shown = done("plan", str(folder))
    assert "~ flag checkout\n    name is The checkout (was Checkout)\n" in shown
    assert "~ segment beta in production\n    u2 included\n" in shown
    assert "it would change 2 items: 2 changed" in shown
    assert refused("plan", str(folder), "--check") == shown
    planned = msgspec.json.decode(done("plan", str(folder), "--json"))
    assert planned["changed"] is True
    assert "add --yes" in refused("apply", str(folder), status=WRONG_USE)
    assert changes(api) == before
    assert "is as the files say" in done("apply", str(folder), "--yes", "--why", "more users")
    assert changes(api) == before + 1
    done("apply", str(folder), "--yes")
    assert changes(api) == before + 1
    assert msgspec.json.decode(done("apply", str(folder), "--yes", "--json"))["changed"] is False
    (last,) = api.made("GET", f"{PRODUCTION}/changes?limit=1")["items"]
    assert (last["action"], last["why"]) == ("applyFiles", "more users")
    assert "0 files written" in done("export", "--files", str(folder))


def test_a_person_is_asked_before_anything_is_applied(
    api: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "segments/production/beta.yaml", "[u1]", "[u2]")
    monkeypatch.setattr(apply, "_is_asked", lambda: True)
    before = changes(api)
    assert pennon("apply", str(folder), stdin="n\n").exit_code == NO
    assert changes(api) == before
    assert pennon("apply", str(folder), stdin="y\n").exit_code == 0
    assert changes(api) == before + 1


def test_what_was_changed_while_a_person_thought_is_named(
    api: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "segments/production/beta.yaml", "[u1]", "[u2]")

    def overtake(_: str) -> bool:
        api.made("POST", f"{PRODUCTION}/changes", {"edits": [{"do": "turnOff", "flag": "checkout"}]})
        return True

    monkeypatch.setattr(apply, "_agrees", overtake)
    said = refused("apply", str(folder))
    assert "The plan is outdated: first administrator changed production in revision" in said
    assert "flag checkout: turned off" in said
    assert api.made("GET", f"{PRODUCTION}/segments/beta")["included"] == ["u1"]


def test_every_fault_of_every_file_is_told_with_its_line(api: Project, folder: Path) -> None:
    write(folder / "flags/checkout.yaml", '"on": true', "on: on")
    (folder / "flags/other.yaml").write_text("key: other\nwhat: 1\nbase: *x\n")
    (folder / "flags/Wrong.yaml").write_text("key: wrong\n")
    said = refused("plan", str(folder))
    assert "flags/other.yaml:3 /base  aliases are not read" in said
    assert "/environments/production/on  expected `bool`, got `str`" in said
    assert "rename it: flags/wrong.yaml" in said
    assert refused("apply", str(folder), "--yes") == said
    done("export", "--files", str(folder))  # in place of them
    assert not (folder / "flags/other.yaml").exists()
    line = (folder / "flags/checkout.yaml").read_text().splitlines().index('    offVariation: "off"') + 1
    write(folder / "flags/checkout.yaml", 'offVariation: "off"', "offVariation: gone")
    said = refused("plan", str(folder))
    assert f"flags/checkout.yaml:{line} /environments/development/offVariation  " in said


def test_a_kill_switch_is_not_undone_by_a_merge(api: Project, folder: Path) -> None:
    done("apply", str(folder), "--yes", "--source", SOURCE, "--commit", "1")
    done("flag", "off", "checkout", "--env", "production", "--why", "errors")
    write(folder / "segments/production/beta.yaml", "[u1]", "[u2]")
    said = refused("apply", str(folder), "--yes", "--source", SOURCE, "--commit", "2")
    assert "checkout was turned off in production by first administrator" in said
    assert "(errors)" in said
    assert "--keep-off" in said
    assert api.made("GET", f"{PRODUCTION}/segments/beta")["included"] == ["u1"]
    done("apply", str(folder), "--yes", "--source", SOURCE, "--commit", "2", "--keep-off")
    assert api.made("GET", f"{PRODUCTION}/segments/beta")["included"] == ["u2"]
    assert not is_on(api)
    refused("apply", str(folder), "--yes", "--source", SOURCE, "--commit", "3")
    done("apply", str(folder), "--yes", "--source", SOURCE, "--commit", "3", "--turn-on", "checkout")
    assert is_on(api)


def test_drift_is_shown_and_ends(api: Project, folder: Path) -> None:
    assert api.made("GET", f"{PRODUCTION}/files") == {"owner": None, "applied": None, "drift": False, "items": []}
    done("apply", str(folder), "--yes", "--source", SOURCE, "--commit", "1a2b")
    assert "since its files were applied last" in done("plan", str(folder), "--drift")
    done("segment", "add", "beta", "u9", "--env", "production")
    said = refused("plan", str(folder), "--drift")
    assert "production: segment beta: u9 included (first administrator in revision " in said
    assert "production" in msgspec.json.decode(refused("plan", str(folder), "--drift", "--json"))
    standing = api.made("GET", f"{PRODUCTION}/files")
    assert (standing["applied"]["source"], standing["applied"]["commit"]) == (SOURCE, "1a2b")
    assert standing["drift"] is True
    (item,) = standing["items"]
    assert (item["kind"], item["key"], item["sentences"]) == ("segment", "beta", ["segment beta: u9 included"])
    assert item["by"][0]["actor"]["name"] == "first administrator"
    done("apply", str(folder), "--yes", "--source", SOURCE, "--commit", "1a2b")
    done("plan", str(folder), "--drift", "--check")


def test_an_environment_of_files_is_changed_by_them_only(api: Project, folder: Path) -> None:
    refused("environment", "own", "production", "--by-files", status=WRONG_USE)
    refused("environment", "own", "production", "--by-people", "--source", SOURCE, status=WRONG_USE)
    done("environment", "own", "production", "--by-files", "--source", SOURCE)
    assert api.made("GET", PRODUCTION)["files"] == {"source": SOURCE}
    assert f"belongs to the files of {SOURCE}" in done("environment", "list")
    made = api.made("GET", f"{PRODUCTION}/changes?segment=beta")["items"][0]["revision"]
    attempts: list[Callable[[], str]] = [
        lambda: refused("segment", "add", "beta", "u9", "--env", "production"),
        lambda: refused("flag", "serve", "checkout", "off", "--env", "production"),
        lambda: api.send("PUT", f"{PRODUCTION}/segments/beta", {"included": []}).text,
        lambda: api.send("DELETE", f"{PRODUCTION}/segments/beta").text,
        lambda: api.send("POST", f"{PRODUCTION}/changes/{made}/revert", {}).text,
        lambda: api.send("POST", f"{PRODUCTION}/imports", _import()).text,
        lambda: api.send("PUT", "flags/checkout", {"name": "x", "variations": _variations()}).text,
    ]
    before = changes(api)
    for attempt in attempts:
        said = attempt()
        assert f"it belongs to the files of {SOURCE}" in said, said
        assert ".yaml there and merge" in said
    assert changes(api) == before
    done("flag", "off", "checkout", "--env", "production")
    done("flag", "on", "checkout", "--env", "production", "--break-glass", "--why", "it burns")
    write(folder / "segments/production/beta.yaml", "[u1]", "[u2]")
    assert "these are of an unnamed place" in refused("apply", str(folder), "--yes")
    done("apply", str(folder), "--yes", "--source", "https://host.example/team/flags.git")
    assert api.made("GET", f"{PRODUCTION}/segments/beta")["included"] == ["u2"]
    done("environment", "own", "production", "--by-people")
    done("segment", "add", "beta", "u9", "--env", "production")


def _import() -> dict[str, Any]:
    return {"from": "flagd", "edits": [{"do": "putSegment", "segment": {"key": "beta", "included": ["u7"]}}]}


def _variations() -> list[dict[str, Any]]:
    return [{"key": "on", "value": True}, {"key": "off", "value": False}]


def test_a_request_of_files_is_approved_and_made(api: Project, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api.made("PUT", PRODUCTION, {"protection": {"approvals": 1}, "files": {"source": SOURCE}})
    write(folder / "segments/production/beta.yaml", "[u1]", "[u2]")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/flags")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://host.example")
    monkeypatch.setenv("GITHUB_SHA", "feed")
    said = refused("apply", str(folder), "--yes")
    assert "changes here take 1 approval" in said
    made = msgspec.json.decode(done("apply", str(folder), "--request", "Another beta", "--why", "OPS-1", "--json"))
    assert (made["title"], made["why"]) == ("Another beta", "commit feed of https://host.example/team/flags: OPS-1")
    monkeypatch.setenv("PENNON_TOKEN", api.token("releaseManager"))
    done("request", "approve", made["key"])
    done("request", "apply", made["key"])
    assert api.made("GET", f"{PRODUCTION}/segments/beta")["included"] == ["u2"]
    assert api.made("GET", f"{PRODUCTION}/files")["applied"]["commit"] == "feed"
    assert "nothing to propose" in refused("apply", str(folder), "--request", "Again")


def test_a_reader_plans_and_applies_nothing(api: Project, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "segments/production/beta.yaml", "[u1]", "[u2]")
    monkeypatch.setenv("PENNON_TOKEN", api.token("reader"))
    done("plan", str(folder))
    assert "flag.change" in refused("apply", str(folder), "--yes")
    done("export", "--files", str(folder))
    assert "flag.change" in refused("apply", str(folder), "--yes")  # nor does he keep that he applied them


def test_who_sees_some_environments_sees_no_files_of_others(
    api: Project, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"name": "dev", "role": "developer", "project": api.key, "environments": ["development"]}
    monkeypatch.setenv("PENNON_TOKEN", api.server.made("POST", "tokens", body)["secret"])
    done("export", "--files", str(tmp_path / "seen"))
    assert "environments: [development]" in (tmp_path / "seen/pennon.yaml").read_text()
    assert "production" not in (tmp_path / "seen/flags/checkout.yaml").read_text()
    done("plan", str(tmp_path / "seen"))
    for command in (("plan",), ("apply", "--yes"), ("apply", "--request", "x")):
        assert "this takes the permission read in" in refused(*command, str(folder)).lower()


def test_an_export_replaces_files_and_nothing_else(api: Project, folder: Path, tmp_path: Path) -> None:
    (folder / "flags/README.md").write_text("mine")
    (folder / "Makefile").write_text("mine")
    write(folder / "flags/checkout.yaml", "name: Checkout", "name: Checkout  # mine")
    done("flag", "create", "other")
    done("export", "--files", str(folder))
    assert (folder / "flags/README.md").read_text() == (folder / "Makefile").read_text() == "mine"
    assert "mine" not in (folder / "flags/checkout.yaml").read_text()
    assert (folder / "flags/other.yaml").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    assert "has other files" in refused("export", "--files", str(tmp_path / "full"), status=WRONG_USE)
    assert "not of other" in refused("export", "--files", str(folder), "--project", "other", status=WRONG_USE)
    assert "is no folder" in refused("plan", str(tmp_path / "gone"), status=WRONG_USE)
    done("export", "--files", str(tmp_path / "one"), "--env", "production")
    assert "environments: [production]" in (tmp_path / "one/pennon.yaml").read_text()
    done("export", "--files", str(tmp_path / "one"))
    assert "environments: [production]" in (tmp_path / "one/pennon.yaml").read_text()


def test_what_is_deleted_from_the_files_is_deleted_by_pruning(api: Project, folder: Path) -> None:
    (folder / "flags/checkout.yaml").unlink()
    assert "--prune deletes it): flag checkout" in done("plan", str(folder))
    assert "- flag checkout" in done("apply", str(folder), "--yes", "--prune")
    assert api.send("GET", "flags/checkout").status_code == 404


def test_documents_that_cannot_be_are_refused_with_their_path(api: Project) -> None:
    flag = {"definition": {"key": "a"}}
    for document, path in [
        ({"environments": ["production"], "flags": {"b": flag}}, "/document/flags/b/definition/key"),
        ({"environments": ["gone"]}, "/document/environments/0"),
        ({"environments": [], "flags": {"a": {**flag, "environments": {"production": {}}}}}, "/document/flags/a"),
        ({"environments": ["production"], "segments": {"staging": {}}}, "/document/segments/staging"),
        ({"environments": ["production"], "flags": {"a b": {"definition": {"key": "a b"}}}}, "/document/flags/a b"),
    ]:
        answer = api.send("POST", "files/apply", {"document": document})
        assert answer.status_code == 422, answer.text
        assert answer.json()["problems"][0]["path"].startswith(path), answer.text
    for body in ({"source": "a\nb"}, {"commit": "x" * 201}):
        assert api.send("POST", "files/apply", {"document": {"environments": []}, **body}).status_code == 422
    assert api.send("GET", "files?environments=gone").status_code == 422
    assert api.server.send("POST", "projects/gone/files/plan", {"document": {"environments": []}}).status_code == 404
    assert api.send("GET", "environments/gone/files").status_code == 404
