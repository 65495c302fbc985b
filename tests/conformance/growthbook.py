"""GrowthBook's files through Pennon: planned, compiled, evaluated."""

import json
from typing import Any

from pennon.engine import RuleSet, compile_snapshot
from pennon.importers import Plan, PlannedFlag, growthbook
from pennon.model import Item, Snapshot


def planned(document: dict[str, Any], dialect: str = "javascript", **options: str) -> Plan:
    """Return the plan of a file that is written down as Python's values."""
    return growthbook.plan(json.dumps(document).encode(), dialect, options)


def flag_of(plan: Plan, key: str = "f") -> PlannedFlag:
    """Return one flag of a plan."""
    return next(each for each in plan.flags if each.key == key)


def rules_of(plan: Plan) -> RuleSet:
    """Return the rules of a plan's flags and segments."""
    flags = {each.key: Item.of(each.flag) for each in plan.flags if each.flag is not None}
    segments = {each.key: Item.of(each.segment) for each in plan.segments}
    return compile_snapshot(Snapshot.of({"flag": flags, "segment": segments}))


def served(
    document: dict[str, Any], context: dict[str, Any], dialect: str = "javascript", key: str = "f", **options: str
) -> Any:
    """Return what a feature of a file serves, the text `default` where that is the caller's default."""
    return rules_of(planned(document, dialect, **options)).evaluate(key, context, "default").value
