"""Evaluates flags: a snapshot in, a rule set out, which answers for any context. No I/O, no clock, no randomness."""

from pennon.engine.answers import ExposureSite
from pennon.engine.counting import Count
from pennon.engine.evaluator import Context, RuleSet, compile_snapshot

__all__ = ["Context", "Count", "ExposureSite", "RuleSet", "compile_snapshot"]
