"""Asks Unleash's own Python SDK, in a process that has it: a JSON value a line, no network, no Pennon.

The configuration is its bootstrap, handed over by a cache in memory; the client is never initialised, so it fetches
nothing. A flag named `<feature>.variant` is asked by `get_variant`, any other by `is_enabled`. The static context is
empty: appName and environment are those of the contexts.
"""

import datetime as dt
import json
import logging
import math
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from UnleashClient import UnleashClient
from UnleashClient.cache import BaseCache
from UnleashClient.constants import FEATURES_URL
from UnleashClient.utils import InstanceAllowType

PACKAGE = "UnleashClient"
SUFFIX = ".variant"
BUILT_IN = ("userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime")
SURE = 15
"""How often the rarest answer is to be expected before an answer counts as one that no lots were drawn for."""
MOST_DRAWS = 2000

Json = Any


class Bootstrap(BaseCache):  # type: ignore[misc]  # the SDK is not installed where types are checked
    """A cache in memory that has the configuration from the start."""

    bootstrapped = True

    def __init__(self, text: str) -> None:
        self._kept: dict[str, Json] = {FEATURES_URL: text}

    def set(self, key: str, value: Json) -> None:
        """Keep a value."""
        self._kept[key] = value

    def mset(self, data: dict[str, Json]) -> None:
        """Keep values."""
        self._kept.update(data)

    def get(self, key: str, default: Json = None) -> Json:
        """Return a value."""
        return self._kept.get(key, default)

    def exists(self, key: str) -> bool:
        """Whether there is a value."""
        return key in self._kept

    def destroy(self) -> None:
        """Forget everything."""
        self._kept.clear()


def _joined(document: dict[str, Json], environment: str | None) -> dict[str, Json]:
    """Return an export's tables as the client API would send them: disabled strategies are not sent."""
    here = {
        each.get("featureName") or each.get("name"): each
        for each in document.get("featureEnvironments") or ()
        if environment is None or each.get("environment") == environment
    }
    parents = {each["feature"]: each["dependencies"] for each in document.get("dependencies") or ()}
    features = []
    for feature in document.get("features") or ():
        name = feature["name"]
        own = [each for each in document["featureStrategies"] if each.get("featureName") == name]
        sent = [each for each in own if not each.get("disabled")]
        features.append(
            {
                "name": name,
                "enabled": bool(here.get(name, {}).get("enabled")),
                "strategies": sorted(sent, key=lambda each: each.get("sortOrder") or 0),
                "variants": here.get(name, {}).get("variants") or [],
                "dependencies": parents.get(name) or [],
            }
        )
    segments = [each for each in document.get("segments") or () if "constraints" in each]
    return {"version": 2, "features": features, "segments": segments}


def _features(document: dict[str, Json]) -> dict[str, dict[str, Json]]:
    """Return the features by name, after all events."""
    if "events" not in document:
        return {each["name"]: each for each in document["features"]}
    found: dict[str, dict[str, Json]] = {}
    for event in document["events"]:
        if event["type"] == "hydration":
            found = {each["name"]: each for each in event["features"]}
        elif event["type"] == "feature-updated":
            found[event["feature"]["name"]] = event["feature"]
        elif event["type"] == "feature-removed":
            found.pop(event["featureName"], None)
    return found


def _variants(feature: dict[str, Json]) -> Iterator[dict[str, Json]]:
    yield from feature.get("variants") or ()
    for strategy in feature.get("strategies") or ():
        yield from strategy.get("variants") or ()


def _key(variant: dict[str, Json]) -> str:
    payload = variant.get("payload")
    return json.dumps([variant["name"], payload and [payload["type"], payload["value"]]])


def _labels(feature: dict[str, Json]) -> dict[str, str]:
    """Name each distinct variant: its own name, with a number where two of one name differ."""
    found: dict[str, str] = {}
    taken = {"disabled", "disabled-on"}
    for variant in _variants(feature):
        if _key(variant) in found:
            continue
        label, number = variant["name"], 1
        while label in taken:
            number += 1
            label = f"{variant['name']} ({number})"
        taken.add(label)
        found[_key(variant)] = label
    return found


