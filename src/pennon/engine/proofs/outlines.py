"""A flag in outline: who gets to each of its rules and to the fallthrough, and what it can serve at all."""

from collections.abc import Iterator
from typing import NamedTuple

from pennon.bucketing import BUCKETS
from pennon.engine.compiler import Compiler
from pennon.engine.proofs.claims import bucket_order
from pennon.engine.proofs.facts import Facts
from pennon.engine.proofs.logic import Logic
from pennon.engine.proofs.ranges import common, spans
from pennon.engine.proofs.reach import Arrival, Earlier, arrival
from pennon.engine.proofs.terms import Terms, attribute_of
from pennon.engine.splits import owned_places
from pennon.model import Flag, InvalidItem, Serve, Snapshot, Split


class Served(NamedTuple):
    """What a flag can serve as a prerequisite. `why` says it in words where it serves nothing."""

    variations: frozenset[str] = frozenset()
    may_fail: bool = True
    why: str = ""


class Outline(NamedTuple):
    """Who gets where in a flag that is on and whose prerequisites are met."""

    rules: tuple[Arrival, ...]
    fallthrough: Arrival


class Outlines:
    """The outlines of a snapshot's flags, each drawn when it is first asked for."""

    def __init__(self, snapshot: Snapshot, compiler: Compiler, logic: Logic, terms: Terms) -> None:
        self._snapshot = snapshot
        self._compiler = compiler
        self._logic = logic
        self._terms = terms
        self._served: dict[str, Served] = {}

    def of(self, flag: Flag) -> Outline:
        """Return the outline of a flag that compiles."""
        before: list[Earlier] = []
        rules = []
        for place, rule in enumerate(flag.rules):
            terms = tuple(self._terms.of(condition, flag) for condition in rule.conditions)
            found = arrival(self._logic, terms, before)
            rules.append(found)
            if found.is_reached and self._serves_all(rule.serve):
                before.append(Earlier(place, terms))
        return Outline(tuple(rules), arrival(self._logic, (), before))

    def _serves_all(self, serve: Serve) -> bool:
        return serve.split is None or self.owned(serve.split) == [(0, BUCKETS)]

    def owned(self, split: Split) -> list[tuple[int, int]]:
        """Return the places of its layer that a split's experiment owns; all of them where it has no layer."""
        if split.experiment is None or split.experiment.layer is None:
            return [(0, BUCKETS)]
        places = owned_places(self._snapshot.layers[split.experiment.layer], split.experiment.key)
        return [(start, end) for start, end in places if start < end]

    def served(self, key: str) -> Served:
        """Return what a flag can serve to those that have it as a prerequisite."""
        if key not in self._served:
            with self._logic.afresh():
                self._served[key] = self._find_served(key)
        return self._served[key]

    def _find_served(self, key: str) -> Served:
        try:
            flag = self._snapshot.flags[key]
        except KeyError:
            return Served(why="there is no such flag")
        except InvalidItem:
            return Served(why="it cannot be read")
        if self._compiler.problems(flag):
            return Served(why="it is broken")
        if not flag.on:
            return Served(why="it is off")
        return self._served_while_on(flag)

    def _served_while_on(self, flag: Flag) -> Served:
        # What a vendor's dialect reads may fail for any context, and so may all that asks for it.
        may_fail = self._uses_dialects(flag)
        parts = [(_just(flag.off_variation), flag.off_variation is None)]
        met = [self.is_met(prerequisite.flag, prerequisite.variations) for prerequisite in flag.prerequisites]
        if False not in met:
            on = self._served_by_rules(flag)
            parts = [*on, *parts] if None in met else on
        if flag.staleness is not None:
            parts.append(self._served_by(flag, flag.staleness.serve, Facts()))
        variations = frozenset[str]().union(*(found for found, _ in parts))
        return Served(variations, may_fail or any(fails for _, fails in parts), _only(variations))

    def is_met(self, key: str, variations: tuple[str, ...]) -> bool | None:
        """Tell whether a prerequisite is met always (True), never (False), or for some perhaps (None)."""
        served = self.served(key)
        if served.variations.isdisjoint(variations):
            return False
        return True if not served.may_fail and served.variations.issubset(variations) else None

    def _uses_dialects(self, flag: Flag) -> bool:
        if flag.compat is not None:
            return True
        needed = self._compiler.links.of("flag", flag.key, flag).everything
        return any(self._is_imported(kind, key) for kind, key in needed)

    def _is_imported(self, kind: str, key: str) -> bool:
        if kind == "layer":
            return False
        try:
            item = self._snapshot.flags[key] if kind == "flag" else self._snapshot.segments[key]
        except (KeyError, InvalidItem):
            return False
        return item.compat is not None

    def _served_by_rules(self, flag: Flag) -> list[tuple[frozenset[str], bool]]:
        outline = self.of(flag)
        parts = [(frozenset({target.variation}), False) for target in flag.targets if target.values]
        parts += [
            self._served_by(flag, rule.serve, found.facts)
            for rule, found in zip(flag.rules, outline.rules, strict=True)
            if found.is_reached
        ]
        if outline.fallthrough.is_reached:
            parts.append(self._served_by(flag, flag.fallthrough, outline.fallthrough.facts))
        return parts

    def _served_by(self, flag: Flag, serve: Serve, facts: Facts) -> tuple[frozenset[str], bool]:
        if serve.split is None:
            return _just(serve.variation), False
        split = serve.split
        owned, experiment = self.owned(split), split.experiment
        variations = frozenset(reached_variations(flag, split, facts)) if owned else frozenset[str]()
        if experiment is not None and experiment.otherwise is not None and owned != [(0, BUCKETS)]:
            variations |= {experiment.otherwise}
        return variations, True  # the unit may be missing


def reached_variations(flag: Flag, split: Split, facts: Facts) -> Iterator[str]:
    """Yield the variations of a split that somebody of whom *facts* are known may get."""
    is_own = split.hash == "sha256"
    salt = flag.salt if split.salt is None else split.salt
    left = facts.buckets(attribute_of(split.by), bucket_order(salt, flag.key)) if is_own else None
    start: int | float = 0
    for weight in split.weights:
        end = start + weight.weight
        if not is_own or (start < end and (left is None or common(left, spans([(start, end)])))):
            yield weight.variation
        start = end


def _just(variation: str | None) -> frozenset[str]:
    return frozenset() if variation is None else frozenset({variation})


def _only(variations: frozenset[str]) -> str:
    names = " or ".join(map(repr, sorted(variations)))
    return f"it serves {names} only" if names else "it serves the caller's default only"
