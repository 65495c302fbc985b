"""What can be proved of a segment: of its lists and its rules."""

from pennon.engine.proofs.finding import Code, Findings
from pennon.engine.proofs.logic import Logic
from pennon.engine.proofs.reach import Arrival, Earlier, arrival
from pennon.engine.proofs.rules import note_conditions, note_place
from pennon.engine.proofs.terms import Terms
from pennon.model import Segment

_LISTED = 20
"""So many keys are named; the rest is counted."""


def note_segment(found: Findings, segment: Segment, terms: Terms, logic: Logic) -> None:
    """Note what is to be said of a segment that compiles."""
    _note_both_lists(found, segment)
    arrivals = _arrivals(segment, terms, logic)
    names = [f"rule {rule.id or index!r}" for index, rule in enumerate(segment.rules)]
    for index, (rule, reached) in enumerate(zip(segment.rules, arrivals, strict=True)):
        note_conditions(found, f"/rules/{index}", rule.conditions, reached, logic)
        note_place(found, f"/rules/{index}", reached, names, "take")
    if logic.is_empty(segment.key):
        found.note(Code.SEGMENT_EMPTY, "", "nobody is in it", "include somebody, or add a rule that can hold")
    elif segment.excluded and not any(reached.can_hold for reached in arrivals):
        message = "it leaves nobody out: without a rule that can hold nobody is in but those included"
        found.note(Code.EXCLUSION_WITHOUT_EFFECT, "/excluded", message, "leave it out, or add a rule")


def _arrivals(segment: Segment, terms: Terms, logic: Logic) -> list[Arrival]:
    before: list[Earlier] = []
    found = []
    for place, rule in enumerate(segment.rules):
        asked = tuple(terms.of(condition, segment) for condition in rule.conditions)
        found.append(arrival(logic, asked, before))
        if found[-1].is_reached:
            before.append(Earlier(place, asked))
    return found


def _note_both_lists(found: Findings, segment: Segment) -> None:
    included = frozenset(segment.included)
    both = [index for index, key in enumerate(segment.excluded) if key in included]
    for index in both[:_LISTED]:
        message = f"{segment.excluded[index]!r} is included too, and included wins: the exclusion has no effect"
        found.note(Code.KEY_IN_BOTH_LISTS, f"/excluded/{index}", message, "take it off one of the lists")
    if len(both) > _LISTED:
        message = f"{len(both) - _LISTED} more keys are on both lists, and included wins"
        found.note(Code.KEY_IN_BOTH_LISTS, "/excluded", message, "take each off one of the lists")
