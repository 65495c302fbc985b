"""A prerequisite that nobody can meet, which Pennon takes from nobody: a rule that asks the same, before all others."""

from msgspec.structs import replace

from pennon.importers.launchdarkly.variations import unused_key
from pennon.model import Condition, Flag, Prerequisite, Rule, Serve, Target


def never_met(flag: Flag, prerequisite: Prerequisite, off: str) -> Flag:
    """Return *flag* with a first rule that serves *off* while *prerequisite* is not met, which it never is.

    Targets come before rules, so they become rules behind it.
    """
    taken = [rule.id for rule in flag.rules]
    unmet = Condition(op="serves", attribute=prerequisite.flag, values=prerequisite.variations, negate=True)
    first = Rule(unused_key(taken, "prerequisite"), (unmet,), Serve(variation=off))
    listed = [
        Rule(unused_key(taken, f"targets-{index}"), (_listed(target),), Serve(variation=target.variation))
        for index, target in enumerate(flag.targets)
    ]
    return replace(flag, targets=(), rules=(first, *listed, *flag.rules))


def _listed(target: Target) -> Condition:
    return Condition(op="in", attribute=target.attribute, values=target.values)
