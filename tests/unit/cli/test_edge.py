"""What `pennon edge run` says before anything runs: its help, and why it cannot start."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from pennon.cli.root import app
from pennon.cli.settings import described
from pennon.edge.config import Settings

UPSTREAM = ("--upstream", "http://127.0.0.1:9")
KEY = "pennon_edge_x"


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def edge(*options: str, key: str = KEY) -> Result:
    environ = {"COLUMNS": "300", "NO_COLOR": "1", "PENNON_EDGE_KEY": key}
    return CliRunner().invoke(app, ["edge", "run", *options], env=environ)


def test_the_help_lists_every_setting_with_its_variable() -> None:
    ended = edge("--help")
    assert ended.exit_code == 0
    for setting in described(Settings):
        assert setting.option in ended.output
        assert f"[{setting.variable}]" in ended.output


@pytest.mark.parametrize(
    ("options", "key", "status", "told"),
    [
        (UPSTREAM, "", 2, "PENNON_EDGE_KEY: an edge node needs an edge key"),
        (UPSTREAM, "pennon_server_x", 2, "this is a server key"),
        ((), KEY, 2, "--upstream: name the server"),
        (("--upstream", "flags.example"), KEY, 2, "--upstream"),
        ((*UPSTREAM, "--name", "a,b"), KEY, 2, "--name: 'a,b' is not allowed"),
        ((*UPSTREAM, "--port", "eighty"), KEY, 2, "--port: 'eighty' is not allowed"),
        ((*UPSTREAM, "--defaults", "/nowhere"), KEY, 2, "there is no file /nowhere"),
        ((*UPSTREAM, "--kv", "kafka://x"), KEY, 1, "no key-value store speaks 'kafka'"),
        ((*UPSTREAM, "--data", "/proc/nowhere"), KEY, 1, "The folder /proc/nowhere cannot be made"),
        ((*UPSTREAM, "--host", "203.0.113.7"), KEY, 1, "Cannot listen on 203.0.113.7"),
    ],
)
def test_what_keeps_it_from_starting_is_told(
    tmp_path: Path, options: tuple[str, ...], key: str, status: int, told: str
) -> None:
    ended = edge("--data", str(tmp_path / "data"), "--port", "0", *options, key=key)
    assert (ended.exit_code, told in ended.stderr) == (status, True), ended.stderr
    assert isinstance(ended.exception, SystemExit)


def test_defaults_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "defaults.json"
    file.write_text('{"flags": []}')
    ended = edge("--data", str(tmp_path / "data"), "--port", "0", *UPSTREAM, "--defaults", str(file))
    assert ended.exit_code == 1
    assert f"The defaults in {file} cannot be used" in ended.stderr


def test_a_port_in_use_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = edge("--data", str(tmp_path / "data"), "--port", str(taken.getsockname()[1]), *UPSTREAM)
    assert ended.exit_code == 1
    assert "address already in use" in ended.stderr
    assert not (tmp_path / "data").exists()
