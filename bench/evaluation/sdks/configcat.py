"""ConfigCat's SDK, its configuration an override held in memory.

Not its file override: that asks the file system whether the file changed, on every evaluation.
"""

import json
from typing import Any

from configcatclient import ConfigCatClient, ConfigCatOptions
from configcatclient.config import fixup_config_salt_and_segments
from configcatclient.overridedatasource import FlagOverrides, OverrideBehaviour, OverrideDataSource
from configcatclient.pollingmode import PollingMode
from configcatclient.user import User as ConfigCatUser

from bench.evaluation.sdks.base import Mode, Unable, Way, written
from bench.evaluation.worlds import Flag, Rule, Segment, User, World

_ONE_OF, _VERSION_FROM, _ABOVE, _ENDS = 0, 9, 14, 32
_TRUE, _FALSE = {"b": True}, {"b": False}


class Adapter:
    """`ConfigCatClient`, local only."""

    def document(self, world: World) -> bytes:
        """Return a configuration of its sixth format."""
        numbers = {segment.key: number for number, segment in enumerate(world.segments)}
        return written(
            {
                "p": {"u": "http://127.0.0.1:9", "r": 0, "s": "c2FsdA=="},
                "s": [_segment(segment) for segment in world.segments],
                "f": {flag.key: _flag(flag, numbers) for flag in world.flags},
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Hand over an override."""
        if mode == "openfeature":
            raise Unable("no provider for Python")
        if mode == "counted":
            raise Unable("it counts nothing")
        options = ConfigCatOptions(polling_mode=PollingMode.manual_poll(), flag_overrides=_Overrides(document))
        client = ConfigCatClient.get("0" * 22 + "/" + "0" * 22, options)
        if mode == "detail":
            names = {"value": client.get_value_details}
            return Way("value(flag, False, user)", names, _user, _value, close=ConfigCatClient.close_all)
        return Way("value(flag, False, user)", {"value": client.get_value}, _user, close=ConfigCatClient.close_all)


class _Overrides(FlagOverrides):  # type: ignore[misc]
    """Makes the source."""

    def __init__(self, document: bytes) -> None:
        self._document = document

    def create_data_source(self, _log: Any) -> "_Source":
        """Return the source."""
        return _Source(self._document)


class _Source(OverrideDataSource):  # type: ignore[misc]
    """The configuration, read once."""

    def __init__(self, document: bytes) -> None:
        super().__init__(OverrideBehaviour.LocalOnly)
        self._config = json.loads(document)
        fixup_config_salt_and_segments(self._config)

    def get_overrides(self) -> Any:
        """Return the configuration."""
        return self._config


def _user(user: User) -> Any:
    custom = {name: value for name, value in user.items() if name not in ("targetingKey", "email", "country")}
    return ConfigCatUser(user["targetingKey"], email=user["email"], country=user["country"], custom=custom)


def _value(details: Any) -> object:
    return details.value


_NAMES = {"country": "Country", "email": "Email"}


def _flag(flag: Flag, numbers: dict[str, int]) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    if flag.needed is not None:
        if flag.rules or flag.fallthrough is not True:
            raise Unable("a prerequisite is a rule's condition there, and stands for all that follows")
        rules.append(_rule({"p": {"f": flag.needed, "c": 0, "v": _TRUE}}, serve=True))
    if flag.listed:
        rules.append(_rule({"u": {"a": "Identifier", "c": _ONE_OF, "l": flag.listed}}, serve=True))
    rules += [_rule(_condition(rule, numbers), serve=rule.serve) for rule in flag.rules]
    found: dict[str, Any] = {"t": 0, "r": rules, "v": _TRUE if flag.fallthrough and flag.needed is None else _FALSE}
    return found | ({"p": _halves()} if flag.fallthrough is None else {})


def _rule(condition: dict[str, Any], *, serve: bool | None) -> dict[str, Any]:
    served = {"p": _halves()} if serve is None else {"s": {"v": _TRUE if serve else _FALSE, "i": "i"}}
    return {"c": [condition], **served}


def _halves() -> list[dict[str, Any]]:
    return [{"p": 50, "v": _TRUE, "i": "on"}, {"p": 50, "v": _FALSE, "i": "off"}]


def _condition(rule: Rule, numbers: dict[str, int]) -> dict[str, Any]:
    name = _NAMES.get(rule.attribute, rule.attribute)
    match rule.op:
        case "in":
            return {"u": {"a": name, "c": _ONE_OF, "l": rule.literal}}
        case "version":
            return {"u": {"a": name, "c": _VERSION_FROM, "s": rule.literal}}
        case "ends":
            return {"u": {"a": name, "c": _ENDS, "l": [rule.literal]}}
        case "above":
            return {"u": {"a": name, "c": _ABOVE, "d": rule.literal}}
        case "segment":
            return {"s": {"s": numbers[rule.literal], "c": 0}}


def _segment(segment: Segment) -> dict[str, Any]:
    name, values = ("Identifier", segment.included) if segment.included else ("plan", segment.plans)
    return {"n": segment.key, "r": [{"a": name, "c": _ONE_OF, "l": values}]}
