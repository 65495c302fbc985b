"""LaunchDarkly's flags as Pennon's: each part where Pennon has it, and what it does not need is said."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from pennon.engine.dialects.launchdarkly.contexts import USER, Place
from pennon.importers.launchdarkly.clauses import Around, check_kind, conditions
from pennon.importers.launchdarkly.findings import Findings
from pennon.importers.launchdarkly.prerequisites import never_met
from pennon.importers.launchdarkly.serving import Server, Variations
from pennon.importers.launchdarkly.shapes import Target as VendorTarget
from pennon.importers.launchdarkly.shapes import VendorFlag, items
from pennon.importers.launchdarkly.variations import kind_of, unused_key
from pennon.model import Compat, Flag, Json, Prerequisite, Rule, Target, Variation
from pennon.model.problems import pointer

_NOT_EVALUATION: Mapping[str, str] = {
    "track_events": "trackEvents: which evaluations are reported in full is not carried",
    "track_events_fallthrough": "trackEventsFallthrough: which evaluations are reported in full is not carried",
    "debug_events_until_date": "debugEventsUntilDate: debugging in LaunchDarkly is not carried",
    "sampling_ratio": "samplingRatio: which events are sampled is not carried",
    "exclude_from_summaries": "excludeFromSummaries: what LaunchDarkly counts is not carried",
    "migration": "migration: the stage is served as any value is, what migrations check is not carried",
}


class Read(NamedTuple):
    """A flag that was read. `can_fail`: an evaluation may end in MALFORMED_FLAG by an index that is not there."""

    flag: Flag
    can_fail: bool


def flag(vendor: VendorFlag, path: str, keys: Mapping[str, Sequence[str]], around: Around, findings: Findings) -> Read:
    """Return a flag. *keys* are the keys of all flags' variations; *findings* gets what limits it."""
    values = items(vendor.variations)
    kind = kind_of(values)
    if kind is None:
        findings.impossible(
            path + "/variations", "its values are of several kinds, and those of a flag here are of one"
        )
    variations = Variations(keys[vendor.key], unused_key(keys[vendor.key], "nothing"))
    off = _off_variation(vendor, path, variations.keys, findings)
    prerequisites, unmet = _prerequisites(vendor, path, keys, findings)
    made = Flag(
        key=vendor.key,
        on=bool(vendor.on),
        rules=_rules(vendor, path, Server(vendor.key, variations, around, findings), around, findings),
        fallthrough=Server(vendor.key, variations, around, findings).serve(
            vendor.fallthrough, path + "/fallthrough", None
        ),
        targets=tuple(_targets(vendor, path, variations, around, findings)),
        prerequisites=prerequisites,
        variations=(),
        kind=kind or "object",
        salt=vendor.salt or "",
        off_variation=off,
        client_side=_is_client_side(vendor),
        compat=Compat("launchdarkly", around.dialect),
    )
    if unmet is not None:
        made = never_met(made, unmet, off or variations.nothing())
    made = replace(made, variations=_variations(values, variations, path, findings))
    _say_what_is_left_out(vendor, path, findings)
    return Read(made, variations.is_malformed or (off is None and vendor.off_variation is not None))


def _variations(values: Sequence[Json], variations: Variations, path: str, findings: Findings) -> tuple[Variation, ...]:
    """Return the variations, and the one without a value if it is served."""
    for index, value in enumerate(values):
        if value is None:
            at = path + pointer("variations", index)
            findings.limited(at, "where LaunchDarkly serves null, the caller's default is served here")
    served = [Variation(key, value) for key, value in zip(variations.keys, values, strict=True)]
    if variations.is_open:
        served.append(Variation(variations.nothing(), None))
    return tuple(served)


def _off_variation(vendor: VendorFlag, path: str, keys: Sequence[str], findings: Findings) -> str | None:
    index = vendor.off_variation
    if index is None:
        return None
    if 0 <= index < len(keys):
        return keys[index]
    findings.said(path + "/offVariation", f"there is no variation {index}: the caller's default is served while off")
    return None


def _is_client_side(vendor: VendorFlag) -> bool:
    available = vendor.client_side_availability
    if available is None:
        return bool(vendor.client_side)
    return bool(available.using_environment_id or available.using_mobile_key)


def _prerequisites(
    vendor: VendorFlag, path: str, keys: Mapping[str, Sequence[str]], findings: Findings
) -> tuple[tuple[Prerequisite, ...], Prerequisite | None]:
    """Return the prerequisites up to the first that is never met, and that one."""
    found: list[Prerequisite] = []
    for index, prerequisite in enumerate(items(vendor.prerequisites)):
        at, wanted = path + pointer("prerequisites", index), prerequisite.variation
        known = keys.get(prerequisite.key, ())
        if 0 <= wanted < len(known):
            found.append(Prerequisite(prerequisite.key, (known[wanted],)))
            continue
        what = f"{prerequisite.key!r} has no variation {wanted}" if known else f"there is no flag {prerequisite.key!r}"
        findings.said(at, f"{what} in the file: it is never met, and a rule in its place serves the off variation")
        return tuple(found), Prerequisite(prerequisite.key, (unused_key(known, str(wanted)),))
    return tuple(found), None


# Targets


def _targets(
    vendor: VendorFlag, path: str, variations: Variations, around: Around, findings: Findings
) -> Iterable[Target]:
    users, others = items(vendor.targets), items(vendor.context_targets)
    if not others:
        for index, target in enumerate(users):
            # Only the Node SDK looks at the kind of these.
            kind = target.context_kind if around.dialect == "node" else None
            yield _target(target, kind, path + pointer("targets", index), variations, findings)
        return
    used = set()
    for index, target in enumerate(others):
        kind, found, at = target.context_kind or USER, target, path + pointer("contextTargets", index)
        if kind == USER:
            # A placeholder: its keys are those of the first target with the same variation.
            if target.values:
                findings.said(at + "/values", "keys of kind user here are not read by LaunchDarkly's SDKs")
            listed = next((place for place, user in enumerate(users) if user.variation == target.variation), None)
            if listed is None:
                continue
            found, at = users[listed], path + pointer("targets", listed)
            used.add(listed)
        yield _target(found, kind, at, variations, findings)
    for index in sorted(set(range(len(users))) - used):
        findings.said(path + pointer("targets", index), "no contextTargets stands for it, so no SDK reads it")


def _target(target: VendorTarget, kind: str | None, path: str, variations: Variations, findings: Findings) -> Target:
    check_kind(kind or USER, path + "/contextKind", findings)
    return Target(
        values=tuple(target.values),
        variation=variations.key(target.variation, path + "/variation", findings),
        attribute=Place(kind or USER, ("key",)).text,
    )


# Rules


def _rules(vendor: VendorFlag, path: str, server: Server, around: Around, findings: Findings) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    taken: set[str] = set()
    for index, rule in enumerate(items(vendor.rules)):
        at = path + pointer("rules", index)
        name = _rule_id(rule.id, index, taken)
        taken.add(name)
        if rule.track_events:
            findings.said(at + "/trackEvents", _NOT_EVALUATION["track_events"])
        rules.append(Rule(name, conditions(rule.clauses, at, around, findings), server.serve(rule, at, name)))
    return tuple(rules)


def _rule_id(given: str | None, index: int, taken: set[str]) -> str:
    if given and len(given) <= 256 and given.isprintable() and given not in taken:
        return given
    return unused_key(sorted(taken), f"rule-{index}")


def _say_what_is_left_out(vendor: VendorFlag, path: str, findings: Findings) -> None:
    for name, message in _NOT_EVALUATION.items():
        if getattr(vendor, name):
            findings.said(path, message)
