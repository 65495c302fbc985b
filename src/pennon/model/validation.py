"""What a flag, segment or layer must satisfy to be accepted, as far as it can be told from that item alone.

What needs other items (prerequisites, segments, layers that exist) or compiled literals (patterns, versions, dates,
networks) is the engine's `check_flag` and `check_segment`. An item with `compat`, or one that an importer brings, has
the freedoms of an imported one: any key of 1 to 256 characters, any salt, its vendor's numbers and conditions.

A salt is chosen by whoever stores the item; one without is refused.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pennon.model.conditions import condition_problems
from pennon.model.flags import KEY_PATTERN, SALT_PATTERN, WEIGHT_TOTAL, Flag, FlagKind, Json, Rule, Serve, Split
from pennon.model.limits import DEFAULT_LIMITS, Limits, json_problems, too_deep
from pennon.model.problems import Problem, pointer
from pennon.model.segments import Layer, Segment, SegmentRule

_KEY = re.compile(KEY_PATTERN)
_SALT = re.compile(SALT_PATTERN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OWN_HASH = "sha256"


def flag_problems(flag: Flag, *, imported: bool = False, limits: Limits = DEFAULT_LIMITS) -> list[Problem]:
    """Return what is wrong with *flag*, each with the JSON pointer to it; nothing where it can be accepted."""
    foreign = imported or flag.compat is not None
    return _unfit(flag, limits.depth) or [
        *_name_problems(flag.key, flag.salt, foreign=foreign),
        *_variation_problems(flag, limits),
        *_reference_problems(flag),
        *_target_problems(flag),
        *_rule_problems(flag, limits),
        *_serve_problems(flag.fallthrough, flag, "/fallthrough"),
        *_otherwise_problems(flag.fallthrough, "/fallthrough"),
        *_staleness_problems(flag),
        *_choice_problems(flag),
        *_size_problems(flag, limits.flag_bytes, "a flag"),
    ]


def segment_problems(segment: Segment, *, imported: bool = False, limits: Limits = DEFAULT_LIMITS) -> list[Problem]:
    """Return what is wrong with *segment*, as `flag_problems` does."""
    foreign = imported or segment.compat is not None
    return _unfit(segment, limits.depth) or [
        *_name_problems(segment.key, segment.salt, foreign=foreign),
        *_list_problems(segment),
        *_count_problems(len(segment.rules), limits.rules, "/rules", "rules"),
        *_repeated((rule.id for rule in segment.rules if rule.id), "/rules", "the rule id"),
        *(
            problem
            for index, rule in enumerate(segment.rules)
            for problem in condition_problems(
                rule.conditions, pointer("rules", index), foreign=segment.compat is not None, most=limits.conditions
            )
        ),
        *_self_problems(segment),
        *_size_problems(segment, limits.segment_bytes, "a segment"),
    ]


def layer_problems(layer: Layer, *, imported: bool = False, limits: Limits = DEFAULT_LIMITS) -> list[Problem]:
    """Return what is wrong with *layer*, as `flag_problems` does."""
    return _unfit(layer, limits.depth) or [
        *_name_problems(layer.key, layer.salt, foreign=imported),
        *_attribute_problems(layer.by, "/by"),
        *_slot_problems(layer),
        *_size_problems(layer, limits.flag_bytes, "a layer"),
    ]


# What holds for any item


def _unfit(item: Flag | Segment | Layer, depth: int) -> list[Problem]:
    """Return what makes the item's text unfit for JSON: nothing else is worth saying of it then."""
    for path, value in _free_values(item):
        if (deep := too_deep(value, depth)) is not None:
            return [Problem(path + deep, f"nested deeper than {depth}", "flatten it")]
    return list(json_problems(msgspec.to_builtins(item)))


def _free_values(item: Flag | Segment | Layer) -> Iterator[tuple[str, Json]]:
    """Yield the parts of an item that hold any JSON, and so may be of any depth."""
    if isinstance(item, Flag):
        for index, variation in enumerate(item.variations):
            yield pointer("variations", index, "value"), variation.value
    if isinstance(item, (Flag, Segment)):
        rules: Sequence[Rule | SegmentRule] = item.rules
        for rule_index, rule in enumerate(rules):
            for index, condition in enumerate(rule.conditions):
                path = pointer("rules", rule_index, "conditions", index)
                yield path + "/values", list(condition.values)
                yield path + "/value", condition.value


def _name_problems(key: str, salt: str, *, foreign: bool) -> Iterator[Problem]:
    if foreign:
        if not 1 <= len(key) <= 256 or _CONTROL.search(key):
            yield Problem("/key", "an imported key has 1 to 256 characters, none a control character", "rename it")
        return
    if not _KEY.match(key):
        mend = "use 1 to 128 of A-Z a-z 0-9 . _ -, a letter or digit first"
        yield Problem("/key", f"{_shown(key)} is no key", mend)
    if not _SALT.match(salt):
        yield Problem("/salt", f"{_shown(salt)} is no salt", "use 1 to 64 of A-Z a-z 0-9 _ -, at random")


