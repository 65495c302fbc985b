"""Builds payloads of LaunchDarkly's, plans them, and evaluates what comes of it."""

import json
from typing import Any

from pennon.importers import Plan, PlannedFlag, launchdarkly
from pennon.importers.verify import rules_of
from pennon.model import Flag

DEFAULT = "the caller's"


def flag(key: str = "f", **members: Any) -> dict[str, Any]:
    """A flag that is on and serves its second variation."""
    usual = {
        "version": 1,
        "on": True,
        "variations": ["a", "b", "c"],
        "offVariation": 2,
        "fallthrough": {"variation": 1},
        "salt": "salt",
    }
    return {"key": key, **usual, **members}


def clause(op: str, *values: Any, attribute: str = "plan", **members: Any) -> dict[str, Any]:
    return {"attribute": attribute, "op": op, "values": list(values), **members}


def asks(*segments: Any, **members: Any) -> dict[str, Any]:
    return clause("segmentMatch", *segments, attribute="", **members)


def rule(*clauses: dict[str, Any], **served: Any) -> dict[str, Any]:
    """A rule that serves the first variation."""
    return {"id": "r", "clauses": list(clauses), **(served or {"variation": 0})}


def rollout(*weights: int, **members: Any) -> dict[str, Any]:
    variations = [{"variation": index, "weight": weight} for index, weight in enumerate(weights)]
    return {"rollout": {"variations": variations, **members}}


def prerequisite_of(key: str, variation: int) -> dict[str, Any]:
    return {"key": key, "variation": variation}


def segment(key: str = "s", **members: Any) -> dict[str, Any]:
    return {"key": key, "version": 1, "salt": "salt", "included": [], "excluded": [], "rules": [], **members}


def payload(*items: dict[str, Any]) -> bytes:
    """The payload of flags, which have variations, and segments, which have not."""
    flags = {item["key"]: item for item in items if "variations" in item}
    return encoded({"flags": flags, "segments": {item["key"]: item for item in items if "variations" not in item}})


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def planned(*items: dict[str, Any], dialect: str = "python", key: str = "f") -> PlannedFlag:
    """The flag *key* of the plan of *items*."""
    return of_plan(launchdarkly.plan(payload(*items), dialect), key)


def of_plan(plan: Plan, key: str = "f") -> PlannedFlag:
    return next(each for each in plan.flags if each.key == key)


def carried(*items: dict[str, Any], dialect: str = "python", key: str = "f") -> Flag:
    """The flag *key*, which can be carried."""
    found = planned(*items, dialect=dialect, key=key)
    assert found.flag is not None, found.notes
    return found.flag


def served(
    *items: dict[str, Any], context: dict[str, Any] | None = None, dialect: str = "python", key: str = "f"
) -> Any:
    """What flag *key* serves: its value, or the caller's default."""
    rules = rules_of(launchdarkly.plan(payload(*items), dialect))
    return rules.evaluate(key, {"targetingKey": "u", **(context or {})}, DEFAULT).value


def messages(found: PlannedFlag) -> str:
    return "\n".join(f"{note.path}: {note.message}" for note in found.notes)
