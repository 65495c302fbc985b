"""What flags and segments need of one another: who is in a ring, too deep, or needs what cannot be carried."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pennon.engine.links import DEEPEST
from pennon.importers.launchdarkly.findings import Findings
from pennon.importers.launchdarkly.shapes import Clause, VendorFlag, VendorSegment, items
from pennon.importers.plan import Note
from pennon.model import ItemKind

Node: TypeAlias = tuple[ItemKind, str]


def flag_needs(flag: VendorFlag) -> list[Node]:
    """Return the flags and segments that a flag asks, in order."""
    flags: list[Node] = [("flag", prerequisite.key) for prerequisite in items(flag.prerequisites)]
    return flags + _segments(clause for rule in items(flag.rules) for clause in rule.clauses)


def segment_needs(segment: VendorSegment) -> list[Node]:
    """Return the segments that a segment asks, in order."""
    return _segments(clause for rule in items(segment.rules) for clause in rule.clauses)


def _segments(clauses: Iterable[Clause]) -> list[Node]:
    return [("segment", key) for clause in clauses for key in segments_of(clause)]


def segments_of(clause: Clause) -> list[str]:
    """Return the segments that a clause asks, in order."""
    return clause.values if clause.op == "segmentMatch" else []


def settle(needs: Mapping[Node, list[Node]], found: Mapping[Node, Findings], paths: Mapping[Node, str]) -> None:
    """Add to the findings of each node what comes of those that it needs, rings and depth included."""
    # A flag that is not in the file is asked for all the same, and so is a link of the chain.
    ends = {
        node for node, below in needs.items() if any(kind == "flag" and (kind, key) not in needs for kind, key in below)
    }
    needs = {node: [other for other in dict.fromkeys(below) if other in needs] for node, below in needs.items()}
    ringed = _ringed(needs)
    for node in ringed:
        found[node].impossible(
            paths[node], "what it needs forms a ring: LaunchDarkly's SDKs answer MALFORMED_FLAG there"
        )
    depths: dict[Node, int] = {}
    for node in _inwards(needs, ringed):
        below = [depths.get(other, 0) for other in needs[node] if other[0] == node[0]]
        depth = 1 + max(below, default=0 if node in ends else -1)
        depths[node] = depth
        if depth > DEEPEST - (node[0] == "segment"):
            found[node].impossible(paths[node], f"a chain of more than {DEEPEST} hangs below it, the limit of Pennon")
        for other in needs[node]:
            _inherit(found[node], other, found[other])


def users(needs: Mapping[str, list[Node]], of: set[str]) -> set[str]:
    """Return *of* and all segments that ask for one of them, through others too."""
    found = set(of)
    while more := {key for key, below in needs.items() if key not in found and any(k in found for _, k in below)}:
        found |= more
    return found


def _ringed(needs: Mapping[Node, list[Node]]) -> list[Node]:
    """Return the nodes from which a ring can be reached: what is left once those that end have been taken away."""
    open_ = {node: set(below) for node, below in needs.items()}
    users: dict[Node, list[Node]] = {}
    for node, below in open_.items():
        for other in below:
            users.setdefault(other, []).append(node)
    ready = [node for node, below in open_.items() if not below]
    while ready:
        done = ready.pop()
        del open_[done]
        for user in users.get(done, []):
            open_[user].discard(done)
            if not open_[user]:
                ready.append(user)
    return sorted(open_)


def _inwards(needs: Mapping[Node, list[Node]], ringed: list[Node]) -> list[Node]:
    """Return the nodes outside of rings so that each comes after all that it needs."""
    order: dict[Node, None] = {}
    left_out = set(ringed)
    for start in sorted(needs):
        stack = [start]
        while stack:
            node = stack[-1]
            missing = [other for other in needs[node] if other not in order and other not in left_out]
            if node in left_out or node in order or not missing:
                stack.pop()
                if node not in left_out:
                    order[node] = None
            else:
                stack += missing
    return list(order)


def _inherit(findings: Findings, other: Node, of: Findings) -> None:
    named = f"{other[0]} {other[1]!r}"
    if of.reasons:
        first = of.reasons[0]
        findings.impossible(first.path, f"it needs the {named}, which cannot be carried: {_cause(first)}")
    for note in of.conditions:
        findings.limited(note.path, note.message)


def _cause(note: Note) -> str:
    return note.message.rpartition("cannot be carried: ")[2]