class Asked:
    """One feature, asked for one of its two answers."""

    def __init__(self, client: UnleashClient, name: str, features: dict[str, dict[str, Json]]) -> None:
        self.is_variant = name not in features and name.endswith(SUFFIX)
        self.name = name.removesuffix(SUFFIX) if self.is_variant else name
        self._client = client
        feature = features.get(self.name, {})
        self._labels = _labels(feature)
        named = [each["feature"] for each in feature.get("dependencies") or ()]
        family = (feature, *(features[each] for each in named if each in features))
        found = [each for one in family for each in _lots(one)]
        self._ids = {by for by, _ in found}
        rarest = math.prod(share for _, share in found)
        self._draws = min(MOST_DRAWS, math.ceil(SURE / rarest))

    def outcome(self, context: dict[str, Json]) -> dict[str, Json]:
        """Return what the SDK answers, and whether it drew lots."""
        answer = self._variant if self.is_variant else self._boolean
        found = answer(context)
        found["chance"] = self._may_draw(context) and any(answer(context) != found for _ in range(self._draws))
        return found

    def _boolean(self, context: dict[str, Json]) -> dict[str, Json]:
        value = bool(self._client.is_enabled(self.name, context))
        return {"value": value, "variation": "true" if value else "false", "default": False, "error": None}

    def _variant(self, context: dict[str, Json]) -> dict[str, Json]:
        value = self._client.get_variant(self.name, context)
        label = self._labels.get(_key(value)) if value["enabled"] else None
        if label is None:
            label = "disabled-on" if value["feature_enabled"] else "disabled"
        return {"value": value, "variation": label, "default": False, "error": None}

    def _may_draw(self, context: dict[str, Json]) -> bool:
        known = {**context["properties"], **context}
        has_id = not known.keys().isdisjoint(("userId", "sessionId"))
        return any(not has_id if each == "default" else each not in known for each in self._ids)


def _lots(feature: dict[str, Json]) -> Iterator[tuple[str, float]]:
    """Yield what a feature goes by where the SDK draws lots for a context that has none of it, and the rarest lot."""
    for strategy in feature.get("strategies") or ():
        parameters = strategy.get("parameters") or {}
        by, rollout = parameters.get("stickiness", "default"), parameters.get("rollout", "")
        share = int(rollout) if rollout.isdecimal() else 0
        if strategy["name"] == "flexibleRollout" and 0 < share < 100 and by in {"default", "random"}:
            yield by, min(share, 100 - share) / 100
        yield from _choice(strategy.get("variants"), by)
    if variants := feature.get("variants"):
        by = variants[0].get("stickiness")
        yield from _choice(variants, "default" if by is None else by)


def _choice(variants: list[dict[str, Json]] | None, by: str) -> Iterator[tuple[str, float]]:
    weights = [variant["weight"] for variant in variants or () if variant["weight"] > 0]
    if len(weights) > 1:
        yield by, min(weights) / sum(weights)


def _context(context: dict[str, Json], now: float | None) -> dict[str, Json]:
    """Make a context of Unleash's: userId is the targeting key, all that is not built in is a property."""
    found = {name: context[name] for name in BUILT_IN if name in context}
    user = context.get("userId")
    user = context.get("targetingKey") if user is None else user
    found.pop("userId", None)
    if user is not None:
        found["userId"] = user
    if now is not None and "currentTime" not in found:
        found["currentTime"] = dt.datetime.fromtimestamp(now, dt.UTC).isoformat()
    own = {*BUILT_IN, "targetingKey"}
    inner = context.get("properties")
    if isinstance(inner, dict):
        own.add("properties")
    properties = {name: value for name, value in context.items() if name not in own}
    found["properties"] = {**properties, **inner} if isinstance(inner, dict) else properties
    return found


def _say(answer: dict[str, Json]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _answer() -> None:
    logging.disable(logging.CRITICAL)
    os.environ["RUST_BACKTRACE"] = "0"  # the core fails where weights sum to nothing, and a trace takes its time
    greeting = json.loads(sys.stdin.readline())
    document = json.loads(greeting["document"])
    if "featureStrategies" in document:
        document = _joined(document, greeting["options"].get("environment"))
    client = UnleashClient(
        "http://127.0.0.1:9",
        "pennon",
        cache=Bootstrap(json.dumps(document)),
        disable_metrics=True,
        disable_registration=True,
        multiple_instance_mode=InstanceAllowType.SILENTLY_ALLOW,
    )
    client.unleash_static_context = {}
    features = _features(document)
    _say({"sdk": PACKAGE, "version": version(PACKAGE)})
    for line in sys.stdin:
        request = json.loads(line)
        asked = Asked(client, request["flag"], features)
        contexts = [_context(each, request["now"]) for each in request["contexts"]]
        _say({"outcomes": [asked.outcome(each) for each in contexts]})


if __name__ == "__main__":
    try:
        _answer()
    except Exception as error:  # noqa: BLE001  # the boundary of the process: whoever asks is told why it ends
        _say({"failed": f"{type(error).__name__}: {error}"})
        sys.exit(1)
