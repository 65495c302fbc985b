"""What is too large for Pennon: long lists of targets become segments, as exactly; what is too large still is said."""

from collections.abc import Collection

from msgspec.structs import replace

from pennon.engine.dialects.launchdarkly.contexts import place
from pennon.importers.launchdarkly.findings import Findings
from pennon.model import (
    Condition,
    Flag,
    Rule,
    Segment,
    SegmentRule,
    Serve,
    Target,
)
from pennon.model.validation import flag_problems, segment_problems


def fitted(flag: Flag, path: str, taken: Collection[str], findings: Findings) -> tuple[Flag, list[Segment]]:
    """Return a flag within the limits where that can be, and the segments that it needs for it."""
    segments: list[Segment] = []
    if flag.targets and any(problem.path == "" for problem in flag_problems(flag)):
        lists = [_segment(flag, target, index, taken) for index, target in enumerate(flag.targets)]
        rules = [
            Rule(
                _unused(f"targets-{index}", flag),
                (Condition(op="inSegment", values=(made.key,)),),
                Serve(target.variation),
            )
            for index, (made, target) in enumerate(zip(lists, flag.targets, strict=True))
        ]
        flag, segments = replace(flag, targets=(), rules=(*rules, *flag.rules)), lists
        findings.said(
            path + "/targets", f"too long for a flag: {len(lists)} segments hold them, and rules ask for these"
        )
    for problem in flag_problems(flag):
        findings.impossible(
            path + problem.path if problem.path.startswith("/key") else path, _says(problem.path, problem.message)
        )
    for made in segments:
        check_segment(made, path, findings)
    return flag, segments


def check_segment(segment: Segment, path: str, findings: Findings) -> None:
    """Note what keeps a segment from being accepted."""
    for problem in segment_problems(segment):
        findings.impossible(path, _says(problem.path, problem.message))


def _says(path: str, message: str) -> str:
    return f"Pennon would not take it: {f'{path}: ' if path else ''}{message}"


def _segment(flag: Flag, target: Target, index: int, taken: Collection[str]) -> Segment:
    key = f"{flag.key}.targets.{index}"
    while key in taken:
        key += "-"
    if place(target.attribute).kind == "user":
        return Segment(key=key, included=target.values, compat=flag.compat)
    listed = Condition(op="in", attribute=target.attribute, values=target.values)
    return Segment(key=key, rules=(SegmentRule((listed,)),), compat=flag.compat)


def _unused(name: str, flag: Flag) -> str:
    while any(rule.id == name for rule in flag.rules):
        name += "-"
    return name
