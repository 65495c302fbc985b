"""Every code has its entry, with its severity, and its example is found to be what the entry says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pennon.engine import Code, Prover, Severity
from pennon.engine.proofs import SEVERITIES
from pennon.model import Snapshot

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "findings.md").read_text("utf-8")
SECTIONS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.NOTICE: "Notices"}
ON: dict[str, Any] = {"variation": "on"}
VARIATIONS = [{"key": key, "value": key} for key in ("on", "off", "third")]


def entry(code: Code) -> str:
    section = PAGE.partition(f"\n## {SECTIONS[SEVERITIES[code]]}\n")[2].partition("\n## ")[0]
    return section.partition(f"\n### `{code.value}`\n")[2].partition("\n### ")[0]


def flag(key: str, **members: Any) -> dict[str, Any]:
    base = {"key": key, "kind": "string", "on": True, "salt": "s1", "offVariation": "off"}
    return {**base, "variations": VARIATIONS, "fallthrough": {"variation": "off"}, **members}


def found(example: dict[str, Any]) -> set[Code]:
    inside = {"op": "in", "attribute": "targetingKey", "values": ["u1"]}
    segments: dict[str, Any] = {
        "nobody": {"key": "nobody"},
        "everybody": {"key": "everybody", "rules": [{"conditions": []}]},
        "beta": {"key": "beta", "rules": [{"conditions": [inside]}]},
        "example": {"key": "example", **example.pop("segment", {})},
    }
    flags = {
        "payments": flag("payments", on=False),
        "search": flag("search", fallthrough=ON),
        "theme": flag("theme", rules=[{"id": "r1", "conditions": [inside], "serve": ON}]),
        "example": flag("example", **example),
    }
    slots = [{"from": 0, "to": 50_000, "experiment": "exp-a"}]
    layers = {"shop": {"key": "shop", "salt": "q1", "slots": slots}}
    known = {"flags": flags, "segments": segments, "layers": layers}
    prover = Prover(Snapshot.from_json(json.dumps(known)))
    return {each.code for each in (*prover.flag_findings("example"), *prover.segment_findings("example"))}


@pytest.mark.parametrize("code", Code)
def test_every_code_has_an_entry_whose_example_is_found(code: Code) -> None:
    text, _, rest = entry(code).partition("```json\n")
    assert text.strip(), f"{code.value} has no entry under {SECTIONS[SEVERITIES[code]]}"
    shown = found(json.loads(rest.partition("```")[0]))
    assert code in shown
    assert {each for each in shown if SEVERITIES[each] is not Severity.NOTICE} <= {code}


def test_every_warning_of_the_control_plane_is_there() -> None:
    sources = (ROOT / "src" / "pennon" / "control").rglob("*.py")
    codes = {code for source in sources for code in re.findall(r'ChangeWarning\(code="([a-z-]+)"', source.read_text())}
    assert len(codes) == 4
    shown = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.partition("\n## Other warnings\n")[2], re.MULTILINE))
    assert shown == codes
