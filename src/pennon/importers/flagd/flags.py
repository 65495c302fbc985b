"""One flag of flagd as one of Pennon's, with how faithful that is."""

from typing import Any

from pennon.importers.flagd.reading import VENDOR
from pennon.importers.flagd.source import Found
from pennon.importers.flagd.targeting import Targeting
from pennon.importers.plan import Fidelity, Note, PlannedFlag
from pennon.model import Compat, Flag, FlagKind, Problem, Serve, Variation
from pennon.model.validation import flag_problems

CALLER = "caller-default"
"""The variation of a flag without a default variant: its value is null, which is the caller's default."""


def planned(found: Found, dialect: str) -> PlannedFlag:
    """Return what becomes of a flag."""
    kinds = {_kind(value) for value in found.variants.values() if value is not None}
    if len(kinds) > 1:
        note = Note(found.path + "/variants", f"its values are of several kinds: {', '.join(sorted(kinds))}")
        return PlannedFlag(key=found.key, source=found.key, fidelity=Fidelity.IMPOSSIBLE, notes=(note,))
    kind: FlagKind = next(iter(kinds), "boolean")
    flag, problems = _fitting(found, dialect, kind)
    notes = tuple(Note(found.path, str(problem)) for problem in problems) or tuple(map(_spoilt, found.spoilt))
    return PlannedFlag(
        key=found.key,
        source=found.key,
        fidelity=Fidelity.IMPOSSIBLE if problems else Fidelity.CONDITIONAL if notes else Fidelity.EXACT,
        notes=notes,
        flag=None if problems else flag,
        identities={} if problems else {name: name for name in found.variants},
        description=found.description,
    )


def _kind(value: Any) -> FlagKind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, (int, float)) else "object"


def _spoilt(evaluator: str) -> Note:
    message = (
        "SDKs in Python cannot read this evaluator, which JSON writes with a backslash; other SDKs read it as here"
    )
    return Note(f"/$evaluators/{evaluator}", message)


def _fitting(found: Found, dialect: str, kind: FlagKind) -> tuple[Flag, list[Problem]]:
    """Return the flag, and what keeps it from being stored: taken apart if that fits, else asked about as a whole."""
    flag = _flag(found, dialect, kind, is_whole=False)
    problems = flag_problems(flag, imported=True)
    if not problems or found.targeting is None:
        return flag, problems
    whole = _flag(found, dialect, kind, is_whole=True)
    return (flag, problems) if flag_problems(whole, imported=True) else (whole, [])


def _flag(found: Found, dialect: str, kind: FlagKind, *, is_whole: bool) -> Flag:
    variations = [Variation(name, value) for name, value in found.variants.items()]
    usable = [each.key for each in variations if each.key and each.value is not None]
    caller = _free_key(found)
    default = found.default_variant or caller
    known = default if default == caller or default in usable else None
    targeting = Targeting(found.key, dialect, usable, known, variations[0].key)
    rules, fallthrough = (targeting.as_whole if is_whole else targeting.taken_apart)(found.targeting)
    if default == caller and caller in _served([fallthrough, *(rule.serve for rule in rules)]):
        variations.append(Variation(caller, None))
    return Flag(
        found.key,
        tuple(variations),
        found.is_enabled,
        fallthrough,
        kind=kind,
        salt=found.key,
        rules=rules,
        compat=Compat(VENDOR, dialect),
    )


def _free_key(found: Found) -> str:
    key = CALLER
    while key in found.variants or key == found.default_variant:
        key += "-"
    return key


def _served(serves: list[Serve]) -> set[str | None]:
    weights = (weight for serve in serves if serve.split is not None for weight in serve.split.weights)
    return {weight.variation for weight in weights}.union(serve.variation for serve in serves)
