"""Schedules against real servers: made over HTTP, and done by whichever server is there."""

import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pennon.cli.root import app
from tests.postgres import Postgres
from tests.serving import Api, Process, serving

DEVELOPMENT, PRODUCTION = (f"projects/default/environments/{each}" for each in ("development", "production"))
SCHEDULES = f"{DEVELOPMENT}/schedules"
ON = {"do": "turnOn", "flag": "f"}
PATIENCE_S = 60


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "f"})
        yield api


def once(in_s: float = 3600, **rest: Any) -> dict[str, Any]:
    at = datetime.now(UTC) + timedelta(seconds=in_s)  # noqa: TID251  # the server has no other clock
    return {"title": "Launch", "plan": {"kind": "once", "at": at.isoformat(), "edits": [ON]}, **rest}


def eventually(claim: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def test_a_schedule_is_done_at_its_time_and_tells_it(api: Api) -> None:
    made = api.made("POST", SCHEDULES, once(4.0, why="OPS-1"))
    assert (made["state"], made["maker"]["kind"], made["last"]) == ("active", "token", None)
    assert [each["time"] for each in made["next"]] == [made["plan"]["at"].replace("+00:00", "Z")]
    one = f"{SCHEDULES}/{made['key']}"
    eventually(lambda: api.made("GET", one)["state"] == "done", "it was not done")
    assert api.made("GET", f"{DEVELOPMENT}/flags/f")["on"]
    (run,) = api.made("GET", f"{one}/runs")["items"]
    (change,) = api.made("GET", f"{DEVELOPMENT}/changes?limit=1")["items"]
    assert (run["result"], run["changeId"]) == ("made", change["changeId"])
    assert change["actor"]["name"].endswith(f"(schedule {made['key']})")
    metrics = api.http.get(f"{api.url}/metrics").text
    assert 'pennon_schedules{state="active"} 0.0' in metrics


def test_a_schedule_is_looked_after_over_http(api: Api) -> None:
    made = api.made("POST", SCHEDULES, once(), Idempotency_Key="k")
    assert api.made("POST", SCHEDULES, once(), Idempotency_Key="other")["key"] != made["key"]
    one = f"{SCHEDULES}/{made['key']}"
    assert api.made("POST", f"{one}/pause")["next"] == []
    assert [each["key"] for each in api.made("GET", f"{SCHEDULES}?state=paused")["items"]] == [made["key"]]
    assert api.made("POST", f"{one}/resume")["state"] == "active"
    shown = api.send("GET", one)
    body = {**once(), "title": "Later"}
    stale = api.send("PUT", one, body, If_Match="1")
    assert (stale.status_code, stale.json()["current"]["title"]) == (412, "Launch")
    assert api.made("PUT", one, body, If_Match=shown.headers["ETag"])["title"] == "Later"
    assert api.send("GET", f"{PRODUCTION}/schedules/{made['key']}").status_code == 404
    assert api.send("DELETE", one).status_code == 204
    assert api.send("GET", one).status_code == 404
    assert api.made("GET", f"{one}/runs")["items"] == []
    assert api.send("GET", f"{SCHEDULES}/nothing/runs").status_code == 404


def test_who_turns_a_flag_off_hears_that_a_schedule_turns_it_on_again(api: Api, tmp_path: Path) -> None:
    made = api.made("POST", SCHEDULES, once())
    (warning,) = api.made("POST", f"{DEVELOPMENT}/changes", {"edits": [{"do": "turnOff", "flag": "f"}]})["warnings"]
    assert (warning["code"], warning["path"]) == ("turns-on-again", "/flags/f/on")
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "PENNON_URL": api.url, "PENNON_TOKEN": api.token or ""}
    ended = CliRunner().invoke(app, ["flag", "off", "f", "--env", "development"], env={**environ, "COLUMNS": "200"})
    assert ended.exit_code == 0
    assert warning["message"] in ended.stderr
    held = f"pennon schedule pause {made['key']} --env development"
    assert held in ended.stderr
    assert CliRunner().invoke(app, held.split()[1:], env=environ).exit_code == 0
    assert api.made("POST", f"{DEVELOPMENT}/changes", {"edits": [{"do": "turnOff", "flag": "f"}]})["warnings"] == []


def test_what_cannot_be_planned_is_refused_with_its_path_and_why(api: Api) -> None:
    window = {"kind": "window", "days": ["mon"], "start": "9", "until": "17:00", "zone": "Europe/Berlin"}
    for plan, path in [
        ({**once()["plan"], "edits": [{"do": "turnOn", "flag": "gone"}]}, "/plan/edits/0/flag"),
        ({**window, "edits": [ON], "endEdits": [{"do": "turnOff", "flag": "f"}]}, "/plan/start"),
        ({**window, "edits": [ON]}, "/plan/endEdits"),
        ({**once()["plan"], "at": "tomorrow"}, "/plan/at"),
        ({"kind": "yearly"}, "/plan/kind"),
    ]:
        answer = api.send("POST", SCHEDULES, {"title": "No", "plan": plan})
        assert answer.status_code == 422, answer.text
        assert path in [each["path"] for each in answer.json()["problems"]], answer.text
    api.made("PUT", PRODUCTION, {"production": True, "protection": {"approvals": 1}})
    answer = api.send("POST", f"{PRODUCTION}/schedules", once())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:pennon:problem:protected")
    assert "make a change request with the time at which it is to be applied" in answer.json()["detail"]


def test_two_servers_do_it_once_and_one_does_it_when_the_other_is_killed(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database()
    servers = [Process(tmp_path / name, "--database-url", url) for name in ("one", "two")]
    try:
        token = servers[0].ready["administratorToken"]
        with Api(servers[0].url, token) as first, Api(servers[1].url, token) as second:
            first.made("POST", "projects/default/flags", {"key": "f"})
            first.made("POST", SCHEDULES, once(4.0))
            for number in range(10):  # many at one time, from both: each is done once
                critical = {"do": "putSegment", "segment": {"key": f"s{number}", "included": ["u"]}}
                plan = {**once(4.0)["plan"], "edits": [critical]}
                (first, second)[number % 2].made("POST", SCHEDULES, {"title": f"s{number}", "plan": plan})
            eventually(lambda: len(done(second)) == 11, "not all of them were done")
            actions = [each["action"] for each in second.made("GET", f"{DEVELOPMENT}/changes")["items"]]
            assert actions.count("runSchedule") == 11
            last = first.made("POST", SCHEDULES, {**once(4.0), "plan": {**once(4.0)["plan"], "edits": [CRITICAL]}})
            servers[0].stop(signal.SIGKILL)
            eventually(lambda: last["key"] in done(second), "the server that is left did not do it")
            assert second.made("GET", f"{DEVELOPMENT}/flags/f")["critical"]
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.kill()
                server.ended()


CRITICAL = {"do": "setCritical", "flag": "f", "critical": True}


def done(api: Api) -> list[str]:
    return [each["key"] for each in api.made("GET", f"{SCHEDULES}?state=done")["items"]]