def _size_problems(item: Flag | Segment | Layer, most: int, what: str) -> Iterator[Problem]:
    if (size := len(msgspec.json.encode(item))) > most:
        yield Problem("", f"{size} bytes, and {what} has at most {most}", "move lists into segments, or shorten them")


def _count_problems(count: int, most: int, path: str, what: str) -> Iterator[Problem]:
    if count > most:
        yield Problem(path, f"{count} {what}, over the limit of {most}", "merge some")


def _repeated(keys: Iterable[str], path: str, what: str) -> Iterator[Problem]:
    for key, times in Counter(keys).items():
        if times > 1:
            yield Problem(path, f"{what} {_shown(key)} is there {times} times", "keep one of each")


def _attribute_problems(attribute: str, path: str) -> Iterator[Problem]:
    if not attribute:
        yield Problem(path, "no attribute is named", 'name one, as in "targetingKey" or "/org/plan"')


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 40 else repr(text[:40]) + "…"


# Flags


def _variation_problems(flag: Flag, limits: Limits) -> Iterator[Problem]:
    if not flag.variations:
        yield Problem("/variations", "there is none", "a flag has at least one variation")
    yield from _repeated((variation.key for variation in flag.variations), "/variations", "the variation")
    for index, variation in enumerate(flag.variations):
        path = pointer("variations", index)
        if not 1 <= len(variation.key) <= 256 or _CONTROL.search(variation.key):
            message = "a variation's key has 1 to 256 characters, none a control character"
            yield Problem(path + "/key", message, "rename it")
        is_open = variation.value is None and flag.compat is not None  # it stands for the caller's default
        if not is_open and not _is_of_kind(variation.value, flag.kind):
            message = f"it is no {flag.kind}, and the flag is of kind {flag.kind}"
            yield Problem(path + "/value", message, "change the value, or the kind of the flag")
        if (size := len(msgspec.json.encode(variation.value))) > limits.value_bytes:
            message = f"{size} bytes, over the limit of {limits.value_bytes}"
            yield Problem(path + "/value", message, "keep large content elsewhere and serve its address")


def _is_of_kind(value: Json, kind: FlagKind) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "object":
            return isinstance(value, (dict, list))
        case _:
            return True  # no kind at all, which is said of the flag


def _known_problems(named: str | None, flag: Flag, path: str) -> Iterator[Problem]:
    known = [variation.key for variation in flag.variations]
    if named is not None and named not in known:
        mend = f"name one of {', '.join(known[:10])}" if known else "add variations"
        yield Problem(path, f"the flag has no variation {_shown(named)}", mend)


def _reference_problems(flag: Flag) -> Iterator[Problem]:
    yield from _known_problems(flag.off_variation, flag, "/offVariation")
    for index, prerequisite in enumerate(flag.prerequisites):
        path = pointer("prerequisites", index)
        if prerequisite.flag == flag.key:
            yield Problem(path + "/flag", "a flag is no prerequisite of itself", "name another flag")
        if not prerequisite.flag:
            yield Problem(path + "/flag", "no flag is named", "name one")
        if not prerequisite.variations:
            yield Problem(path + "/variations", "no variation is named, so it is never met", "name one at least")


def _target_problems(flag: Flag) -> Iterator[Problem]:
    for index, target in enumerate(flag.targets):
        path = pointer("targets", index)
        yield from _known_problems(target.variation, flag, path + "/variation")
        yield from _attribute_problems(target.attribute, path + "/attribute")


def _rule_problems(flag: Flag, limits: Limits) -> Iterator[Problem]:
    yield from _count_problems(len(flag.rules), limits.rules, "/rules", "rules")
    yield from _repeated((rule.id for rule in flag.rules), "/rules", "the rule id")
    for index, rule in enumerate(flag.rules):
        path = pointer("rules", index)
        if not 1 <= len(rule.id) <= 256 or _CONTROL.search(rule.id):
            yield Problem(path + "/id", "a rule's id has 1 to 256 characters, none a control character", "rename it")
        yield from condition_problems(rule.conditions, path, foreign=flag.compat is not None, most=limits.conditions)
        yield from _serve_problems(rule.serve, flag, path + "/serve")


def _serve_problems(serve: Serve, flag: Flag, path: str) -> Iterator[Problem]:
    if (serve.variation is None) == (serve.split is None):
        both = serve.split is not None
        message = "it names both a variation and a split" if both else "it serves nothing that is known here"
        yield Problem(path, message, 'write {"variation": …} or {"split": …}')
    yield from _known_problems(serve.variation, flag, path + "/variation")
    if serve.split is not None:
        yield from _split_problems(serve.split, flag, path + "/split")


