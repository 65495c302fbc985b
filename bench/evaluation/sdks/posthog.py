"""PostHog's SDK, its definitions through the hook by which processes share them."""

import json
import re
from typing import Any

from posthog import Posthog

from bench.evaluation.sdks.base import Mode, Way, written
from bench.evaluation.worlds import Flag, Rule, Segment, User, World

_OPERATORS = {"in": "exact", "version": "semver_gte", "ends": "regex", "above": "gt"}


class Adapter:
    """`Posthog` with local evaluation."""

    def document(self, world: World) -> bytes:
        """Return what the endpoint for local evaluation sends."""
        cohorts = {segment.key: number for number, segment in enumerate(world.segments, 1)}
        return written(
            {
                "flags": [_flag(flag, number, cohorts, world) for number, flag in enumerate(world.flags, 1)],
                "group_type_mapping": {},
                "cohorts": {str(cohorts[segment.key]): _cohort(segment) for segment in world.segments},
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Hand over the definitions; events are made for `counted`, and sent nowhere."""
        client = Posthog(
            "key",
            host="http://127.0.0.1:9",
            personal_api_key="personal",
            flag_definition_cache_provider=_Definitions(document),
            send=False,
        )
        client.load_feature_flags()
        if mode == "openfeature":
            from openfeature.contrib.provider.posthog import PostHogProvider

            from bench.evaluation.sdks.openfeature import through

            return through(PostHogProvider(client))
        expression = (
            "result(flag, user[0], person_properties=user[1], only_evaluate_locally=True, "
            f"send_feature_flag_events={mode == 'counted'})"
        )
        return Way(expression, {"result": client.get_feature_flag_result}, _person, _value)


class _Definitions:
    """What it takes for another process's cache."""

    def __init__(self, document: bytes) -> None:
        self._found = json.loads(document)

    def get_flag_definitions(self) -> Any:
        """Return the definitions."""
        return self._found

    def should_fetch_flag_definitions(self) -> bool:
        """Say no."""
        return False

    def on_flag_definitions_received(self, data: Any) -> None:
        """Do nothing: nothing is received."""

    def shutdown(self) -> None:
        """Do nothing."""


def _person(user: User) -> Any:
    return user["targetingKey"], {name: value for name, value in user.items() if name != "targetingKey"}


def _value(result: Any) -> object:
    return result.enabled


def _flag(flag: Flag, number: int, cohorts: dict[str, int], world: World) -> dict[str, Any]:
    groups = []
    if flag.listed:
        listed = {"key": "distinct_id", "type": "person", "value": flag.listed, "operator": "exact"}
        groups.append(_group([listed], serve=True))
    groups += [_group([_property(rule, cohorts)], serve=rule.serve) for rule in flag.rules]
    if flag.fallthrough is not False:
        needed = [] if flag.needed is None else [_needed(flag.needed, world)]
        groups.append(_group(needed, serve=flag.fallthrough))
    return {
        "id": number,
        "key": flag.key,
        "name": flag.key,
        "active": True,
        "version": 3,
        "filters": {"groups": groups, "payloads": {}, "multivariate": None},
    }


def _needed(key: str, world: World) -> dict[str, Any]:
    by_key, chain = {flag.key: flag for flag in world.flags}, [key]
    while (below := by_key[chain[0]].needed) is not None:
        chain.insert(0, below)
    return {"key": key, "type": "flag", "operator": "flag_evaluates_to", "value": True, "dependency_chain": chain}


def _group(properties: list[dict[str, Any]], *, serve: bool | None) -> dict[str, Any]:
    return {"properties": properties, "rollout_percentage": 50 if serve is None else 100}


def _property(rule: Rule, cohorts: dict[str, int]) -> dict[str, Any]:
    if rule.op == "segment":
        return {"key": "id", "type": "cohort", "value": cohorts[rule.literal], "operator": "in"}
    literal = f"{re.escape(rule.literal)}$" if rule.op == "ends" else rule.literal
    return {"key": rule.attribute, "type": "person", "value": literal, "operator": _OPERATORS[rule.op]}


def _cohort(segment: Segment) -> dict[str, Any]:
    key, value = ("distinct_id", segment.included) if segment.included else ("plan", segment.plans)
    return {"type": "OR", "values": [{"key": key, "type": "person", "value": value, "operator": "exact"}]}
