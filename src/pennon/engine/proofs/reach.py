"""Who gets as far as a rule: whose conditions can hold, and whom the rules before it leave over."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pennon.engine.proofs.facts import Facts
from pennon.engine.proofs.logic import Logic
from pennon.engine.proofs.terms import Form, Term


class Arrival(NamedTuple):
    """What is known of those who get to a rule, or to the fallthrough, and match it.

    `can_hold`: its conditions do not contradict each other. `taken_by` are the places of rules before it that, one or
    together, serve everybody who would match it. `facts` say who is left.
    """

    terms: tuple[Term, ...]
    facts: Facts
    can_hold: bool
    taken_by: tuple[int, ...] = ()

    @property
    def is_reached(self) -> bool:
        """Whether, for all that can be proved, somebody gets here."""
        return self.can_hold and not self.taken_by


class Earlier(NamedTuple):
    """A rule that serves everybody whom it matches."""

    place: int
    terms: tuple[Term, ...]


def arrival(logic: Logic, terms: Iterable[Term], before: Sequence[Earlier]) -> Arrival:
    """Return who gets to a rule of *terms* past the rules *before* it."""
    asked = tuple(terms)
    facts = Facts(asked)
    if logic.contradict(facts):
        return Arrival(asked, facts, can_hold=False)
    left = facts.copy()
    took: list[int] = []
    for rule in before:
        beyond = _beyond(logic, left, rule)
        if beyond == ():
            by_itself = not took or _beyond(logic, facts, rule) == ()
            taken_by = (rule.place,) if by_itself else (*took, rule.place)
            return Arrival(asked, left, can_hold=True, taken_by=taken_by)
        if beyond is not None and left.fail(beyond[0]):
            took.append(rule.place)
    if took and logic.contradict(left):
        return Arrival(asked, left, can_hold=True, taken_by=tuple(took))
    return Arrival(asked, left, can_hold=True)


def _beyond(logic: Logic, facts: Facts, rule: Earlier) -> tuple[Term, ...] | None:
    """Return what *rule* asks beyond what is known to hold, None if that is more than one thing."""
    beyond: tuple[Term, ...] = ()
    for term in rule.terms:
        if logic.is_tired():
            return None
        if _is_beside(facts, term) or not logic.implies(facts, term):
            beyond = (*beyond, term)
            if len(beyond) > 1:
                return None
    return beyond


def _is_beside(facts: Facts, term: Term) -> bool:
    """Tell at once that nothing is known of what *term* asks about."""
    return term.form is Form.VALUE and term.attribute not in facts.abouts
