"""Says in plain words what became of an item. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from pennon.control.working.state import ARCHIVED
from pennon.model import WEIGHT_TOTAL, Condition, Flag, Json, Layer, Rule, Segment, Serve, Split, Target
from pennon.model.flags import Wire

_MOST_NAMED = 5
_LONGEST_VALUE = 80
_SCALE = 100 / WEIGHT_TOTAL
_OPERATORS: Mapping[str, str] = {
    "in": "is",
    "equals": "is",
    "startsWith": "starts with",
    "endsWith": "ends with",
    "contains": "contains",
    "matches": "matches",
    "lessThan": "<",
    "lessOrEqual": "≤",
    "greaterThan": ">",
    "greaterOrEqual": "≥",
    "before": "is before",
    "after": "is after",
    "versionEqual": "is version",
    "versionLess": "is a version below",
    "versionLessOrEqual": "is a version up to",
    "versionGreater": "is a version above",
    "versionGreaterOrEqual": "is a version from",
    "inCidr": "is in network",
    "exists": "is there",
}

_HASHED = frozenset({"key", "token"})
_HASH_SHOWN = 12
"""So many digits are enough to name one."""

T = TypeVar("T")
M = TypeVar("M", bound=msgspec.Struct)


def sentences(kind: str, before: bytes | None, after: bytes | None) -> tuple[str, ...]:
    """Return what became of an item of *kind* whose text was *before* and is *after* (None: it is not there)."""
    if before is None and after is None:
        return ()
    if before is None:
        return (_created(kind, after or b""),)
    if after is None:
        return (f"{_noun(kind)} {_called(kind, before)} deleted",)
    name = f"{_noun(kind)} {_called(kind, after)}"
    if kind == "flag":
        said = _flag(_read(before, Flag), _read(after, Flag))
    elif kind == "segment":
        said = _segment(_read(before, Segment), _read(after, Segment))
    elif kind == "layer":
        said = _layer(_read(before, Layer), _read(after, Layer))
    elif kind == "definition":
        said = _definition(msgspec.json.decode(before), msgspec.json.decode(after))
    else:
        said = _fields(msgspec.json.decode(before), msgspec.json.decode(after))
    return tuple(f"{name}: {sentence}" for sentence in said)


def serve_text(serve: Serve) -> str:
    """Return what *serve* gives: `on`, or `10 % on, 90 % off by targetingKey`."""
    if serve.split is None:
        return serve.variation or "a form of a newer Pennon"
    return _split_text(serve.split)


def condition_text(condition: Condition) -> str:
    """Return a condition as one would read it: `country is DE or FR`."""
    values = " or ".join(_short(value) for value in condition.values[:_MOST_NAMED])
    if (more := len(condition.values) - _MOST_NAMED) > 0:
        values += f" or {more} more"
    if condition.op == "inSegment":
        return f"{'not ' if condition.negate else ''}in segment {values}"
    attribute = condition.attribute or condition.by or ""
    text = f"{attribute} {_OPERATORS.get(condition.op, condition.op)} {values}".strip()
    return f"not ({text})" if condition.negate else text


def _created(kind: str, text: bytes) -> str:
    state = f", {'on' if msgspec.json.decode(text).get('on') else 'off'}" if kind == "flag" else ""
    return f"{_noun(kind)} {_called(kind, text)} created{state}"


def _called(kind: str, text: bytes) -> str:
    """Return what people know an item by. Keys and tokens have a hash for a key, and a name that says more."""
    key = _key(text)
    if kind not in _HASHED:
        return key
    name = msgspec.json.decode(text).get("name")
    return f"{key[:_HASH_SHOWN]} ({name})" if name else key[:_HASH_SHOWN]


def _noun(kind: str) -> str:
    return {"definition": "definition of flag", ARCHIVED: "archived flag"}.get(kind, kind)


def _definition(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    if before.get("archived", False) != after.get("archived", False):
        yield "archived" if after.get("archived") else "restored"
    yield from _value_moves(before, after)
    yield from _fields(before, after, but=("archived", "prepared", "previous"))


def _value_moves(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    coming, gone = after.get("prepared"), before.get("prepared")
    if coming is not None and _differ(gone, coming):
        values = "".join(f", {key} is then {_short(value)}" for key, value in coming.get("values", {}).items())
        readers = "".join(f", read by {name} from {version}" for name, version in coming.get("readBy", {}).items())
        yield f"values are prepared for another schema{values}{readers}"
    if before.get("previous") is None and after.get("previous") is not None:
        yield "the prepared values are active, the old ones kept"
    elif gone is not None and coming is None:
        yield "the prepared values are given up"
    if before.get("previous") is not None and after.get("previous") is None:
        yield "prepared as before" if coming is not None else "the old values are dropped"


def _flag(before: Flag, after: Flag) -> Iterator[str]:
    if before.on != after.on:
        yield "turned on" if after.on else "turned off"
    if _differ(before.fallthrough, after.fallthrough):
        yield f"fallthrough serves {serve_text(after.fallthrough)} (was {serve_text(before.fallthrough)})"
    if before.off_variation != after.off_variation:
        yield f"off variation is {_variation(after.off_variation)} (was {_variation(before.off_variation)})"
    yield from _rules(before, after)
    yield from _targets(before.targets, after.targets)
    yield from _prerequisites(before, after)
    yield from _variations(before, after)
    if before.salt != after.salt:
        yield "has a new salt: its percentages choose their users anew"
    told = ("on", "fallthrough", "offVariation", "rules", "targets", "prerequisites", "variations", "salt")
    yield from _fields(_members(before), _members(after), but=told)


def _rules(before: Flag, after: Flag) -> Iterator[str]:
    old, new = _by(before.rules, lambda rule: rule.id), _by(after.rules, lambda rule: rule.id)
    yield from (f"{_rule_name(rule)} removed" for id_, rule in old.items() if id_ not in new)
    for place, (id_, rule) in enumerate(new.items()):
        if id_ not in old:
            yield f"{_rule_name(rule)} added as number {place + 1}: {_rule_text(rule)}"
        else:
            yield from _rule(old[id_], rule)
    if [id_ for id_ in old if id_ in new] != [id_ for id_ in new if id_ in old]:
        yield f"rules are now in the order {', '.join(new)}"


def _rule(before: Rule, after: Rule) -> Iterator[str]:
    name = _rule_name(after)
    if _differ(before.serve, after.serve):
        yield f"{name} serves {serve_text(after.serve)} (was {serve_text(before.serve)})"
    if _differ(before.conditions, after.conditions):
        yield f"{name} asks for: {_all(after.conditions)} (was: {_all(before.conditions)})"
    if before.description != after.description:
        yield f"rule {after.id} is described as {_short(after.description)}"


def _rule_name(rule: Rule) -> str:
    return f"rule {rule.id} ({rule.description})" if rule.description else f"rule {rule.id}"


def _rule_text(rule: Rule) -> str:
    return f"if {_all(rule.conditions)}, serve {serve_text(rule.serve)}"


def _all(conditions: Iterable[Condition]) -> str:
    return " and ".join(condition_text(condition) for condition in conditions) or "anybody"


def _targets(before: tuple[Target, ...], after: tuple[Target, ...]) -> Iterator[str]:
    old, new = _targeted(before), _targeted(after)
    for name in dict.fromkeys((*old, *new)):
        attribute, variation = name
        what = "" if attribute == "targetingKey" else f"{attribute} "
        gone = [value for value in old.get(name, {}) if value not in new.get(name, {})]
        come = [value for value in new.get(name, {}) if value not in old.get(name, {})]
        if come:
            yield f"{what}{_listing(come)} targeted with {variation}"
        if gone:
            yield f"{what}{_listing(gone)} no longer targeted with {variation}"


def _targeted(targets: Iterable[Target]) -> dict[tuple[str, str], dict[str, None]]:
    listed: dict[tuple[str, str], dict[str, None]] = {}
    for target in targets:
        listed.setdefault((target.attribute, target.variation), {}).update(dict.fromkeys(target.values))
    return listed


def _prerequisites(before: Flag, after: Flag) -> Iterator[str]:
    old = _by(before.prerequisites, lambda required: required.flag)
    new = _by(after.prerequisites, lambda required: required.flag)
    yield from (f"requires flag {key} no longer" for key in old if key not in new)
    for key, required in new.items():
        if old.get(key) != required:
            yield f"requires flag {key} to serve {' or '.join(required.variations)}"


def _variations(before: Flag, after: Flag) -> Iterator[str]:
    old = {variation.key: variation.value for variation in before.variations}
    new = {variation.key: variation.value for variation in after.variations}
    yield from (f"variation {key} removed" for key in old if key not in new)
    for key, value in new.items():
        if key not in old:
            yield f"variation {key} added: {_short(value)}"
        elif _differ(old[key], value):
            yield f"variation {key} is {_short(value)} (was {_short(old[key])})"


def _segment(before: Segment, after: Segment) -> Iterator[str]:
    for name, old, new in (
        ("included", before.included, after.included),
        ("excluded", before.excluded, after.excluded),
    ):
        was, now = frozenset(old), frozenset(new)
        if come := [key for key in new if key not in was]:
            yield f"{_listing(come)} {name}"
        if gone := [key for key in old if key not in now]:
            yield f"{_listing(gone)} no longer {name}"
    if _differ(before.rules, after.rules):
        rules = "; or ".join(_all(rule.conditions) for rule in after.rules)
        yield f"takes in those for whom: {rules}" if rules else "takes in nobody by rules"
    yield from _fields(_members(before), _members(after), but=("included", "excluded", "rules"))


def _layer(before: Layer, after: Layer) -> Iterator[str]:
    if _differ(before.slots, after.slots):
        slots = (f"{_percent(slot.to - slot.from_)} {slot.experiment}" for slot in after.slots)
        yield f"is shared out as {', '.join(slots) or 'nothing'}"
    yield from _fields(_members(before), _members(after), but=("slots",))


def _fields(before: Mapping[str, Json], after: Mapping[str, Json], *, but: Iterable[str] = ()) -> Iterator[str]:
    silent = {"version", "changedAt", "hash", *but}
    for name in dict.fromkeys((*before, *after)):
        if name in silent or not _differ(before.get(name), after.get(name)):
            continue
        was = f" (was {_short(before[name])})" if name in before else ""
        yield f"{name} is {_short(after[name])}{was}" if name in after else f"{name} is at its default{was}"


def _members(model: Wire) -> Mapping[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(model)
    for field in msgspec.structs.fields(model):
        if getattr(model, field.name) == field.default:
            members.pop(field.encode_name, None)  # written out it says no more than left out
    return members


def _split_text(split: Split) -> str:
    shares: dict[str, float] = {}
    for weight in split.weights:
        shares[weight.variation] = shares.get(weight.variation, 0) + weight.weight
    if split.hash != "sha256":  # weights in that vendor's own scale
        shares = {variation: share * WEIGHT_TOTAL / (sum(shares.values()) or 1) for variation, share in shares.items()}
    parts = ", ".join(f"{_percent(share)} {variation}" for variation, share in shares.items() if share)
    experiment = f" for experiment {split.experiment.key}" if split.experiment else ""
    return f"{parts} by {split.by}{experiment}"


def _percent(weight: float) -> str:
    return f"{round(weight * _SCALE, 3):g} %"


def _listing(values: list[str]) -> str:
    named = ", ".join(values[:_MOST_NAMED])
    more = len(values) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _variation(key: str | None) -> str:
    return "the caller's default" if key is None else key


def _by(parts: Iterable[T], key: Callable[[T], str]) -> dict[str, T]:
    return {key(part): part for part in parts}


def _read(text: bytes, model: type[M]) -> M:
    return msgspec.json.decode(text, type=model)


def _key(text: bytes) -> str:
    return str(msgspec.json.decode(text).get("key"))


def _differ(one: object, other: object) -> bool:
    # As text: to Python, true equals 1.
    return _text(one) != _text(other)


def _text(value: object) -> bytes:
    return msgspec.json.encode(value)


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else _text(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
