"""The end of a flag, as people and pipelines meet it: over HTTP, in SDKs, on the command line."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pennon import Client
from pennon.control.clock import SystemClock
from pennon.model import ErrorCode
from tests.integration.test_cli import NO, WRONG_USE, Shell
from tests.serving import Api, serving

FLAGS = "projects/default/flags"
ARCHIVED = "projects/default/archived-flags"
REPORT = "projects/default/code-references/github.com/acme/shop"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("data")) as (_, api):
        yield api


@pytest.fixture
def shell(api: Api, tmp_path: Path) -> Shell:
    return Shell(api, tmp_path)


def flag(api: Api, key: str, **fields: Any) -> None:
    api.made("POST", FLAGS, {"key": key, **fields})


def report(*references: tuple[str, str, int], at: datetime | None = None) -> dict[str, Any]:
    found = [{"flag": flag, "file": file, "line": line, "owner": "@acme/web"} for flag, file, line in references]
    return {"revision": "9f2c4e1", "scannedAt": (at or SystemClock().now()).isoformat(), "references": found}


def test_archived_flag_is_not_found_by_sdks_until_it_is_restored(api: Api) -> None:
    flag(api, "served")
    edits = {"edits": [{"do": "turnOn", "flag": "served"}]}
    api.made("POST", "projects/default/environments/production/changes", edits)
    key = api.key()

    def value(client: Client) -> tuple[object, ErrorCode | None]:
        found = client.evaluation("served", {"targetingKey": "u1"}, default=False)
        return found.value, found.error_code

    def settles(client: Client, wanted: tuple[object, ErrorCode | None]) -> bool:
        until = time.monotonic() + 60
        while value(client) != wanted and time.monotonic() < until:
            time.sleep(0.01)
        return value(client) == wanted

    with Client(api.url, key=key) as client:
        client.wait_until_ready(timeout=30)
        assert value(client) == (True, None)
        assert api.made("POST", ARCHIVED, {"flag": "served"})["archived"] is True
        assert settles(client, (False, ErrorCode.FLAG_NOT_FOUND))
        api.made("POST", f"{ARCHIVED}/restore", {"flag": "served", "how": "asItWas"})
        assert settles(client, (True, None))


def test_deleting_over_http_demands_the_key(api: Api) -> None:
    flag(api, "doomed")
    for path in (f"{FLAGS}/doomed", f"{FLAGS}/doomed?confirm=other"):
        refused = api.send("DELETE", path)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:pennon:problem:not-confirmed")
        assert "confirm with the key 'doomed', or archive it" in refused.json()["detail"]
    assert api.send("DELETE", f"{FLAGS}/doomed?confirm=doomed").status_code == 204


def test_key_of_an_archived_flag_is_refused_with_what_to_do(api: Api) -> None:
    flag(api, "reserved", owner="payments")
    api.made("POST", f"{ARCHIVED}?why=done", {"flag": "reserved"})
    refused = api.send("POST", FLAGS, {"key": "reserved"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:pennon:problem:flag-archived")
    assert "restore it, or choose another key" in refused.json()["detail"]
    listed = {each["flag"]: each for each in api.made("GET", ARCHIVED)["items"]}["reserved"]
    assert (listed["owner"], listed["why"], bool(listed["archivedBy"])) == ("payments", "done", True)
    shown = api.made("GET", f"{FLAGS}/reserved")
    assert shown["archived"] is True
    assert api.send("PUT", f"{FLAGS}/reserved", shown).status_code == 409
    assert "reserved" not in {each["key"] for each in api.made("GET", FLAGS)["items"]}
    assert api.send("POST", f"{ARCHIVED}/restore", {"flag": "reserved", "how": "later"}).status_code == 422


def test_pipeline_reports_code_with_a_token_for_nothing_else(api: Api) -> None:
    flag(api, "coded")
    token = {"name": "ci", "role": "developer", "project": "default", "scopes": ["code.report"]}
    with api.as_holder_of(api.made("POST", "tokens", token)["secret"]) as pipeline:
        body = report(("coded", "cart.py", 42), ("coded", "cart.py", 7), ("chekout", "pay.py", 1))
        received = pipeline.made("PUT", REPORT, body)
        assert (received["kept"], [each["flag"] for each in received["unknown"]]) == (True, ["chekout"])
        assert pipeline.made("PUT", REPORT, report(at=SystemClock().now() - timedelta(days=1)))["kept"] is False
        assert pipeline.send("GET", "projects/default/flag-references?flag=coded").status_code == 403
    places = api.made("GET", "projects/default/flag-references?flag=coded&limit=1")
    assert places["items"] == [
        {"repository": "github.com/acme/shop", "file": "cart.py", "line": 7, "owner": "@acme/web"}
    ]
    (rest,) = api.made("GET", f"projects/default/flag-references?flag=coded&after={places['next']}")["items"]
    assert rest["line"] == 42
    (scan,) = api.made("GET", "projects/default/code-references")["items"]
    assert (scan["repository"], scan["revision"], scan["references"], scan["flags"]) == (
        "github.com/acme/shop",
        "9f2c4e1",
        3,
        2,
    )
    assert api.send("GET", "projects/default/flag-references?flag=coded&after=x").status_code == 400
    assert api.send("DELETE", REPORT).status_code == 204
    assert api.send("DELETE", REPORT).status_code == 404


def test_bad_report_is_refused_with_its_path(api: Api) -> None:
    refused = api.send("PUT", REPORT, report(("f", "a\nb.py", 1)))
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (422, "/references/0/file")
    refused = api.send("PUT", REPORT, report() | {"scannedAt": "2026-01-31T12:00:00"})
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (422, "/scannedAt")


def test_developer_archives_nothing_that_production_serves(api: Api) -> None:
    flag(api, "watched")
    for environment in ("development", "production"):
        api.made("PUT", f"projects/default/environments/{environment}", {"production": environment == "production"})
    token = {"name": "dev", "role": "developer", "project": "default"}
    with api.as_holder_of(api.made("POST", "tokens", token)["secret"]) as developer:
        refused = developer.send("POST", ARCHIVED, {"flag": "watched"})
        assert (refused.status_code, "flag.change in default/production" in refused.json()["detail"]) == (403, True)
        api.made("POST", ARCHIVED, {"flag": "watched"})
        developer.made("POST", f"{ARCHIVED}/restore", {"flag": "watched"})  # it is off, as a new flag is
        edits = {"edits": [{"do": "turnOn", "flag": "watched"}, {"do": "archiveFlag", "flag": "watched"}]}
        api.made("POST", "projects/default/environments/production/changes", edits)
        refused = developer.send("POST", f"{ARCHIVED}/restore", {"flag": "watched", "how": "asItWas"})
        assert refused.status_code == 403


def test_manifest_is_written_for_the_openfeature_cli(api: Api, shell: Shell, tmp_path: Path) -> None:
    sizes = [{"key": "large", "value": 50}, {"key": "small", "value": 10}]
    flag(api, "page-size", kind="number", variations=sizes, description="How many a page shows.")
    file = tmp_path / "flags.json"
    assert "flags are in" in shell.done("export", "--openfeature-manifest", str(file))
    exported = json.loads(file.read_text())
    assert exported["$schema"].startswith("https://raw.githubusercontent.com/open-feature/cli/")
    assert exported["flags"]["page-size"] == {
        "flagType": "integer",
        "defaultValue": 10,
        "description": "How many a page shows.",
    }
    assert shell.run("export", "--openfeature-manifest", "--revision", "1").returncode == WRONG_USE


def test_flag_is_described_archived_restored_and_deleted_by_commands(shell: Shell) -> None:
    shell.done("flag", "create", "life", "--owner", "web", "--expected-removal", "2030-01-31")
    shell.done("flag", "describe", "life", "--owner", "payments", "--tag", "shop")
    shown = shell.done("flag", "show", "life")
    assert "temporary, to be removed by 2030-01-31" in shown
    assert [row["key"] for row in shell.json("flag", "list", "--owner", "payments")] == ["life"]
    assert shell.json("flag", "describe", "life", "--lifetime", "permanent")["expectedRemoval"] is None
    assert shell.run("flag", "describe", "life").returncode == WRONG_USE
    assert "pennon flag restore life" in shell.done("flag", "archive", "life", "--why", "rolled out")
    assert "rolled out" in shell.done("flag", "list", "--archived")
    assert shell.run("flag", "on", "life").returncode == NO
    assert "It is archived" in shell.run("flag", "show", "life").stderr
    assert shell.json("flag", "show", "life")["state"] is None
    assert "off in every environment" in shell.done("flag", "restore", "life")
    assert shell.run("flag", "delete", "life", stdin="lief\n").returncode == NO
    assert shell.run("flag", "delete", "life", "--confirm", "lief").returncode == NO
    shell.done("flag", "delete", "life", "--confirm", "life")
    assert shell.run("flag", "show", "life").returncode == NO


def test_cleanup_lists_what_may_go_with_what_to_do(api: Api, shell: Shell) -> None:
    flag(api, "overdue", owner="ends", expectedRemoval="2026-01-31")
    listed = shell.done("flag", "cleanup", "--owner", "ends")
    assert "should have been removed by 2026-01-31" in " ".join(listed.split())
    assert "pennon remove-flag overdue --keep" in " ".join(listed.split())
    (found,) = shell.json("flag", "cleanup", "--owner", "ends")
    assert [each["reason"] for each in found["reasons"]] == ["pastRemoval"]
    assert [row["key"] for row in shell.json("flag", "list", "--stale", "--owner", "ends")] == ["overdue"]
    assert shell.done("flag", "cleanup", "--reason", "notInCode").strip() == "No flag is stale."
    assert shell.run("flag", "cleanup", "--reason", "dusty").returncode == NO


def test_cleanup_on_a_terminal_goes_through_flags_and_archives_what_it_is_told_to(api: Api, shell: Shell) -> None:
    for key in ("late-a", "late-b", "late-c"):
        flag(api, key, owner="terminal", expectedRemoval="2026-01-31")
    # The first is left, the second archived once more asked, and at the third it is enough.
    said = on_terminal(shell, ["flag", "cleanup", "--owner", "terminal"], "n\ny\ny\nq\n")
    assert "1 of 3: late-a, of terminal" in said
    assert "late-b is archived" in said
    assert "1 archived. They come back: pennon flag restore KEY" in said
    archived = {each["flag"] for each in api.made("GET", ARCHIVED)["items"]}
    assert archived & {"late-a", "late-b", "late-c"} == {"late-b"}


def on_terminal(shell: Shell, arguments: list[str], typed: str) -> str:
    """Run a command with a terminal as its standard input and output, and return what it showed."""
    control, terminal = pty.openpty()
    command = [sys.executable, "-m", "pennon.cli", *arguments]
    environ = {**shell.environ, "NO_COLOR": "1", "TERM": "dumb"}
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environ) as process:
        os.close(terminal)
        os.write(control, typed.encode())
        shown = b""
        while True:
            try:
                read = os.read(control, 65536)
            except OSError:  # Linux's way of saying that the other end is closed
                break
            if not read:
                break
            shown += read
        assert process.wait(60) == 0, shown.decode()
    os.close(control)
    return shown.decode().replace("\r\n", "\n")
