"""Nothing that people can meet is missing from the reference: routes, commands, words, metrics."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pennon.cli import http
from pennon.control.app import create_app
from pennon.control.config import Settings
from pennon.engine.operators import VALUE_OPERATORS
from pennon.model import ErrorCode, Reason
from pennon.sdk import Level
from pennon.stream.endpoints import ENDPOINTS
from scripts import command_line
from tests.serving import serving

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def spec(name: str) -> str:
    return (ROOT / "spec" / name).read_text("utf-8")


def first_cells(text: str) -> set[str]:
    """Return the words in code style that stand in the first two cells of the rows of tables."""
    rows = re.findall(r"^\|([^|]*)\|([^|]*)\|", text, re.MULTILINE)
    return {word for row in rows for cell in row for word in re.findall(r"`([^`]+)`", cell)}


def test_every_command_is_there_as_it_describes_itself() -> None:
    assert page("command-line.md") == command_line.page()
    names = [command.name for command in command_line.commands()]
    assert {"serve", "demo", "flag create", "change list", "eval", "explain", "doctor"} <= set(names)
    for command in command_line.commands():
        assert command.help.strip(), command.name
        assert all(parameter.help for parameter in command.parameters if parameter.name.startswith("-")), command.name


NOT_PAGES = ("/api/", "/healthz", "/readyz", "/metrics", "/ofrep/", "/sdk/", "/client/", "/js/")


def test_every_route_of_a_server_is_in_one_of_the_pages(tmp_path: Path) -> None:
    app = create_app(Settings(data=str(tmp_path)), announce=lambda _: None)
    shown = page("http-api.md").replace(" E", " /projects/{project}/environments/{environment}")
    paths = {route.path for route in app.routes if route.path.startswith(NOT_PAGES)}  # pages are for people
    assert len(paths) > 30
    for path in paths:
        plain = re.sub(r"\{(\w+):\w+\}", r"{\1}", path).removeprefix("/api/v1")
        if any(endpoint.path.startswith(path) for endpoint in ENDPOINTS):
            continue
        assert f"{plain}`" in shown, path
    for endpoint in ENDPOINTS:
        assert f"`{endpoint.method} {endpoint.path}" in page("sdk-endpoints.md")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained_to_users_and_to_those_who_write_sdks(reason: Reason) -> None:
    assert reason.value in first_cells(page("sdk.md"))
    assert f"`{reason.value}`" in spec("evaluation.md").partition("## Reasons")[2]


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_code_is_explained(code: ErrorCode) -> None:
    assert f"| `{code.value}` |" in spec("evaluation.md")
    if code is not ErrorCode.PROVIDER_FATAL:  # OpenFeature's word for a client that could not be made, which raises
        assert code.value in first_cells(page("sdk.md"))


@pytest.mark.parametrize("operator", sorted([*VALUE_OPERATORS, "exists", "inSegment", "inBucket"]))
def test_every_operator_is_explained(operator: str) -> None:
    assert operator in first_cells(spec("evaluation.md"))


@pytest.mark.parametrize("level", Level)
def test_every_level_is_explained(level: Level) -> None:
    assert f"| {level.value} {level.name.lower().replace('_', ' ')} |" in page("sdk.md")


def test_what_is_refused_before_it_is_a_request_is_there() -> None:
    shown = re.findall(r"^\| (\d+) \| `([a-z-]+)` \|", page("http-api.md"), re.MULTILINE)
    assert {(str(status.value), kind) for status, (kind, _) in http._REFUSALS.items()} <= set(shown)


def test_every_metric_that_a_server_shows_is_there(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (server, api):
        text = api.http.get(f"{server.url}/metrics").text
    found = {family.name for family in text_string_to_metric_families(text) if not family.name.endswith("_created")}
    assert len(found) > 10
    pages = page("sdk-endpoints.md") + page("http-api.md")
    for name in found:
        assert re.search(rf"`{name}(_total)?[`{{]", pages), name
