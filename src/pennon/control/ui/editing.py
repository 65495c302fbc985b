"""From the forms of a flag's page to edits. Pure: what somebody typed in, edits or problems by field out."""

import math
import re
from collections.abc import Callable, Mapping

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import AddTarget, RemoveTarget, SetFallthrough, SetOffVariation, TurnOn
from pennon.control.changes.rule_edits import AddRule, MoveRule, RemoveRule, SetRuleServe
from pennon.control.changes.split_edits import SetWeights
from pennon.control.errors import Invalid
from pennon.control.ui.forms import Form
from pennon.model import WEIGHT_TOTAL, Condition, Flag, Json, Rule, Serve, Split, Weight

OPERATORS: Mapping[str, str] = {
    "in": "is one of",
    "startsWith": "starts with",
    "endsWith": "ends with",
    "contains": "contains",
    "matches": "matches the pattern",
    "lessThan": "is less than",
    "lessOrEqual": "is at most",
    "greaterThan": "is more than",
    "greaterOrEqual": "is at least",
    "before": "is before",
    "after": "is after",
    "versionLess": "is a version below",
    "versionGreaterOrEqual": "is a version from",
    "inCidr": "is in the network",
    "exists": "is there",
    "inSegment": "is in the segment",
}
"""The operators that the form offers, in words. The others are written over the API or the command line."""
_NUMERIC = frozenset({"lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"})
_PER_PERCENT = WEIGHT_TOTAL // 100
_SPLIT = "split"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def edits_of(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    """Return what the form whose field `do` names it asks for. Raises `Invalid` with the names of fields as paths."""
    make = _FORMS.get(form.raw("do"))
    if make is None:
        raise Invalid.at("/do", "there is no such form", "reload the page")
    return make(form, flag)


def _turn_on(_: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    return (TurnOn(flag=flag.key),)


def _serve(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    rule = form.raw("rule") or None
    if form.raw("serve") == _SPLIT:
        return (SetWeights(flag=flag.key, rule=rule, weights=_weights(form, flag)),)
    serve = Serve(variation=_variation(form, "serve", flag))
    return (
        (SetFallthrough(flag=flag.key, serve=serve),)
        if rule is None
        else (SetRuleServe(flag=flag.key, rule=rule, serve=serve),)
    )


def _off_variation(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    chosen = form.raw("variation")
    variation = None if chosen == "" else _variation(form, "variation", flag)
    return (SetOffVariation(flag=flag.key, variation=variation),)


def _add_rule(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    condition = _condition(form)
    if form.raw("serve") == _SPLIT:
        shares = _weights(form, flag)
        serve = Serve(split=Split(tuple(Weight(key, weight) for key, weight in shares.items())))
    else:
        serve = Serve(variation=_variation(form, "serve", flag))
    rule = Rule(id="", conditions=(condition,), serve=serve, description=form.text("description")[:200])
    return (AddRule(flag=flag.key, rule=rule),)


def _remove_rule(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    return (RemoveRule(flag=flag.key, rule=form.raw("rule")),)


def _move_rule(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    return (MoveRule(flag=flag.key, rule=form.raw("rule"), position=form.whole("position") or 0),)


def _add_target(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    values = _lines(form, "values")
    if not values:
        raise Invalid.at("/values", "nobody is named", "write a targeting key, or several, one a line")
    variation = _variation(form, "variation", flag)
    attribute = form.text("attribute") or "targetingKey"
    return (AddTarget(flag=flag.key, variation=variation, values=tuple(values), attribute=attribute),)


def _remove_target(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    attribute = form.text("attribute") or "targetingKey"
    return (RemoveTarget(flag=flag.key, values=(form.raw("value"),), attribute=attribute),)


_FORMS: Mapping[str, Callable[[Form, Flag], tuple[AnyEdit, ...]]] = {
    "turn-on": _turn_on,
    "serve": _serve,
    "off-variation": _off_variation,
    "add-rule": _add_rule,
    "remove-rule": _remove_rule,
    "move-rule": _move_rule,
    "add-target": _add_target,
    "remove-target": _remove_target,
}


def _variation(form: Form, field: str, flag: Flag) -> str:
    chosen = form.raw(field)
    if all(variation.key != chosen for variation in flag.variations):
        raise Invalid.at(f"/{field}", "is no variation of this flag", "choose one")
    return chosen


def _weights(form: Form, flag: Flag) -> dict[str, int]:
    """Return the shares that the fields `weight.{variation}` say in percent, out of 100000."""
    shares = {}
    for variation in flag.variations:
        field = f"weight.{variation.key}"
        text = form.text(field).rstrip("%").replace(",", ".").strip() or "0"
        if _NUMBER.fullmatch(text) is None or not 0 <= (percent := float(text)) <= 100:
            raise Invalid.at(f"/{field}", f"{text!r} is no percentage", "write a number from 0 to 100")
        weight = percent * _PER_PERCENT
        if not math.isclose(weight, round(weight), abs_tol=1e-6):
            raise Invalid.at(f"/{field}", "is finer than a thousandth of a percent", "round it")
        shares[variation.key] = round(weight)
    if (total := sum(shares.values())) != WEIGHT_TOTAL:
        raise Invalid.at("/weights", f"the shares sum to {total / _PER_PERCENT:g} %", "make them 100 % in all")
    return shares


def _condition(form: Form) -> Condition:
    op, attribute = form.raw("op"), form.text("attribute") or None
    if op not in OPERATORS:
        raise Invalid.at("/op", "is no operator", "choose one")
    if op == "inSegment":
        attribute = None
    elif attribute is None:
        raise Invalid.at("/attribute", "no attribute is named", "name one, as in country or /org/plan")
    values = () if op == "exists" else tuple(_value(text, op, form.raw("type")) for text in _lines(form, "values"))
    if op != "exists" and not values:
        raise Invalid.at("/values", "there is no value", "write one, or several, one a line")
    return Condition(op=op, attribute=attribute, values=values, negate=form.has("negate"))


def _value(text: str, op: str, kind: str) -> Json:
    if op in _NUMERIC or (op == "in" and kind == "number"):
        if _NUMBER.fullmatch(text) is None:
            raise Invalid.at("/values", f"{text!r} is no number", "write it as in 12 or 12.5")
        return float(text) if "." in text else int(text)
    if op == "in" and kind == "boolean":
        if text not in {"true", "false"}:
            raise Invalid.at("/values", f"{text!r} is neither true nor false", "write true or false")
        return text == "true"
    return text


def _lines(form: Form, field: str) -> list[str]:
    return [line.strip() for line in form.raw(field).split("\n") if line.strip()]
