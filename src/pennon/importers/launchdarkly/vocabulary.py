"""What a file of LaunchDarkly's asks of contexts: attributes as a Pennon context has them, with their literals."""

from collections.abc import Iterator

from pennon.engine.dialects.launchdarkly.contexts import MULTI, USER, Place, reference_steps
from pennon.importers.launchdarkly.planning import Items
from pennon.importers.launchdarkly.shapes import Clause, Rollout, VendorFlag, VendorSegment, items
from pennon.importers.plan import Vocabulary
from pennon.model import Json

_MOST = 50
"""Of a list of keys this many are told."""


def of_items(found: Items) -> Vocabulary:
    """Return the attributes that the rules read. Those of other kinds than `user` are within a context of several."""
    words: dict[Place, list[Json]] = {Place(USER, ("key",)): []}
    for flag in found.flags.values():
        for where, literals in _flag_words(flag):
            words.setdefault(where, []).extend(literals)
    for segment in found.segments.values():
        for where, literals in _segment_words(segment):
            words.setdefault(where, []).extend(literals)
    kinds = sorted({where.kind for where in words})
    told: dict[str, list[Json]] = {}
    for where, literals in words.items():
        for name in _names(where, several=len(kinds) > 1):
            told.setdefault(name, []).extend(literals)
    for kind in kinds if len(kinds) > 1 else ():
        told.setdefault(f"/{kind}/targetingKey", [])
    if len(kinds) > 1:
        told["kind"] = [MULTI, MULTI, *kinds, *told.get("kind", ())]
    return {name: _distinct(literals) for name, literals in sorted(told.items())}


def _distinct(literals: list[Json]) -> list[Json]:
    return list({repr(literal): literal for literal in literals}.values())


def _names(where: Place, *, several: bool) -> Iterator[str]:
    """Yield the places in a Pennon context: at the top for a user alone, below the kind beside other kinds."""
    steps = ("targetingKey",) if where.steps == ("key",) else where.steps
    if where.steps == ("kind",):
        yield "kind"
        return
    if where.kind == USER:
        yield steps[0] if len(steps) == 1 and not steps[0].startswith("/") else _pointer(steps)
    if several:
        yield _pointer((where.kind, *steps))


def _pointer(steps: tuple[str, ...]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _flag_words(flag: VendorFlag) -> Iterator[tuple[Place, list[Json]]]:
    for target in (*items(flag.targets), *items(flag.context_targets)):
        yield Place(target.context_kind or USER, ("key",)), list(target.values[:_MOST])
    for rule in items(flag.rules):
        yield from _clause_words(rule.clauses)
        yield from _rollout_words(rule.rollout)
    if flag.fallthrough is not None:
        yield from _rollout_words(flag.fallthrough.rollout)


def _segment_words(segment: VendorSegment) -> Iterator[tuple[Place, list[Json]]]:
    yield Place(USER, ("key",)), [*items(segment.included)[:_MOST], *items(segment.excluded)[:_MOST]]
    for target in (*items(segment.included_contexts), *items(segment.excluded_contexts)):
        yield Place(target.context_kind or USER, ("key",)), list(target.values[:_MOST])
    for rule in items(segment.rules):
        yield from _clause_words(rule.clauses)
        yield from _unit_words(rule.bucket_by, rule.rollout_context_kind)


def _clause_words(clauses: list[Clause]) -> Iterator[tuple[Place, list[Json]]]:
    for clause in clauses:
        where = _place(clause.attribute, clause.context_kind)
        if clause.op != "segmentMatch" and where.steps:
            yield where, clause.values[:_MOST]


def _rollout_words(rollout: Rollout | None) -> Iterator[tuple[Place, list[Json]]]:
    if rollout is not None:
        yield from _unit_words(rollout.bucket_by, rollout.context_kind)


def _unit_words(bucket_by: str | None, kind: str | None) -> Iterator[tuple[Place, list[Json]]]:
    where = _place(bucket_by or "key", kind)
    if where.steps:
        yield where, []


def _place(attribute: str | None, kind: str | None) -> Place:
    if not kind:
        return Place(USER, (attribute,) if attribute else ())
    return Place(kind, reference_steps(attribute or ""))
