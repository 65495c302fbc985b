"""Facts and segments put together: whether terms can hold at once, and what follows from them.

A segment is taken apart into the ways that lead into it. All of it is bounded: where a question goes too deep, or an
item takes too much comparing, nothing more is proved. What is found of an item depends on no question before it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pennon.engine.proofs.emptiness import MEMBERS
from pennon.engine.proofs.facts import Facts
from pennon.engine.proofs.terms import TARGETING_KEY, Form, Term, Terms
from pennon.model import Segment, Snapshot

_STEPS = 120
"""So many sets of facts are looked at for one question: they are looked at within each other."""
_EFFORT = 30_000
"""So much is compared for one item, of what `Facts.cost` estimates. Few items take a hundredth."""

_HAS_KEY = Term(Form.EXISTS, "has a targeting key", TARGETING_KEY)
_LISTED = Term(Form.OPAQUE, "is listed")


class Effort:
    """How much may still be compared for one item."""

    def __init__(self, left: int = _EFFORT) -> None:
        self.left = left


class Budget:
    """How many steps are left for one question, and how much effort for all of them."""

    def __init__(self, effort: Effort) -> None:
        self._effort = effort
        self._steps = _STEPS

    def is_spent(self, cost: int = 1) -> bool:
        """Take a step that costs so much. Tell whether there was not enough left."""
        self._steps -= 1
        self._effort.left -= cost
        return self._steps < 0 or self._effort.left < 0


class Logic:
    """Answers questions about the terms of items of one snapshot that compile, and so do the segments they name."""

    def __init__(self, snapshot: Snapshot, terms: Terms) -> None:
        self._snapshot = snapshot
        self._terms = terms
        self._segments: dict[str, Segment] = {}
        self._ways: dict[str, tuple[tuple[Term, ...], ...]] = {}
        self._failing: dict[str, bool] = {}
        self._effort = Effort()

    @contextmanager
    def afresh(self) -> Iterator[None]:
        """Begin with what is asked for the sake of another item, which has an effort of its own."""
        before, self._effort = self._effort, Effort()
        try:
            yield
        finally:
            self._effort = before

    def is_tired(self) -> bool:
        """Tell whether nothing more is proved of this item."""
        return self._effort.left < 0

    def contradict(self, facts: Facts, budget: Budget | None = None, *, single: bool = False) -> bool:
        """Tell whether provably no context is as *facts* say; with *single*, none but perhaps one with arrays."""
        segments = tuple(term for term in facts.held if term.form is Form.SEGMENT and not term.negate)
        return self._contradict(facts, segments, budget or Budget(self._effort), single=single)

    def _contradict(self, facts: Facts, asked: tuple[Term, ...], budget: Budget, *, single: bool) -> bool:
        """Tell it of facts whose segments *asked* are still to be taken apart."""
        if budget.is_spent(facts.cost(single=single)):
            return False
        if facts.are_impossible(single=single):
            return True
        outside = [term for term in facts.held if term.form is Form.SEGMENT and term.negate]
        if any(self._is_inside(facts, term.segments, budget) for term in outside):
            return True
        if not asked:
            return False
        return all(self._is_no_way_in(facts, key, asked[1:], budget, single=single) for key in asked[0].segments)

    def _is_no_way_in(self, facts: Facts, key: str, rest: tuple[Term, ...], budget: Budget, *, single: bool) -> bool:
        for way in self.ways(key):
            entered = facts.copy()
            for term in way:
                entered.hold(term)
            deeper = tuple(term for term in way if term.form is Form.SEGMENT and not term.negate)
            if not self._contradict(entered, rest + deeper, budget, single=single):
                return False
        return True

    def implies(self, facts: Facts, term: Term, budget: Budget | None = None) -> bool:
        """Tell whether *term* provably holds for every context that is as *facts* say."""
        if facts.know(term):
            return True
        budget = budget or Budget(self._effort)
        if budget.is_spent(facts.cost_of(term)):
            return False
        if term.form is not Form.SEGMENT:
            return facts.imply(term)
        if not term.negate:
            return self._is_inside(facts, term.segments, budget)
        inside = facts.copy()
        inside.hold(term._replace(negate=False, name=("inside", term.segments)))
        return self.contradict(inside, budget)

    def _is_inside(self, facts: Facts, keys: tuple[str, ...], budget: Budget) -> bool:
        """Tell whether such a context is provably in one of the segments."""
        if budget.is_spent():
            return False
        wanted = frozenset(keys)
        held = (term for term in facts.held if term.form is Form.SEGMENT and not term.negate)
        return any(wanted.issuperset(term.segments) for term in held) or any(
            self._lets_in(facts, key, budget) for key in keys
        )

    def _lets_in(self, facts: Facts, key: str, budget: Budget) -> bool:
        segment, ways = self._segment(key), self.ways(key)
        if segment.included and ways[0][0].single and self.implies(facts, ways[0][0], budget):
            return True
        if segment.excluded:
            return False
        rules = ways[1:] if segment.included else ways
        return any(all(self.implies(facts, term, budget) for term in way) for way in rules)

    def is_never(self, term: Term) -> bool:
        """Tell whether *term* provably holds for nobody."""
        return self.contradict(Facts([term]))

    def is_always(self, term: Term) -> bool:
        """Tell whether *term* provably holds for everybody."""
        return self.implies(Facts(), term) and not any(map(self._may_fail, term.segments))

    def _may_fail(self, key: str) -> bool:
        """Tell whether a dialect is asked for a segment, for one may fail and then the flag answers an error."""
        if key not in self._failing:
            below = (inner for way in self.ways(key) for term in way for inner in term.segments)
            self._failing[key] = self._segment(key).compat is not None or any(map(self._may_fail, below))
        return self._failing[key]

    def is_empty(self, key: str) -> bool:
        """Tell whether provably nobody is in a segment."""
        return self.is_never(Term(Form.SEGMENT, ("inside", key), segments=(key,)))

    def ways(self, key: str) -> tuple[tuple[Term, ...], ...]:
        """Return the ways into a segment, each as terms that all hold.

        The first is the list of those included, where there is one. Who is excluded is not left out.
        """
        if key not in self._ways:
            self._ways[key] = tuple(self._ways_into(self._segment(key)))
        return self._ways[key]

    def _ways_into(self, segment: Segment) -> Iterable[tuple[Term, ...]]:
        if segment.included:
            yield (self._included(segment),)
        for rule in segment.rules:
            yield tuple(self._terms.of(condition, segment) for condition in rule.conditions)

    def _included(self, segment: Segment) -> Term:
        if segment.compat is not None:
            return _LISTED
        return _HAS_KEY if segment.hashed or len(segment.included) > MEMBERS else self._terms.listed(segment.included)

    def _segment(self, key: str) -> Segment:
        if key not in self._segments:
            self._segments[key] = self._snapshot.segments[key]
        return self._segments[key]
