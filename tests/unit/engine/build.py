"""Snapshots in few words, for the engine's tests."""

import json
from typing import Any

from pennon.model import Snapshot

BOOLEAN: list[dict[str, Any]] = [{"key": "on", "value": True}, {"key": "off", "value": False}]


def flag(key: str = "f", **members: Any) -> dict[str, Any]:
    """Return a boolean flag that is on and serves "off" unless *members* say otherwise."""
    return {
        "key": key,
        "on": True,
        "salt": "s1",
        "variations": BOOLEAN,
        "offVariation": "off",
        "fallthrough": {"variation": "off"},
        **members,
    }


def rule(*conditions: dict[str, Any], serve: Any = "on", key: str = "r1") -> dict[str, Any]:
    """Return a rule; *serve* is a variation's key or a whole serve form."""
    return {
        "id": key,
        "conditions": list(conditions),
        "serve": {"variation": serve} if isinstance(serve, str) else serve,
    }


def split(*shares: tuple[str, int], **members: Any) -> dict[str, Any]:
    """Return a serve form that splits by *shares* of 100000."""
    return {"split": {"weights": [{"variation": key, "weight": weight} for key, weight in shares], **members}}


def snapshot(
    *flags: dict[str, Any], segments: tuple[dict[str, Any], ...] = (), layers: tuple[dict[str, Any], ...] = ()
) -> Snapshot:
    """Return a snapshot of these items."""
    document = {
        "spec": 1,
        "epoch": 1,
        "revision": 7,
        "flags": {item["key"]: item for item in flags},
        "segments": {item["key"]: item for item in segments},
        "layers": {item["key"]: item for item in layers},
    }
    return Snapshot.from_json(json.dumps(document).encode())
