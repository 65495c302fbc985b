"""The files in `deploy/`: what can be held against something here. What cannot is said in `deploy/README.md`."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pennon.cli.settings import described, load_settings
from pennon.control.config import Settings
from pennon.edge.config import Settings as EdgeSettings
from scripts import command_line

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text("utf-8")
VARIABLES = {setting.variable for settings in (Settings, EdgeSettings) for setting in described(settings)}
COMMANDS = {command.name: command for command in command_line.commands()}
KEYS = {
    *("name", "services", "volumes", "secrets", "image", "build", "command", "environment", "ports", "depends_on"),
    *("healthcheck", "read_only", "tmpfs", "cap_drop", "security_opt", "ulimits", "stop_grace_period", "restart"),
    *("logging", "profiles"),
}
"""Those of the compose specification that are used here."""


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    lines = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(word, " ".join(rest.split())) for word, _, rest in lines]


def check_command(words: list[str]) -> None:
    """Check that `pennon` takes these words."""
    (name,) = [name for name in COMMANDS if " ".join(words).startswith(name)][-1:]
    options = " ".join(parameter.name for parameter in COMMANDS[name].parameters).replace(",", "").split()
    assert {word for word in words if word.startswith("--")} <= set(options)


def test_the_image_is_pinned_and_brings_nothing_but_what_is_locked() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert all("--require-hashes" in each or "--no-deps --no-build-isolation" in each for each in installs)
    assert not re.search(r"curl|wget|apt-get|ADD http", DOCKERFILE)
    lock = (ROOT / "requirements" / "server.txt").read_text("utf-8")
    assert "hatchling==" in lock, "the image builds without fetching anything"


def test_the_image_runs_as_nobody_special_and_says_how_it_does() -> None:
    last = dict(instructions())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert last["VOLUME"] == "/data"
    check = last["HEALTHCHECK"].partition("CMD ")[2]
    words = [word.strip('",[] ') for word in check.split(",")]
    assert words[0] == "pennon"
    check_command(words[1:])
    assert last["ENTRYPOINT"] == '["pennon"]'
    order = [word for word, _ in instructions()]
    assert order.index("USER") > len(order) - 1 - order[::-1].index("RUN"), "nothing is done as root after it"


def test_variables_of_the_image_are_settings() -> None:
    named = set(re.findall(r"(PENNON_\w+)=", DOCKERFILE))
    assert named
    assert named <= VARIABLES


def test_what_the_image_is_made_of_is_let_in_and_nothing_else() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").split()
    assert ignored[0] == "*"
    copied = [
        each for word, rest in instructions() if word == "COPY" and "--from" not in rest for each in rest.split()[:-1]
    ]
    assert {f"!{each}" for each in copied} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / each).exists() for each in copied)


def test_services_are_what_compose_knows_and_commands_that_there_are() -> None:
    assert set(COMPOSE) - {"x-hardened"} <= KEYS
    assert set(COMPOSE["services"]) == {"postgres", "server", "edge"}
    for name, service in COMPOSE["services"].items():
        assert set(service) <= KEYS
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])
        assert re.search(r":\d+\.\d+|PENNON_VERSION", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert not any("PASSWORD" in each and not each.endswith("_FILE") for each in service.get("environment", {}))
        if name != "postgres":
            check_command(service["command"])
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
    assert COMPOSE["services"]["postgres"]["image"].startswith("postgres:18.")
    assert (DOCKER / COMPOSE["x-hardened"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / COMPOSE["x-hardened"]["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize(("file", "settings"), [("server", Settings), ("edge", EdgeSettings)])
def test_settings_files_that_the_page_shows_can_be_read(file: str, settings: Any, tmp_path: Path) -> None:
    (shown,) = re.findall(rf"cat > secrets/{file}\.toml <<END\n(.*?)END", PAGE, re.DOTALL)
    written = tmp_path / "settings.toml"
    written.write_text(re.sub(r"\$\([^)]*\)", "0" * 64, shown))
    assert load_settings(settings, {}, {}, file=written)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_command_that_there_is_and_locks_it_in(unit: Path) -> None:
    text = unit.read_text("utf-8")
    said = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    program, *words = shlex.split(said["ExecStart"])
    assert program == "/opt/pennon/bin/pennon"
    check_command(words)
    assert set(re.findall(r"(PENNON_\w+)=", said["Environment"])) <= VARIABLES
    assert re.search(r"WORKERS=[2-9]", said["Environment"]), "a reload would end a single process"
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert said[name] == "yes", name
    assert said["ProtectSystem"] == "strict"
    assert int(said["LimitNOFILE"]) >= 65536
    assert said["ExecReload"] == "/bin/kill -HUP $MAINPID"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_a_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    # It looks for the program, which is not installed there.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text("utf-8").replace("/opt/pennon/bin/pennon", "/bin/true"))
    ended = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False, timeout=60, env={**os.environ}
    )
    assert (ended.returncode, ended.stderr) == (0, "")
