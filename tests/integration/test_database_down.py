"""A database that is stopped, or that hangs: refused at once, told, and everything goes on when it is back."""

import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from pennon.cli.checkup import look
from pennon.cli.connection import Login
from tests.postgres import Postgres
from tests.serving import Api, InProcess, serving

E = "projects/default/environments/production"
ON = {"edits": [{"do": "turnOn", "flag": "checkout"}]}
PATIENT_S = 60
OFF = {"edits": [{"do": "turnOff", "flag": "checkout"}]}


@pytest.fixture(scope="module")
def served(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api, str]]:
    folder = tmp_path_factory.mktemp("down")
    with serving(folder / "data", database_url=postgres.database()) as (server, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        key = api.key()
        until(lambda: evaluated(api, key).status_code == 200)
        yield server, api, key


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to that within a minute"
        time.sleep(0.05)


def evaluated(api: Api, key: str) -> httpx2.Response:
    url = f"{api.url}/ofrep/v1/evaluate/flags/checkout"
    return httpx2.post(url, json={"context": {"targetingKey": "u1"}}, headers={"X-API-Key": key}, timeout=PATIENT_S)


def asked(api: Api, path: str, **headers: str) -> httpx2.Response:
    return httpx2.get(f"{api.url}{path}", headers=headers, timeout=PATIENT_S)


def waits_for(api: Api) -> list[str]:
    return list(asked(api, "/readyz").json().get("waitingFor", ()))


def check_that_it_is_down_and_evaluates(server: InProcess, api: Api, key: str) -> None:
    until(lambda: server.app.state.metrics.get_sample_value("pennon_database_down") == 1)
    refused = api.send("POST", f"{E}/changes", ON)
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:pennon:problem:unavailable"
    assert "pennon change apply --queue" in refused.json()["detail"]
    assert not any(each in refused.text for each in ("socket", "PGSQL", "connection", "pennon_"))  # why is in the log
    assert int(refused.headers["Retry-After"]) >= 1
    until(lambda: waits_for(api) == ["the database"])
    assert asked(api, "/healthz").status_code == 200
    assert evaluated(api, key).json()["value"] is False
    assert asked(api, "/sdk/v1/snapshot", **{"X-API-Key": key}).json()["flags"].keys() == {"checkout"}


def check_that_the_doctor_names_the_database_and_nothing_else(api: Api) -> None:
    ready, rest = [each for each in look(Login(url=api.url, token=str(api.token)), None) if each.level != "well"]
    assert (ready.what, ready.detail) == ("the server can serve", "the database")
    assert ready.runbook.endswith("database-down.md")
    assert rest.what == "the rest can be looked at"


def check_that_it_is_back(api: Api, key: str) -> None:
    until(lambda: waits_for(api) == [])
    assert api.made("POST", f"{E}/changes", ON)["changed"]
    until(lambda: evaluated(api, key).json()["value"] is True)
    assert api.made("POST", f"{E}/changes", OFF)["changed"]


def test_writes_are_refused_while_the_database_is_stopped(
    served: tuple[InProcess, Api, str], postgres: Postgres
) -> None:
    server, api, key = served
    with postgres.stopped():
        check_that_it_is_down_and_evaluates(server, api, key)
        check_that_the_doctor_names_the_database_and_nothing_else(api)
    check_that_it_is_back(api, key)


def test_nobody_waits_for_a_database_that_hangs(
    served: tuple[InProcess, Api, str], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.control.storage.watch.ANSWERS_S", 0.5)
    server, api, key = served
    with postgres.hanging():
        # The first that ask are already waiting when it is noticed: they are cut off, too.
        assert api.send("POST", f"{E}/changes", ON, Idempotency_Key="once").status_code == 503
        check_that_it_is_down_and_evaluates(server, api, key)
    check_that_it_is_back(api, key)
