"""The flags that every server has, each in its own words: in Germany or France half of the users get "on"."""

from typing import Any

FLAGS = 100
KEYS = tuple(f"flag-{number:03}" for number in range(FLAGS))
ASKED = KEYS[7]
CONTEXT: dict[str, str] = {"targetingKey": "user-1", "country": "DE", "plan": "pro"}
COUNTRIES = ("DE", "FR")


def pennon_edits() -> list[dict[str, Any]]:
    """Return the change that makes the flags in Pennon."""
    split = {"by": "targetingKey", "weights": [{"variation": name, "weight": 50_000} for name in ("on", "off")]}
    condition = {"attribute": "country", "op": "in", "values": list(COUNTRIES)}
    configuration = {
        "on": True,
        "offVariation": "off",
        "fallthrough": {"variation": "off"},
        "rules": [{"id": "r1", "conditions": [condition], "serve": {"split": split}}],
    }
    variations = [{"key": "on", "value": True}, {"key": "off", "value": False}]
    return [
        {
            "do": "putFlag",
            "definition": {"key": key, "kind": "boolean", "variations": variations, "clientSide": True},
            "configuration": configuration,
        }
        for key in KEYS
    ]


def flagd_flags() -> dict[str, Any]:
    """Return flagd's file."""
    halves = {"fractional": [{"var": "targetingKey"}, ["on", 50], ["off", 50]]}
    targeting = {"if": [{"in": [{"var": "country"}, list(COUNTRIES)]}, halves, "off"]}
    flag = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": targeting,
    }
    return {"flags": dict.fromkeys(KEYS, flag)}


def goff_flags() -> dict[str, Any]:
    """Return GO Feature Flag's file."""
    rule = {
        "name": "r1",
        "query": " or ".join(f'country eq "{country}"' for country in COUNTRIES),
        "percentage": {"on": 50, "off": 50},
    }
    flag = {"variations": {"on": True, "off": False}, "targeting": [rule], "defaultRule": {"variation": "off"}}
    return dict.fromkeys(KEYS, flag)


def unleash_features() -> dict[str, Any]:
    """Return Unleash Edge's file."""
    constraint = {"contextName": "country", "operator": "IN", "values": list(COUNTRIES)}
    strategy = {
        "name": "flexibleRollout",
        "parameters": {"rollout": "50", "stickiness": "userId"},
        "constraints": [constraint],
    }
    features = [{"name": key, "type": "release", "enabled": True, "strategies": [strategy]} for key in KEYS]
    return {"version": 2, "features": features}
