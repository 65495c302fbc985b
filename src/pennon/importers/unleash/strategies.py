"""Strategies as conditions. A strategy that holds for nobody, whatever the context, has none."""

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from pennon.engine.dialects.unleash import javascript as js
from pennon.engine.dialects.unleash.chrono import SPACE
from pennon.importers.unleash.constraints import Conditions, checked, conditions_of, read_field
from pennon.importers.unleash.document import State
from pennon.importers.unleash.findings import Findings
from pennon.importers.unleash.shapes import Feature, Strategy
from pennon.model import Condition
from pennon.model.problems import pointer

HASHES: Mapping[str, str] = MappingProxyType({"python": "murmur3-utf8", "node": "murmur3-utf16lo"})
_INTEGER = re.compile(r"\+?[0-9]+", re.ASCII)
_LARGEST = 2**64 - 1
_CHANCE = "by chance, which no import can repeat"
NO_ID = "contexts carry userId or sessionId: for one without, Unleash draws lots, and here the rollout leaves it out"


class Setting(msgspec.Struct, frozen=True):
    """What a strategy is read in: the file's segments, the dialect, how unknown operators are taken."""

    state: State
    dialect: str
    is_lenient: bool
    segments: Mapping[int, Findings]
    """Every segment of the file, with what was found out about it."""

    @property
    def is_node(self) -> bool:
        """Whether the Node SDK is followed."""
        return self.dialect == "node"


class Reading(msgspec.Struct, frozen=True):
    """One strategy, where it is, and what to say about it."""

    strategy: Strategy
    feature: Feature
    path: str
    setting: Setting
    findings: Findings

    def parameter(self, name: str) -> str | None:
        """Return a parameter, None where it is not given."""
        return (self.strategy.parameters or {}).get(name)

    def at(self, name: str) -> str:
        """Return the path of a parameter."""
        return self.path + pointer("parameters", name)


def strategy_conditions(reading: Reading) -> Conditions | None:
    """Return the conditions under which a strategy holds, None where it never does."""
    strategy, setting, findings = reading.strategy, reading.setting, reading.findings
    own = _own_conditions(reading)
    constraints = conditions_of(
        strategy.constraints, setting.dialect, reading.path, findings, is_lenient=setting.is_lenient
    )
    segments = _segment_conditions(reading)
    if own is None or constraints is None or segments is None:
        return None
    return (*constraints, *segments, *own)


def _own_conditions(reading: Reading) -> Conditions | None:
    strategy, setting = reading.strategy, reading.setting
    prepare = _STRATEGIES.get(strategy.name)
    if prepare is None:
        message = f"the SDK has no strategy {strategy.name!r} of its own: without it, this strategy never holds"
        reading.findings.condition(reading.path + "/name", message)
        return None
    needs_parameters = strategy.name != "default" or bool(strategy.variants)
    if setting.is_node and strategy.parameters is None and needs_parameters:
        reading.findings.obstacle(reading.path, f"the SDK fails on {strategy.name} without parameters")
        return None
    conditions = prepare(reading)
    checks = (checked(each, setting.dialect, reading.path, reading.findings) for each in conditions or ())
    return conditions if all(list(checks)) else None


def _segment_conditions(reading: Reading) -> Conditions | None:
    """Return a condition for each segment; None where one of them is not in the file."""
    state, found = reading.setting.state, list[Condition]()
    for index, number in enumerate(reading.strategy.segments or ()):
        path = reading.path + pointer("segments", index)
        if number in state.unread:
            message = f"of segment {number} an export has the name only: import the client API's answer"
            reading.findings.obstacle(path, message)
        elif number not in state.segments and reading.setting.is_node:
            reading.findings.remark(path, f"there is no segment {number}: this strategy never holds")
            return None
        elif number not in state.segments:
            reading.findings.off(path, f"there is no segment {number}: the SDK serves off to everybody")
        else:
            _join(reading.findings, reading.setting.segments[number])
            found.append(Condition("inSegment", values=(segment_key(number),)))
    return tuple(found)


def _join(findings: Findings, segment: Findings) -> None:
    findings.is_off = findings.is_off or segment.is_off
    for note in segment.obstacles:
        findings.obstacle(note.path, note.message)
    for note in segment.conditions:
        findings.condition(note.path, note.message)
    for note in segment.remarks:
        findings.remark(note.path, note.message)


def segment_key(number: int) -> str:
    """Return the key of a segment here."""
    return f"unleash-{number}"


def _default(_reading: Reading) -> Conditions:
    return ()


def _flexible(reading: Reading) -> Conditions | None:
    share = _share(reading, "rollout")
    by, group = reading.parameter("stickiness"), reading.parameter("groupId")
    if reading.setting.is_node:
        by, group = by or "default", group or ""
    by = "default" if by is None else by
    group = reading.feature.name if group is None else group
    if share is None:
        return None
    _check_stickiness(reading, by, share)
    return _rollout(reading, by, group, share)


