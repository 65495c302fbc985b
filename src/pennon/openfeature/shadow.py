"""Serves another vendor's provider and evaluates Pennon beside it, or the other way round once a flag says so.

What the caller gets is never worse for it: the shadow is asked once the answer is known, raises nothing, and where it
is slow it is asked on another thread, or not at all.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypedDict, Unpack

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.hook import Hook
from openfeature.provider import AbstractProvider, FeatureProvider, Metadata
from openfeature.track import TrackingEventDetails

from pennon.openfeature.agreement import Agreement, Conditions, Outcome, Report, Sample, compared
from pennon.openfeature.asking import (
    Answer,
    Background,
    Callers,
    Question,
    ask,
    ask_async,
    failure,
    own_context,
    worded,
)
from pennon.openfeature.provider import PennonProvider
from pennon.openfeature.redaction import Redaction, plain

_LOG = logging.getLogger("pennon")
_BOOLEAN = "resolve_boolean_details"
_SLOW_FOR_S = 60.0
_TASKS = 1000
FLAG_ATTRIBUTE = "pennon.flag"
"""The attribute by which the switch is told which flag is asked for, so that flags can move one by one."""

_Object: TypeAlias = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class ShadowOptions(TypedDict, total=False):
    """What else a `ShadowProvider` takes: see there."""

    sampling: float
    limit_s: float
    old_timeout_s: float | None
    samples: int
    on_difference: Callable[[Sample], object]
    report_every_s: float
    chance: Callable[[], float]
    clock: Callable[[], float]


class _Side(NamedTuple):
    name: str
    provider: FeatureProvider


class ShadowProvider(AbstractProvider):
    """Serves *old*, the provider of the vendor that you leave, and compares *pennon* with it.

    *switch* is the key of a boolean flag in Pennon: for whom it is true, Pennon serves and the old vendor is the
    shadow. So the move is a gradual rollout, and is taken back by turning the flag off. Where the one that is to serve
    fails (raises, answers an error or, for *old*, takes longer than *old_timeout_s*), the other one's answer is served.

    *sampling* is the share of evaluations that are compared (1.0: all). The shadow may take *limit_s* (5 ms): if it
    is slower twice in a row, it is asked on a thread of its own for a minute; what that cannot keep up with is skipped.
    *on_difference* is called with each difference, on the thread that found it; *samples* of each flag are kept for
    the report, their contexts redacted by *redaction*. A line of the log tells the first difference of each flag and,
    every *report_every_s* seconds (600) while flags are evaluated, the report, which says go under *conditions*.
    """

    def __init__(
        self,
        *,
        old: FeatureProvider,
        pennon: FeatureProvider,
        switch: str | None = None,
        conditions: Conditions = Conditions(),  # noqa: B008  # immutable
        redaction: Redaction | None = None,
        **options: Unpack[ShadowOptions],
    ) -> None:
        super().__init__()
        self._old = _Side("old", old)
        self._pennon = _Side("pennon", pennon)
        self._shadow = _uncounted(self._pennon)
        self._switch = switch
        self._conditions = conditions
        self._redaction = redaction or Redaction()
        self._sampling = options.get("sampling", 1.0)
        self._limit_s = options.get("limit_s", 0.005)
        self._old_timeout_s = options.get("old_timeout_s")
        self._on_difference = options.get("on_difference", _unheard)
        self._report_every_s = options.get("report_every_s", 600.0)
        self._chance = options.get("chance", random.random)
        self._clock = options.get("clock", time.monotonic)
        self._next_report = self._clock() + self._report_every_s
        self._agreement = Agreement(samples=options.get("samples", 5))
        self._callers = Callers()
        self._background = Background()
        self._slow_in_a_row = {"old": 0, "pennon": 0}
        self._slow_until = {"old": 0.0, "pennon": 0.0}
        self._tasks: set[asyncio.Task[None]] = set()
        self._health: dict[str, ProviderEvent] = {}

    def report(self, conditions: Conditions | None = None) -> Report:
        """Return what was found so far, and whether to move."""
        return self._agreement.report(conditions or self._conditions)

    def get_metadata(self) -> Metadata:
        """Return the provider's name, with that of the old one."""
        return Metadata(name=f"pennon-shadow ({self._old.provider.get_metadata().name})")

    def get_provider_hooks(self) -> list[Hook]:
        """Return the hooks of both."""
        return [*self._old.provider.get_provider_hooks(), *self._pennon.provider.get_provider_hooks()]

    def attach(self, on_emit: Callable[[FeatureProvider, ProviderEvent, ProviderEventDetails], None]) -> None:
        """Listen to both, and tell what is true of the two together."""
        super().attach(on_emit)
        for side in (self._old, self._pennon):
            side.provider.attach(partial(self._heard, side.name))

    def detach(self) -> None:
        """Listen no longer."""
        for side in (self._old, self._pennon):
            side.provider.detach()
        super().detach()

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Start both. Raises what the old one raised if neither could be started: either can serve for the other."""
        failures = []
        for side in (self._old, self._pennon):
            error = failure(partial(side.provider.initialize, evaluation_context))
            self._health[side.name] = ProviderEvent.PROVIDER_ERROR if error else ProviderEvent.PROVIDER_READY
            if error is not None:
                said = self._redaction.masked(worded(error), evaluation_context)
                _LOG.warning("shadow mode: the provider %r did not start: %s", side.name, said)
                failures.append(error)
        self._shadow = _uncounted(self._pennon)
        if len(failures) == 2:
            raise failures[0]

    def shutdown(self) -> None:
        """End both, after a last report."""
        self._background.stop()
        self._callers.stop()
        _LOG.info("shadow mode ends: %s", self._agreement.report(self._conditions))
        for side in (self._old, self._pennon):
            failure(side.provider.shutdown, told=f"the provider {side.name!r}, ending,")

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Report a metric to both."""
        for side in (self._old, self._pennon):
            report = partial(side.provider.track, tracking_event_name, evaluation_context, tracking_event_details)
            failure(report, told=f"the provider {side.name!r}, tracking,")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001  # the standard's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Return the value of a boolean flag."""
        return self._resolve(Question(_BOOLEAN, flag_key, default_value, evaluation_context))

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Return the value of a string flag."""
        return self._resolve(Question("resolve_string_details", flag_key, default_value, evaluation_context))

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Return the value of an integer flag."""
        return self._resolve(Question("resolve_integer_details", flag_key, default_value, evaluation_context))

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Return the value of a float flag."""
        return self._resolve(Question("resolve_float_details", flag_key, default_value, evaluation_context))

    def resolve_object_details(
        self, flag_key: str, default_value: _Object, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[_Object]:
        """Return the value of an object flag."""
        return self._resolve(Question("resolve_object_details", flag_key, default_value, evaluation_context))

    async def resolve_boolean_details_async(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001  # the standard's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Return the value of a boolean flag."""
        asked = Question(_BOOLEAN, flag_key, default_value, evaluation_context)
        return await self._resolve_async(asked)

    async def resolve_string_details_async(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Return the value of a string flag."""
        asked = Question("resolve_string_details", flag_key, default_value, evaluation_context)
        return await self._resolve_async(asked)

    async def resolve_integer_details_async(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Return the value of an integer flag."""
        asked = Question("resolve_integer_details", flag_key, default_value, evaluation_context)
        return await self._resolve_async(asked)

    async def resolve_float_details_async(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Return the value of a float flag."""
        asked = Question("resolve_float_details", flag_key, default_value, evaluation_context)
        return await self._resolve_async(asked)

    async def resolve_object_details_async(
        self, flag_key: str, default_value: _Object, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[_Object]:
        """Return the value of an object flag."""
        asked = Question("resolve_object_details", flag_key, default_value, evaluation_context)
        return await self._resolve_async(asked)

    def _resolve(self, given: Question) -> FlagResolutionDetails[Any]:
        asked = given._replace(context=own_context(given.context))
        first, second = self._order(asked)
        answer = self._asked(first, given)
        if answer.problem is not None:
            return self._fall_back(asked, first, answer, second, self._asked(second, asked))
        self._agreement.count_served(first.name, fell_back=False)
        self._compare_later(asked, first, answer, self._as_shadow(second))
        return answer.given()

    async def _resolve_async(self, given: Question) -> FlagResolutionDetails[Any]:
        asked = given._replace(context=own_context(given.context))
        first, second = self._order(asked)
        answer = await self._asked_async(first, given)
        if answer.problem is not None:
            return self._fall_back(asked, first, answer, second, await self._asked_async(second, asked))
        self._agreement.count_served(first.name, fell_back=False)
        if isinstance(second.provider, PennonProvider):  # it answers without waiting
            self._compare_later(asked, first, answer, self._as_shadow(second))
        else:
            self._compare_in_a_task(asked, first, answer, second)
        return answer.given()

    def _order(self, asked: Question) -> tuple[_Side, _Side]:
        """Return who serves, and who is the shadow."""
        if self._switch is None:
            return self._old, self._pennon
        context = asked.context or EvaluationContext()
        attributes = {**context.attributes, FLAG_ATTRIBUTE: asked.flag}
        told = EvaluationContext(context.targeting_key, attributes)
        answer = ask(self._pennon.provider, Question(_BOOLEAN, self._switch, default=False, context=told))
        has_moved = answer.problem is None and answer.given().value is True
        return (self._pennon, self._old) if has_moved else (self._old, self._pennon)

    def _as_shadow(self, side: _Side) -> _Side:
        """Return *side* to be asked without serving: what Pennon then answers is no exposure."""
        return self._shadow if side is self._pennon else side

    def _asked(self, side: _Side, asked: Question) -> Answer:
        if side is self._old and self._old_timeout_s is not None:
            return self._callers.ask(side.provider, asked, self._old_timeout_s)
        return ask(side.provider, asked)

    async def _asked_async(self, side: _Side, asked: Question) -> Answer:
        return await ask_async(side.provider, asked, self._old_timeout_s if side is self._old else None)

    def _fall_back(
        self, asked: Question, first: _Side, failed: Answer, second: _Side, answer: Answer
    ) -> FlagResolutionDetails[Any]:
        self._compare(asked, first, failed, answer)
        if answer.problem is not None:
            self._agreement.count_served(first.name, fell_back=False)
            return failed.given()
        self._agreement.count_served(second.name, fell_back=True)
        return answer.given()

    def _is_sampled(self) -> bool:
        return self._sampling >= 1 or self._chance() < self._sampling

    def _compare_later(self, asked: Question, first: _Side, answer: Answer, second: _Side) -> None:
        """Ask the shadow: here while it is quick, else on another thread."""
        if not self._is_sampled():
            self._agreement.count_skipped()
            return
        started = self._clock()
        if started < self._slow_until[second.name]:
            job = lambda: self._compare(asked, first, answer, self._asked(second, asked))  # noqa: E731
            if not self._background.put(job):
                self._agreement.count_skipped()
            return
        shadow = self._asked(second, asked)
        self._time(second, started)
        self._compare(asked, first, answer, shadow)

    def _time(self, side: _Side, started: float) -> None:
        """Move a shadow that was slow twice in a row elsewhere: once is what it takes to prepare a flag."""
        ended = self._clock()
        if ended - started <= self._limit_s:
            self._slow_in_a_row[side.name] = 0
        elif self._slow_in_a_row[side.name]:
            self._slow_until[side.name] = ended + _SLOW_FOR_S
        else:
            self._slow_in_a_row[side.name] = 1

    def _compare_in_a_task(self, asked: Question, first: _Side, answer: Answer, second: _Side) -> None:
        if not self._is_sampled() or len(self._tasks) >= _TASKS:
            self._agreement.count_skipped()
            return

        async def compare() -> None:
            self._compare(asked, first, answer, await self._asked_async(second, asked))

        task = asyncio.get_running_loop().create_task(compare())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _compare(self, asked: Question, first: _Side, answer: Answer, other: Answer) -> None:
        """Count how the two answers compare. Raises nothing: what the caller gets must not depend on it."""
        old, pennon = (answer, other) if first is self._old else (other, answer)
        failure(partial(self._count, asked, old, pennon), told="a comparison")

    def _count(self, asked: Question, old: Answer, pennon: Answer) -> None:
        if (outcome := compared(old, pennon)) is not None:
            self._differs(asked, outcome, old, pennon)
        elif old.code is None or (old.code is pennon.code is ErrorCode.FLAG_NOT_FOUND):
            self._agreement.count_same(asked.flag)
        else:
            self._agreement.count_both_failed(asked.flag)
        self._report_now_and_then()

    def _differs(self, asked: Question, outcome: Outcome, old: Answer, pennon: Answer) -> None:
        sample = Sample(
            flag=asked.flag,
            outcome=outcome,
            context=self._redaction.redacted(asked.context),
            old=None if old.problem else plain(old.given().value),
            pennon=None if pennon.problem else plain(pennon.given().value),
            old_error=self._redaction.masked(old.problem, asked.context),
            pennon_error=self._redaction.masked(pennon.problem, asked.context),
        )
        if self._agreement.count_difference(sample):
            said = f"old {sample.old_error or sample.old!r}, Pennon {sample.pennon_error or sample.pennon!r}"
            _LOG.warning("shadow mode: flag %r differs: %s, context %s", asked.flag, said, sample.context)
        self._on_difference(sample)

    def _report_now_and_then(self) -> None:
        if (now := self._clock()) >= self._next_report:
            self._next_report = now + self._report_every_s
            _LOG.info("shadow mode: %s", self._agreement.report(self._conditions))

    def _heard(self, name: str, _: FeatureProvider, event: ProviderEvent, details: ProviderEventDetails) -> None:
        """Pass on what changed, and how the two together are: as well as the better one, for it can serve."""
        if event is ProviderEvent.PROVIDER_CONFIGURATION_CHANGED:
            self.emit(event, details)
            return
        before = self._better()
        self._health[name] = event
        if (after := self._better()) is not before:
            self.emit(after, details)

    def _better(self) -> ProviderEvent:
        known = set(self._health.values())
        order = (ProviderEvent.PROVIDER_READY, ProviderEvent.PROVIDER_STALE)
        return next((event for event in order if event in known), ProviderEvent.PROVIDER_ERROR)


def _uncounted(side: _Side) -> _Side:
    return _Side(side.name, side.provider.uncounted() if isinstance(side.provider, PennonProvider) else side.provider)


def _unheard(_: Sample) -> None:
    """Do nothing: nobody listens."""
