"""What `pennon serve` says before anything runs: its help, and why it cannot start."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from pennon.cli.root import app
from pennon.cli.settings import described
from pennon.control.config import Settings


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def serve(*options: str, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["serve", *options], env={"COLUMNS": "300", "NO_COLOR": "1", **(environ or {})})


def test_the_help_lists_every_setting_with_its_variable_and_default() -> None:
    ended = serve("--help")
    assert ended.exit_code == 0
    for setting in described(Settings):
        assert setting.option in ended.output
        assert f"[{setting.variable}]" in ended.output
    assert "Default: 127.0.0.1." in ended.output


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (("--port", "eighty"), 2, "--port: 'eighty' is not allowed"),
        (("--log-level", "loud"), 2, "write one of debug, info, warning, error"),
        (("--prot", "1"), 2, "--prot"),
        (("--config", "/nowhere/pennon.toml"), 2, "No such file"),
        (("--database-url", "oracle://x"), 1, "Pennon cannot store in oracle"),
        (("--database-url", "sqlite:///:memory:"), 1, "lost with the process"),
        (("--data", "/proc/nowhere"), 1, "/proc/nowhere"),
        (("--host", "203.0.113.7"), 1, "Cannot listen on 203.0.113.7"),
        (("--workers", "2", "--host", "203.0.113.7"), 1, "Cannot listen on 203.0.113.7"),
        (("--workers", "0"), 2, "--workers: '0' is not allowed"),
        (("--workers", "2", "--data", "/proc/nowhere"), 1, "The folder /proc/nowhere cannot be used"),
        (("--max-streams", "1000000000"), 2, "1000000000 streams do not fit: a process here may have"),
        (("--trusted-proxies", "10.0.0.1/8"), 2, "trusted_proxies: '10.0.0.1/8' is no network"),
        (("--host", "no such host"), 1, "Cannot listen on no such host"),
    ],
)
def test_what_keeps_it_from_starting_is_told(tmp_path: Path, options: tuple[str, ...], status: int, told: str) -> None:
    ended = serve("--data", str(tmp_path / "data"), "--port", "0", *options)
    assert (ended.exit_code, told in ended.stderr) == (status, True), ended.stderr
    assert isinstance(ended.exception, SystemExit)


def test_a_variable_that_is_wrong_is_named(tmp_path: Path) -> None:
    ended = serve("--data", str(tmp_path / "data"), environ={"PENNON_PORT": "-1"})
    assert (ended.exit_code, "PENNON_PORT: '-1' is not allowed" in ended.stderr) == (2, True), ended.stderr


def test_a_port_in_use_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = serve("--data", str(tmp_path / "data"), "--port", str(port))
    assert ended.exit_code == 1
    assert f"Cannot listen on 127.0.0.1 port {port}: address already in use; stop what uses it" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "pennon.db").write_bytes(b"no database" * 1000)
    ended = serve("--data", str(tmp_path), "--port", "0")
    assert ended.exit_code == 1
    assert "is not a database" in ended.stderr


def test_a_first_token_is_told_even_if_the_start_fails_after_it(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("a file where the folder should be")
    ended = serve("--data", str(tmp_path), "--port", "0")
    assert ended.exit_code == 1
    assert f"The folder {tmp_path} cannot be used" in ended.stderr
    assert ended.stderr.count("pennon_token_") == 1
