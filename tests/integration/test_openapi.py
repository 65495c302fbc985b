"""The API keeps to its description: schemathesis sends it what the description allows, and what it does not."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from tests.serving import Api, Process, process

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
# Right answers to what the description allows: it cannot say what is there already, nor what a key names.
SETTINGS = """
hooks = {hooks}
[phases.coverage]
generate-duplicate-query-parameters = true
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "422", "429"]
"""
EVERYTHING = bool(os.environ.get("PENNON_LONG_TESTS"))
# The systematic phase makes some 200 requests an operation: by default it looks at one noun of each kind.
# A random one has made itself another administrator, and then revoked the token that all the others came with.
# The feed never ends.
BUT = ["--exclude-operation-id", "revokeToken", "--exclude-operation-id", "readFeed"]
COVERED = ["--include-path-regex", "/tokens|/roles|/explain$|/projects$|/projects/{project}$|/diff$|/state$|/keys$"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Api]]:
    with process(tmp_path_factory.mktemp("openapi") / "data", "--log-level", "error") as both:
        yield both


@pytest.fixture(scope="module")
def document(running: tuple[Process, Api]) -> Any:
    return running[1].made("GET", "openapi.json")


def run(running: tuple[Process, Api], folder: Path, *options: str) -> None:
    server, api = running
    settings = folder / "schemathesis.toml"
    settings.write_text(SETTINGS.format(hooks=msgspec.json.encode(str(HOOKS)).decode()))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run"]
    where = [f"{server.url}/api/v1/openapi.json", "-H", f"Authorization: Bearer {api.token}"]
    # One worker where much is made: in a thread, Python 3.11's parser runs out of stack on the largest schemas.
    workers = "1" if EVERYTHING else "2"
    how = ["--checks", "all", "--seed", "20260314", "--generation-database", "none", "--workers", workers]
    done = subprocess.run(
        [*command, *where, *how, "--no-color", *BUT, *options], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert re.search(r"[1-9]\d* generated", done.stdout), done.stdout[-4000:]
    assert server.said() == ""  # an error is logged only when a person must act


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("schemathesis")
def test_random_requests_and_their_sequences_meet_the_description(running: tuple[Process, Api], tmp_path: Path) -> None:
    examples = "60" if EVERYTHING else "2"
    run(running, tmp_path, "--phases", "examples,fuzzing,stateful", "--max-examples", examples)


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("schemathesis")
def test_every_boundary_of_the_description_is_kept(running: tuple[Process, Api], tmp_path: Path) -> None:
    run(running, tmp_path, "--phases", "coverage", *([] if EVERYTHING else COVERED))


def test_every_operation_is_described_for_people(document: Any) -> None:
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len(operations) > 40
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert re.search(r"Takes (nothing|any token|the permission `[a-zA-Z.]+`)\.$", operation["description"])
        assert operation["tags"]
        for parameter in operation["parameters"]:
            assert parameter.get("description"), (operation["operationId"], parameter["name"])


def test_every_body_has_an_example_that_its_schema_allows(document: Any) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                schema = {**content["schema"], "components": document["components"]}
                assert "example" in content, operation["operationId"]
                jsonschema.validate(content["example"], schema, cls=jsonschema.Draft202012Validator)


def test_what_the_api_takes_is_closed_to_unknown_fields(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for name in ("NewDefinition", "ConfigurationResource", "Rule", "Condition", "TurnOn", "ChangeBody", "NewKeyBody"):
        assert schemas[name]["additionalProperties"] is False, name
    assert "additionalProperties" not in schemas["ProblemDetails"]
