"""Snapshots in few words, for the engine's tests."""

import json
from typing import Any

from pennon.model import Flag, Segment, Snapshot

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


def when(attribute: str, op: str, *values: Any, **members: Any) -> dict[str, Any]:
    """Return a condition."""
    return {"attribute": attribute, "op": op, "values": list(values), **members}


def inside(*segments: str, **members: Any) -> dict[str, Any]:
    """Return a condition that the context is in any of *segments*."""
    return {"op": "inSegment", "values": list(segments), **members}


def needs(key: str, *variations: str) -> dict[str, Any]:
    """Return a prerequisite, which serves "on" unless *variations* are named."""
    return {"flag": key, "variations": list(variations or ("on",))}


def split(*shares: tuple[str, float], **members: Any) -> dict[str, Any]:
    """Return a serve form that splits by *shares* of 100000."""
    return {"split": {"weights": [{"variation": key, "weight": weight} for key, weight in shares], **members}}


def segment(key: str, *conditions: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a segment with one rule of *conditions*, if there are any."""
    return {"key": key, "salt": "m2", "rules": [{"conditions": list(conditions)}] if conditions else [], **members}


def layer(key: str, *slots: tuple[int, int, str], **members: Any) -> dict[str, Any]:
    """Return a layer of slots (from, to, experiment)."""
    return {
        "key": key,
        "salt": "q8",
        "slots": [{"from": start, "to": end, "experiment": experiment} for start, end, experiment in slots],
        **members,
    }


def snapshot(
    *flags: dict[str, Any],
    segments: tuple[dict[str, Any], ...] = (),
    layers: tuple[dict[str, Any], ...] = (),
    revision: int = 7,
) -> Snapshot:
    """Return a snapshot of these items."""
    document = {
        "spec": 1,
        "epoch": 1,
        "revision": revision,
        "flags": {item["key"]: item for item in flags},
        "segments": {item["key"]: item for item in segments},
        "layers": {item["key"]: item for item in layers},
    }
    return Snapshot.from_json(json.dumps(document).encode())


def flag_model(**members: Any) -> Flag:
    """Return `flag` as the model's struct."""
    item = flag(**members)
    return snapshot(item).flags[item["key"]]


def segment_model(key: str, *conditions: dict[str, Any], **members: Any) -> Segment:
    """Return `segment` as the model's struct."""
    return snapshot(segments=(segment(key, *conditions, **members),)).segments[key]
