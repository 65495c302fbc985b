"""Evaluates flags: a snapshot in, a rule set out, which answers for any context. No I/O, no clock, no randomness."""

from pennon.engine.answers import ExposureSite
from pennon.engine.counting import Count
from pennon.engine.evaluator import Context, RuleSet, compile_snapshot
from pennon.engine.lint import Checker, check_flag, check_segment
from pennon.engine.steps import Explanation, Slice, Step, StepKind

__all__ = [
    "Checker",
    "Context",
    "Count",
    "Explanation",
    "ExposureSite",
    "RuleSet",
    "Slice",
    "Step",
    "StepKind",
    "check_flag",
    "check_segment",
    "compile_snapshot",
]
