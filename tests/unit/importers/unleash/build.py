"""Files of Unleash's, and plans of them."""

import json
from typing import Any

from pennon.engine import RuleSet
from pennon.importers import Plan, PlannedFlag, unleash
from pennon.importers.verify import rules_of

NOW = 1_700_000_000.0


def strategy(name: str = "default", *constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a strategy; its parameters are none unless they are given."""
    return {"name": name, "parameters": {}, "constraints": list(constraints), **more}


def rollout(share: str = "50", **parameters: str) -> dict[str, Any]:
    """Return a rollout by the user's id."""
    return strategy(
        "flexibleRollout", parameters={"rollout": share, "stickiness": "userId", "groupId": "g"} | parameters
    )


def constraint(operator: str, value: str | list[str] | None = None, field: str = "x", **more: Any) -> dict[str, Any]:
    """Return a constraint."""
    found: dict[str, Any] = {"contextName": field, "operator": operator, **more}
    if value is not None:
        found["values" if isinstance(value, list) else "value"] = value
    return found


def feature(name: str, *strategies: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a feature that is on."""
    return {"name": name, "enabled": True, "strategies": list(strategies), **more}


def variant(name: str, weight: int = 1, **more: Any) -> dict[str, Any]:
    """Return a variant."""
    return {"name": name, "weight": weight, **more}


def file(*features: dict[str, Any], segments: list[dict[str, Any]] | None = None, **more: Any) -> bytes:
    """Return the client API's answer."""
    document = {"version": 2, "features": list(features), **more}
    return json.dumps(document if segments is None else {**document, "segments": segments}).encode()


def plan(*features: dict[str, Any], dialect: str = "python", **more: Any) -> Plan:
    """Return the plan of features."""
    return unleash.plan(file(*features, **more), dialect)


def planned(found: Plan, key: str) -> PlannedFlag:
    """Return one flag of a plan."""
    return next(flag for flag in found.flags if flag.key == key)


def said(found: Plan, key: str) -> list[tuple[str, str]]:
    """Return the notes about one flag."""
    return [(note.path, note.message) for note in planned(found, key).notes]


def rules(found: Plan) -> RuleSet:
    """Return the rules of a plan."""
    return rules_of(found)


def value(found: RuleSet, key: str, **context: Any) -> Any:
    """Return what a flag serves."""
    return found.evaluate(key, context, "the default", now=NOW).value
