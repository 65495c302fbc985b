"""What can be proved of a flag: of its prerequisites, targets, rules and splits, in that order."""

from collections.abc import Iterator

from pennon.bucketing import well_formed
from pennon.engine.proofs.facts import Facts
from pennon.engine.proofs.finding import Code, Findings
from pennon.engine.proofs.logic import Logic
from pennon.engine.proofs.outlines import Outline, Outlines
from pennon.engine.proofs.rules import note_conditions, note_place
from pennon.engine.proofs.splits import note_split, note_unreached
from pennon.engine.proofs.terms import Attribute, attribute_of
from pennon.model import Flag, Split, Target

_LISTED = 20
"""So many values of a target are named; the rest is counted."""


def note_flag(found: Findings, flag: Flag, outlines: Outlines, logic: Logic) -> None:
    """Note what is to be said of a flag that compiles."""
    shut = _note_prerequisites(found, flag, outlines)
    _note_targets(found, flag)
    outline = outlines.of(flag)
    names = [f"rule {rule.id!r}" for rule in flag.rules]
    for index, (rule, arrival) in enumerate(zip(flag.rules, outline.rules, strict=True)):
        path = f"/rules/{index}"
        note_conditions(found, path, rule.conditions, arrival, logic)
        note_place(found, path, arrival, names)
    if outline.fallthrough.taken_by:
        before = " and ".join(names[place] for place in outline.fallthrough.taken_by)
        message = f"nobody gets here: {before} serve{'' if ' and ' in before else 's'} everybody"
        found.note(Code.FALLTHROUGH_UNREACHABLE, "/fallthrough", message, "this is fine if it is meant so")
    _note_splits(found, flag, outline, outlines, shut)


# Prerequisites


def _note_prerequisites(found: Findings, flag: Flag, outlines: Outlines) -> str:
    """Note prerequisites. Return why nobody gets past them, empty if somebody may."""
    shut = "" if flag.on else "the flag is off"
    wanted: dict[str, tuple[int, frozenset[str]]] = {}
    for index, prerequisite in enumerate(flag.prerequisites):
        path, key = f"/prerequisites/{index}", prerequisite.flag
        named = " or ".join(map(repr, prerequisite.variations)) or "nothing"
        met = outlines.is_met(key, prerequisite.variations)
        if met is False:
            message = f"it is never met, so everybody gets the off variation: {key!r} never serves {named}"
            why = outlines.served(key).why
            found.note(Code.PREREQUISITE_NEVER_MET, path, f"{message}; {why}", "change that flag, or leave it out")
            shut = shut or f"the prerequisite {key!r} is never met"
            continue
        if met:
            message = f"it is always met: {key!r} serves {named} to everybody"
            found.note(Code.PREREQUISITE_ALWAYS_MET, path, message, "leave it out, if it is no kill switch")
        first, both = wanted.get(key, (index, frozenset(prerequisite.variations)))
        wanted[key] = (first, both.intersection(prerequisite.variations))
        if not wanted[key][1]:
            message = f"it and prerequisite {first} are never met together: {key!r} serves one variation at a time"
            found.note(Code.PREREQUISITES_CONTRADICT, path, message, "name all variations that will do in one of them")
            shut = shut or f"the prerequisites on {key!r} contradict each other"
    return shut


# Targets


def _note_targets(found: Findings, flag: Flag) -> None:
    listed: dict[Attribute, dict[str, int]] = {}
    for index, target in enumerate(flag.targets):
        path = f"/targets/{index}"
        known = listed.setdefault(_attribute(flag, target), {})
        before = [(place, known[key]) for place, key in enumerate(_keys(target)) if key in known]
        if before and len(before) == len(target.values):
            places = ", ".join(map(str, sorted({first for _, first in before})))
            message = f"it serves nobody: all that it lists is listed before, in target {places}"
            found.note(Code.TARGET_UNREACHABLE, path, message, "remove it, or what comes before it")
        else:
            for place, first in before[:_LISTED]:
                message = f"{target.values[place]!r} is listed before, in target {first}, which serves it"
                found.note(Code.TARGET_UNREACHABLE, f"{path}/values/{place}", message, "list it once")
        for key in _keys(target):
            known.setdefault(key, index)


def _attribute(flag: Flag, target: Target) -> Attribute:
    # What a dialect reads by two names may be two things, though one be a pointer to the other.
    return attribute_of(target.attribute) if flag.compat is None else (target.attribute,)


def _keys(target: Target) -> Iterator[str]:
    return map(well_formed, target.values)


# Splits


def _note_splits(found: Findings, flag: Flag, outline: Outline, outlines: Outlines, shut: str) -> None:
    arrivals = [*outline.rules, outline.fallthrough]
    for (path, split), arrival in zip(_splits(flag), arrivals, strict=True):
        if split is None:
            continue
        if shut or not arrival.is_reached:
            why = shut or ("its rule's conditions cannot hold" if not arrival.can_hold else "rules before it serve all")
            note_unreached(found, split, path, why)
        note_split(found, flag, split, path, arrival.facts if arrival.is_reached else Facts(), outlines)
    if flag.staleness is not None and (split := flag.staleness.serve.split) is not None:
        note_split(found, flag, split, "/staleness/serve/split", Facts(), outlines)


def _splits(flag: Flag) -> Iterator[tuple[str, Split | None]]:
    for index, rule in enumerate(flag.rules):
        yield f"/rules/{index}/serve/split", rule.serve.split
    yield "/fallthrough/split", flag.fallthrough.split
