"""What JavaScript answers, Python answers: 100,000 drawn snapshots, flags and contexts go through both.

Imported flags are among them, of every dialect.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pennon.engine import compile_snapshot
from pennon.model import Snapshot
from tests.spec import imported
from tests.spec.imported import DIALECTS, NOW, Imported, one_number_type
from tests.spec.strategies import FLAGS, Chance, likely_context, snapshot

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"
SNAPSHOTS = 500 if LONG else 250
CONTEXTS = 50
SEEDS = range(12 if LONG else 3)
"""Of imported files, for each dialect."""
CROSSED = 600 if LONG else 60

EXPLAINED = 200 if LONG else 30
"""So many drawn snapshots are explained."""

_ANSWER = Path(__file__).resolve().parents[2] / "js" / "test" / "answer.js"
_CALLER = "the caller's"
_BEYOND_OUR_SUBSET = ("(?m)", "(?s)", "^(?i)", "[[:", "[]", "[^]")
"""Python asks RE2 itself for patterns of Unleash's: these are valid there, and JavaScript refuses them."""

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") or os.environ.get("CI")), reason="there is no Node here to ask"
)


class Other:
    """JavaScript's engine, asked by lines of JSON."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, asked: dict[str, Any]) -> list[Any]:
        """Return the answers to what is asked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        found: list[Any] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def _other() -> Iterator[Other]:
    with subprocess.Popen(["node", str(_ANSWER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Other(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def test_both_languages_answer_alike() -> None:
    with _other() as other:
        compared = sum(_compare(other, _drawn(seed)) for seed in range(SNAPSHOTS))
        of_imported = sum(_compare(other, asked) for asked in _drawn_imported())
    assert compared == SNAPSHOTS * CONTEXTS * len(FLAGS)
    assert of_imported > 25_000


@pytest.mark.parametrize("dialect", ["launchdarkly/python", "launchdarkly/node", "launchdarkly/go"])
def test_every_odd_value_meets_every_odd_literal_of_launchdarkly_alike(dialect: str) -> None:
    with _other() as other:
        assert _compare_all(other, imported.crossed(dialect, CROSSED)) > 10_000


@pytest.mark.parametrize("dialect", ["unleash/python", "unleash/node"])
def test_every_odd_value_meets_odd_literals_of_unleash_alike(dialect: str) -> None:
    with _other() as other:
        assert _compare_all(other, imported.crossed(dialect, CROSSED)) > 5000


def test_both_languages_explain_alike() -> None:
    asked = [_few(_drawn(seed)) for seed in range(EXPLAINED)]
    asked += [_few(_asked(imported.drawn(vendor, dialect, 0, 4))) for vendor, dialect in DIALECTS]
    with _other() as other:
        for each in asked:
            rules = compile_snapshot(Snapshot.from_json(json.dumps(each["snapshot"]))).aged(each["age"])
            for question, theirs in zip(each["asked"], other.ask({**each, "explain": True}), strict=True):
                explained = rules.explain(question["flag"], question["context"], _CALLER, now=each.get("now"))
                ours = json.loads(json.dumps(msgspec.to_builtins(explained)))
                assert _said(ours) == _said(theirs), (question, each["snapshot"]["flags"][question["flag"]])


def _few(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked, of numbers as JavaScript has them, and fewer of them."""
    return one_number_type({**asked, "asked": asked["asked"][:40]})  # type: ignore[no-any-return]


def _said(explanation: dict[str, Any]) -> dict[str, Any]:
    """Return an explanation without what each language words in its own way: why something is an error."""
    evaluation = {name: value for name, value in explanation["evaluation"].items() if value is not None}
    evaluation.pop("errorMessage", None)
    steps = [
        step | {"why": step["why"].partition(":")[0]} if step["what"] == "error" else step
        for step in explanation["steps"]
    ]
    return {**explanation, "evaluation": evaluation, "steps": steps}


def _drawn(seed: int) -> dict[str, Any]:
    chance = Chance(seed)
    contexts = [likely_context(chance) for _ in range(CONTEXTS)]
    asked = [{"flag": flag, "context": context} for context in contexts for flag in FLAGS]
    return {"snapshot": snapshot(seed), "age": chance.choice([0, 0, 30, 90]), "asked": asked}


def _drawn_imported() -> Iterator[dict[str, Any]]:
    for vendor, dialect in DIALECTS:
        for seed in SEEDS:
            yield _asked(imported.drawn(vendor, dialect, seed, CONTEXTS))


def _asked(drawn: Imported) -> dict[str, Any]:
    flags = list(drawn.snapshot["flags"])
    asked = [{"flag": flag, "context": context} for context in drawn.contexts for flag in flags]
    return {"snapshot": drawn.snapshot, "age": 0, "now": NOW, "asked": asked}


def _compare_all(other: Other, drawn: Iterable[Imported]) -> int:
    return sum(_compare(other, _asked(each)) for each in drawn)


def _compare(other: Other, asked: dict[str, Any]) -> int:
    rules = compile_snapshot(Snapshot.from_json(json.dumps(asked["snapshot"]))).aged(asked["age"])
    questions = asked["asked"]
    for question, theirs in zip(questions, other.ask(asked), strict=True):
        answer = rules.evaluate(question["flag"], question["context"], _CALLER, now=asked.get("now"))
        ours = [answer.value, answer.variation, answer.reason, answer.rule_id, answer.flag_version, answer.error_code]
        if theirs[5] == "PARSE_ERROR" and _is_beyond_our_subset(asked["snapshot"]["flags"][question["flag"]]):
            continue
        assert ours == theirs, (question, asked["snapshot"]["flags"][question["flag"]])
    return len(questions)


def _is_beyond_our_subset(flag: dict[str, Any]) -> bool:
    if (flag.get("compat") or {}).get("vendor") != "unleash":
        return False
    conditions = [condition for rule in flag.get("rules", ()) for condition in rule["conditions"]]
    patterns = [each for condition in conditions if condition["op"] == "matches" for each in condition["values"]]
    return any(part in pattern for pattern in patterns for part in _BEYOND_OUR_SUBSET)
