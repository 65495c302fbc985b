"""Whether Pennon and the vendor's own SDK answer the same: the rules of comparison, and what is said where they differ.

Pure but for the vendor's SDK, which is handed in as a function.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from pennon.engine import RuleSet, compile_snapshot
from pennon.importers.contexts import Context, attributes_read, draw, minimised
from pennon.importers.plan import Fidelity, Plan, PlannedFlag, Vocabulary
from pennon.model import Evaluation, Item, Json, Snapshot
from pennon.model.flags import Wire

DEFAULT: Json = ["the caller's default"]
"""What Pennon is given as the caller's default: told by its identity, so that no variation's value is taken for it."""
Aspect: TypeAlias = Literal["value", "variation", "default"]
CHUNK = 500
_MINIMISED = 3


class Theirs(Protocol):
    """What the vendor's SDK answered. `variation` is its own name for it, None where it tells none."""

    @property
    def value(self) -> Any:
        """The value; None where the default was served."""

    @property
    def variation(self) -> Json:
        """The SDK's own name of the variation, None where it tells none."""

    @property
    def default(self) -> bool:
        """Whether the caller's default was served."""

    @property
    def error(self) -> str | None:
        """The SDK's own word for what went wrong."""

    @property
    def chance(self) -> bool:
        """Whether the SDK drew lots, or its machine's own ways decided, so that another one would answer otherwise."""


Ask: TypeAlias = Callable[[str, Sequence[Context], float | None], Sequence[Theirs]]
"""Asks the vendor's SDK about a flag of the vendor's, for contexts, at a time."""


class Answer(Wire, frozen=True, kw_only=True):
    """What one side answered. `variation` is in that side's own words."""

    value: Json = None
    variation: Json = None
    default: bool = False
    error: str | None = None


class Difference(Wire, frozen=True, kw_only=True):
    """A context for which Pennon and the vendor's SDK answer differently, and in what."""

    flag: str
    aspect: Aspect
    context: Context
    pennon: Answer
    vendor: Answer


class FlagReport(Wire, frozen=True, kw_only=True):
    """What the comparison of one flag found. `samples` are the first of its differences, made as small as can be.

    `lots` of the evaluations the vendor's SDK decided by chance, so that there was nothing to compare.
    """

    flag: str
    source: str
    fidelity: Fidelity
    evaluations: int
    differences: int
    lots: int = 0
    samples: tuple[Difference, ...] = ()


class Report(Wire, frozen=True, kw_only=True):
    """What the comparison of a whole plan found. Not a single difference is what passes."""

    vendor: str
    dialect: str
    sdk: str
    seed: int
    flags: tuple[FlagReport, ...]
    left_out: tuple[str, ...] = ()

    @property
    def evaluations(self) -> int:
        """How many evaluations were compared."""
        return sum(flag.evaluations for flag in self.flags)

    @property
    def lots(self) -> int:
        """How many of them the vendor's SDK decided by chance."""
        return sum(flag.lots for flag in self.flags)

    @property
    def differences(self) -> int:
        """How many of them differ."""
        return sum(flag.differences for flag in self.flags)


def rules_of(plan: Plan) -> RuleSet:
    """Return the rules that an environment would have with *plan* alone in it."""
    flags = {each.key: Item.of(each.flag) for each in plan.flags if each.flag is not None}
    segments = {each.key: Item.of(each.segment) for each in plan.segments}
    return compile_snapshot(Snapshot.of({"flag": flags, "segment": segments}))


