"""One feature's rules as a flag's: prerequisites, filters, forced values; experiments are written next door."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import UNSET

from pennon.engine.links import DEEPEST
from pennon.importers.growthbook.conditions import Carrier
from pennon.importers.growthbook.document import Bandit, Feature, FeatureRule, Filter, Parent
from pennon.importers.growthbook.doubts import OF_ALL_OBJECTS
from pennon.importers.growthbook.parents import Rings
from pennon.importers.growthbook.places import SCHEMES, Hashing, Slice, first_after, slices, within
from pennon.importers.growthbook.sticky import StickyBuckets
from pennon.importers.growthbook.values import Values
from pennon.importers.growthbook.vendor import JAVASCRIPT, Impossible
from pennon.importers.plan import Note
from pennon.model import Condition, Json, Rule, Serve, pointer


class Answer(NamedTuple):
    """What a planned feature may answer: its values by variation, and the variation of cyclic prerequisites."""

    values: dict[str, Json]
    cyclic: str | None = None
    is_exact: bool = True
    deep: int = 0


class Surroundings(NamedTuple):
    """What a feature is written among.

    `shared` are the experiments that several rules have; `loads_id`: the SDK knows sticky buckets of `id`. `answers`
    gives those of another feature, None for one that is not there; it raises `Impossible`.
    """

    carrier: Carrier
    rings: Rings
    bandits: dict[str, Bandit]
    sticky: StickyBuckets
    shared: frozenset[str]
    loads_id: bool
    answers: Callable[[str], Answer | None]


class Scope(NamedTuple):
    """One rule while it is written: what must hold before its own condition is asked, and where it stands."""

    rule: FeatureRule
    before: list[Condition]
    own: list[Condition]
    path: str
    name: str


class Unit(NamedTuple):
    """An attribute that a rule may hash, as Pennon names it, and when it is this one."""

    by: str
    when: list[Condition]


class Writing:
    """The rules of one flag while they are written."""

    def __init__(self, key: str, feature: Feature, around: Surroundings) -> None:
        self.key = key
        self.around = around
        self.is_javascript = around.carrier.compat.dialect == JAVASCRIPT
        self.values = Values()
        self.notes: list[Note] = []
        self.rules: list[Rule] = []
        self.cyclic: str | None = None
        self.deep = 0
        self.default = self.values.variation(feature.default_value)
        self._ids: set[str] = set()

    # What all rules have

    def scope(self, index: int, rule: FeatureRule) -> Scope | None:
        """Begin a rule, with rules of its own where a prerequisite blocks; None for one that is for nobody."""
        path = pointer("features", self.key, "rules", index)
        name = rule.id if rule.id and _USABLE.fullmatch(rule.id) else f"rule-{index + 1}"
        before = self._parents(rule.parent_conditions or [], path, name)
        filters = None if before is None else self._filters(rule.filters or [])
        if before is None or filters is None:
            return None
        condition = rule.condition or {}
        for doubt in self.around.carrier.doubts(condition):
            self.doubt(path + "/condition", doubt)
        return Scope(rule, before + filters, self.around.carrier.carried(condition), path, name)

    def doubt(self, path: str, message: str) -> None:
        """Note a condition under which the flag is exact."""
        self.notes.append(Note(path, message))

    def add(self, scope: Scope, conditions: Iterable[Condition], serve: Serve, part: str = "") -> None:
        """Write a rule; *part* says which one of those that a rule of GrowthBook became."""
        description = " ".join(filter(None, (scope.rule.name, part, _phase(scope.rule))))
        self._add(scope.name, part, conditions, serve, description)

    def _add(self, name: str, part: str, conditions: Iterable[Condition], serve: Serve, description: str) -> None:
        wanted = f"{name}-{part}".replace(" ", "-") if part else name
        key, count = wanted, 1
        while key in self._ids:
            count += 1
            key = f"{wanted}-{count}"
        self._ids.add(key)
        self.rules.append(Rule(key, tuple(conditions), serve, description))

    # Prerequisites

    def _parents(self, parents: list[Parent], path: str, name: str) -> list[Condition] | None:
        """Return the conditions that all prerequisites hold, None where they never do."""
        conditions: list[Condition] = []
        for index, parent in enumerate(parents):
            here = path + pointer("parentConditions", index)
            if self.around.rings.are_cyclic(self.key, parent.id):
                self._serve_cyclic(conditions, here, name, parent.id)
                return None
            for doubt in self.around.carrier.doubts(parent.condition or {}):
                self.doubt(here + "/condition", doubt)
            needed = self._parent(parent, conditions, here, name)
            if needed is None:
                return None
            conditions += needed
        return conditions

    def _serve_cyclic(self, conditions: list[Condition], path: str, name: str, parent: str) -> None:
        self._add(name, "cyclic", conditions, Serve(self._cyclic()), "cyclic prerequisites")
        if not self.around.rings.are_surely_cyclic(self.key, parent):
            message = (
                f"{parent!r} needs this feature in turn, and nobody gets an answer of it before it asks for this one"
            )
            self.doubt(path, message)

    def _cyclic(self) -> str:
        if self.cyclic is None:
            self.cyclic = self.values.apart(None, "cyclic")
        return self.cyclic

    def _parent(self, parent: Parent, so_far: list[Condition], path: str, name: str) -> list[Condition] | None:
        answer = self.around.answers(parent.id) or Answer({"": None})
        self.deep = max(self.deep, answer.deep + 1)
        if self.deep > DEEPEST:
            raise Impossible(path, f"its chain of prerequisites is more than {DEEPEST} deep")
        if not answer.is_exact:
            self.doubt(path, f"{parent.id!r} is exact")
        if answer.cyclic is not None:
            asked = Condition(op="serves", attribute=parent.id, values=(answer.cyclic,))
            self._add(name, "cyclic", [*so_far, asked], Serve(self._cyclic()), f"{parent.id} has cyclic prerequisites")
        possible = {key: value for key, value in answer.values.items() if key != answer.cyclic}
        met = [key for key, value in possible.items() if self._is_met(parent, value)]
        if len(met) == len(possible):
            return []
        asked = Condition(op="serves", attribute=parent.id, values=tuple(met))
        if not parent.gate:
            return [asked] if met else None
        blocked = [*so_far, Condition(op="serves", attribute=parent.id, values=tuple(met), negate=True)]
        null = Serve(self.values.variation(None))
        self._add(name, "gate", blocked if met else so_far, null, f"{parent.id} does not serve what this needs")
        return [] if met else None

    def _is_met(self, parent: Parent, value: Json) -> bool:
        try:
            return self.around.carrier.holds_of_value(parent.condition or {}, value)
        except (TypeError, ValueError) as error:
            raise Impossible("", f"the condition on {parent.id!r} cannot be read: {error}") from error

    # Units and places

    def by(self, attribute: str | None) -> str:
        """Return Pennon's name of an attribute that is hashed. Raises `Impossible`."""
        if attribute == "" and not self.is_javascript:
            raise Impossible("", "it hashes an attribute without a name")
        if self.is_javascript and attribute in OF_ALL_OBJECTS:
            raise Impossible("", f"it hashes {attribute!r}, which JavaScript finds in every object")
        if not attribute or attribute == "id":
            return "targetingKey"
        return pointer(attribute) if attribute == "targetingKey" or attribute.startswith("/") else attribute

    def units(self, rule: FeatureRule, *, falls_back: bool) -> list[Unit]:
        """Return the attributes that a rule hashes: its own and, if *falls_back*, another where that is missing."""
        own = self.by(rule.hash_attribute)
        other = rule.fallback_attribute if falls_back else None
        if not other or self.by(other) == own:
            return [Unit(own, [])]
        return [Unit(own, []), Unit(self.by(other), [Condition(op="exists", by=own, negate=True)])]

    def has_sticky_buckets(self, rule: FeatureRule) -> bool:
        """Tell whether the SDK looks for stored buckets at this rule, and so for the fallback attribute."""
        return bool(self.around.sticky.is_used) and not rule.disable_sticky_bucketing

    def _filters(self, filters: list[Filter]) -> list[Condition] | None:
        conditions: list[Condition] = []
        for each in filters:
            version = (
                2 if each.hash_version is UNSET or (self.is_javascript and not each.hash_version) else each.hash_version
            )
            scheme = SCHEMES.get(version) if isinstance(version, (int, float)) else None
            hashing = None if scheme is None else Hashing(self.by(each.attribute), each.seed, scheme)
            found = None if hashing is None else within(slices(each.ranges, hashing.scale), hashing)
            if found is None:
                return None
            conditions += found
        return conditions

    # Forced values

    def force(self, scope: Scope) -> None:
        """Write a rule that forces a value, on all or on a share."""
        rule = scope.rule
        serve = Serve(self.values.variation(rule.force))
        if rule.tracks:
            self.doubt(scope.path + "/tracks", "this is no answer of remote evaluation, which is for one user only")
        conditions = [*scope.before, *scope.own]
        has_coverage = rule.coverage is not UNSET and (self.is_javascript or rule.coverage is not None)
        if rule.range is None and not has_coverage:
            self.add(scope, conditions, serve)
            return
        scheme = SCHEMES.get(rule.hash_version or 1)
        is_none = rule.range is None and rule.coverage == 0 and rule.coverage is not None
        if scheme is None or is_none:
            return
        falls_back = not rule.disable_sticky_bucketing and (not self.is_javascript or self.has_sticky_buckets(rule))
        if self.is_javascript and rule.fallback_attribute and not rule.disable_sticky_bucketing:
            self.doubt_sticky(scope)
        for number, unit in enumerate(self.units(rule, falls_back=falls_back)):
            hashing = Hashing(unit.by, rule.seed or self.key, scheme)
            places = within(self._share(rule, hashing.scale), hashing)
            if places is not None:
                self.add(scope, [*conditions, *unit.when, *places], serve, "fallback" if number else "")

    def doubt_sticky(self, scope: Scope) -> None:
        """Note what is not known of the SDK's sticky buckets, unless it has none."""
        if self.around.sticky.is_used is None:
            self.doubt(
                scope.path, "the SDK has no sticky bucket service (else give its documents with the option sticky)"
            )

    def _share(self, rule: FeatureRule, scale: int) -> list[Slice]:
        if rule.range is not None:
            return slices([rule.range], scale)
        coverage = rule.coverage if isinstance(rule.coverage, (int, float)) else 0
        if not self.is_javascript:
            return slices([(0.0, coverage)], scale)
        # JavaScript's share has the user who is exactly on its end.
        end = first_after(coverage, scale) if coverage >= 0 else 0
        return slices([(0.0, end / scale)], scale)


_USABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")


def _phase(rule: FeatureRule) -> str:
    return f"(phase {rule.phase})" if rule.phase is not None else ""
