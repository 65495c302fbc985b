"""What is found in a flag or segment, in few words."""

from typing import Any

from pennon.engine import Finding, Prover
from pennon.model import Snapshot
from tests.unit.engine.build import flag, rule, segment, snapshot

Json = Any
Seen = list[tuple[str, str]]


def seen(findings: list[Finding]) -> Seen:
    """Return the codes of findings and where they are."""
    assert all(finding.message and finding.mend for finding in findings)
    return [(finding.code.value, finding.path) for finding in findings]


def of_flag(known: Snapshot, key: str = "f") -> Seen:
    return seen(Prover(known).flag_findings(key))


def of_segment(*conditions: dict[str, Json], others: tuple[dict[str, Json], ...] = (), **members: Json) -> Seen:
    known = snapshot(segments=(segment("s", *conditions, **members), *others))
    return seen(Prover(known).segment_findings("s"))


def of_rule(*conditions: dict[str, Json], segments: tuple[dict[str, Json], ...] = ()) -> set[str]:
    """Return the codes that are found in a flag of one rule."""
    return {code for code, _ in of_flag(snapshot(flag(rules=[rule(*conditions)]), segments=segments))}


def rules(*conditions: list[dict[str, Json]], **members: Json) -> dict[str, Json]:
    """Return a flag with a rule `r0`, `r1`, … of each list of conditions."""
    made = [rule(*each, key=f"r{index}") for index, each in enumerate(conditions)]
    return flag(rules=made, **members)


class Silent:
    """A dialect that reads anything and says no."""

    def condition(self, _condition: Any, _owner: Any) -> Any:
        return lambda _context, _now: False

    def split(self, _split: Any, _owner: Any) -> Any:
        return lambda _context, _now: 0

    def key(self, _attribute: str) -> Any:
        return lambda _context: None
