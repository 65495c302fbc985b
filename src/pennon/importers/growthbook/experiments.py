"""A feature's experiments as rules: who is in, by which shares, who keeps a stored variation; bandits leaf by leaf."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import UNSET

from pennon.importers.growthbook.document import Bandit, Leaf
from pennon.importers.growthbook.places import SCHEMES, Hashing, Slice, bucket_ranges, makes_sense, slices, within
from pennon.importers.growthbook.rules import Scope, Unit, Writing
from pennon.importers.growthbook.sticky import Assigned
from pennon.importers.growthbook.vendor import Impossible
from pennon.model import Condition, Experiment, Json, Serve, Split, Weight


class _Shares(NamedTuple):
    """The weights of an experiment for those of whom `when` holds; None are equal ones."""

    when: list[Condition]
    weights: list[float] | None
    part: str


def write_experiment(writing: Writing, scope: Scope) -> None:
    """Write the rules of an experiment. Raises `Impossible`."""
    rule = scope.rule
    variations = rule.variations if rule.contextual_variations is None else rule.contextual_variations
    scheme = SCHEMES.get(rule.hash_version or 1)
    if variations is None or len(variations) <= 1 or scheme is None:  # it is for nobody
        return
    _ExperimentWriting(writing, scope, variations, scheme).write()


class _ExperimentWriting:
    """One experiment while it is written."""

    def __init__(self, writing: Writing, scope: Scope, variations: list[Json], scheme: str) -> None:
        self._writing = writing
        self._scope = scope
        self._rule = scope.rule
        self._scheme = scheme
        self._seed = self._rule.seed or self._rule.key or writing.key
        self._experiment = Experiment(self._rule.key or writing.key)
        meta = self._rule.meta or []
        if writing.is_javascript and self._rule.meta is not None and len(meta) < len(variations):
            raise Impossible(scope.path + "/meta", "there is less of it than variations, and the SDK fails on that")
        self._meta_keys = [each.key for each in meta]
        self._passed_through = {index for index, each in enumerate(meta) if each.passthrough}
        self._keys: list[str] = []
        for index, value in enumerate(variations):
            hint = (meta[index].name or meta[index].key) if index < len(meta) else None
            self._keys.append(writing.values.variation(value, hint, apart_from=self._keys))

    def write(self) -> None:
        rule, writing, scope = self._rule, self._writing, self._scope
        is_sticky = writing.has_sticky_buckets(rule)
        units = writing.units(rule, falls_back=is_sticky)
        self._doubt()
        outside = self._write_sticky(units) if is_sticky else []
        for shares in self._all_shares():
            parts = self._slices(shares.weights)
            for number, unit in enumerate(units):
                place = self._place(unit, parts)
                if place is None:
                    continue
                conditions = [*scope.before, *outside, *unit.when, *place, *scope.own, *shares.when]
                part = " ".join(filter(None, (shares.part, "fallback" if number else "")))
                writing.add(scope, conditions, self._split(unit, parts), part)

    def _doubt(self) -> None:
        rule = self._rule
        if rule.disable_sticky_bucketing:
            return
        if self._writing.around.sticky.is_used and self._experiment.key in self._writing.around.shared:
            message = f"no other rule of {self._experiment.key!r} stores a sticky bucket before this one is asked"
            self._writing.doubt(self._scope.path, message)
        if rule.fallback_attribute or rule.bucket_version is not None or rule.min_bucket_version is not None:
            self._writing.doubt_sticky(self._scope)
        if self._writing.around.sticky.is_used:
            message = "the SDK stores no more sticky buckets than the documents that are given have"
            self._writing.doubt(self._scope.path, message)

    # Who is in, and what they get

    def _place(self, unit: Unit, parts: list[Slice]) -> list[Condition] | None:
        """Return the conditions that a unit has a place of the experiment's, None where nobody has."""
        conditions = within(parts, Hashing(unit.by, self._seed, self._scheme))
        rule = self._rule
        has_filters = rule.filters is not None if self._writing.is_javascript else bool(rule.filters)
        if conditions is None or rule.namespace is None or has_filters:
            return conditions
        name, start, end = rule.namespace
        hashing = Hashing(unit.by, f"__{name}", "fnv1a-v1")
        inside = within(slices([(start, end)], hashing.scale), hashing)
        return None if inside is None else [*inside, *conditions]

    def _slices(self, weights: list[float] | None) -> list[Slice]:
        """Return who of all places gets which variation; None: the next rule."""
        rule, count = self._rule, len(self._keys)
        ranges = rule.ranges
        if ranges is None or (not ranges and not self._writing.is_javascript):
            coverage = 1.0 if rule.coverage is UNSET or rule.coverage is None else rule.coverage
            if rule.coverage is None and self._writing.is_javascript:
                coverage = 0.0  # to JavaScript null is nothing
            ranges = bucket_ranges(count, coverage, weights, negative=self._writing.is_javascript)
        found = slices(ranges, Hashing("", "", self._scheme).scale)
        return [part if self._is_served(part.variation) else part._replace(variation=None) for part in found]

    def _is_served(self, index: int | None) -> bool:
        return index is not None and index < len(self._keys) and index not in self._passed_through

    def _split(self, unit: Unit, parts: list[Slice]) -> Serve:
        """Return the split; places that no variation owns, which the conditions keep out, go to a neighbour."""
        weights: list[Weight] = []
        current = next(part.variation for part in parts if part.variation is not None)
        for part in parts:
            current = current if part.variation is None else part.variation
            weight = Weight(self._keys[current], part.end - part.start)
            if weights and weights[-1].variation == weight.variation:
                weight = Weight(weight.variation, weights.pop().weight + weight.weight)
            weights.append(weight)
        return self._serve(unit.by, tuple(weights))

    def _serve(self, by: str, weights: tuple[Weight, ...]) -> Serve:
        split = Split(weights, by=by, salt=self._seed, hash=self._scheme, experiment=self._experiment)
        return Serve(split=split)

    # Contextual bandits

    def _all_shares(self) -> Iterator[_Shares]:
        """Yield the weights of each leaf of a contextual bandit, then the rule's, each for those of no earlier leaf."""
        carrier = self._writing.around.carrier
        before: list[Condition] = []
        for index, leaf in enumerate(self._leaves()):
            condition = leaf.condition or {}
            for doubt in carrier.doubts(condition):
                self._writing.doubt(self._scope.path + "/contextualBanditRef", doubt)
            yield _Shares([*before, *carrier.carried(condition)], self._leaf_weights(leaf), f"leaf {index + 1}")
            if not condition:
                return
            before = [*before, carrier.negated(condition)]
        yield _Shares(before, self._rule.weights, "no leaf" if before else "")

    def _leaves(self) -> list[Leaf]:
        if not self._rule.contextual_bandit_ref:
            return []
        bandit = self._writing.around.bandits.get(self._rule.contextual_bandit_ref, Bandit())
        return bandit.contexts or []

    def _leaf_weights(self, leaf: Leaf) -> list[float] | None:
        if self._writing.is_javascript:
            return leaf.weights
        weights = leaf.weights
        is_sound = leaf.leaf_id is not None and weights is not None and len(weights) == len(self._keys)
        return weights if is_sound and makes_sense(weights or [], negative=False) else self._rule.weights

    # Sticky buckets

    def _write_sticky(self, units: list[Unit]) -> list[Condition]:
        """Write the rules of those whose variation is stored. Return the conditions that keep them out of the others.

        The document of the rule's own attribute wins over the other's, even where it names a variation that is no more.
        """
        own_by, own = self._assigned(self._rule.hash_attribute or "id")
        blocked = self._apart(own_by, own.blocked, "blocked")
        other = self._other_assigned(own_by)
        if other is not None:
            blocked += self._apart(other[0], other[1].blocked, "blocked")
        through = self._write_kept(own_by, own, blocked)
        if other is None:
            return blocked + through
        unknown = self._apart(own_by, own.unknown, "unknown")
        # Without a fallback of its own the rule needs its attribute, though JavaScript looks for the document of `id`.
        needed = [Condition(op="exists", by=own_by)] if len(units) == 1 else []
        also_through = self._write_kept(other[0], other[1], [*blocked, *through, *unknown, *needed])
        if also_through and unknown:
            raise Impossible(
                self._scope.path, "its sticky buckets have variations that are no more beside passed through"
            )
        return blocked + through + also_through

    def _assigned(self, attribute: str) -> tuple[str, Assigned]:
        rule = self._rule
        assigned = self._writing.around.sticky.assigned(
            attribute,
            self._experiment.key,
            version=rule.bucket_version or 0,
            least=rule.min_bucket_version or 0,
            keys=self._meta_keys,
        )
        return self._writing.by(attribute), assigned

    def _other_assigned(self, own_by: str) -> tuple[str, Assigned] | None:
        finds_id = self._writing.is_javascript and self._writing.around.loads_id
        attribute = self._rule.fallback_attribute or ("id" if finds_id else None)
        return None if not attribute or self._writing.by(attribute) == own_by else self._assigned(attribute)

    def _write_kept(self, by: str, assigned: Assigned, conditions: list[Condition]) -> list[Condition]:
        """Write a rule for each variation that is stored. Return the conditions that nobody is to be passed through."""
        through: list[Condition] = []
        # In JavaScript who has a stored variation need not meet the rule's condition any more.
        own = [] if self._writing.is_javascript else self._scope.own
        scale = Hashing("", "", self._scheme).scale
        for index, units in assigned.kept.items():
            keys = self._lists(by, units, str(index))
            if index in self._passed_through:
                through.append(Condition(op="inSegment", values=keys, negate=True))
                continue
            inside = Condition(op="inSegment", values=keys)
            serve = self._serve(by, (Weight(self._keys[index], scale),))
            part = f"sticky {self._keys[index]}"
            self._writing.add(self._scope, [*self._scope.before, *conditions, inside, *own], serve, part)
        return through

    def _apart(self, by: str, units: list[str], what: str) -> list[Condition]:
        if not units:
            return []
        return [Condition(op="inSegment", values=self._lists(by, units, what), negate=True)]

    def _lists(self, by: str, units: list[str], what: str) -> tuple[str, ...]:
        name = f"sticky {self._experiment.key}__{self._rule.bucket_version or 0} {by} {what}"
        source = f"sticky buckets of {self._experiment.key}"
        carrier = self._writing.around.carrier
        return carrier.lists(name, source, lambda part: Condition(op="in", by=by, values=tuple(part)), list(units))
