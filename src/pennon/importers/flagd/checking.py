"""Whether a targeting is made of operators that are known here, and no deeper than they are evaluated."""

from collections.abc import Iterator
from typing import Any

from pennon.engine.dialects.flagd.logic import DEEPEST, KNOWN
from pennon.importers.flagd.evaluators import REF
from pennon.model import Problem
from pennon.model.problems import pointer

OWN = frozenset({"$variant", "$json"})
"""Operators that Pennon's importer writes, and flagd does not have."""


def operator_problems(logic: Any, path: str, deep: int = 0) -> Iterator[Problem]:
    """Yield what is not known in *logic*, each with the path to it."""
    if deep > DEEPEST:
        yield Problem(
            path, f"expressions within each other more than {DEEPEST} deep", "split it into evaluators, or rules"
        )
    elif isinstance(logic, list):
        for index, item in enumerate(logic):
            yield from operator_problems(item, path + pointer(index), deep + 1)
    elif isinstance(logic, dict) and len(logic) == 1:
        ((name, given),) = logic.items()
        if name not in KNOWN or name in OWN:
            yield Problem(path + pointer(name), f"flagd has no operator {name!r}", "see JSONLogic's and flagd's own")
        elif name != REF:
            args = given if isinstance(given, list) else [given]
            for index, item in enumerate(args):
                below = path + (pointer(name, index) if isinstance(given, list) else pointer(name))
                yield from operator_problems(item, below, deep + 1)
