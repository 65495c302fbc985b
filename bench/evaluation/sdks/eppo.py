"""Eppo's SDK: a Rust extension. Its configuration knows no segments, so their conditions stand in each flag."""

import re
from typing import Any

import eppo_client
from eppo_client import AssignmentLogger, ClientConfig, Configuration

from bench.evaluation.sdks.base import Mode, Unable, Way, written
from bench.evaluation.worlds import Flag, Rule, User, World

_SHARDS = 10_000
_OPERATORS = {"in": "ONE_OF", "version": "GTE", "ends": "MATCHES", "above": "GT"}


class Adapter:
    """Eppo's client with an initial configuration."""

    def document(self, world: World) -> bytes:
        """Return what its service sends."""
        plans = {segment.key: segment.plans for segment in world.segments}
        if any(segment.included for segment in world.segments):
            plans |= {segment.key: () for segment in world.segments}
        included = {segment.key: segment.included for segment in world.segments}
        return written(
            {
                "createdAt": "2026-01-01T00:00:00.000Z",
                "format": "SERVER",
                "environment": {"name": "production"},
                "flags": {flag.key: _flag(flag, plans, included) for flag in world.flags},
                "bandits": {},
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Hand over the configuration."""
        if mode == "openfeature":
            raise Unable("no provider for Python")
        config = ClientConfig(
            api_key="key",
            base_url="http://127.0.0.1:9",
            assignment_logger=_Counting() if mode == "counted" else AssignmentLogger(),
            poll_interval_seconds=None,
            initial_configuration=Configuration(
                flags_configuration=document.replace(b'"doLog":false', b'"doLog":true')
                if mode == "counted"
                else document
            ),
        )
        client = eppo_client.init(config)
        if mode == "detail":
            return Way(
                "details(flag, user[0], user[1], False)",
                {"details": client.get_boolean_assignment_details},
                _subject,
                _value,
            )
        return Way("assignment(flag, user[0], user[1], False)", {"assignment": client.get_boolean_assignment}, _subject)


class _Counting(AssignmentLogger):  # type: ignore[misc]
    """Counts by flag and variation, as an exposure summary would."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[tuple[str, str], int] = {}

    def log_assignment(self, event: dict[str, Any]) -> None:
        """Count one."""
        key = event["featureFlag"], event["variation"]
        self.counts[key] = self.counts.get(key, 0) + 1


def _subject(user: User) -> Any:
    attributes = {name: value for name, value in user.items() if name != "targetingKey"}
    return user["targetingKey"], attributes


def _value(result: Any) -> object:
    return result.variation


def _flag(flag: Flag, plans: dict[str, tuple[str, ...]], included: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    if flag.needed is not None:
        raise Unable("no prerequisites in its configuration")
    allocations = []
    if flag.listed:
        listed = {"attribute": "id", "operator": "ONE_OF", "value": flag.listed}
        allocations.append(_allocation("listed", [listed], flag, serve=True))
    for number, rule in enumerate(flag.rules):
        allocations.append(_allocation(f"r{number}", [_condition(rule, plans, included)], flag, serve=rule.serve))
    allocations.append(_allocation("rest", [], flag, serve=flag.fallthrough))
    return {
        "key": flag.key,
        "enabled": True,
        "variationType": "BOOLEAN",
        "variations": {"on": {"key": "on", "value": True}, "off": {"key": "off", "value": False}},
        "allocations": allocations,
        "totalShards": _SHARDS,
    }


def _allocation(key: str, conditions: list[dict[str, Any]], flag: Flag, *, serve: bool | None) -> dict[str, Any]:
    if serve is None:
        halves = [("on", 0, _SHARDS // 2), ("off", _SHARDS // 2, _SHARDS)]
    else:
        halves = [("on" if serve else "off", 0, _SHARDS)]
    salt = f"{flag.key}-{key}-{flag.number}"
    splits = [
        {
            "variationKey": variation,
            "shards": [{"salt": salt, "ranges": [{"start": start, "end": end}]}] if serve is None else [],
        }
        for variation, start, end in halves
    ]
    rules = [{"conditions": conditions}] if conditions else []
    return {"key": key, "rules": rules, "splits": splits, "doLog": False}


def _condition(rule: Rule, plans: dict[str, tuple[str, ...]], included: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    if rule.op == "segment":
        keys = included[rule.literal]
        return {"attribute": "id" if keys else "plan", "operator": "ONE_OF", "value": keys or plans[rule.literal]}
    value = f"{re.escape(rule.literal)}$" if rule.op == "ends" else rule.literal
    return {"attribute": rule.attribute, "operator": _OPERATORS[rule.op], "value": value}
