"""The short forms of flags in a file, written out: a value, or variations by name with what is served."""

from collections.abc import Mapping
from typing import Any

from pennon.model import WEIGHT_TOTAL
from pennon.sdk.errors import InvalidFile

_WORDS = {"on": True, "off": False}
_PERCENT = WEIGHT_TOTAL // 100


def expanded(document: Mapping[str, Any], *, revision: int) -> dict[str, Any]:
    """Return *document* as a snapshot: short flags written out, what a head needs filled in where it is missing."""
    whole: dict[str, Any] = {"environment": "file", "revision": revision, **document}
    whole["flags"] = {str(key): _flag(str(key), flag) for key, flag in document["flags"].items()}
    for kind in ("segments", "layers"):
        items = document.get(kind, {})
        if isinstance(items, dict):
            whole[kind] = {str(key): {"key": str(key), **item} for key, item in items.items() if isinstance(item, dict)}
    return whole


def _flag(key: str, form: Any) -> dict[str, Any]:
    if isinstance(form, dict) and "fallthrough" in form:
        return {"key": key, **form}
    if not isinstance(form, dict):
        return _of_value(key, _WORDS.get(form, form) if isinstance(form, str) else form)
    if "value" in form:
        return _of_value(key, form["value"])
    if isinstance(form.get("variations"), dict) and "serve" in form:
        return _of_variations(key, form)
    path = f"/flags/{key}"
    raise InvalidFile(
        f"{path}: write a value, {{value: …}} for an object, {{variations: {{name: value, …}}, serve: name}},"
        " or the whole flag with its fallthrough"
    )


def _of_value(key: str, value: Any) -> dict[str, Any]:
    """Return a flag that serves *value* to everybody."""
    if isinstance(value, bool):
        variations = [{"key": "on", "value": True}, {"key": "off", "value": False}]
        served = "on" if value else "off"
    else:
        variations = [{"key": "value", "value": value}]
        served = "value"
    return {
        "key": key,
        "kind": _kind(value),
        "on": True,
        "salt": key,
        "variations": variations,
        "fallthrough": {"variation": served},
    }


def _of_variations(key: str, form: dict[str, Any]) -> dict[str, Any]:
    """Return a flag of variations by name; `serve` is a name, or percentages by name. All other fields stay."""
    variations = form["variations"]
    if not variations:
        raise InvalidFile(f"/flags/{key}/variations: name at least one")
    rest = {name: field for name, field in form.items() if name not in ("variations", "serve")}
    return {
        "key": key,
        "kind": _kind(next(iter(variations.values()))),
        "on": True,
        "salt": key,
        **rest,
        "variations": [{"key": str(name), "value": value} for name, value in variations.items()],
        "fallthrough": _serve(key, form["serve"]),
    }


def _serve(key: str, serve: Any) -> dict[str, Any]:
    if not isinstance(serve, dict):
        return {"variation": serve}
    try:
        weights = {str(name): round(share * _PERCENT) for name, share in serve.items()}
    except TypeError:
        weights = {}
    if sum(weights.values()) != WEIGHT_TOTAL:
        raise InvalidFile(f"/flags/{key}/serve: percentages by variation must sum to 100")
    return {"split": {"weights": [{"variation": name, "weight": weight} for name, weight in weights.items()]}}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, (int, float)) else "object"
