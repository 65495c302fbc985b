"""Finds what can be proved of the items of a snapshot; what it learns of the others is learnt once for all of them."""

from pennon.engine.compiler import Compiler, Kit
from pennon.engine.conditions import compile_segment
from pennon.engine.dialects import DIALECTS, Dialects
from pennon.engine.links import Links
from pennon.engine.lint import laid_over
from pennon.engine.proofs.claims import Claims
from pennon.engine.proofs.finding import Code, Finding, Findings
from pennon.engine.proofs.flags import note_flag
from pennon.engine.proofs.logic import Logic
from pennon.engine.proofs.outlines import Outlines
from pennon.engine.proofs.segments import note_segment
from pennon.engine.proofs.terms import Terms
from pennon.model import Flag, InvalidItem, Item, Problem, Segment, Snapshot


class Prover:
    """Proves what it can of the flags and segments of *snapshot*."""

    def __init__(self, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> None:
        self._snapshot = snapshot
        kit = Kit(counted=False, exposed=None, dialects=dialects)
        self._compiler = Compiler(snapshot, Links(snapshot), kit)
        self._terms = Terms(Claims(kit.patterns))
        self._logic = Logic(snapshot, self._terms)
        self._outlines = Outlines(snapshot, self._compiler, self._logic, self._terms)

    def flag_findings(self, key: str) -> list[Finding]:
        """Return what can be proved of a flag. Raises `KeyError` where there is none."""
        found = Findings("flag", key)
        try:
            flag = self._snapshot.flags[key]
            problems = self._compiler.problems(flag)
        except InvalidItem as error:
            problems = error.problems
        if problems:
            _note_broken(found, problems)
        else:
            with self._logic.afresh():
                note_flag(found, flag, self._outlines, self._logic)
        return found.found

    def segment_findings(self, key: str) -> list[Finding]:
        """Return what can be proved of a segment. Raises `KeyError` where there is none."""
        found = Findings("segment", key)
        try:
            segment = self._snapshot.segments[key]
            problems = self._problems(segment)
        except InvalidItem as error:
            problems = error.problems
        if problems:
            _note_broken(found, problems)
        else:
            with self._logic.afresh():
                note_segment(found, segment, self._terms, self._logic)
        return found.found

    def _problems(self, segment: Segment) -> tuple[Problem, ...]:
        if (problem := self._compiler.links.of("segment", segment.key, segment).problem) is not None:
            return (Problem("/rules", problem, "break the chain"),)
        return tuple(compile_segment(segment, self._compiler)[1])


def _note_broken(found: Findings, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        mend = problem.mend or "mend it; until then who asks for it gets an error"
        found.note(Code.BROKEN, problem.path, problem.message, mend)


def findings(flag: Flag, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> list[Finding]:
    """Return what can be proved of *flag* among the items of *snapshot*, where it may be new or replace an older one.

    That is what never happens though it is written, what always happens though it seems to depend, and whatever makes
    the flag answer an error. Each finding holds for every context.
    """
    return Prover(laid_over(snapshot, "flag", Item.of(flag)), dialects=dialects).flag_findings(flag.key)


def segment_findings(segment: Segment, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> list[Finding]:
    """Return what can be proved of *segment* among the items of *snapshot*, as `findings` does for a flag."""
    return Prover(laid_over(snapshot, "segment", Item.of(segment)), dialects=dialects).segment_findings(segment.key)
