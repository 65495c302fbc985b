"""`pennon scan` and `pennon remove-flag` as people and pipelines use them, beside a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import processes
from tests.serving import Api, serving

NO, WRONG_USE = 1, 2
VIEWS = """\
from shop.flags import client
from shop.old import old_checkout


def view(request):
    if client.boolean("new-checkout", {"targetingKey": request.user}):
        return "new"
    return old_checkout(request)
"""
WITHOUT = """\


def view(request):
    return "new"
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("data")) as (_, api):
        api.made("POST", "projects/default/flags", {"key": "new-checkout"})
        api.made("POST", "projects/default/flags", {"key": "unused"})
        yield api


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "views.py").write_text(VIEWS)
    (root / "page.js").write_text('flags.boolean("new-chekout", false);\nflags.boolean("new-checkout", false);\n')
    (root / "CODEOWNERS").write_text("*.py @web\n")
    git(root, "init", "-q")
    git(root, "remote", "add", "origin", "https://ada:hunter2@git.example.com/acme/shop.git")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "all")
    return root


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", os.fspath(root), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def run(api: Api | None, *arguments: object) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PENNON_")}
    environ |= {"PENNON_URL": api.url, "PENNON_TOKEN": api.token or ""} if api else {"PENNON_URL": "http://127.0.0.1:9"}
    return processes().run([*map(str, arguments)], environ={**environ, "COLUMNS": "120"})


