"""From the forms of a flag's page to edits. Pure: what somebody typed in, edits or problems by field out."""

import math
import re
from collections.abc import Callable, Mapping
from typing import get_args

from msgspec.structs import replace

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import (
    AddPrerequisite,
    AddTarget,
    RemovePrerequisite,
    RemoveTarget,
    SetCritical,
    SetExposures,
    SetFallthrough,
    SetOffVariation,
    SetStaleness,
    TurnOn,
)
from pennon.control.changes.rule_edits import AddRule, MoveRule, RemoveRule, SetRuleServe
from pennon.control.changes.split_edits import NewSaltForSplit, SetWeights
from pennon.control.errors import Invalid
from pennon.control.ui.forms import Form
from pennon.model import (
    WEIGHT_TOTAL,
    Condition,
    Exposures,
    Flag,
    Json,
    Prerequisite,
    Rule,
    Serve,
    Split,
    Staleness,
    Weight,
)

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


def percent_of(serve: Serve, variation: str) -> str:
    """Return the share of *variation* in what *serve* gives, in percent, as a field shows it."""
    if serve.split is None:
        return "100" if serve.variation == variation else "0"
    weight = sum(each.weight for each in serve.split.weights if each.variation == variation)
    return f"{weight * 100 / WEIGHT_TOTAL:g}"


def _turn_on(_: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    return (TurnOn(flag=flag.key),)


def serve_edits(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    """Return what makes a rule, or the fallthrough, serve what the form says."""
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
    condition = condition_of(form)
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


def _duplicate_rule(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    at, rule = next(((at, rule) for at, rule in enumerate(flag.rules) if rule.id == form.raw("rule")), (0, None))
    if rule is None:
        raise Invalid.at("/rule", "there is no such rule any more", "reload the page")
    return (AddRule(flag=flag.key, rule=replace(rule, id=""), position=at + 1),)


def _add_prerequisite(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    if not (required := form.text("required")):
        raise Invalid.at("/required", "no flag is named", "name one")
    variations = tuple(filter(None, (each.strip() for each in form.raw("variations").split(","))))
    if not variations:
        raise Invalid.at("/variations", "no variation is named", "name one, or several with commas between")
    return (AddPrerequisite(flag=flag.key, prerequisite=Prerequisite(required, variations)),)


def _remove_prerequisite(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    return (RemovePrerequisite(flag=flag.key, prerequisite=form.raw("required")),)


def _staleness(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    if not form.raw("stale"):
        return (SetStaleness(flag=flag.key, staleness=None),)
    variation = _variation(form, "stale", flag)
    if not (seconds := form.whole("seconds")):
        raise Invalid.at("/seconds", f"{form.text('seconds')!r} is no number of seconds", "write it as in 300")
    return (SetStaleness(flag=flag.key, staleness=Staleness(seconds, Serve(variation=variation))),)


def _telling(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    exposures = next((each for each in get_args(Exposures) if each == form.raw("exposures")), None)
    if exposures is None:
        raise Invalid.at("/exposures", "is none that there is", "choose one")
    return (
        SetCritical(flag=flag.key, critical=form.has("critical")),
        SetExposures(flag=flag.key, exposures=exposures),
    )


def _new_salt(form: Form, flag: Flag) -> tuple[AnyEdit, ...]:
    match form.raw("of").partition(":"):
        case ("flag", _, _):
            return (NewSaltForSplit(flag=flag.key),)
        case ("fallthrough", _, _):
            return (NewSaltForSplit(flag=flag.key, fallthrough=True),)
        case ("rule", _, rule):
            return (NewSaltForSplit(flag=flag.key, rule=rule),)
        case _:
            raise Invalid.at("/of", "is nothing that has a salt", "choose one")


_FORMS: Mapping[str, Callable[[Form, Flag], tuple[AnyEdit, ...]]] = {
    "turn-on": _turn_on,
    "serve": serve_edits,
    "off-variation": _off_variation,
    "add-rule": _add_rule,
    "remove-rule": _remove_rule,
    "move-rule": _move_rule,
    "add-target": _add_target,
    "remove-target": _remove_target,
    "duplicate-rule": _duplicate_rule,
    "add-prerequisite": _add_prerequisite,
    "remove-prerequisite": _remove_prerequisite,
    "staleness": _staleness,
    "telling": _telling,
    "new-salt": _new_salt,
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
        shares[variation.key] = weight_of(form, field)
    if (total := sum(shares.values())) != WEIGHT_TOTAL:
        raise Invalid.at("/weights", f"the shares sum to {total / _PER_PERCENT:g} %", "make them 100 % in all")
    return shares


def weight_of(form: Form, field: str) -> int:
    """Return the percentage in a field, out of 100000; an empty one is 0. Raises `Invalid` with its name as path."""
    text = form.text(field).rstrip("%").replace(",", ".").strip() or "0"
    if _NUMBER.fullmatch(text) is None or not 0 <= (percent := float(text)) <= 100:
        raise Invalid.at(f"/{field}", f"{text!r} is no percentage", "write a number from 0 to 100")
    weight = percent * _PER_PERCENT
    if not math.isclose(weight, round(weight), abs_tol=1e-6):
        raise Invalid.at(f"/{field}", "is finer than a thousandth of a percent", "round it")
    return round(weight)


def condition_of(form: Form, prefix: str = "") -> Condition:
    """Return the condition of the fields `op`, `attribute`, …, or of those that begin with *prefix* and a dot."""
    at = f"{prefix}." if prefix else ""
    op, attribute = form.raw(f"{at}op"), form.text(f"{at}attribute") or None
    if op not in OPERATORS:
        raise Invalid.at(f"/{at}op", "is no operator", "choose one")
    if op == "inSegment":
        attribute = None
    elif attribute is None:
        raise Invalid.at(f"/{at}attribute", "no attribute is named", "name one, as in country or /org/plan")
    kind, field = form.raw(f"{at}type"), f"{at}values"
    values = () if op == "exists" else tuple(_value(text, op, kind, field) for text in _lines(form, field))
    if op != "exists" and not values:
        raise Invalid.at(f"/{field}", "there is no value", "write one, or several, one a line")
    return Condition(op=op, attribute=attribute, values=values, negate=form.has(f"{at}negate"))


def _value(text: str, op: str, kind: str, field: str) -> Json:
    if op in _NUMERIC or (op == "in" and kind == "number"):
        if _NUMBER.fullmatch(text) is None:
            raise Invalid.at(f"/{field}", f"{text!r} is no number", "write it as in 12 or 12.5")
        return float(text) if "." in text else int(text)
    if op == "in" and kind == "boolean":
        if text not in {"true", "false"}:
            raise Invalid.at(f"/{field}", f"{text!r} is neither true nor false", "write true or false")
        return text == "true"
    return text


def _lines(form: Form, field: str) -> list[str]:
    return [line.strip() for line in form.raw(field).split("\n") if line.strip()]
