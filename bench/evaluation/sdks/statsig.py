"""Statsig's SDK on its Rust core: the configuration comes from its data store, the network is off."""

import json
from typing import Any

from statsig_python_core import FeatureGateEvaluationOptions, Statsig, StatsigOptions, StatsigUser
from statsig_python_core.data_store import DataStore, DataStoreResponse

from bench.evaluation.sdks.base import Mode, Unable, Way, written
from bench.evaluation.worlds import Flag, Rule, Segment, User, World

_OPERATORS = {"in": "any_case_sensitive", "version": "version_gte", "ends": "str_ends_with_any", "above": "gt"}


class Adapter:
    """`Statsig` over a data store."""

    def document(self, world: World) -> bytes:
        """Return the specifications that its service sends."""
        conditions: dict[str, Any] = {}
        gates = {segment.key: _segment(segment, conditions) for segment in world.segments}
        gates |= {flag.key: _gate(flag, conditions) for flag in world.flags}
        return written(
            {
                "has_updates": True,
                "time": 1_700_000_000_000,
                "company_id": "company",
                "response_format": "dcs-v2",
                "feature_gates": gates,
                "dynamic_configs": {},
                "layer_configs": {},
                "condition_map": conditions,
                "param_stores": {},
                "id_lists": {},
                "layers": {},
                "sdk_configs": {},
                "sdk_flags": {},
                "experiment_to_layer": {},
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Initialize from the store. Exposures are off but for `counted`, which is how it comes."""
        if mode == "openfeature":
            raise Unable("no provider for Python")
        options = StatsigOptions()
        options.data_store = _Store(document)
        options.disable_network = True
        options.disable_country_lookup = True
        options.wait_for_country_lookup_init = False
        options.output_log_level = "none"
        client = Statsig("secret-key", options)
        client.initialize().wait()
        quiet = FeatureGateEvaluationOptions(disable_exposure_logging=True)
        if mode == "detail":
            names = {"gate": client.get_feature_gate, "quiet": quiet}
            return Way("gate(user, flag, quiet)", names, _user, _value)
        if mode == "counted":
            return Way("check(user, flag)", {"check": client.check_gate}, _user)
        return Way("check(user, flag, quiet)", {"check": client.check_gate, "quiet": quiet}, _user)


class _Store(DataStore):  # type: ignore[misc]
    """A store that has the configuration."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self._document = document.decode()

    def get(self, key: str) -> Any:
        """Return the configuration, whatever the key."""
        return DataStoreResponse(result=self._document, time=1_700_000_000_000)


def _user(user: User) -> Any:
    custom = {
        name: value for name, value in user.items() if name not in ("targetingKey", "country", "email", "appVersion")
    }
    return StatsigUser(
        user_id=user["targetingKey"],
        country=user["country"],
        email=user["email"],
        app_version=user["appVersion"],
        custom=custom,
    )


def _value(gate: Any) -> object:
    return gate.value


def _spec(key: str, rules: list[dict[str, Any]], kind: str, salt: str) -> dict[str, Any]:
    return {
        "type": "feature_gate",
        "salt": salt,
        "enabled": True,
        "defaultValue": False,
        "rules": rules,
        "idType": "userID",
        "entity": kind,
        "isDeviceBased": False,
        "version": 3,
        "name": key,
    }


def _gate(flag: Flag, conditions: dict[str, Any]) -> dict[str, Any]:
    rules = []
    if flag.needed is not None:
        needed = _condition(conditions, "fail_gate", None, flag.needed)
        rules.append(_rule("needed", needed, 0))
    if flag.listed:
        listed = _condition(conditions, "unit_id", "any_case_sensitive", flag.listed)
        rules.append(_rule("listed", listed, 100))
    rules += [
        _rule(f"r{number}", _tested(rule, conditions), _share(rule.serve)) for number, rule in enumerate(flag.rules)
    ]
    public = _condition(conditions, "public", None, None)
    if flag.fallthrough is not False:
        rules.append(_rule("rest", public, _share(flag.fallthrough)))
    return _spec(flag.key, rules, "feature_gate", f"k3v{flag.number:05}")


def _segment(segment: Segment, conditions: dict[str, Any]) -> dict[str, Any]:
    rules = []
    if segment.included:
        included = _condition(conditions, "unit_id", "any_case_sensitive", segment.included)
        rules.append(_rule("included", included, 100))
    if segment.plans:
        of_plan = _condition(conditions, "user_field", "any_case_sensitive", segment.plans, "plan")
        rules.append(_rule("plans", of_plan, 100))
    return _spec(segment.key, rules, "segment", "m2")


def _tested(rule: Rule, conditions: dict[str, Any]) -> str:
    if rule.op == "segment":
        return _condition(conditions, "pass_gate", None, rule.literal)
    literal = [rule.literal] if rule.op == "ends" else rule.literal
    return _condition(conditions, "user_field", _OPERATORS[rule.op], literal, rule.attribute)


def _share(value: bool | None) -> int:
    return 50 if value is None else 100 if value else 0


def _rule(key: str, condition: str, share: int) -> dict[str, Any]:
    return {
        "id": key,
        "name": key,
        "groupName": key,
        "salt": key,
        "passPercentage": share,
        "conditions": [condition],
        "returnValue": True,
        "idType": "userID",
        "isExperimentGroup": False,
    }


def _condition(
    conditions: dict[str, Any], kind: str, operator: str | None, target: Any, field: str | None = None
) -> str:
    found = {
        "type": kind,
        "targetValue": target,
        "operator": operator,
        "field": field,
        "additionalValues": {},
        "isDeviceBased": False,
        "idType": "userID",
    }
    key = str(hash(json.dumps(found)) & 0xFFFFFFFFFFFF)
    conditions[key] = found
    return key