def done(api: Api | None, *arguments: object) -> str:
    ended = run(api, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_without_a_server_references_are_shown(shop: Path) -> None:
    shown = done(None, "scan", shop)
    assert "new-checkout\n  page.js:2:1  flags.boolean\n  views.py:6:8  client.boolean  @web\n" in shown
    assert "unknown" not in shown
    found = json.loads(done(None, "scan", shop, "--flag", "new-checkout", "--json"))
    assert found["unknown"] is None
    assert found["references"][1] == {
        "flag": "new-checkout",
        "file": "views.py",
        "line": 6,
        "column": 8,
        "call": "client.boolean",
        "owner": "@web",
    }


def test_with_a_server_what_is_missing_where_is_shown(api: Api, shop: Path) -> None:
    shown = done(api, "scan", shop, "--project", "default")
    assert "unknown to Pennon: new-chekout  page.js:1; did you mean new-checkout?" in shown
    assert "in no code: unused" in shown
    checked = run(api, "scan", shop, "--check")
    assert checked.returncode == NO
    assert run(api, "scan", shop, "--check", "--flag", "new-checkout").returncode == 0


def test_flags_may_be_in_a_file(shop: Path, tmp_path: Path) -> None:
    flags = tmp_path / "flags"
    for text in ("# ours\nnew-checkout\n", '["new-checkout"]', '{"flags": {"new-checkout": {}}}'):
        flags.write_text(text)
        ended = run(None, "scan", shop, "--flags", flags, "--check", "--json")
        assert ended.returncode == NO
        unknown = [{"flag": "new-chekout", "meant": ["new-checkout"], "archived": False}]
        assert json.loads(ended.stdout)["unknown"] == unknown
    flags.write_text("{}")
    assert run(None, "scan", shop, "--flags", flags).returncode == WRONG_USE


def test_wrong_use_of_scan_says_what_to_do(shop: Path, tmp_path: Path) -> None:
    assert "no folder" in run(None, "scan", tmp_path / "gone").stderr
    (shop / ".pennon.toml").write_text("[scan]\nmethod = []\n")
    ended = run(None, "scan", shop)
    assert ended.returncode == WRONG_USE
    assert "[scan] in" in ended.stderr
    assert "unknown field `method`" in ended.stderr


def test_a_report_is_kept_by_the_server_without_credentials(api: Api, shop: Path) -> None:
    ended = run(api, "scan", shop, "--report")
    assert ended.returncode == 0, ended.stderr
    assert "reported 3 references as git.example.com/acme/shop" in ended.stderr
    (kept,) = api.made("GET", "projects/default/code-references")["items"]
    assert kept["repository"] == "git.example.com/acme/shop"
    assert kept["revision"] == git(shop, "rev-parse", "HEAD")
    assert kept["references"] == 3
    uses = api.made("GET", "projects/default/flag-references?flag=new-checkout")["items"]
    assert [(each["file"], each["line"], each["owner"]) for each in uses] == [
        ("page.js", 2, None),
        ("views.py", 6, "@web"),
    ]
    done(api, "scan", shop, "--report", "--repository", "other name")
    names = {each["repository"] for each in api.made("GET", "projects/default/code-references")["items"]}
    assert names == {"git.example.com/acme/shop", "other name"}
    git(shop, "remote", "remove", "origin")
    assert run(api, "scan", shop, "--report").returncode == WRONG_USE


def test_an_archived_flag_that_code_names_is_told(api: Api, shop: Path) -> None:
    api.made("POST", "projects/default/flags", {"key": "gone"})
    done(api, "flag", "archive", "gone")
    (shop / "old.py").write_text("client.boolean('gone')\n")
    assert "archived in Pennon: gone  old.py:1" in done(api, "scan", shop, "--project", "default")


def test_where_nobody_is_asked_nothing_is_written(api: Api, shop: Path) -> None:
    ended = run(api, "remove-flag", "new-checkout", "--keep", "on", shop)
    assert ended.returncode == 0, ended.stderr
    assert "-    return old_checkout(request)" in ended.stdout
    assert "page.js:2  flags.boolean" in ended.stdout
    assert "nothing was written: add --yes" in ended.stderr
    assert (shop / "views.py").read_text() == VIEWS


def test_a_flag_is_removed_and_a_second_time_there_is_nothing(api: Api, shop: Path) -> None:
    ended = run(api, "remove-flag", "new-checkout", "--keep", "on", shop, "--yes")
    assert ended.returncode == 0, ended.stderr
    assert (shop / "views.py").read_text() == WITHOUT
    assert "1 file rewritten" in ended.stdout
    assert "pennon flag archive new-checkout" in ended.stderr
    (shop / "page.js").unlink()
    assert "No code here names new-checkout." in done(api, "remove-flag", "new-checkout", "--keep", "on", shop, "--yes")


def test_the_value_comes_from_the_variation(api: Api, shop: Path) -> None:
    (shop / "a.py").write_text("print(client.boolean('new-checkout'))\n")
    answer = json.loads(done(api, "remove-flag", "new-checkout", "--keep", "off", shop, "--json"))
    assert answer["value"] is False
    assert answer["written"] is False
    assert [each["path"] for each in answer["files"]] == ["a.py", "views.py"]
    assert answer["notes"] == [
        {"file": "a.py", "notes": [{"line": 1, "code": "print(False)", "reason": "the value of the flag is passed on"}]}
    ]
    ended = run(api, "remove-flag", "new-checkout", "--keep", "blue", shop)
    assert ended.returncode == WRONG_USE
    assert "one of: on, off" in ended.stderr


def test_without_a_server_the_value_is_given(shop: Path) -> None:
    done(None, "remove-flag", "new-checkout", "--keep", "on", "--value", "true", shop, "--yes")
    assert (shop / "views.py").read_text() == WITHOUT
    assert run(None, "remove-flag", "x", "--keep", "on", "--value", "{", shop).returncode == WRONG_USE


def test_changes_that_git_does_not_have_are_not_mixed_with_a_removal(shop: Path) -> None:
    removal: tuple[Any, ...] = ("remove-flag", "new-checkout", "--keep", "on", "--value", "true", shop, "--yes")
    (shop / "views.py").write_text("# mine\n" + VIEWS)
    ended = run(None, *removal)
    assert ended.returncode == NO
    assert "git has no commit of the changes in views.py" in ended.stderr
    assert (shop / "views.py").read_text() == "# mine\n" + VIEWS
    done(None, *removal, "--uncommitted")
    assert (shop / "views.py").read_text() == "# mine\n" + WITHOUT


def test_an_interrupted_removal_is_finished_first(shop: Path) -> None:
    before = {"path": "views.py", "before": git(shop, "hash-object", "views.py"), "after": ""}
    (shop / ".pennon-removal.json").write_text(json.dumps([before]))
    removal: tuple[Any, ...] = ("remove-flag", "new-checkout", "--keep", "on", "--value", "true", shop)
    ended = run(None, *removal)
    assert ended.returncode == NO
    assert "it has to be finished first" in ended.stderr
    ended = run(None, *removal, "--yes")
    assert "views.py was changed meanwhile" in ended.stderr
    assert (shop / "views.py").read_text() == WITHOUT
    assert not (shop / ".pennon-removal.json").exists()


def test_without_libcst_the_extra_is_named(shop: Path) -> None:
    code = "import sys; sys.modules['libcst'] = None; import pennon.cli; pennon.cli.main()"
    command = [sys.executable, "-c", code, "remove-flag", "k", "--keep", "on", os.fspath(shop)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "pip install 'pennon[codemod]'" in ended.stderr
    command[3:] = ["scan", os.fspath(shop)]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
