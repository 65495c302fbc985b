"""What is planned, proposed and done in a hurry, from the command line, against a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_cli import NO, WRONG_USE, Shell
from tests.serving import Api, serving

PRODUCTION = "projects/default/environments/production"
AT = "2030-12-02 09:00 Europe/Berlin"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("data")) as (_, api):
        yield api


@pytest.fixture
def shell(api: Api, tmp_path: Path) -> Shell:
    return Shell(api, tmp_path)


def test_a_schedule_is_made_listed_paused_and_cancelled(shell: Shell, api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "planned"})
    made = shell.json("schedule", "create", "Launch", "--turn-on", "planned", "--at", AT, "--skip-after", "5")
    assert made["plan"] == {
        "kind": "once",
        "at": "2030-12-02T09:00:00+01:00",
        "edits": [{"do": "turnOn", "flag": "planned"}],
    }
    assert (made["missed"], made["graceMinutes"]) == ("skip", 5)
    said = shell.done("schedule", "create", "Happy hour", "--turn-on", "planned", "--window", "sat 16:00-18:00 UTC")
    assert "sat 16:00-18:00 UTC" in said
    assert said.count("next: ") == 5
    listed = shell.done("schedule", "list")
    assert [word in listed for word in ("Launch", "Happy hour", "sat 16:00-18:00 UTC", "active")] == [True] * 4
    shell.done("schedule", "pause", made["key"])
    shown = shell.done("schedule", "show", made["key"])
    assert [word in shown for word in ("paused", "turnOn planned", "skipped after 5 minutes")] == [True] * 3
    assert "next: " in shell.done("schedule", "resume", made["key"])
    shell.done("schedule", "cancel", made["key"])
    assert [one["title"] for one in shell.json("schedule", "list", "--all")] == ["Happy hour"]


def test_a_timetable_of_a_flag_is_written_step_by_step(shell: Shell, api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "growing"})
    shares = ("2030-12-02 09:00 UTC: on=1 off=", "2030-12-03 09:00 UTC: on=10 off=")
    steps = [option for share in shares for option in ("--step", share)]
    edits = [{"do": "setSplit", "flag": "growing", "by": "targetingKey", "weights": {"on": 0, "off": 100_000}}]
    api.made("POST", f"{PRODUCTION}/changes", {"edits": edits})
    made = shell.json("schedule", "create", "Rollout", "--flag", "growing", *steps)
    assert [step["edits"][0]["weights"]["on"] for step in made["plan"]["steps"]] == [1000, 10_000]


def test_what_cannot_be_planned_is_told_with_what_to_do(shell: Shell) -> None:
    for options, status, said in [
        ((), WRONG_USE, "--at, --window, --step and --plan"),
        (("--turn-on", "gone", "--at", "2030-12-02 09:00"), WRONG_USE, "write it with its zone"),
        (("--turn-on", "gone", "--at", AT), NO, "/plan/edits/0/flag"),
    ]:
        ended = shell.run("schedule", "create", "No", *options)
        assert (ended.returncode, said in ended.stderr) == (status, True), ended.stderr


def test_a_request_of_two_environments_has_a_time_and_is_edited(shell: Shell, api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "proposed"})
    on = [{"do": "turnOn", "flag": "proposed"}]
    both = {"changes": [{"environment": each, "edits": on} for each in ("development", "production")]}
    made = shell.json("request", "create", "Both", "--edits", "-", "--at", AT, stdin=json.dumps(both))
    assert made["applyAt"] == "2030-12-02T09:00:00+01:00"
    shown = shell.done("request", "show", made["key"])
    assert [word in shown for word in ("in development:", "in production:", "turned on", "2030-12-02")] == [True] * 4
    edited = shell.json("request", "edit", made["key"], "--title", "Now", "--at", "never")
    assert (edited["title"], edited["applyAt"], edited["edition"]) == ("Now", None, 2)
    assert len(edited["changes"]) == 2


def test_the_glass_is_broken_from_the_command_line_for_a_reason(shell: Shell, api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "urgent"})
    api.made("PUT", PRODUCTION, {"production": True, "protection": {"approvals": 1}})
    assert "make a change request" in shell.run("flag", "on", "urgent").stderr
    assert "say why it cannot wait" in shell.run("flag", "on", "urgent", "--break-glass").stderr
    shell.done("flag", "on", "urgent", "--break-glass", "--why", "it burns")
    (last,) = api.made("GET", f"{PRODUCTION}/changes?limit=1")["items"]
    assert last["why"] == "broke the glass: it burns"
    api.made("PUT", PRODUCTION, {"production": True})