def _split_problems(split: Split, flag: Flag, path: str) -> Iterator[Problem]:
    yield from _attribute_problems(split.by, path + "/by")
    if not split.weights:
        yield Problem(path + "/weights", "there is none", "a split has at least one weight")
    for index, weight in enumerate(split.weights):
        yield from _known_problems(weight.variation, flag, path + pointer("weights", index, "variation"))
        if weight.weight < 0:
            yield Problem(
                path + pointer("weights", index, "weight"), f"{weight.weight} is below 0", "weights are shares"
            )
    if flag.compat is None or split.hash == _OWN_HASH:
        yield from _own_split_problems(split, path, foreign=flag.compat is not None)
    if (experiment := split.experiment) is not None:
        yield from _known_problems(experiment.otherwise, flag, path + "/experiment/otherwise")
        if not experiment.key:
            yield Problem(path + "/experiment/key", "the experiment has no key", "name it")


def _own_split_problems(split: Split, path: str, *, foreign: bool) -> Iterator[Problem]:
    if split.hash != _OWN_HASH:
        message = f"only an imported flag has the hash {_shown(split.hash)}"
        yield Problem(path + "/hash", message, f"leave it out, or write {_OWN_HASH}")
    if split.salt is not None and not foreign and not _SALT.match(split.salt):
        message = f"{_shown(split.salt)} is no salt"
        yield Problem(path + "/salt", message, "use 1 to 64 of A-Z a-z 0-9 _ -, or null for the flag's")
    weights = [weight.weight for weight in split.weights]
    whole = [weight for weight in weights if isinstance(weight, int)]
    for index, weight in enumerate(weights):
        if not isinstance(weight, int):
            mend = f"weights are integers out of {WEIGHT_TOTAL}"
            yield Problem(path + pointer("weights", index, "weight"), f"{weight} is not an integer", mend)
    if len(whole) == len(weights) > 0 and sum(whole) != WEIGHT_TOTAL:
        message = f"the weights sum to {sum(whole)}, and must sum to {WEIGHT_TOTAL}"
        yield Problem(path + "/weights", message, f"add {WEIGHT_TOTAL - sum(whole)} in all")


def _otherwise_problems(serve: Serve, path: str) -> Iterator[Problem]:
    """Yield what is missing where no other rule follows."""
    if serve.split is None or (experiment := serve.split.experiment) is None:
        return
    if experiment.layer is not None and experiment.otherwise is None:
        message = "nothing is served to units that the experiment does not own"
        yield Problem(path + "/split/experiment/otherwise", message, "name a variation")


def _staleness_problems(flag: Flag) -> Iterator[Problem]:
    if (staleness := flag.staleness) is None:
        return
    if staleness.max_age_s <= 0:
        yield Problem("/staleness/maxAgeS", f"{staleness.max_age_s} is no age to wait for", "give seconds above 0")
    yield from _serve_problems(staleness.serve, flag, "/staleness/serve")
    yield from _otherwise_problems(staleness.serve, "/staleness/serve")


def _choice_problems(flag: Flag) -> Iterator[Problem]:
    choices = (("kind", flag.kind, ("boolean", "string", "number", "object")),)
    for name, found, known in (*choices, ("exposures", flag.exposures, ("none", "experiments", "all"))):
        if found not in known:
            yield Problem(pointer(name), f"{_shown(found)} is none of {', '.join(known)}", "write one of them")


# Segments and layers


def _list_problems(segment: Segment) -> Iterator[Problem]:
    if not segment.hashed:
        return
    for name, entries in (("included", segment.included), ("excluded", segment.excluded)):
        for index, entry in enumerate(entries):
            if not _DIGEST.fullmatch(entry):
                mend = "write the SHA-256, in small hex digits, of the salt, a dot and the targeting key"
                yield Problem(pointer(name, index), "the list is hashed, and this is no SHA-256", mend)


def _self_problems(segment: Segment) -> Iterator[Problem]:
    for rule_index, rule in enumerate(segment.rules):
        for index, condition in enumerate(rule.conditions):
            if condition.op == "inSegment" and segment.key in condition.values:
                path = pointer("rules", rule_index, "conditions", index, "values")
                yield Problem(path, "a segment is not made of itself", "name another segment")


def _slot_problems(layer: Layer) -> Iterator[Problem]:
    for index, slot in enumerate(layer.slots):
        path = pointer("slots", index)
        if not 0 <= slot.from_ < slot.to <= WEIGHT_TOTAL:
            message = f"[{slot.from_}, {slot.to}) is no range of places"
            yield Problem(path, message, f"0 ≤ from < to ≤ {WEIGHT_TOTAL}")
        if not slot.experiment:
            yield Problem(path + "/experiment", "no experiment is named", "name one")
        for other_index, other in enumerate(layer.slots[:index]):
            if slot.from_ < other.to and other.from_ < slot.to:
                message = f"it takes places that slot {other_index} has"
                yield Problem(path, message, "an experiment shares its places with none")
