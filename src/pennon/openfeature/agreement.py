"""Counts how two providers agree, keeps samples of where they do not, and says go or no-go. Knows no provider."""

import threading
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from pennon.importers.verify import same
from pennon.openfeature.asking import Answer

MOST_FLAGS = 10_000
"""Flags beyond so many are counted together: keys that a program makes up must not fill its memory."""
OTHERS = "(other flags)"


class Outcome(StrEnum):
    """How two answers to one question differ."""

    VALUE = "value"
    OLD_FAILED = "oldFailed"
    PENNON_FAILED = "pennonFailed"


class Sample(msgspec.Struct, frozen=True, rename="camel"):
    """One difference: what each side answered, and the context as far as it may be shown."""

    flag: str
    outcome: Outcome
    context: dict[str, Any]
    old: Any
    pennon: Any
    old_error: str | None = None
    pennon_error: str | None = None


class FlagReport(msgspec.Struct, frozen=True, rename="camel"):
    """How the two sides agree about one flag. Where both fail, nothing is compared."""

    flag: str
    compared: int
    same: int
    both_failed: int
    differences: dict[Outcome, int]
    samples: tuple[Sample, ...] = ()

    @property
    def differing(self) -> int:
        """How many evaluations differ."""
        return sum(self.differences.values())


class Decision(msgspec.Struct, frozen=True):
    """Whether to move, and if not, what stands in the way."""

    go: bool
    in_the_way: tuple[str, ...] = msgspec.field(name="inTheWay", default=())


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """When to say go: enough was compared, of every flag, and no more than *tolerance* of it differs.

    *evaluations* are to be compared in all, *per_flag* for each flag that was asked for, and each of *flags* must have
    been. *tolerance* is a share of a flag's comparisons; 0.0 means not a single difference.
    """

    evaluations: int = 10_000
    per_flag: int = 100
    tolerance: float = 0.0
    flags: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """What was found since the beginning. `skipped` were not compared: not sampled, or too slow to be waited for."""

    compared: int
    same: int
    differing: int
    skipped: int
    served_by_old: int
    served_by_pennon: int
    fell_back: int
    flags: tuple[FlagReport, ...]
    decision: Decision

    def to_json(self) -> bytes:
        """Return the report as JSON."""
        return msgspec.json.encode(self)

    def __str__(self) -> str:
        said = "go" if self.decision.go else "no-go: " + "; ".join(self.decision.in_the_way)
        return f"{self.compared} evaluations of {len(self.flags)} flags compared, {self.differing} differ: {said}"


class _Counted:
    __slots__ = ("both_failed", "differences", "same", "samples")

    def __init__(self) -> None:
        self.same = 0
        self.both_failed = 0
        self.differences: dict[Outcome, int] = {}
        self.samples: list[Sample] = []


class Agreement:
    """All counts of one provider. Any thread may count."""

    def __init__(self, *, samples: int = 5) -> None:
        self._most = samples
        self._flags: dict[str, _Counted] = {}
        self._lock = threading.Lock()
        self._skipped = 0
        self._served = {"old": 0, "pennon": 0}
        self._fell_back = 0

    def count_same(self, flag: str) -> None:
        """Count an evaluation about which both sides agree."""
        with self._lock:
            self._of(flag).same += 1

    def count_difference(self, sample: Sample) -> bool:
        """Count a difference, keep it if it is one of the first, and return whether it is the flag's very first."""
        with self._lock:
            counted = self._of(sample.flag)
            is_first = not counted.differences
            counted.differences[sample.outcome] = counted.differences.get(sample.outcome, 0) + 1
            if len(counted.samples) < self._most:
                counted.samples.append(sample)
            return is_first

    def count_both_failed(self, flag: str) -> None:
        """Count an evaluation in which both sides failed."""
        with self._lock:
            self._of(flag).both_failed += 1

    def count_skipped(self) -> None:
        """Count an evaluation that was not compared."""
        with self._lock:
            self._skipped += 1

    def count_served(self, by: str, *, fell_back: bool) -> None:
        """Count who answered the caller: `old` or `pennon`, and whether only because the other one failed."""
        with self._lock:
            self._served[by] += 1
            self._fell_back += fell_back

    def report(self, conditions: Conditions) -> Report:
        """Return what was found, and whether to move under *conditions*."""
        with self._lock:
            flags = tuple(
                FlagReport(
                    key,
                    counted.same + sum(counted.differences.values()),
                    counted.same,
                    counted.both_failed,
                    dict(counted.differences),
                    tuple(counted.samples),
                )
                for key, counted in sorted(self._flags.items())
            )
            skipped, served, fell_back = self._skipped, dict(self._served), self._fell_back
        return Report(
            compared=sum(flag.compared for flag in flags),
            same=sum(flag.same for flag in flags),
            differing=sum(flag.differing for flag in flags),
            skipped=skipped,
            served_by_old=served["old"],
            served_by_pennon=served["pennon"],
            fell_back=fell_back,
            flags=flags,
            decision=decide(flags, conditions),
        )

    def _of(self, flag: str) -> _Counted:
        key = flag if flag in self._flags or len(self._flags) < MOST_FLAGS else OTHERS
        counted = self._flags.get(key)
        if counted is None:
            counted = self._flags[key] = _Counted()
        return counted


def decide(flags: tuple[FlagReport, ...], conditions: Conditions) -> Decision:
    """Return go where nothing stands in the way, else no-go and what does."""
    found = tuple(_in_the_way(flags, conditions))
    return Decision(go=not found, in_the_way=found)


def _in_the_way(flags: tuple[FlagReport, ...], conditions: Conditions) -> Iterator[str]:
    compared = sum(flag.compared for flag in flags)
    if compared < conditions.evaluations:
        yield f"{compared} of {conditions.evaluations} evaluations were compared"
    for key in sorted(set(conditions.flags) - {flag.flag for flag in flags}):
        yield f"flag {key!r} was not asked for"
    for flag in flags:
        if flag.differing > conditions.tolerance * flag.compared:
            kinds = ", ".join(f"{count} {kind.value}" for kind, count in sorted(flag.differences.items()))
            yield f"flag {flag.flag!r} differs in {flag.differing} of {flag.compared} evaluations ({kinds})"
        elif flag.compared < conditions.per_flag:
            failed = f" (both failed {flag.both_failed} times)" if flag.both_failed else ""
            yield f"flag {flag.flag!r} was compared {flag.compared} times, not {conditions.per_flag}{failed}"


def compared(old: Answer, pennon: Answer) -> Outcome | None:
    """Return how two answers differ; None: they are the same, or neither is one."""
    if old.problem is not None and pennon.problem is not None:
        return None
    if old.problem is not None:
        return Outcome.OLD_FAILED
    if pennon.problem is not None:
        return Outcome.PENNON_FAILED
    return None if same(old.given().value, pennon.given().value) else Outcome.VALUE
