"""Evaluating flags: what a client, the rules it pins and a request have in common. Nothing here waits or raises.

`boolean` and `evaluation` look for the flag's function themselves, which spares the call of `RuleSet.evaluate`, a
quarter of a simple flag's time. Whatever is out of the ordinary (a flag asked for the first time, a context that is no
dict, or holds what raises) goes to the rules, and so does everything while overrides or hooks are in place.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Any, cast

from pennon.engine import Context, Explanation, RuleSet
from pennon.model import ErrorCode, Evaluation, FlagKind, Json, Reason, Snapshot
from pennon.sdk.rules import Rules

_LOG = logging.getLogger("pennon")
_NOBODY: Context = {}


class Flags:
    """Evaluates flags. An answer comes at once and whatever happens: in doubt it is the caller's default."""

    __slots__ = ("_functions", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._answer_by(rules)

    def _answer_by(self, rules: Rules) -> None:
        """Answer by *rules* from now on. Each evaluation reads one of the two, so none sees half of the change."""
        self._rules = rules
        self._functions: Mapping[str, Any] = rules.functions if isinstance(rules, RuleSet) else {}

    def boolean(self, flag: str, context: Context = _NOBODY, *, default: bool = False) -> bool:
        """Return the value of the boolean *flag* for *context*."""
        try:
            if type(context) is dict:
                value = self._functions[flag](context, default, None).value
            else:
                value = self._rules.evaluate(flag, context, default).value
        except Exception:  # noqa: BLE001  # boundary: the rules are asked again, and answer whatever this is
            value = self._rules.evaluate(flag, context, default).value
        if value is True or value is False:
            return value
        return cast("bool", self._mismatch(flag, "boolean", value, default))

    def string(self, flag: str, context: Context = _NOBODY, *, default: str = "") -> str:
        """Return the value of the string *flag* for *context*."""
        value = self._rules.evaluate(flag, context, default).value
        if type(value) is str:
            return value
        return cast("str", self._mismatch(flag, "string", value, default))

    def number(self, flag: str, context: Context = _NOBODY, *, default: float = 0) -> int | float:
        """Return the value of the number *flag* for *context*: an int or a float, as the flag has it."""
        value = self._rules.evaluate(flag, context, default).value
        if type(value) is int or type(value) is float:
            return value
        return cast("float", self._mismatch(flag, "number", value, default))

    def object(self, flag: str, context: Context = _NOBODY, *, default: Json = None) -> Any:
        """Return the value of the object *flag* for *context*: a dict or a list, a copy that the caller may change."""
        value = self._rules.evaluate(flag, context, default).value
        if type(value) is dict or type(value) is list:
            return default if value is default else copied(value)
        return self._mismatch(flag, "object", value, default)

    def evaluation(
        self, flag: str, context: Context = _NOBODY, *, default: Json = None, kind: FlagKind | None = None
    ) -> Evaluation:
        """Return the whole result: value, variation, reason, rule, flag version, error.

        With *kind*, a flag of another kind gives *default* and the error `TYPE_MISMATCH`; without, any kind is taken.
        The result never changes; do not change the dict or list that may be its value.
        """
        try:
            if type(context) is dict:
                result: Evaluation = self._functions[flag](context, default, None)
            else:
                result = self._rules.evaluate(flag, context, default)
        except Exception:  # noqa: BLE001  # boundary: the rules are asked again, and answer whatever this is
            result = self._rules.evaluate(flag, context, default)
        if kind is None or result.value is default or is_of_kind(result.value, kind):
            return result
        return mismatched(result, kind, default)

    def explain(self, flag: str, context: Context = _NOBODY, *, default: Json = None) -> Explanation:
        """Return the result and each step that led to it. Not counted: nobody is served."""
        return self._rules.explain(flag, context, default)

    def _mismatch(self, flag: str, kind: FlagKind, value: Json, default: Any) -> Any:
        if value is not default:
            _LOG.debug("flag %s was asked for as a %s and is none; the default is served", flag, kind)
        return default


class PinnedRules(Flags):
    """One rule set, held: all that it answers is of one revision. `Client.rules()` gives one for a request."""

    __slots__ = ("_uncounted",)

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self._uncounted: PinnedRules | None = None

    def uncounted(self) -> "PinnedRules":
        """Return rules that answer the same without counting, exposures or hooks: for a shadow, which serves nobody."""
        if self._uncounted is None:
            self._uncounted = PinnedRules(self._rules.uncounted())
        return self._uncounted

    @property
    def snapshot(self) -> Snapshot:
        """The state that answers."""
        return self._rules.snapshot

    @property
    def epoch(self) -> int:
        """The epoch of the state that answers."""
        return self._rules.epoch

    @property
    def revision(self) -> int:
        """The revision of the state that answers."""
        return self._rules.revision

    def flag_keys(self) -> Collection[str]:
        """Return the keys of all flags."""
        return self._rules.flag_keys()

    def kind(self, flag: str) -> FlagKind | None:
        """Return the kind of *flag*, None if it is not known."""
        return self._rules.kind(flag)

    def changed_at(self, flag: str) -> int:
        """Return the revision that last changed *flag*, or something its answer depends on; 0 if it is not there."""
        return self._rules.changed_at(flag)


def is_of_kind(value: Json, kind: FlagKind) -> bool:
    """Return whether *value* is one of a flag of *kind*."""
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def mismatched(result: Evaluation, kind: FlagKind, default: Json) -> Evaluation:
    """Return what is answered where *result* is not of the *kind* that was asked for."""
    return Evaluation(
        value=default,
        variation=None,
        reason=Reason.ERROR,
        flag_version=result.flag_version,
        error_code=ErrorCode.TYPE_MISMATCH,
        error_message=f"asked for a {kind}, and the value is {_name(result.value)}",
    )


_TYPES: dict[FlagKind, type | tuple[type, ...]] = {
    "boolean": bool,
    "string": str,
    "number": (int, float),
    "object": (dict, list),
}


def _name(value: Json) -> str:
    for kind in _TYPES:
        if is_of_kind(value, kind):
            return f"a {kind}" if kind != "object" else "an object"
    return "null"


def copied(value: Any) -> Any:
    """Return a copy of a JSON value, dicts and lists within it copied too."""
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    if type(value) is list:
        return [copied(each) for each in value]
    return value
