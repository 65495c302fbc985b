"""Features as flags: the one that `is_enabled` answers, and beside it the one that `get_variant` does."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from pennon.importers.plan import Fidelity, PlannedFlag
from pennon.importers.unleash.constraints import Conditions
from pennon.importers.unleash.document import Placed
from pennon.importers.unleash.findings import Findings
from pennon.importers.unleash.shapes import Dependency, Feature
from pennon.importers.unleash.strategies import Reading, Setting, strategy_conditions
from pennon.importers.unleash.variants import DISABLED, DISABLED_ON, SUFFIX, Choice, Chooser, all_variants
from pennon.model import Compat, Condition, Flag, Prerequisite, Rule, Serve, Variation
from pennon.model.problems import pointer
from pennon.model.validation import flag_problems

ON, OFF = "on", "off"
_VARIATIONS = (Variation(ON, True), Variation(OFF, False))  # a variation's value
_IDENTITIES: Mapping[str, str] = MappingProxyType({"true": ON, "false": OFF})
_LONGEST_KEY = 256


class Draft(msgspec.Struct):
    """A feature on its way to become one or two flags."""

    placed: Placed
    findings: Findings
    choosing: Findings
    """What was found out about its variants."""
    chooser: Chooser
    strategies: list[tuple[Reading, Conditions | None]]
    prerequisites: list[Prerequisite]
    refusals: list[Condition]
    """Conditions under which a parent is on that must be off."""

    @property
    def feature(self) -> Feature:
        """Return the feature."""
        return self.placed.feature

    @property
    def has_variants(self) -> bool:
        """Whether there is a second flag."""
        return next(all_variants(self.feature), None) is not None


def draft_of(placed: Placed, setting: Setting) -> Draft:
    """Read a feature and its strategies; its parents are another step."""
    feature, findings, choosing = placed.feature, Findings(), Findings()
    _remark_feature(placed, findings)
    readings = [
        Reading(strategy, feature, placed.path + pointer("strategies", index), setting, findings)
        for index, strategy in enumerate(feature.strategies or ())
    ]
    if feature.strategies is None and setting.is_node:
        findings.remark(placed.path, "it has no list of strategies: the SDK serves off to everybody")
    strategies = [(reading, strategy_conditions(reading)) for reading in readings]
    chooser = Chooser(feature, placed.path, setting.dialect, choosing)
    return Draft(placed, findings, choosing, chooser, strategies, [], [])


def _remark_feature(placed: Placed, findings: Findings) -> None:
    feature, path = placed.feature, placed.path
    if not 1 <= len(feature.name) <= _LONGEST_KEY or not feature.name.isprintable():
        message = f"a key has 1 to {_LONGEST_KEY} characters, none a control character: this name has others"
        findings.obstacle(path + "/name", message)
    if feature.stale:
        findings.remark(path + "/stale", "it is stale in Unleash; that is not carried")
    if feature.impression_data:
        findings.remark(path + "/impressionData", "its evaluations make events in Unleash; that is not carried")


def link(draft: Draft, drafts: Mapping[str, Draft], setting: Setting) -> None:
    """Read a feature's parents, all of which must be as it says."""
    for index, dependency in enumerate(draft.feature.dependencies or ()):
        path = draft.placed.path + pointer("dependencies", index)
        parent = drafts.get(dependency.feature)
        if parent is None:
            draft.findings.off(path, f"there is no feature {dependency.feature!r}: it is off for everybody")
        elif parent.feature.dependencies:
            message = f"its parent {dependency.feature!r} has parents itself: it is off for everybody"
            draft.findings.off(path, message)
        else:
            _depend(draft, parent, dependency, path, setting)


def _depend(draft: Draft, parent: Draft, dependency: Dependency, path: str, setting: Setting) -> None:
    is_python = not setting.is_node
    draft.findings = draft.findings.with_those_of(parent.findings)
    _choose(parent)
    if is_python and parent.chooser.fails:
        draft.findings.obstacle(path, "its parent has variants whose weights sum to 0: the SDK fails on them")
    if is_python and any(_has_no_group(reading) for reading, _ in parent.strategies):
        message = "its parent has a rollout without groupId, for which the SDK hashes the child's name"
        draft.findings.obstacle(path, message)
    if dependency.enabled is False:
        if is_python and dependency.variants and parent.has_variants:
            message = "it asks for a variant of a parent that is off: the SDK has one in mind that nobody is served"
            draft.findings.obstacle(path + "/variants", message)
        draft.refusals.append(Condition("serves", parent.feature.name, (ON,)))
        return
    if dependency.variants:
        _depend_on_variants(draft, parent, dependency.variants, path, setting)
    else:
        draft.prerequisites.append(Prerequisite(parent.feature.name, (ON,)))


def _has_no_group(reading: Reading) -> bool:
    is_partial = reading.parameter("rollout") not in {None, "0", "100"}
    return reading.strategy.name == "flexibleRollout" and is_partial and reading.parameter("groupId") is None


def _depend_on_variants(draft: Draft, parent: Draft, names: list[str], path: str, setting: Setting) -> None:
    """Ask for a variant. To Node a feature without one has `disabled`; to the Rust core that one will always do."""
    takes_none = not setting.is_node or DISABLED in names
    if not parent.has_variants:
        if takes_none:
            draft.prerequisites.append(Prerequisite(parent.feature.name, (ON,)))
        else:
            draft.findings.off(path, f"its parent {parent.feature.name!r} has no variants: it is off for everybody")
        return
    draft.findings = draft.findings.with_those_of(parent.choosing)
    wanted = [label for name in dict.fromkeys(names) for label in parent.chooser.labels.named(name)]
    wanted += [DISABLED_ON] if takes_none else []
    if wanted:
        draft.prerequisites.append(Prerequisite(parent.feature.name + SUFFIX, tuple(wanted)))
    else:
        draft.findings.off(path, f"its parent {parent.feature.name!r} has none of these variants: it is off")


