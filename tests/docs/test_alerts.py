"""The alert rules speak of metrics that there are, and say to whoever is woken what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import command_line
from tests.edges import edge
from tests.serving import serving

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "prometheus" / "pennon-alerts.yml"
RUNBOOKS = ROOT / "docs" / "how-to" / "runbooks"
PAGES = sorted(set(RUNBOOKS.glob("*.md")) - {RUNBOOKS / "README.md"})
PARTS = ["What it means", "What users notice", "Check", "Mend", "Escalate"]
GROUPS = yaml.safe_load(FILE.read_text("utf-8"))["groups"]
RULES = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
PROMETHEUS_OWN = {"up"}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The metrics of a real origin and of a real edge node, each with the labels that it was seen with."""
    folder = tmp_path_factory.mktemp("alerts")
    with serving(folder / "origin", metrics_open=True) as (_, api):
        key = api.key(kind="edge")
        with edge(folder / "edge", [api.url], key, name="fra-1") as node:
            texts = api.http.get(f"{api.url}/metrics").text, node.get("/metrics").text
    found: dict[str, set[str]] = {}
    for text in texts:
        for name in re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE):
            found.setdefault(name, set())
        for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def test_there_is_a_rule_for_whatever_a_person_must_know() -> None:
    named = " ".join(rule["expr"] for rule in RULES.values())
    assert len(RULES) == sum(len(group["rules"]) for group in GROUPS), "no name twice"
    for metric in (
        "pennon_edge_lag_seconds",
        "pennon_edge_differs_seconds",
        "pennon_edge_silent_seconds",
        "pennon_edge_level",
        "pennon_propagation_seconds_bucket",
        'pennon_streams_ended_total{reason="stuck"}',
        "pennon_dead_letters",
        "pennon_spool_bytes",
        "pennon_ready",
        "pennon_database_down",
        'pennon_http_requests_total{route=~"/(sdk|ofrep|client)/.*",status=~"5.."}',
        "pennon_api_refused_total",
        'runbook="log-verification-failed"',
        'runbook="credentials-expiring"',
        "pennon_webhook_deliveries",
        "pennon_schedules_failing",
    ):
        assert metric in named


@each_rule
def test_metrics_of_a_rule_are_exposed(rule: dict[str, Any], exposed: dict[str, set[str]]) -> None:
    assert rule["expr"].count("(") == rule["expr"].count(")")
    names = set(re.findall(r"\b(pennon_\w+|up)\b", re.sub(r'"[^"]*"', "", rule["expr"])))
    assert names
    for name in names - PROMETHEUS_OWN:
        assert name.removesuffix("_bucket") in exposed, name
        for matcher in re.findall(rf"{name}\{{([^}}]*)\}}", rule["expr"]):
            labels = set(re.findall(r"(\w+)(?:=~|!=|=)", re.sub(r'"[^"]*"', '""', matcher)))
            assert not exposed[name] or labels <= exposed[name], (name, labels)


@each_rule
def test_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "warn")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert len(rule["annotations"]["summary"]) < 100
    assert len(rule["annotations"]["description"]) > 100


@each_rule
def test_words_in_a_rule_are_labels_that_its_metrics_have(rule: dict[str, Any], exposed: dict[str, set[str]]) -> None:
    shown = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    kept = re.search(r"by \(([^)]*)\)", rule["expr"])
    if kept is not None:
        assert shown <= {label.strip() for label in kept[1].split(",")}
        return
    (name, *_) = re.findall(r"\b(pennon_\w+|up)\b", rule["expr"])
    # Labels appear with the first sample; these have one from the start, or are a target's own.
    known = exposed.get(name, set()) | {"instance", "job", "environment"}
    assert shown <= known


@each_rule
def test_commands_in_a_rule_are_commands(rule: dict[str, Any]) -> None:
    names = {command.name for command in command_line.commands()}
    groups = {name.rpartition(" ")[0] for name in names}
    for words in re.findall(r"\bpennon ((?:edge )?[a-z]+)", rule["annotations"]["description"]):
        assert words in names | groups, words


@each_rule
def test_a_rule_links_a_runbook_that_is_there(rule: dict[str, Any]) -> None:
    assert (ROOT / rule["annotations"]["runbook_url"]).parent == RUNBOOKS
    assert (ROOT / rule["annotations"]["runbook_url"]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_has_every_part_and_is_listed(page: Path) -> None:
    heads, bodies = zip(*re.findall(r"^## (.*)\n([^#]+)", page.read_text("utf-8"), re.MULTILINE), strict=True)
    assert list(heads) == PARTS
    assert all(body.strip() for body in bodies)
    assert f"]({page.name})" in (RUNBOOKS / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_in_a_runbook_are_commands_with_such_options(page: Path) -> None:
    known = {command.name: command for command in command_line.commands()}
    groups = {name.rpartition(" ")[0] for name in known}
    for words in re.findall(r"`pennon ([^`]+)`", page.read_text("utf-8")):
        found = [name for name in known if re.match(rf"{name}( |$)", words)]
        assert found or words in groups, words
        options = " ".join(parameter.name for name in found for parameter in known[name].parameters).split()
        assert set(re.findall(r"--[a-z-]+", words)) <= {option.rstrip(",") for option in options}, words