def _check_stickiness(reading: Reading, by: str, share: int) -> None:
    findings, path = reading.findings, reading.at("stickiness")
    if by == "random":
        if 0 < share < 100:
            findings.obstacle(path, f"the rollout's stickiness is random: it decides {_CHANCE}")
    elif by == "default":
        if 0 < share < 100:
            findings.condition(path, NO_ID)
    elif by == "currentTime":
        findings.obstacle(path, f"the rollout goes by the current time: it decides {_CHANCE}")
    else:
        read_field(by, path, findings)


def _rollout(reading: Reading, by: str, group: str, share: int) -> Conditions | None:
    if not reading.setting.is_node and ('"' in group or group.endswith("\\")):
        message = f"the SDK reads {group[:100]!r}, with its quotes or last backslash, as a part of its rules"
        reading.findings.obstacle(reading.at("groupId"), message)
        return None
    if by == "random":
        return () if share == 100 else None
    hashed = HASHES[reading.setting.dialect]
    return (Condition("inBucket", by=by, salt=group, hash=hashed, from_=0, to=share),)


def _share(reading: Reading, name: str) -> int | None:
    """Return a percentage as how many of 100 places it takes, None where the strategy never holds."""
    given, path = reading.parameter(name), reading.at(name)
    if reading.setting.is_node:
        number = js.number(given)
        share = 0 if math.isnan(number) or number <= 0 else math.floor(min(number, 100.0))
        if not math.isnan(number) and share != number:
            reading.findings.remark(path, f"{given} % is {share} % to the SDK, which counts whole ones up to 100")
        return share
    if given is None or _INTEGER.fullmatch(given) is None or int(given) > _LARGEST:
        reading.findings.remark(path, f"{given!r} is no whole percentage: to the SDK this strategy never holds")
        return None
    if int(given) > 100:
        reading.findings.off(path, f"the SDK cannot read {given} %, and serves off to everybody")
        return None
    return int(given)


def _gradual(field: str) -> Callable[[Reading], Conditions | None]:
    def prepare(reading: Reading) -> Conditions | None:
        if reading.setting.is_node:
            return _own_words(reading, "percentage", "groupId")
        share, group = _share(reading, "percentage"), reading.parameter("groupId")
        if group is None:
            reading.findings.remark(reading.path, "it has no groupId: to the SDK this strategy never holds")
        return None if share is None or group is None else _rollout(reading, field, group, share)

    return prepare


def _random(reading: Reading) -> Conditions | None:
    given = reading.parameter("percentage")
    if reading.setting.is_node:
        number = js.number(given)
        least, most = 1.0, 100.0
        is_never = math.isnan(number) or number < least
    else:
        number = -1.0 if given is None or _INTEGER.fullmatch(given) is None else float(given)
        least, most = 2.0, 100.0
        is_never = number < least or number > _LARGEST
    if is_never:
        return None
    if number >= most:
        return ()
    reading.findings.obstacle(reading.at("percentage"), f"gradualRolloutRandom decides {_CHANCE}")
    return None


def _user_with_id(reading: Reading) -> Conditions | None:
    if reading.setting.is_node:
        return _own_words(reading, "userIds")
    listed = reading.parameter("userIds")
    if listed is None:
        return None
    return (Condition("in", "userId", tuple(part.strip(SPACE) for part in listed.split(","))),)


def _remote_address(reading: Reading) -> Conditions:
    return _own_words(reading, "IPs")


def _hostname(reading: Reading) -> Conditions:
    if reading.setting.is_node:
        message = "contexts carry hostname, the name of the machine that asks: the SDK asks the machine itself"
        reading.findings.condition(reading.path + "/name", message)
    else:
        reading.findings.remark(reading.path + "/name", "this SDK never knows its machine's name: it never holds")
    return _own_words(reading, "hostNames")


def _own_words(reading: Reading, *names: str) -> Conditions:
    """Return the expression that has the strategy in Unleash's own words."""
    parameters = {name: value for name in names if (value := reading.parameter(name)) is not None}
    return (Condition("expression", value={"name": reading.strategy.name, "parameters": parameters}),)


_Prepare: TypeAlias = Callable[[Reading], Conditions | None]
_STRATEGIES: Mapping[str, _Prepare] = MappingProxyType(
    {
        "default": _default,
        "flexibleRollout": _flexible,
        "gradualRolloutUserId": _gradual("userId"),
        "gradualRolloutSessionId": _gradual("sessionId"),
        "gradualRolloutRandom": _random,
        "userWithId": _user_with_id,
        "remoteAddress": _remote_address,
        "applicationHostname": _hostname,
    }
)
