"""Edits of a flag's rules and their conditions. Each is a pure function from flag to flag.

Rules are named by their id, which stays when they move; conditions by their place in their rule.
"""

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from pennon.control.changes.editing import EditRefused, FlagEdit
from pennon.control.working.salts import NewSalt
from pennon.model import Condition, Flag, Json, Rule, Serve

T = TypeVar("T")


class AddRule(FlagEdit, frozen=True, kw_only=True, tag="addRule"):
    """Add a rule before the one at `position` (from 0), or last. An empty id is filled in: `r1`, `r2`, …"""

    rule: Rule
    position: int | None = None

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        taken = {rule.id for rule in flag.rules}
        if self.rule.id in taken:
            message = f"there already is a rule {self.rule.id!r}"
            raise EditRefused("/rule/id", message, "choose another id, or replace the rule with replaceRule")
        rule = self.rule if self.rule.id else replace(self.rule, id=_free_id(taken))
        return replace(flag, rules=inserted(flag.rules, rule, self.position))


class ReplaceRule(FlagEdit, frozen=True, kw_only=True, tag="replaceRule"):
    """Put a rule in the place of the one with the same id. Its weights are taken as they are."""

    rule: Rule

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        rule_of(flag, self.rule.id, "/rule/id")
        return with_rule(flag, self.rule)


class RemoveRule(FlagEdit, frozen=True, kw_only=True, tag="removeRule"):
    """Remove a rule."""

    rule: str

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        removed = rule_of(flag, self.rule)
        return replace(flag, rules=tuple(rule for rule in flag.rules if rule is not removed))


class MoveRule(FlagEdit, frozen=True, kw_only=True, tag="moveRule"):
    """Move a rule so that it stands at `position`, counted from 0."""

    rule: str
    position: int

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        moved = rule_of(flag, self.rule)
        others = [rule for rule in flag.rules if rule is not moved]
        return replace(flag, rules=inserted(others, moved, self.position))


class DescribeRule(FlagEdit, frozen=True, kw_only=True, tag="describeRule"):
    """Say what a rule is for."""

    rule: str
    description: str

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return with_rule(flag, replace(rule_of(flag, self.rule), description=self.description))


class SetRuleServe(FlagEdit, frozen=True, kw_only=True, tag="setRuleServe"):
    """Set what a rule serves. A split is taken as it is; see `setWeights`."""

    rule: str
    serve: Serve

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return with_rule(flag, replace(rule_of(flag, self.rule), serve=self.serve))


class AddCondition(FlagEdit, frozen=True, kw_only=True, tag="addCondition"):
    """Add a condition to a rule, before the one at `position` (from 0), or last."""

    rule: str
    condition: Condition
    position: int | None = None

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        rule = rule_of(flag, self.rule)
        conditions = inserted(rule.conditions, self.condition, self.position)
        return with_rule(flag, replace(rule, conditions=conditions))


class ReplaceCondition(FlagEdit, frozen=True, kw_only=True, tag="replaceCondition"):
    """Put a condition in the place of the one at `position` of a rule."""

    rule: str
    position: int
    condition: Condition

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return _with_condition(flag, self.rule, self.position, self.condition)


class RemoveCondition(FlagEdit, frozen=True, kw_only=True, tag="removeCondition"):
    """Remove the condition at `position` of a rule."""

    rule: str
    position: int

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        rule = rule_of(flag, self.rule)
        _at(rule.conditions, self.position)
        conditions = (*rule.conditions[: self.position], *rule.conditions[self.position + 1 :])
        return with_rule(flag, replace(rule, conditions=conditions))


class AddConditionValues(FlagEdit, frozen=True, kw_only=True, tag="addConditionValues"):
    """Add alternatives to the condition at `position` of a rule; those that it has stay as they are."""

    rule: str
    position: int
    values: tuple[Json, ...]

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        condition = _at(rule_of(flag, self.rule).conditions, self.position)
        known = {_told_apart(value) for value in condition.values}
        new = {told: value for value in self.values if (told := _told_apart(value)) not in known}
        changed = replace(condition, values=(*condition.values, *new.values()))
        return _with_condition(flag, self.rule, self.position, changed)


class RemoveConditionValues(FlagEdit, frozen=True, kw_only=True, tag="removeConditionValues"):
    """Remove alternatives from the condition at `position` of a rule."""

    rule: str
    position: int
    values: tuple[Json, ...]

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        condition = _at(rule_of(flag, self.rule).conditions, self.position)
        gone = {_told_apart(value) for value in self.values}
        kept = tuple(value for value in condition.values if _told_apart(value) not in gone)
        return _with_condition(flag, self.rule, self.position, replace(condition, values=kept))


def rule_of(flag: Flag, rule_id: str, path: str = "/rule") -> Rule:
    """Return a rule of *flag*. Raises `EditRefused` at *path*."""
    found = next((rule for rule in flag.rules if rule.id == rule_id), None)
    if found is None:
        known = ", ".join(rule.id for rule in flag.rules)
        mend = f"name one of: {known}" if known else "the flag has no rules; add one with addRule"
        raise EditRefused(path, f"flag {flag.key!r} has no rule {rule_id!r}", mend)
    return found


def with_rule(flag: Flag, rule: Rule) -> Flag:
    """Return *flag* with *rule* in the place of the one with the same id."""
    return replace(flag, rules=tuple(rule if known.id == rule.id else known for known in flag.rules))


def inserted(parts: Sequence[T], part: T, position: int | None) -> tuple[T, ...]:
    """Return *parts* with *part* at *position*, None for the end. Raises `EditRefused`."""
    place = len(parts) if position is None else position
    if not 0 <= place <= len(parts):
        raise EditRefused("/position", f"there is no position {place}", f"give one from 0 to {len(parts)}")
    return (*parts[:place], part, *parts[place:])


def _at(conditions: tuple[Condition, ...], position: int) -> Condition:
    if not 0 <= position < len(conditions):
        count = len(conditions)
        mend = f"give a position from 0 to {count - 1}" if count else "the rule has no conditions"
        raise EditRefused("/position", f"there is no condition at position {position}", mend)
    return conditions[position]


def _with_condition(flag: Flag, rule_id: str, position: int, condition: Condition) -> Flag:
    rule = rule_of(flag, rule_id)
    _at(rule.conditions, position)
    conditions = (*rule.conditions[:position], condition, *rule.conditions[position + 1 :])
    return with_rule(flag, replace(rule, conditions=conditions))


def _told_apart(value: Json) -> tuple[str, str]:
    # To Python, true and 1 are the same member of a set.
    return type(value).__name__, repr(value)


def _free_id(taken: set[str]) -> str:
    number = 1
    while f"r{number}" in taken:
        number += 1
    return f"r{number}"