def _choose(draft: Draft) -> None:
    """Find out what there is to say about a feature's variants."""
    draft.chooser.of_feature()
    for reading, _ in draft.strategies:
        draft.chooser.of_strategy(reading)


def planned(draft: Draft, setting: Setting) -> Iterator[PlannedFlag]:
    """Yield the flags that a feature becomes."""
    findings, feature = draft.findings, draft.feature
    flag = _boolean(draft, setting)
    _check(flag, draft, findings)
    yield PlannedFlag(
        key=feature.name,
        source=feature.name,
        fidelity=findings.fidelity,
        notes=findings.notes,
        flag=flag if findings.fidelity is not Fidelity.IMPOSSIBLE else None,
        identities=_IDENTITIES,
        description=feature.description or "",
        tags=draft.placed.tags,
    )
    if not draft.has_variants:
        return
    rules, otherwise = _variant_rules(draft, setting)
    joined = draft.choosing.with_those_of(findings)
    variant = _variant(draft, setting, rules, otherwise)
    _check(variant, draft, joined)
    labels = (DISABLED, DISABLED_ON, *draft.chooser.labels.all())
    key = feature.name + SUFFIX
    yield PlannedFlag(
        key=key,
        source=key,
        fidelity=joined.fidelity,
        notes=joined.notes,
        flag=variant if joined.fidelity is not Fidelity.IMPOSSIBLE else None,
        identities={label: label for label in labels},
        description=feature.description or "",
        tags=draft.placed.tags,
    )


def _check(flag: Flag, draft: Draft, findings: Findings) -> None:
    """Note what Pennon does not take of *flag*: how long, how large, and of what characters things may be."""
    if findings.fidelity is Fidelity.IMPOSSIBLE:
        return
    for name in (flag.key, *(variation.key for variation in flag.variations)):
        if not 1 <= len(name) <= _LONGEST_KEY or not name.isprintable():
            message = f"a variation's key has 1 to {_LONGEST_KEY} characters, none a control character: {name[:100]!r}"
            findings.obstacle(draft.placed.path, message)
            return
    findings.not_taken(draft.placed.path, flag_problems(flag))


def _boolean(draft: Draft, setting: Setting) -> Flag:
    feature, findings = draft.feature, draft.findings
    rules = [
        Rule(f"parent-{index}", (condition,), Serve(variation=OFF), "a parent must be off")
        for index, condition in enumerate(draft.refusals, 1)
    ]
    for index, (reading, conditions) in enumerate(draft.strategies, 1):
        if conditions is not None:
            about = reading.strategy.title or reading.strategy.name
            rules.append(Rule(f"strategy-{index}", conditions, Serve(variation=ON), about))
    is_open = not feature.strategies and not (setting.is_node and feature.strategies is None)
    return Flag(
        key=feature.name,
        variations=_VARIATIONS,
        on=feature.enabled,
        fallthrough=Serve(variation=ON if is_open and not findings.is_off else OFF),
        kind="boolean",
        salt=feature.name,
        off_variation=OFF,
        prerequisites=() if findings.is_off else tuple(draft.prerequisites),
        rules=() if findings.is_off else tuple(rules),
        compat=Compat("unleash", setting.dialect),
    )


def _variant(draft: Draft, setting: Setting, rules: tuple[Rule, ...], otherwise: Serve) -> Flag:
    feature = draft.feature
    return Flag(
        key=feature.name + SUFFIX,
        variations=draft.chooser.labels.variations(),
        on=feature.enabled,
        fallthrough=otherwise,
        kind="object",
        salt=feature.name,
        off_variation=DISABLED,
        rules=rules,
        compat=Compat("unleash", setting.dialect),
    )


def _variant_rules(draft: Draft, setting: Setting) -> tuple[tuple[Rule, ...], Serve]:
    """Return the rules of the second flag: off where the first is, else the first strategy that holds decides."""
    is_off = Condition("serves", draft.feature.name, (ON,), negate=True)
    rules = [Rule("off", (is_off,), Serve(variation=DISABLED), "where the feature is off")]
    if draft.findings.is_off:
        return tuple(rules), Serve(variation=DISABLED)
    own = draft.chooser.of_feature()
    deciding = _deciding(draft, own)
    for index, (conditions, choices) in enumerate(deciding, 1):
        for place, choice in enumerate(choices, 1):
            rule = Rule(f"strategy-{index}-{place}", (*conditions, *choice.conditions), choice.serve, choice.about)
            rules.append(rule)
    for place, choice in enumerate(own[:-1], 1):
        rules.append(Rule(f"variant-{place}", choice.conditions, choice.serve, choice.about))
    return tuple(rules), own[-1].serve


def _deciding(draft: Draft, own: list[Choice]) -> list[tuple[Conditions, list[Choice]]]:
    """Return the strategies that must be told apart: up to the last one with variants of its own."""
    found = []
    last = 0
    for reading, conditions in draft.strategies:
        choices = draft.chooser.of_strategy(reading)
        if conditions is not None:
            found.append((conditions, choices or own))
            last = len(found) if choices else last
    return found[:last]
