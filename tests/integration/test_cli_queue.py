"""Commands given with --queue: kept until a server takes them, made once, whatever is down or killed meanwhile."""

import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from pennon.cli.queue import Queue, Queued
from pennon.cli.root import app
from tests.ports import free_port
from tests.serving import Api, InProcess, serving

E = "projects/default/environments/production"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PENNON_ENVIRONMENT", "production")
    monkeypatch.setattr("pennon.cli.queue._FIRST_S", 0.05)
    monkeypatch.setattr("pennon.cli.queue._LONGEST_S", 0.2)
    return tmp_path


@pytest.fixture
def served(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[InProcess, Api]]:
    with serving(home / "data") as (server, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        monkeypatch.setenv("PENNON_URL", api.url)
        monkeypatch.setenv("PENNON_TOKEN", str(api.token))
        yield server, api


def pennon(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def revisions(api: Api) -> int:
    return len(api.made("GET", f"{E}/changes")["items"])


def queued(**rest: Any) -> Queued:
    """What `pennon flag on checkout --queue` keeps, from a command that was killed before it could be sent."""
    from pennon.cli.connection import known_login  # noqa: PLC0415  # it reads the environment of the test

    body = {"why": "", "edits": [{"do": "turnOn", "flag": "checkout"}]}
    kept = Queue().keep(known_login(), f"{E}/changes", body, "checkout is on")
    kept = msgspec.structs.replace(kept, **rest)
    Queue().write(kept)
    return kept


def test_a_command_waits_for_a_server_that_is_down_and_is_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with serving(home / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        token = str(api.token)
    monkeypatch.setenv("PENNON_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("PENNON_TOKEN", token)
    results: list[Result] = []
    waiting = threading.Thread(target=lambda: results.append(pennon("flag", "on", "checkout", "--queue")))
    waiting.start()
    end = time.monotonic() + 60
    while not Queue().all():
        assert time.monotonic() < end
        time.sleep(0.01)
    (file,) = Queue().folder.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert token not in file.read_text()
    from pennon.control.config import Settings  # noqa: PLC0415

    server = InProcess(Settings(data=str(home / "data"), port=port))
    try:
        waiting.join(60)
        assert results[0].exit_code == 0, results[0].output
        assert "checkout is on in default/production (revision " in results[0].output
        assert "not made yet" in results[0].output
        assert Queue().all() == []
        with Api(server.url, token) as api:
            assert api.made("GET", f"{E}/flags/checkout")["on"] is True
    finally:
        server.stop()


def test_what_was_made_before_its_answer_was_lost_is_not_made_again(served: tuple[InProcess, Api]) -> None:
    _, api = served
    kept = queued()
    assert pennon("change", "queue", "run", "--once").exit_code == 0
    before = revisions(api)
    api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOff", "flag": "checkout"}]})
    Queue().write(kept)  # as if the command had been killed before it could note what became of it
    result = pennon("change", "queue", "run")
    assert result.exit_code == 0, result.output
    assert revisions(api) == before + 1
    assert api.made("GET", f"{E}/flags/checkout")["on"] is False, "turned off since, and not on again"
    assert Queue().all() == []


def test_what_is_refused_is_told_and_never_sent_again(served: tuple[InProcess, Api]) -> None:
    refused = pennon("flag", "on", "nosuch", "--queue")
    assert refused.exit_code == 1
    assert "nosuch" in refused.output
    assert Queue().all() == [], "whoever gave it has read it"
    kept = queued(content='{"edits":[{"do":"turnOn","flag":"nosuch"}]}')
    result = pennon("change", "queue", "run")
    assert result.exit_code == 1
    assert f"pennon change queue drop {kept.id}" in result.output
    assert "refused" in pennon("change", "queue", "list").output
    assert pennon("change", "queue", "run").output == "Nothing waits.\n"
    assert pennon("change", "queue", "drop", kept.id).exit_code == 0
    assert pennon("change", "queue", "drop", kept.id).exit_code == 1
    assert pennon("change", "queue", "list").output == "Nothing waits.\n"


def test_nothing_is_sent_that_could_be_made_twice(
    served: tuple[InProcess, Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, api = served
    before = revisions(api)
    kept = queued()
    other = api.made("POST", "tokens", {"name": "other", "role": "administrator"})["secret"]
    monkeypatch.setenv("PENNON_TOKEN", other)
    result = pennon("change", "queue", "run")
    assert result.exit_code == 3
    assert "another token" in result.output
    monkeypatch.setenv("PENNON_TOKEN", str(api.token))
    old = msgspec.structs.replace(kept, kept_at=kept.kept_at.replace(year=2020))
    Queue().write(old)
    result = pennon("change", "queue", "run", "--json")
    assert result.exit_code == 1
    assert "older than 23 hours" in result.output
    assert revisions(api) == before


def test_a_revoked_token_keeps_the_command(served: tuple[InProcess, Api], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENNON_TOKEN", "pennon_token_gone")
    result = pennon("flag", "on", "checkout", "--queue")
    assert result.exit_code == 1
    assert "pennon change queue run" in result.output
    assert [each.refused for each in Queue().all()] == [None]


def test_a_file_that_is_no_command_harms_none_of_the_others(served: tuple[InProcess, Api]) -> None:
    queued()
    (Queue().folder / "broken.json").write_text("{")
    result = pennon("change", "queue", "run")
    assert result.exit_code == 0
    assert "broken.json cannot be read" in result.output