class Verifier:
    """Compares the flags of a plan with the vendor's SDK, on contexts drawn from the vocabulary of its file."""

    def __init__(
        self, plan: Plan, vocabulary: Vocabulary, ask: Ask, *, rules: RuleSet | None = None, now: float | None = None
    ) -> None:
        self._plan = plan
        self._vocabulary = vocabulary
        self._ask = ask
        self._rules = rules or rules_of(plan)
        self._now = now

    def verify(
        self, planned: PlannedFlag, *, contexts: int, seed: int, told: Callable[[int], object] = lambda _: None
    ) -> FlagReport:
        """Compare *planned* on that many drawn contexts, some hundreds at a time; *told* hears how many were done."""
        relevant = attributes_read(planned, self._plan, self._vocabulary)
        drawn = itertools.islice(draw(self._vocabulary, f"{seed}:{planned.key}", relevant=relevant), contexts)
        count, lots, samples = 0, 0, list[Difference]()
        while chunk := list(itertools.islice(drawn, CHUNK)):
            answers = self._ask(planned.source, chunk, self._now)
            lots += sum(answer.chance for answer in answers)
            for difference in self._differing(planned, chunk, answers):
                count += 1
                if len(samples) < _MINIMISED:
                    samples.append(self.minimised(planned, difference))
            told(len(chunk))
        return FlagReport(
            flag=planned.key,
            source=planned.source,
            fidelity=planned.fidelity,
            evaluations=contexts,
            differences=count,
            lots=lots,
            samples=tuple(samples),
        )

    def differences(self, planned: PlannedFlag, contexts: Sequence[Context]) -> Iterator[Difference]:
        """Yield the differences between Pennon and the vendor's SDK for *contexts*."""
        return self._differing(planned, contexts, self._ask(planned.source, contexts, self._now))

    def _differing(
        self, planned: PlannedFlag, contexts: Sequence[Context], answers: Sequence[Theirs]
    ) -> Iterator[Difference]:
        for context, theirs in zip(contexts, answers, strict=True):
            ours = self._rules.evaluate(planned.key, context, DEFAULT, now=self._now)
            if (aspect := compare(planned, ours, theirs)) is not None:
                yield Difference(
                    flag=planned.key,
                    aspect=aspect,
                    context=context,
                    pennon=_ours(ours),
                    vendor=Answer(
                        value=theirs.value, variation=theirs.variation, default=theirs.default, error=theirs.error
                    ),
                )

    def minimised(self, planned: PlannedFlag, difference: Difference) -> Difference:
        """Return a difference in the same aspect whose context has as few attributes as can be."""

        def found(context: Context) -> Difference | None:
            return next(
                (each for each in self.differences(planned, [context]) if each.aspect == difference.aspect), None
            )

        small = minimised(difference.context, lambda context: found(context) is not None)
        return found(small) or difference


def compare(planned: PlannedFlag, ours: Evaluation, theirs: Theirs) -> Aspect | None:
    """Return in what the two answers differ, None where they are the same.

    The caller's default equals itself only. Values are compared strictly (true is not 1, but 1 is 1.0), and so are
    variations where the plan knows which of ours the vendor's is. What the SDK drew lots for equals anything.
    """
    if theirs.chance:
        return None
    is_default = ours.value is DEFAULT
    if is_default or theirs.default:
        return None if is_default and theirs.default else "default"
    if not same(ours.value, theirs.value):
        return "value"
    if theirs.variation is None:
        return None
    expected = planned.identities.get(identity(theirs.variation))
    return None if expected is None or expected == ours.variation else "variation"


def identity(variation: Json) -> str:
    """Return the vendor's name of a variation as the keys of a plan's `identities` have it: an index as digits."""
    return variation if isinstance(variation, str) else json.dumps(variation)


def same(one: Json, other: Json) -> bool:
    """Return whether two JSON values are the same: types count, but for whole numbers, which may be written 1.0."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return type(one) is type(other) and bool(one == other)


def _ours(result: Evaluation) -> Answer:
    error = None if result.error_code is None else f"{result.error_code.value}: {result.error_message or ''}"
    if result.value is DEFAULT:
        return Answer(variation=result.variation, default=True, error=error)
    return Answer(value=msgspec.to_builtins(result.value), variation=result.variation, error=error)
