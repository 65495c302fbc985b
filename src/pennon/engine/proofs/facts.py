"""What is known of a context for which some terms hold and others do not: whether there can be one, and what follows.

Per attribute, the elements of its value (the value itself, or the members of an array) are held against claims:

- a term that holds: some element makes its claim true;
- negated: no element does, and one at least is of a type that the operator takes;
- a term that does not hold: no element makes its claim true, or there is nothing at all.

Elements of an array owe each other nothing. So what an array can do is told for each demand by itself, and what a
single value can do for all of them together.
"""

from collections.abc import Iterable

from pennon.engine.proofs.claims import Claim
from pennon.engine.proofs.emptiness import is_nothing, left_in
from pennon.engine.proofs.ranges import Ranges
from pennon.engine.proofs.terms import Attribute, Form, Term, above


class About:
    """What is known of one attribute."""

    __slots__ = ("is_missing", "is_single", "is_there", "never", "some")

    def __init__(self) -> None:
        self.is_there = False
        self.is_missing = False
        self.is_single = False
        self.some: list[Claim] = []
        """Claims each of which is true of an element."""
        self.never: list[Claim] = []
        """Claims that are true of no element."""

    def copy(self) -> "About":
        """Return the same, to be added to."""
        copied = About()
        copied.is_there, copied.is_missing, copied.is_single = self.is_there, self.is_missing, self.is_single
        copied.some, copied.never = self.some.copy(), self.never.copy()
        return copied

    def hold(self, term: Term) -> None:
        """Note that a term of the form `VALUE` or `EXISTS` holds."""
        if term.form is Form.EXISTS:
            self.is_missing |= term.negate
            self.is_there |= not term.negate
            return
        claim, takes = term.claims()
        self.is_there = True
        self.is_single |= term.single
        if term.negate:
            self.some.append(takes)
            self.never.append(claim)
        else:
            self.some.append(claim)

    def cost(self, *, single: bool = False) -> int:
        """Return about how much there is to compare to tell whether it is impossible."""
        affixed = sum(claim.weight for claim in self.never if claim.affixes is not None)
        if not (single or self.is_single):
            return 1 + sum(claim.weight * (1 + len(self.never) + affixed // 4) for claim in self.some)
        affixed += sum(claim.weight for claim in self.some if claim.affixes is not None)
        fewest = min((claim.weight for claim in self.some), default=1)
        return 1 + fewest * (len(self.some) + len(self.never)) + affixed * affixed // 4

    def is_impossible(self, *, single: bool = False) -> bool:
        """Tell whether provably no value is so; with *single*, no value but perhaps an array."""
        if self.is_missing:
            return self.is_there
        if single or self.is_single:
            return bool(self.some) and is_nothing(self.some, self.never)
        return any(is_nothing([claim], self.never) for claim in self.some)

    def implies(self, term: Term) -> bool:
        """Tell whether a term of the form `VALUE` about this attribute provably holds."""
        if not self.is_there or (term.single and not self.is_single):
            return False
        claim, takes = term.claims()
        if not term.negate:
            return self._forces(claim)
        return self._excludes(claim) and self._forces(takes)

    def _forces(self, claim: Claim) -> bool:
        """Tell whether some element provably makes *claim* true: there would be none if it were never."""
        never = [*self.never, claim]
        if self.is_single:
            return bool(self.some) and is_nothing(self.some, never)
        return any(is_nothing([each], never) for each in self.some)

    def _excludes(self, claim: Claim) -> bool:
        """Tell whether provably no element makes *claim* true: there would be none if one did."""
        return is_nothing([*self.some, claim] if self.is_single else [claim], self.never)


class Facts:
    """What is known of a context: that all of some terms hold, without what `logic` knows of segments."""

    def __init__(self, terms: Iterable[Term] = ()) -> None:
        self.abouts: dict[Attribute, About] = {}
        self.held: list[Term] = []
        self.names: set[object] = set()
        for term in terms:
            self.hold(term)

    def hold(self, term: Term) -> None:
        """Note that *term* holds."""
        self.held.append(term)
        self.names.add((term.name, term.single))
        if term.form in {Form.VALUE, Form.EXISTS}:
            self._about(term.attribute).hold(term)

    def fail(self, term: Term) -> bool:
        """Note that *term* does not hold, where that is something to go by. Tell whether it was."""
        if term.form is Form.EXISTS:
            about = self._about(term.attribute)
            about.is_there |= term.negate
            about.is_missing |= not term.negate
            return True
        if term.form is not Form.VALUE or term.negate or term.single:
            return False
        self._about(term.attribute).never.append(term.claims()[0])
        return True

    def _about(self, attribute: Attribute) -> About:
        return self.abouts.setdefault(attribute, About())

    def copy(self) -> "Facts":
        """Return the same, to be added to."""
        copied = Facts()
        copied.abouts = {attribute: about.copy() for attribute, about in self.abouts.items()}
        copied.held, copied.names = self.held.copy(), self.names.copy()
        return copied

    def are_impossible(self, *, single: bool = False) -> bool:
        """Tell whether provably no context is so; with *single*, none but perhaps one with arrays."""
        return any(
            about.is_impossible(single=single) or (about.is_there and self._is_missing(attribute))
            for attribute, about in self.abouts.items()
        )

    def know(self, term: Term) -> bool:
        """Tell whether *term* is one of those that hold."""
        return (term.name, term.single) in self.names

    def cost(self, *, single: bool = False) -> int:
        """Return about how much there is to compare to tell whether they are impossible."""
        return 1 + sum(about.cost(single=single) for about in self.abouts.values())

    def cost_of(self, term: Term) -> int:
        """Return about how much there is to compare to tell whether *term* follows."""
        about = self.abouts.get(term.attribute)
        return 1 if about is None or term.claim is None else about.cost() + term.claim.weight * len(about.some)

    def imply(self, term: Term) -> bool:
        """Tell whether *term* provably holds, by what is known of its attribute and of what lies around it."""
        if term.form is Form.EXISTS:
            return self._is_missing(term.attribute) if term.negate else self._is_there(term.attribute)
        about = self.abouts.get(term.attribute)
        return about is not None and term.form is Form.VALUE and about.implies(term)

    def _is_there(self, attribute: Attribute) -> bool:
        length = len(attribute)
        return any(about.is_there and inner[:length] == attribute for inner, about in self.abouts.items())

    def _is_missing(self, attribute: Attribute) -> bool:
        return any(each in self.abouts and self.abouts[each].is_missing for each in (*above(attribute), attribute))

    def buckets(self, attribute: Attribute, order: object) -> Ranges | None:
        """Return where the bucket of a unit may lie, None if nothing is known. A unit is no array."""
        about = self.abouts.get(attribute)
        if about is None or not any(claim.order == order for claim in (*about.some, *about.never)):
            return None
        return left_in(order, about.some, about.never)
