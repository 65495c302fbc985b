"""Flagsmith's SDK, offline: a rule is a segment that overrides the flag, and so is a percentage."""

import json
import re
from typing import Any

from flagsmith import Flagsmith

from bench.evaluation.sdks.base import Mode, Unable, Way, written
from bench.evaluation.worlds import Flag, Rule, User, World

_HALF = {"operator": "PERCENTAGE_SPLIT", "property_": "", "value": "50"}


class Adapter:
    """`Flagsmith` in its offline mode."""

    def document(self, world: World) -> bytes:
        """Return the environment document."""
        members = {segment.key: segment for segment in world.segments}
        segments: list[dict[str, Any]] = []
        features = []
        for number, flag in enumerate(world.flags, 1):
            if flag.needed is not None:
                raise Unable("no prerequisites in its environment document")
            feature = {"id": number, "name": flag.key, "type": "STANDARD"}
            features.append(_state(feature, number, enabled=flag.fallthrough is True))
            for priority, conditions in enumerate(_overrides(flag, members)):
                segments.append(_segment(len(segments) + 1, priority, feature, conditions))
        listed = [(flag, number, key) for number, flag in enumerate(world.flags, 1) for key in flag.listed]
        return written(
            {
                "id": 1,
                "api_key": "key",
                "name": "production",
                "project": {
                    "id": 1,
                    "name": "shop",
                    "organisation": {"id": 1, "name": "shop"},
                    "hide_disabled_flags": False,
                    "segments": segments,
                },
                "feature_states": features,
                "identity_overrides": [
                    {
                        "identifier": key,
                        "environment_api_key": "key",
                        "identity_features": [
                            _state({"id": number, "name": flag.key, "type": "STANDARD"}, number, enabled=True)
                        ],
                    }
                    for flag, number, key in listed
                ],
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Go offline."""
        if mode == "counted":
            raise Unable("its exposures need its events API")
        if mode == "openfeature":
            raise Unable("its provider wants an openfeature-sdk below 0.10")
        client = Flagsmith(offline_mode=True, offline_handler=_Handler(document))
        names = {"identity": client.get_identity_flags}
        if mode == "detail":
            return Way("identity(user[0], user[1]).get_flag(flag)", names, _identity, _value)
        return Way("identity(user[0], user[1]).is_feature_enabled(flag)", names, _identity)


class _Handler:
    """What has the environment."""

    def __init__(self, document: bytes) -> None:
        self._environment = json.loads(document)

    def get_environment(self) -> Any:
        """Return the environment document."""
        return self._environment


def _identity(user: User) -> Any:
    return user["targetingKey"], {name: value for name, value in user.items() if name != "targetingKey"}


def _value(flag: Any) -> object:
    return flag.enabled


def _state(feature: dict[str, Any], number: int, *, enabled: bool) -> dict[str, Any]:
    return {
        "feature": feature,
        "enabled": enabled,
        "feature_state_value": None,
        "django_id": number,
        "featurestate_uuid": f"00000000-0000-4000-8000-{number:012}",
        "multivariate_feature_state_values": [],
    }


def _overrides(flag: Flag, members: dict[str, Any]) -> list[list[dict[str, Any]]]:
    found = [
        [_condition(rule, members), *([_HALF] if rule.serve is None else [])]
        for rule in flag.rules
        if rule.serve is not False
    ]
    return found + ([[_HALF]] if flag.fallthrough is None else [])


def _segment(number: int, priority: int, feature: dict[str, Any], conditions: list[dict[str, Any]]) -> dict[str, Any]:
    any_of = [{"type": "ANY", "conditions": [condition], "rules": []} for condition in conditions]
    state = _state(feature, number, enabled=True) | {"feature_segment": {"priority": priority}}
    return {
        "id": number,
        "name": f"segment-{number}",
        "rules": [{"type": "ALL", "conditions": [], "rules": any_of}],
        "feature_states": [state],
    }


def _condition(rule: Rule, members: dict[str, Any]) -> dict[str, Any]:
    match rule.op:
        case "in":
            return _asked(rule.attribute, "IN", ",".join(rule.literal))
        case "version":
            return _asked(rule.attribute, "GREATER_THAN_INCLUSIVE", f"{rule.literal}:semver")
        case "ends":
            return _asked(rule.attribute, "REGEX", f".*{re.escape(rule.literal)}$")
        case "above":
            return _asked(rule.attribute, "GREATER_THAN", str(rule.literal))
        case "segment":
            segment = members[rule.literal]
            if segment.included:
                return _asked("$.identity.identifier", "IN", ",".join(segment.included))
            return _asked("plan", "IN", ",".join(segment.plans))


def _asked(name: str, operator: str, value: str) -> dict[str, Any]:
    return {"property_": name, "operator": operator, "value": value}
