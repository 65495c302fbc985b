"""Evaluates flags: a snapshot in, a rule set out, which answers for any context. No I/O, no clock, no randomness."""

from pennon.engine.answers import ExposureSite, Sampled
from pennon.engine.attributes import Attributes, attributes_of
from pennon.engine.counting import Count
from pennon.engine.evaluator import Context, RuleSet, compile_snapshot
from pennon.engine.lint import Checker, check_flag, check_segment
from pennon.engine.steps import Explanation, Slice, Step, StepKind

# As `typing` has it. Who only evaluates does not load what proves.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pennon.engine.proofs import Code, Finding, Prover, Severity, findings, segment_findings

__all__ = [
    "Attributes",
    "Checker",
    "Code",
    "Context",
    "Count",
    "Explanation",
    "ExposureSite",
    "Finding",
    "Prover",
    "RuleSet",
    "Sampled",
    "Severity",
    "Slice",
    "Step",
    "StepKind",
    "attributes_of",
    "check_flag",
    "check_segment",
    "compile_snapshot",
    "findings",
    "segment_findings",
]


def __getattr__(name: str) -> object:
    if name in {"Code", "Finding", "Prover", "Severity", "findings", "segment_findings"}:
        from pennon.engine import proofs  # noqa: PLC0415

        return getattr(proofs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
