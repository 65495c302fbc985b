"""What JavaScript answers, Python answers: 100,000 drawn snapshots, flags and contexts go through both."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pennon.engine import compile_snapshot
from pennon.model import Snapshot
from tests.spec.strategies import FLAGS, Chance, likely_context, snapshot

_ANSWER = Path(__file__).resolve().parents[2] / "js" / "test" / "answer.js"
_SNAPSHOTS = 500
_CONTEXTS = 50
_CALLER = "the caller's"


@pytest.mark.skipif(not (shutil.which("node") or os.environ.get("CI")), reason="there is no Node here to ask")
def test_both_languages_answer_alike() -> None:
    with subprocess.Popen(["node", str(_ANSWER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        compared = 0
        for asked in map(_drawn, range(_SNAPSHOTS)):
            other.stdin.write(json.dumps(asked).encode() + b"\n")
            other.stdin.flush()
            compared += _compare(asked, json.loads(other.stdout.readline()))
        other.stdin.close()
        assert other.wait(20) == 0
    assert compared == _SNAPSHOTS * _CONTEXTS * len(FLAGS)


def _drawn(seed: int) -> dict[str, Any]:
    chance = Chance(seed)
    contexts = [likely_context(chance) for _ in range(_CONTEXTS)]
    asked = [{"flag": flag, "context": context} for context in contexts for flag in FLAGS]
    return {"snapshot": snapshot(seed), "age": chance.choice([0, 0, 30, 90]), "asked": asked}


def _compare(asked: dict[str, Any], answers: list[object]) -> int:
    rules = compile_snapshot(Snapshot.from_json(json.dumps(asked["snapshot"]))).aged(asked["age"])
    questions = asked["asked"]
    for question, theirs in zip(questions, answers, strict=True):
        answer = rules.evaluate(question["flag"], question["context"], _CALLER)
        ours = [answer.value, answer.variation, answer.reason, answer.rule_id, answer.flag_version, answer.error_code]
        assert ours == theirs, (question, asked["snapshot"])
    return len(questions)
