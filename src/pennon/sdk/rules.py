"""What answers a client's evaluations, swapped whole: a rule set, nothing yet, overrides before it, hooks behind it."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from pennon.engine import Context, Explanation, Step, StepKind
from pennon.model import ErrorCode, Evaluation, FlagKind, Json, Reason, Snapshot
from pennon.sdk.overrides import RULE_ID, overriding

_LOG = logging.getLogger("pennon")

EvaluationHook: TypeAlias = Callable[[str, Context, Evaluation], None]
"""Called with the flag's key, the context and the result."""


class Rules(Protocol):
    """Whatever can evaluate flags: `pennon.engine.RuleSet`, and what stands before or behind one here."""

    @property
    def snapshot(self) -> Snapshot:
        """The state that it evaluates by."""

    @property
    def epoch(self) -> int:
        """The epoch of that state."""

    @property
    def revision(self) -> int:
        """The revision of that state."""

    def evaluate(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Evaluation:
        """Return what *flag* serves to *context*. Never raises."""

    def explain(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Explanation:
        """Return the same with the steps that led there."""

    def uncounted(self) -> "Rules":
        """Return rules that answer the same, and of whose answers nobody hears."""

    def flag_keys(self) -> Collection[str]:
        """Return the keys of all flags."""

    def kind(self, flag: str) -> FlagKind | None:
        """Return the kind of *flag*, None if it is not known."""

    def changed_at(self, flag: str) -> int:
        """Return the revision that last changed *flag*, or something its answer depends on."""


class NoRules:
    """Answers everything with the caller's default: nothing is known yet, or what was known is too old."""

    def __init__(self, why: str) -> None:
        self.snapshot = Snapshot(epoch=0)
        self.epoch = 0
        self.revision = 0
        self._why = why

    def evaluate(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Evaluation:
        """Return *default*."""
        return Evaluation(
            value=default,
            variation=None,
            reason=Reason.ERROR,
            error_code=ErrorCode.PROVIDER_NOT_READY,
            error_message=self._why,
        )

    def explain(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Explanation:
        """Return *default*, and what is missing."""
        step = Step(what=StepKind.ERROR, matched=True, why=self._why)
        return Explanation(flag=flag, evaluation=self.evaluate(flag, context, default), steps=(step,))

    def uncounted(self) -> "NoRules":
        """Return itself: it counts nothing."""
        return self

    def flag_keys(self) -> Collection[str]:
        """Return nothing."""
        return ()

    def kind(self, flag: str) -> FlagKind | None:
        """Return None."""

    def changed_at(self, flag: str) -> int:
        """Return 0."""
        return 0


class _Behind:
    """What the wrappers below hand on."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.snapshot = rules.snapshot
        self.epoch = rules.epoch
        self.revision = rules.revision

    def flag_keys(self) -> Collection[str]:
        """Return the keys of all flags."""
        return self._rules.flag_keys()

    def kind(self, flag: str) -> FlagKind | None:
        """Return the kind of *flag*, None if it is not known."""
        return self._rules.kind(flag)

    def changed_at(self, flag: str) -> int:
        """Return the revision that last changed *flag*, or something its answer depends on."""
        return self._rules.changed_at(flag)


class Overridden(_Behind):
    """Answers some flags with fixed values, the others by *rules*."""

    def __init__(self, rules: Rules, values: Mapping[str, Json]) -> None:
        super().__init__(rules)
        self._values = values
        self._results = {flag: overriding(value) for flag, value in values.items()}

    def uncounted(self) -> "Overridden":
        """Return the same before rules that count nothing."""
        return Overridden(self._rules.uncounted(), self._values)

    def evaluate(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Evaluation:
        """Return the fixed value of *flag*, or what *rules* say. Never raises."""
        result = self._results.get(flag) if type(flag) is str else None
        return self._rules.evaluate(flag, context, default, now=now) if result is None else result

    def explain(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Explanation:
        """Return the fixed value of *flag*, or what *rules* say, and why."""
        result = self._results.get(flag) if type(flag) is str else None
        if result is None:
            return self._rules.explain(flag, context, default, now=now)
        step = Step(what=StepKind.RULE, matched=True, why="this process overrides the flag", key=RULE_ID)
        return Explanation(flag=flag, evaluation=result, steps=(step,))


class Observed(_Behind):
    """Tells *hooks* of each evaluation by *rules*. One that raises is reported once and harms nobody."""

    def __init__(self, rules: Rules, hooks: Sequence[EvaluationHook]) -> None:
        super().__init__(rules)
        self._hooks = tuple(hooks)
        self._reported: set[EvaluationHook] = set()

    def uncounted(self) -> Rules:
        """Return the rules without hooks."""
        return self._rules.uncounted()

    def evaluate(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Evaluation:
        """Return what *flag* serves, after each hook has seen it. Never raises."""
        result = self._rules.evaluate(flag, context, default, now=now)
        for hook in self._hooks:
            try:
                hook(flag, context, result)
            except Exception:  # noqa: BLE001  # boundary: a user's hook
                self._report(hook)
        return result

    def explain(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Explanation:
        """Return what *flag* serves and why, which no hook sees: nobody is served."""
        return self._rules.explain(flag, context, default, now=now)

    def _report(self, hook: EvaluationHook) -> None:
        if hook not in self._reported:
            self._reported.add(hook)
            _LOG.exception("an evaluation hook raised; the evaluation is not concerned", extra={"hook": repr(hook)})
