"""From the form of a rule's page to edits, and back. Pure. What the form cannot show of a condition stays as it is."""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.rule_edits import ReplaceRule
from pennon.control.errors import Invalid
from pennon.control.ui.editing import OPERATORS, condition_of, serve_edits
from pennon.control.ui.forms import Form
from pennon.model import Condition, Flag, Rule

_FEWEST_FREE = 1
_NAMES = ("op", "attribute", "values", "type", "negate", "ignoreCase")


def rule_of(flag: Flag, rule_id: str) -> Rule | None:
    """Return a rule of *flag*."""
    return next((rule for rule in flag.rules if rule.id == rule_id), None)


def is_editable(condition: Condition) -> bool:
    """Return whether the form shows all that *condition* says."""
    kinds = {type(value) for value in condition.values}
    if condition.op not in OPERATORS or len({kind if kind is not float else int for kind in kinds}) > 1:
        return False
    if not kinds <= {str, int, float, bool}:
        return False
    return all(
        "\n" not in value and value == value.strip() != "" for value in condition.values if isinstance(value, str)
    )


def form_of_rule(flag: Flag, rule: Rule) -> Form:
    """Return the fields that a page shows of *rule*."""
    fields = [("flag", flag.key), ("version", str(flag.version)), ("rule", rule.id), ("description", rule.description)]
    for at, condition in enumerate(rule.conditions):
        if is_editable(condition):
            fields += ((f"condition.{at}.{name}", value) for name, value in _fields(condition))
    return Form(tuple(fields))


def rows(form: Form, rule: Rule) -> int:
    """Return how many rows for conditions the page shows: those of the rule, those that were sent, and a free one."""
    sent = [row + 1 for row in _sent_rows(form)]
    return max([len(rule.conditions) + _FEWEST_FREE, *sent]) + (1 if form.has("more") else 0)


def rule_edits(form: Form, flag: Flag, rule: Rule) -> tuple[AnyEdit, ...]:
    """Return the edits that make *rule* what the form says. Raises `Invalid` with the names of fields as paths."""
    conditions = tuple(_conditions(form, rule))
    wanted = replace(rule, conditions=conditions, description=form.text("description")[:200])
    made: list[AnyEdit] = [] if wanted == rule else [ReplaceRule(flag=flag.key, rule=wanted)]
    if form.raw("serve"):
        made += serve_edits(form, flag)
    if not made:
        raise Invalid.at("/description", "nothing is other than it was", "change something")
    return tuple(made)


def _conditions(form: Form, rule: Rule) -> Iterator[Condition]:
    for row in sorted({*range(len(rule.conditions)), *_sent_rows(form)}):
        field = f"condition.{row}"
        before = rule.conditions[row] if row < len(rule.conditions) else None
        if form.has(f"{field}.remove"):
            continue
        if before is not None and (not is_editable(before) or _is_untouched(form, field, before)):
            yield before
        elif before is not None or form.text(f"{field}.attribute") or form.text(f"{field}.values"):
            yield _kept(condition_of(form, field), before, ignore_case=form.has(f"{field}.ignoreCase"))


def _is_untouched(form: Form, field: str, before: Condition) -> bool:
    shown = dict(_fields(before))
    return all(form.raw(f"{field}.{name}") == shown.get(name, "") for name in _NAMES)


def _kept(condition: Condition, before: Condition | None, *, ignore_case: bool) -> Condition:
    """Return *condition* with what the form does not show of the one *before*, where it is the same test."""
    if before is None or before.op != condition.op:
        return replace(condition, ignore_case=ignore_case)
    return replace(
        before,
        attribute=condition.attribute,
        values=condition.values,
        negate=condition.negate,
        ignore_case=ignore_case,
    )


def _sent_rows(form: Form) -> list[int]:
    named = (re.fullmatch(r"condition\.([0-9]{1,2})\.op", name) for name, _ in form.fields)
    return sorted({int(match[1]) for match in named if match})


def _fields(condition: Condition) -> Iterator[tuple[str, str]]:
    yield "op", condition.op
    yield "attribute", condition.attribute or ""
    yield "values", "\n".join(_text(value) for value in condition.values)
    first = condition.values[0] if condition.values else ""
    yield "type", "boolean" if isinstance(first, bool) else "number" if isinstance(first, int | float) else "text"
    if condition.negate:
        yield "negate", "on"
    if condition.ignore_case:
        yield "ignoreCase", "on"


def _text(value: object) -> str:
    return ("false", "true")[value] if isinstance(value, bool) else str(value)
