"""Asks LaunchDarkly's own Python SDK, in a process that has it: a JSON value a line, no network, no Pennon.

The store is filled as polling fills it. The SDK's own file source would read JSON as YAML where PyYAML is installed.
"""

import json
import logging
import sys
from importlib.metadata import version
from typing import Any

from ldclient import Context
from ldclient.client import LDClient
from ldclient.config import Config
from ldclient.feature_store import InMemoryFeatureStore
from ldclient.versioned_data_kind import FEATURES, SEGMENTS

PACKAGE = "launchdarkly-server-sdk"
NOT_ATTRIBUTES = ("kind", "key", "targetingKey", "privateAttributes", "_meta")


def _parts(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the flags and segments of a payload, a streaming `put`, a file's dump or a list of FDv2 events."""
    if "events" in document:
        found: dict[str, dict[str, Any]] = {"flag": {}, "segment": {}}
        for event in document["events"]:
            data = event.get("data", {})
            if event.get("event") == "put-object":
                found[data["kind"]][data["key"]] = data["object"]
        return found["flag"], found["segment"]
    if "items" in document or "environments" in document:
        raise ValueError("no SDK reads what the REST API shows: give what SDKs receive")
    document = document["data"] if "path" in document else document
    flags = dict(document.get("flags") or {})
    for key, value in (document.get("flagValues") or {}).items():
        flags[key] = {"key": key, "version": 1, "on": True, "variations": [value], "fallthrough": {"variation": 0}}
    return flags, dict(document.get("segments") or {})


def _client(document: dict[str, Any]) -> LDClient:
    flags, segments = _parts(document)
    for item in (*flags.values(), *segments.values()):
        item.setdefault("version", 1)
    store = InMemoryFeatureStore()
    store.init({FEATURES: flags, SEGMENTS: segments})
    return LDClient(Config("no-key", feature_store=store, use_ldd=True, send_events=False, diagnostic_opt_out=True))


def _key(member: dict[str, Any]) -> str:
    for name in ("targetingKey", "key"):
        found = member.get(name)
        if isinstance(found, str) and found:
            return found
    return ""


def _single(member: dict[str, Any], kind: str) -> Context:
    builder = Context.builder(_key(member)).kind(kind)
    for name, value in member.items():
        if name not in NOT_ATTRIBUTES:
            builder.set(name, value)
    return builder.build()


def _context(context: dict[str, Any]) -> Context:
    """Make a context as LaunchDarkly's OpenFeature provider does."""
    kind = context.get("kind")
    if kind != "multi":
        return _single(context, kind if isinstance(kind, str) and kind else "user")
    builder = Context.multi_builder()
    for name, member in context.items():
        if isinstance(member, dict) and name != "targetingKey":
            builder.add(_single(member, name))
    return builder.build()


def _outcome(client: LDClient, flag: str, context: dict[str, Any]) -> dict[str, Any]:
    detail = client.variation_detail(flag, _context(context), None)
    is_default = detail.variation_index is None
    return {
        "value": None if is_default else detail.value,
        "variation": None if is_default else str(detail.variation_index),
        "default": is_default,
        "error": (detail.reason or {}).get("errorKind"),
    }


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _answer() -> None:
    logging.disable(logging.CRITICAL)
    client = _client(json.loads(json.loads(sys.stdin.readline())["document"]))
    _say({"sdk": PACKAGE, "version": version(PACKAGE)})
    for line in sys.stdin:
        asked = json.loads(line)
        _say({"outcomes": [_outcome(client, asked["flag"], context) for context in asked["contexts"]]})


if __name__ == "__main__":
    try:
        _answer()
    except Exception as error:  # noqa: BLE001  # the boundary of the process: whoever asks is told why it ends
        _say({"failed": f"{type(error).__name__}: {error}"})
        sys.exit(1)
