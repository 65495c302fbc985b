"""flagd files in few words, and what becomes of them."""

import json
from typing import Any

import msgspec

from pennon.importers.flagd import plan
from pennon.importers.plan import PlannedFlag

VARIANTS = {"a": "A", "b": "B", "c": "C"}


def flag(targeting: Any = None, **members: Any) -> dict[str, Any]:
    """Return a flag of flagd's that serves "a" by default."""
    found: dict[str, Any] = {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": "a", **members}
    return found if targeting is None else {**found, "targeting": targeting}


def file(*flags: dict[str, Any], **members: Any) -> bytes:
    """Return a file of *flags*, whose keys are f, g, h."""
    return json.dumps({"flags": dict(zip("fgh", flags, strict=False)), **members}).encode()


def planned(found: dict[str, Any], dialect: str = "v2", /, **members: Any) -> PlannedFlag:
    """Return what becomes of one flag."""
    (only,) = plan(file(found, **members), dialect).flags
    return only


def written(value: Any) -> Any:
    """Return what is sent of a model, as JSON."""
    return json.loads(msgspec.json.encode(value))


def rules(targeting: Any, dialect: str = "v2", /, **members: Any) -> tuple[list[Any], Any]:
    """Return, for a targeting, what its rules ask and serve, and what the fallthrough serves."""
    found = planned(flag(targeting, **members), dialect).flag
    assert found is not None
    return [(written(rule.conditions), written(rule.serve)) for rule in found.rules], written(found.fallthrough)
