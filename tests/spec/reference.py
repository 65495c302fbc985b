"""The evaluator written down a second time, over decoded JSON: slow, plain, each sentence of the spec in its place.

It imports nothing from `pennon`: what it and the compiled evaluator agree on is agreed on twice.
"""

import hashlib
from typing import Any

from tests.spec.reference_values import READERS, Broken, attribute, holds, integer, joined, literals, text, unit

Json = Any
Answer = dict[str, Any]
DEEPEST = 32


class NoUnit(Exception):
    """A split without its unit."""


class NoSuchFlag(Exception):
    """A flag that is not there."""


def bucket(salt: str, key: str, of: str) -> int:
    name = f"{text(salt)}.{text(key)}.{of}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 100_000


class Reference:
    """Evaluates the flags of one snapshot. `evaluations` counts how often a flag was walked through."""

    def __init__(self, snapshot: dict[str, Json], age: float = 0) -> None:
        self.flags = snapshot.get("flags", {})
        self.segments = snapshot.get("segments", {})
        self.layers = snapshot.get("layers", {})
        self.age = age
        self.evaluations = 0
        self.known: dict[str, Answer] = {}
        self.ends: dict[tuple[str, str], int] = {}

    def evaluate(self, key: str, context: Json, default: Json = None) -> Answer:
        """Return variation, value, reason, ruleId, errorCode of one flag."""
        self.known = {}
        try:
            flag = self.sound_flag(key)
            if not isinstance(context, dict):
                return error("INVALID_CONTEXT", default)
            variation, reason, rule = self.answer(flag, context)
        except NoSuchFlag:
            return error("FLAG_NOT_FOUND", default)
        except Broken:
            return error("PARSE_ERROR", default)
        except NoUnit:
            return error("TARGETING_KEY_MISSING", default)
        value = next((v["value"] for v in flag["variations"] if v["key"] == variation), default)
        return {"variation": variation, "value": value, "reason": reason, "ruleId": rule, "errorCode": None}

    # In the order of an evaluation

    def answer(self, flag: Json, context: Json) -> tuple[str | None, str, str | None]:
        """Return variation, reason and rule."""
        self.evaluations += 1
        if self.is_stale(flag):
            return self.serve_all(flag, flag["staleness"]["serve"], context, "STALE")
        if not flag["on"]:
            return flag.get("offVariation"), "OFF", None
        for prerequisite in flag.get("prerequisites", []):
            if not self.is_met(prerequisite, context):
                return flag.get("offVariation"), "PREREQUISITE_FAILED", None
        for target in flag.get("targets", []):
            if is_listed(attribute(context, target.get("attribute", "targetingKey")), target["values"]):
                return target["variation"], "TARGET_MATCH", None
        for rule in flag.get("rules", []):
            if self.matches(flag, rule["conditions"], context) and self.owns(rule["serve"], context):
                return self.serve(flag, rule["serve"], context, "RULE_MATCH", rule["id"])
        return self.serve_all(flag, flag["fallthrough"], context, "FALLTHROUGH")

    def is_stale(self, flag: Json) -> bool:
        return bool(flag.get("staleness") and self.age > flag["staleness"]["maxAgeS"])

    def is_met(self, prerequisite: Json, context: Json) -> bool:
        key = prerequisite["flag"]
        if key not in self.known:  # each flag at most once in an evaluation
            self.known[key] = self.needed(key, context)
        answer = self.known[key]
        return bool(answer["on"]) and answer["variation"] in prerequisite["variations"]

    def needed(self, key: str, context: Json) -> Answer:
        try:
            flag = self.sound_flag(key)
            return {"on": flag["on"], "variation": self.answer(flag, context)[0]}
        except (NoSuchFlag, Broken, NoUnit):
            return {"on": False, "variation": None}

    def matches(self, owner: Json, conditions: list[Json], context: Json) -> bool:
        return all(self.is_true(owner, condition, context) for condition in conditions)

    def is_true(self, owner: Json, condition: Json, context: Json) -> bool:
        negated = condition.get("negate", False)
        if condition["op"] == "inSegment":
            return bool(negated != any(self.is_in(key, context) for key in condition.get("values", [])))
        if condition["op"] == "inBucket":
            found = attribute(context, condition.get("by") or "targetingKey")
            elements = found if isinstance(found, list) else [found]
            return joined([is_in_bucket(owner, condition, element) for element in elements], negated=negated)
        found = attribute(context, condition["attribute"])
        if condition["op"] == "exists":
            return bool(negated != (found is not None))
        return holds(condition, found)

    def is_in(self, key: str, context: Json) -> bool:
        segment = self.segments[key]
        name = unit(context.get("targetingKey"))
        if name is not None and segment.get("hashed"):
            name = hashlib.sha256(f"{segment.get('salt', '')}.{name}".encode()).hexdigest()
        if name is not None and name in segment.get("included", []):
            return True
        if name is not None and name in segment.get("excluded", []):
            return False
        return any(self.matches(segment, rule["conditions"], context) for rule in segment.get("rules", []))

    def owns(self, serve: Json, context: Json) -> bool:
        """Return whether the unit is one of the experiment's; of no experiment, everybody is."""
        experiment = (serve.get("split") or {}).get("experiment") or {}
        if experiment.get("layer") is None:
            return True
        layer = self.layers[experiment["layer"]]
        of = unit(attribute(context, layer.get("by", "targetingKey")))
        if of is None:
            raise NoUnit
        place = bucket(layer.get("salt", ""), layer["key"], of)
        mine = [slot for slot in layer.get("slots", []) if slot["experiment"] == experiment["key"]]
        return any(slot["from"] <= place < slot["to"] for slot in mine)

    def serve_all(self, flag: Json, serve: Json, context: Json, reason: str) -> tuple[str | None, str, str | None]:
        """Serve where no other rule follows: units that the experiment does not own get `otherwise`."""
        if not self.owns(serve, context):
            return serve["split"]["experiment"]["otherwise"], reason, None
        return self.serve(flag, serve, context, reason, None)

    def serve(
        self, flag: Json, serve: Json, context: Json, reason: str, rule: str | None
    ) -> tuple[str | None, str, str | None]:
        split = serve.get("split")
        if split is None:
            return serve["variation"], reason, rule
        of = unit(attribute(context, split.get("by", "targetingKey")))
        if of is None:
            raise NoUnit
        salt = flag.get("salt", "") if split.get("salt") is None else split["salt"]
        left = bucket(salt, flag["key"], of)
        for weight in split["weights"]:
            left -= weight["weight"]
            if left < 0:
                return weight["variation"], "STALE" if reason == "STALE" else "SPLIT", rule
        raise AssertionError("the weights of a sound split sum to 100000")

    # What makes a flag an error, whoever asks it

    def sound_flag(self, key: str) -> Json:
        """Return a flag that can be evaluated. Raises `NoSuchFlag` or `Broken`."""
        if key not in self.flags:
            raise NoSuchFlag
        flag = self.flags[key]
        require_shape(flag, FLAG, key)
        self.require_end("flag", key, ())
        keys = [variation["key"] for variation in flag["variations"]]
        require(len(set(keys)) == len(keys) and not flag.get("needs") and flag.get("compat") is None)
        require(flag.get("offVariation") is None or flag["offVariation"] in keys)
        for target in flag.get("targets", []):
            require(target["variation"] in keys)
            attribute({}, target.get("attribute", "targetingKey"))
        for rule in flag.get("rules", []):
            self.require_conditions(rule["conditions"])
            self.require_serve(rule["serve"], keys, otherwise=False)
        self.require_serve(flag["fallthrough"], keys, otherwise=True)
        if flag.get("staleness") is not None:
            self.require_serve(flag["staleness"]["serve"], keys, otherwise=True)
        return flag

    def require_end(self, kind: str, key: str, above: tuple[str, ...]) -> None:
        """Raise `Broken` if a chain of prerequisites, or of segments, is more than 32 deep, or has no end."""
        deep = len(above) + (kind == "segment")
        require(deep <= DEEPEST and key not in above)
        if self.ends.get((kind, key), -1) >= deep:  # followed before, from as far up
            return
        items = self.flags if kind == "flag" else self.segments
        try:
            require_shape(items.get(key), FLAG if kind == "flag" else SEGMENT, key)
        except Broken:
            return
        for below in needs(kind, items[key]):
            self.require_end(kind, below, (*above, key))
        if kind == "flag":
            for below in needs("segment", items[key]):
                self.require_end("segment", below, ())
        self.ends[kind, key] = deep

    def require_conditions(self, conditions: list[Json]) -> None:
        for condition in conditions:
            op = condition["op"]
            if op == "inSegment":
                for key in condition.get("values", []):
                    self.require_segment(key)
            elif op == "inBucket":
                start, end = integer(condition.get("from")), integer(condition.get("to"))
                require(condition.get("hash") in (None, "sha256"))
                require(start is not None and end is not None and 0 <= start <= end <= 100_000)
                attribute({}, condition.get("by") or "targetingKey")
            else:
                require(op == "exists" or op in READERS)
                require(condition.get("attribute") is not None)
                attribute({}, condition["attribute"])
                if op != "exists":
                    literals(condition)

    def require_segment(self, key: Json) -> None:
        require(isinstance(key, str) and key in self.segments)
        segment = self.segments[key]
        require_shape(segment, SEGMENT, key)
        require(segment.get("compat") is None)
        for rule in segment.get("rules", []):
            self.require_conditions(rule["conditions"])

    def require_serve(self, serve: Json, keys: list[str], *, otherwise: bool) -> None:
        split = serve.get("split")
        require((serve.get("variation") is None) != (split is None))
        if split is None:
            require(serve["variation"] in keys)
            return
        attribute({}, split.get("by", "targetingKey"))
        shares = [integer(weight["weight"]) for weight in split["weights"]]
        require(all(share is not None and share >= 0 for share in shares) and sum(filter(None, shares)) == 100_000)
        require(split.get("hash", "sha256") == "sha256" and all(w["variation"] in keys for w in split["weights"]))
        experiment = split.get("experiment") or {}
        if experiment.get("layer") is not None:
            require(not otherwise or experiment.get("otherwise") in keys)
            self.require_layer(experiment["layer"])

    def require_layer(self, key: str) -> None:
        require(key in self.layers)
        layer = self.layers[key]
        require_shape(layer, LAYER, key)
        attribute({}, layer.get("by", "targetingKey"))
        end = 0
        for slot in sorted(layer.get("slots", []), key=lambda slot: int(slot["from"])):
            require(end <= slot["from"] <= slot["to"] <= 100_000)
            end = slot["to"]


