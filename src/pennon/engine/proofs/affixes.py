"""Beginnings, ends and parts of texts: when one follows from another, and when two cannot both be."""

from pennon.engine.proofs.claims import Affixes

_SIGMA = "\u03a3"
"""The one letter whose lower case depends on where in a word it stands."""


def covers(wider: Affixes, narrower: Affixes, literal: str) -> bool:
    """Tell whether every text that satisfies one *literal* of *narrower* satisfies *wider*."""
    if wider.how == "matches" or narrower.how == "matches":
        # Of two patterns nothing is known but that one finds what it finds.
        return (wider.how, wider.any_case) == (narrower.how, narrower.any_case) and literal in wider.literals
    known = _as_in(wider, narrower, literal)
    return known is not None and any(_follows(narrower.how, known, wider.how, other) for other in wider.literals)


def _as_in(wider: Affixes, narrower: Affixes, literal: str) -> str | None:
    """Return what is known of a text in the case in which *wider* compares, None if nothing is."""
    if wider.any_case == narrower.any_case:
        return literal
    return literal.lower() if wider.any_case and _SIGMA not in literal else None


def _follows(how: str, known: str, wanted: str, literal: str) -> bool:
    match wanted:
        case "starts":
            return how in {"is", "starts"} and known.startswith(literal)
        case "ends":
            return how in {"is", "ends"} and known.endswith(literal)
        case "has":
            return literal in known
        case _:
            return how == "is" and known == literal


def clash(affixes: Affixes, literal: str, other: Affixes) -> bool:
    """Tell whether no text that satisfies one *literal* of *affixes* satisfies *other*."""
    return all(_exclude(affixes, literal, other, each) for each in other.literals)


def _exclude(one: Affixes, literal: str, two: Affixes, other: str) -> bool:
    if "matches" in {one.how, two.how}:
        return False
    if one.any_case != two.any_case:
        if _SIGMA in (other if one.any_case else literal):
            return False
        literal, other = (literal, other.lower()) if one.any_case else (literal.lower(), other)
    if one.how == "is":
        return not _follows("is", literal, two.how, other)
    if two.how == "is":
        return not _follows("is", other, one.how, literal)
    if one.how == two.how == "starts":
        return not (literal.startswith(other) or other.startswith(literal))
    return one.how == two.how == "ends" and not (literal.endswith(other) or other.endswith(literal))
