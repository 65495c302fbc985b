"""What is wrong with the conditions of a rule, and with its place among the others: of flags and of segments."""

from collections.abc import Sequence
from itertools import combinations, islice

from pennon.engine.proofs.claims import ALL_BUCKETS, is_bucket_order
from pennon.engine.proofs.facts import Facts
from pennon.engine.proofs.finding import Code, Findings
from pennon.engine.proofs.logic import Logic
from pennon.engine.proofs.reach import Arrival
from pennon.engine.proofs.terms import Form, Term
from pennon.engine.words import asked
from pennon.model import Condition

_PAIRS = 200
"""So many pairs of conditions are looked at for the two that contradict each other."""
_SHOWN = 4


def note_conditions(
    found: Findings, path: str, conditions: Sequence[Condition], arrival: Arrival, logic: Logic
) -> None:
    """Note what is wrong with the conditions of the rule at *path*."""
    terms = arrival.terms
    never = [index for index, term in enumerate(terms) if logic.is_never(term)]
    for index in never:
        why = _why_never(conditions[index], terms[index])
        found.note(Code.CONDITION_NEVER, f"{path}/conditions/{index}", f"it holds for nobody: {why}", _MEND_NEVER)
    for index, term in enumerate(terms):
        _note_always(found, f"{path}/conditions/{index}", conditions[index], term, logic)
    if never:
        return
    if not arrival.can_hold:
        where, said = _contradiction(conditions, terms, logic, single=False)
        message = f"cannot hold together, for any context: {said}"
        found.note(Code.CONDITIONS_CONTRADICT, f"{path}/conditions{where}", message, _MEND_PAIR)
    elif logic.contradict(Facts(terms), single=True):
        where, said = _contradiction(conditions, terms, logic, single=True)
        message = f"cannot hold together, unless a value is an array: {said}"
        found.note(Code.CONDITIONS_NEED_ARRAY, f"{path}/conditions{where}", message, _MEND_PAIR)


def _note_always(found: Findings, path: str, condition: Condition, term: Term, logic: Logic) -> None:
    if logic.is_always(term):
        found.note(Code.CONDITION_ALWAYS, path, f"it holds for everybody: {asked(condition)}", "leave it out")
    elif not term.negate and term.claim and is_bucket_order(term.claim.order) and term.claim.ranges == ALL_BUCKETS:
        unit = condition.by or "targetingKey"
        message = f"it holds for everybody who has a {unit}: all buckets are in it"
        found.note(Code.BUCKET_WHOLE, path, message, f"leave it out, or ask whether {unit} exists")


_MEND_NEVER = "change it, or remove the rule"


def _why_never(condition: Condition, term: Term) -> str:
    if term.form is not Form.SEGMENT:
        return f"nothing is so that {asked(condition)}"
    if not term.segments:
        return "it names no segment"
    return f"{'everybody' if term.negate else 'nobody'} is in the segment {' or '.join(map(repr, term.segments))}"


def _contradiction(
    conditions: Sequence[Condition], terms: Sequence[Term], logic: Logic, *, single: bool
) -> tuple[str, str]:
    """Return where conditions contradict each other, and what they say: the first two that do, or all together."""
    for one, two in islice(combinations(range(len(terms)), 2), _PAIRS):
        if logic.contradict(Facts([terms[one], terms[two]]), single=single):
            return f"/{two}", f"{asked(conditions[one])}, and {asked(conditions[two])}"
    return "", ", and ".join(map(asked, conditions[:_SHOWN])) + (", and more" if len(conditions) > _SHOWN else "")


_MEND_PAIR = "change one of them; for one or the other, write two rules or one condition with all values"


def note_place(found: Findings, path: str, arrival: Arrival, names: Sequence[str], what: str = "serve") -> None:
    """Note that nobody gets to the rule at *path*, if that is so. *names* are those of the rules."""
    if not arrival.taken_by:
        return
    before = " and ".join(names[place] for place in arrival.taken_by)
    verb = what if len(arrival.taken_by) > 1 else f"{what}s"
    message = f"nobody gets here: {before} {verb} everybody who would match it"
    found.note(Code.RULE_UNREACHABLE, path, message, "move it up, narrow what comes before it, or remove it")
