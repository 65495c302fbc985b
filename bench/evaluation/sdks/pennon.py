"""Pennon as an application has it: a client that counts, given the bytes that a server sends."""

from collections.abc import Iterable
from typing import Any

from bench.evaluation.sdks.base import Mode, Way, written
from bench.evaluation.worlds import Flag, Rule, Segment, World
from pennon import Client
from pennon.model import Snapshot
from pennon.sdk.sources.base import Adopt

HALVES = {"split": {"weights": [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]}}
_OPERATORS = {
    "in": "in",
    "version": "versionGreaterOrEqual",
    "ends": "endsWith",
    "above": "greaterThan",
    "segment": "inSegment",
}


class Adapter:
    """The client."""

    bucket_cache = 0

    def document(self, world: World) -> bytes:
        """Return the snapshot that a server sends."""
        return snapshot(world.flags, world.segments)

    def open(self, document: bytes, mode: Mode) -> Way:
        """Hand the client a state."""
        client = Client(source=_Given(Snapshot.from_json(document)), bucket_cache=self.bucket_cache)
        if mode == "openfeature":
            from bench.evaluation.sdks.openfeature import through
            from pennon.openfeature import PennonProvider

            return through(PennonProvider(client))
        if mode == "value":
            return Way("boolean(flag, user)", {"boolean": client.boolean}, close=client.close)
        return Way(
            "evaluation(flag, user, default=False)",
            {"evaluation": client.evaluation},
            value=lambda answer: answer.value,
            close=client.close,
        )


class _Given:
    """A source that knows one state, and never another."""

    look_every_s = None

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def attach(self, adopt: Adopt) -> None:
        """Hand over the state."""
        adopt(self._snapshot)

    def detach(self, adopt: Adopt) -> None:
        """Do nothing: there is no other state."""

    def look(self) -> str:
        """Do nothing: there is no other state."""
        return ""


def snapshot(flags: Iterable[Flag], segments: Iterable[Segment]) -> bytes:
    """Return a snapshot's text."""
    return written(
        {
            "spec": 1,
            "flags": {flag.key: body(flag) for flag in flags},
            "segments": {segment.key: _segment(segment) for segment in segments},
        }
    )


def body(flag: Flag) -> dict[str, Any]:
    """Return a flag as JSON."""
    return {
        "key": flag.key,
        "version": 3,
        "on": True,
        "salt": f"k3v{flag.number:05}",
        "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}],
        "offVariation": "off",
        "prerequisites": [] if flag.needed is None else [{"flag": flag.needed, "variations": ["on"]}],
        "targets": [{"attribute": "targetingKey", "values": flag.listed, "variation": "on"}] if flag.listed else [],
        "rules": [
            {"id": f"r{number}", "conditions": [_condition(rule)], "serve": _serve(rule.serve)}
            for number, rule in enumerate(flag.rules)
        ],
        "fallthrough": _serve(flag.fallthrough),
    }


def _condition(rule: Rule) -> dict[str, Any]:
    values = list(rule.literal) if rule.op == "in" else [rule.literal]
    return {"op": _OPERATORS[rule.op], "values": values} | ({"attribute": rule.attribute} if rule.attribute else {})


def _serve(value: bool | None) -> dict[str, Any]:
    return HALVES if value is None else {"variation": "on" if value else "off"}


def _segment(segment: Segment) -> dict[str, Any]:
    of_plan = {"attribute": "plan", "op": "in", "values": segment.plans}
    return {
        "key": segment.key,
        "salt": "m2",
        "included": segment.included,
        "rules": [{"conditions": [of_plan]}] if segment.plans else [],
    }
