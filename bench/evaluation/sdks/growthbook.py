"""GrowthBook's SDK: its synchronous client is one user's, so asking is telling it who, and then asking."""

import asyncio
import json
import re
from typing import Any

from growthbook import GrowthBook

from bench.evaluation.sdks.base import Mode, Way, written
from bench.evaluation.worlds import Flag, Rule, User, World

_OPERATORS = {"in": "$in", "version": "$vgte", "ends": "$regex", "above": "$gt"}


class Adapter:
    """`GrowthBook` with features handed over."""

    def document(self, world: World) -> bytes:
        """Return what its service sends."""
        plans = {segment.key: segment.plans for segment in world.segments if segment.plans}
        groups = {segment.key: segment.included for segment in world.segments if segment.included}
        features = {flag.key: _feature(flag, plans) for flag in world.flags}
        return written({"features": features, "savedGroups": groups})

    def open(self, document: bytes, mode: Mode) -> Way:
        """Hand over the features."""
        data = json.loads(document)
        if mode == "openfeature":
            return _through_openfeature(data)
        counts: dict[tuple[str, str], int] = {}

        def count(key: str, result: Any, *_more: Any) -> None:
            counts[key, result.ruleId] = counts.get((key, result.ruleId), 0) + 1

        client = GrowthBook(
            features=data["features"],
            saved_groups=data["savedGroups"],
            on_feature_usage=count if mode == "counted" else None,
        )
        if mode == "detail":
            names = {"become": client.set_attributes, "eval_feature": client.eval_feature}
            return Way("become(user) or eval_feature(flag)", names, _attributes, _value)
        names = {"become": client.set_attributes, "is_on": client.is_on}
        return Way("become(user) or is_on(flag)", names, _attributes)


def _through_openfeature(data: dict[str, Any]) -> Way:
    from growthbook.common_types import Options
    from growthbook.growthbook_client import GrowthBookClient
    from growthbook_openfeature_provider.provider import GrowthBookProvider, GrowthBookProviderOptions

    from bench.evaluation.sdks.openfeature import through

    provider = GrowthBookProvider(GrowthBookProviderOptions(api_host="http://127.0.0.1:9", client_key="sdk"))
    provider.client = GrowthBookClient(options=Options(api_host="http://127.0.0.1:9", client_key="sdk"))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(provider.client.set_payload(data))
    provider.initialized = True
    provider.initialize = lambda *_: None  # it would fetch
    return through(provider)


def _attributes(user: User) -> dict[str, Any]:
    return {("id" if name == "targetingKey" else name): value for name, value in user.items()}


def _value(result: Any) -> object:
    return result.on


def _feature(flag: Flag, plans: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    rules = []
    if flag.needed is not None:
        rules.append({"id": "needed", "parentConditions": [_parent(flag.needed)]})
    if flag.listed:
        rules.append(_rule("listed", {"id": {"$in": flag.listed}}, serve=True))
    for number, rule in enumerate(flag.rules):
        rules.append(_rule(f"r{number}", _condition(rule, plans), serve=rule.serve))
    if flag.fallthrough is None:
        rules.append(_rule("rest", {}, serve=None))
    return {"defaultValue": flag.fallthrough is True, "rules": rules}


def _parent(key: str) -> dict[str, Any]:
    return {"id": key, "condition": {"value": True}, "gate": True}


def _rule(key: str, condition: dict[str, Any], *, serve: bool | None) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": key, "force": serve is not False}
    if condition:
        rule["condition"] = condition
    if serve is None:
        rule |= {"coverage": 0.5, "hashAttribute": "id"}
    return rule


def _condition(rule: Rule, plans: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    if rule.op == "segment":
        if rule.literal in plans:
            return {"plan": {"$in": plans[rule.literal]}}
        return {"id": {"$inGroup": rule.literal}}
    literal = f"{re.escape(rule.literal)}$" if rule.op == "ends" else rule.literal
    return {rule.attribute: {_OPERATORS[rule.op]: literal}}
