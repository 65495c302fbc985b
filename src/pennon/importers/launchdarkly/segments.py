"""LaunchDarkly's segments as Pennon's. Lists of other kinds than `user` become rules, in the order that holds there."""

from pennon.engine.dialects.launchdarkly.contexts import USER, Place
from pennon.importers.launchdarkly.clauses import Around, conditions, place
from pennon.importers.launchdarkly.findings import Findings
from pennon.importers.launchdarkly.serving import HASHES
from pennon.importers.launchdarkly.shapes import SegmentRule as VendorRule
from pennon.importers.launchdarkly.shapes import SegmentTarget, VendorSegment, items
from pennon.model import Compat, Condition, Segment, SegmentRule
from pennon.model.problems import pointer


def segment(vendor: VendorSegment, path: str, around: Around, findings: Findings) -> Segment:
    """Return a segment, noting in *findings* why it could not be carried, if so."""
    if vendor.unbounded:
        findings.impossible(path + "/unbounded", "a big segment's members are in a store, not in the file")
    included, more_in = _lists(vendor.included, vendor.included_contexts)
    excluded, more_out = _lists(vendor.excluded, vendor.excluded_contexts)
    kept_out = list(more_out)
    if more_in and excluded:
        # Here `excluded` comes before all rules; there, after every list of those included.
        kept_out.insert(0, SegmentTarget(excluded))
        excluded = []
    listed = [SegmentRule((_in_list(target),)) for target in more_in]
    # They come first: a clause behind them may fail.
    guards = tuple(_not_in_list(target) for target in kept_out)
    rules = [
        SegmentRule((*guards, *conditions(rule.clauses, at, around, findings), *_share(rule, at, around, findings)))
        for index, rule in enumerate(items(vendor.rules))
        for at in (path + pointer("rules", index),)
    ]
    if kept_out and not rules:
        findings.said(path, "its lists of those excluded are left out: without a rule they keep nobody out")
    return Segment(
        key=vendor.key,
        salt=vendor.salt or "",
        included=tuple(included),
        excluded=tuple(excluded),
        rules=(*listed, *rules),
        compat=Compat("launchdarkly", around.dialect),
    )


def _lists(users: list[str] | None, targets: list[SegmentTarget] | None) -> tuple[list[str], list[SegmentTarget]]:
    """Return the users listed, by either way, and the lists of other kinds."""
    listed, others = list(items(users)), []
    for target in items(targets):
        if (target.context_kind or USER) == USER:
            listed += target.values
        elif target.values:
            others.append(target)
    return list(dict.fromkeys(listed)), others


def _in_list(target: SegmentTarget) -> Condition:
    return Condition(op="in", attribute=Place(target.context_kind or USER, ("key",)).text, values=tuple(target.values))


def _not_in_list(target: SegmentTarget) -> Condition:
    # A negated condition does not hold for who lacks the kind; that nobody listed it does.
    keys = {"contextKind": target.context_kind or USER, "values": target.values}
    return Condition(op="expression", value={"keys": keys, "negate": True})


def _share(rule: VendorRule, path: str, around: Around, findings: Findings) -> tuple[Condition, ...]:
    if rule.weight is None:
        return ()
    where = Place(rule.rollout_context_kind or USER, ("key",))
    if rule.bucket_by:
        where = place(rule.bucket_by, rule.rollout_context_kind, path + "/rolloutContextKind", around, findings)
    if rule.weight < 0:
        findings.impossible(path + "/weight", f"the weight {rule.weight} is below 0")
    if not where.steps:
        findings.impossible(path + "/bucketBy", f"{rule.bucket_by!r} is no reference to an attribute")
        return ()
    return (Condition(op="inBucket", by=where.text, hash=HASHES[around.dialect], from_=0, to=max(rule.weight, 0)),)