def error(code: str, default: Json) -> Answer:
    return {"variation": None, "value": default, "reason": "ERROR", "ruleId": None, "errorCode": code}


def is_listed(found: Json, values: list[str]) -> bool:
    return any(unit(element) in values for element in (found if isinstance(found, list) else [found]))


def is_in_bucket(owner: Json, condition: Json, found: Json) -> bool | None:
    of = unit(found)
    if of is None:
        return None
    salt = owner.get("salt", "") if condition.get("salt") is None else condition["salt"]
    return bool(condition["from"] <= bucket(salt, owner["key"], of) < condition["to"])


def needs(kind: str, item: Json) -> list[str]:
    """Return the prerequisites, or the segments, that an item names."""
    if kind == "flag":
        return [prerequisite["flag"] for prerequisite in item.get("prerequisites", [])]
    conditions = [condition for rule in item.get("rules", []) for condition in rule["conditions"]]
    return [key for c in conditions if c["op"] == "inSegment" for key in c.get("values", []) if isinstance(key, str)]


# The shape of what can be read: a type, a tuple of choices, a list of one, or the members of an object ("?": optional)

CONDITION = {"op": str, "?attribute": str, "?values": [object], "?negate": bool, "?ignoreCase": bool}
RULES = [{"conditions": [CONDITION]}]
SERVE = {"?variation": str, "?split": {"weights": [{"variation": str, "weight": float}]}}
FLAG = {
    "key": str,
    "on": bool,
    "variations": [{"key": str, "value": object}],
    "fallthrough": SERVE,
    "?kind": ("boolean", "string", "number", "object"),
    "?prerequisites": [{"flag": str, "variations": [str]}],
    "?targets": [{"values": [str], "variation": str}],
    "?rules": [{"id": str, "conditions": [CONDITION], "serve": SERVE}],
    "?staleness": {"maxAgeS": float, "serve": SERVE},
}
SEGMENT = {"key": str, "?included": [str], "?excluded": [str], "?hashed": bool, "?rules": RULES}
LAYER = {"key": str, "?by": str, "?slots": [{"from": int, "to": int, "experiment": str}]}
MAY_BE_NULL = {"attribute", "variation", "split", "staleness"}


def require(holds: bool) -> None:
    if not holds:
        raise Broken


def require_shape(value: Json, shape: Any, key: str | None = None) -> None:
    """Raise `Broken` unless *value* has *shape*, and *key* if it is an item."""
    if isinstance(shape, dict):
        require(isinstance(value, dict))
        for name, inner in shape.items():
            member = name.removeprefix("?")
            if member in value and not (value[member] is None and member in MAY_BE_NULL):
                require_shape(value[member], inner)
            require(name.startswith("?") or member in value)
        require(key is None or value["key"] == key)
    elif isinstance(shape, list):
        require(isinstance(value, list))
        for element in value:
            require_shape(element, shape[0])
    elif isinstance(shape, tuple):
        require(value in shape)
    elif shape is float or shape is int:
        require(isinstance(value, (int, shape)) and not isinstance(value, bool))
    else:
        require(isinstance(value, shape))
