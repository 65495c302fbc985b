"""Two people who alter the same thing by commands at the same time: who was slower overwrites nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pennon.cli.connection import Server
from pennon.cli.root import app
from tests.serving import Api, serving

NO = 1
COMMANDS = {
    "flag": ("projects/default/flags/checkout", ["flag", "describe", "checkout", "--owner", "payments"]),
    "environment protected": (
        "projects/default/environments/production",
        ["environment", "protect", "production", "--demand-reason"],
    ),
    "environment owned": (
        "projects/default/environments/production",
        ["environment", "own", "production", "--by-files", "--source", "git@host:team/flags"],
    ),
    "account": ("accounts/anne", ["account", "grant", "anne", "developer@default"]),
    "webhook": ("projects/default/webhooks/team", ["webhook", "edit", "team", "--production-only"]),
}

SAID: dict[str, dict[str, Any]] = {
    "account": {"email": "anne@example.org"},
    "webhook": {"events": ["flag.turnedOff"]},
}
"""What somebody else alters meanwhile, where it is not the description."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("data")) as (_, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        api.made("POST", "accounts", {"key": "anne", "grants": []})
        api.made("POST", "projects/default/webhooks", {"key": "team", "url": "https://hooks.example/x"})
        yield api


def after_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have *act* done between a command's reading and its writing."""
    read = Server.read

    def reading(server: Server, path: str, **query: object) -> Any:
        found = read(server, path, **query)
        act()
        return found

    monkeypatch.setattr(Server, "read", reading)


@pytest.mark.parametrize("case", COMMANDS)
def test_who_was_slower_is_told_and_overwrites_nothing(
    case: str, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, command = COMMANDS[case]
    environ = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "PENNON_URL": api.url,
        "PENNON_TOKEN": api.token or "",
        "PENNON_ENVIRONMENT": "production",
        "COLUMNS": "200",
    }
    said: dict[str, Any] = SAID.get(case, {"description": f"what somebody else says: {case}"})
    unseen = {"url": None} if case == "webhook" else {}
    with monkeypatch.context() as patched:
        after_reading(patched, lambda: api.made("PUT", place, {**api.made("GET", place), **unseen, **said}))
        ended = CliRunner().invoke(app, command, env=environ)
    assert ended.exit_code == NO, ended.output
    assert "look at the current state and send the command again if it still fits" in ended.stderr
    kept = api.made("GET", place)
    assert {name: kept[name] for name in said} == said
    assert CliRunner().invoke(app, command, env=environ).exit_code == 0
