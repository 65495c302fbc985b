"""What a flag's function returns, prepared once: results, the counters that go with them, exposures."""

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import replace

from pennon.engine.counting import Tally
from pennon.engine.source import Writer
from pennon.model import ErrorCode, Evaluation, Flag, Json, Reason
from pennon.model.flags import Wire

Context: TypeAlias = dict[Any, Any]


class ExposureSite(Wire, frozen=True, kw_only=True):
    """A place in a flag whose answer is an exposure: what was served, by which rule, and whose unit is exposed."""

    flag: str
    version: int
    variation: str
    rule_id: str | None
    experiment: str | None
    by: str


Exposed: TypeAlias = Callable[[ExposureSite, Context], None]


class Sampled(Wire, frozen=True):
    """Who looks at some of the contexts: at those where the count of the answer has no bit in common with `pace[0]`.

    That is one in 2^n, for n bits, and every one for 0; it may be set to something else at any time. An answer is
    counted anyway, so a context that is passed over costs an integer's `&`. `look` must not raise.
    """

    pace: list[int]
    look: Callable[[Context], object]


def site_of(
    flag: Flag, variation: str | None, rule: str | None, experiment: str | None, by: str | None
) -> ExposureSite | None:
    """Return the exposure that serving *variation* is; None if it is none. *by* is a split's."""
    if variation is None or flag.exposures == "none" or (flag.exposures == "experiments" and experiment is None):
        return None
    return ExposureSite(
        flag=flag.key,
        version=flag.version,
        variation=variation,
        rule_id=rule,
        experiment=experiment,
        by=by or "targetingKey",
    )


def failure(code: ErrorCode, message: str, version: int | None, value: Json = None) -> Evaluation:
    """Return the result of an evaluation that failed."""
    return Evaluation(
        value=value,
        variation=None,
        reason=Reason.ERROR,
        flag_version=version,
        error_code=code,
        error_message=message,
    )


class Failing:
    """The function of a flag that answers the same error to everybody, with the caller's default."""

    __slots__ = ("_result", "_step")

    def __init__(self, result: Evaluation, step: Callable[[], object] | None) -> None:
        self._result = result
        self._step = step

    def __call__(self, _context: Context, default: Json, _now: float | None) -> Evaluation:
        """Return the error with the caller's default."""
        if self._step is not None:
            self._step()
        return replace(self._result, value=default)


class Answers:
    """Writes the answers of one flag when it is asked for itself: `c` is the context, `d` the caller's default."""

    def __init__(  # of what it writes, and who hears of it
        self, flag: Flag, writer: Writer, *, tally: Tally | None, exposed: Exposed | None, sampled: Sampled | None
    ) -> None:
        self._flag = flag
        self._writer = writer
        self._tally = tally
        self._exposed = exposed
        self._sampled = sampled
        self._values: dict[str, Json] = {variation.key: variation.value for variation in flag.variations}
        self._counters: dict[tuple[str | None, Reason], str] = {}

    def serve(
        self,
        variation: str | None,
        reason: Reason,
        rule: str | None = None,
        *,
        experiment: str | None = None,
        by: str | None = None,
    ) -> str:
        """Return statements that serve *variation*, or the caller's default for None. *by* is set by a split."""
        statements = self._count(variation, reason) + self._expose(variation, rule, experiment, by)
        value = None if variation is None else self._values[variation]
        result = self._writer.constant(
            Evaluation(value=value, variation=variation, reason=reason, rule_id=rule, flag_version=self._flag.version)
        )
        # An imported flag's null is what its vendor's SDK answers where the caller's default is to be taken.
        is_open = variation is None or (value is None and self._flag.compat is not None)
        return f"{statements}return replace({result}, value=d)" if is_open else f"{statements}return {result}"

    def fail(self, code: ErrorCode, message: str) -> str:
        """Return statements that answer an error and the caller's default."""
        error = failure(code, message, self._flag.version)
        return f"{self._count(None, Reason.ERROR)}return replace({self._writer.constant(error)}, value=d)"

    def _count(self, variation: str | None, reason: Reason) -> str:
        if self._tally is None:
            return ""
        name = self._counters.get((variation, reason))
        if name is None:
            step = self._tally.counter(self._flag.key, self._flag.version, variation, reason)
            name = self._counters[variation, reason] = self._writer.constant(step)
        if self._sampled is None:
            return f"{name}(); "
        pace, look = self._writer.constant(self._sampled.pace), self._writer.constant(self._sampled.look)
        return f"{name}() & {pace}[0] or {look}(c); "

    def _expose(self, variation: str | None, rule: str | None, experiment: str | None, by: str | None) -> str:
        site = None if self._exposed is None else site_of(self._flag, variation, rule, experiment, by)
        if site is None:
            return ""
        return f"{self._writer.constant(self._exposed)}({self._writer.constant(site)}, c); "


class Served:
    """Writes the answers of a flag that another one has as a prerequisite: the variation's key, None for no other."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def serve(
        self,
        variation: str | None,
        reason: Reason,
        rule: str | None = None,
        *,
        experiment: str | None = None,
        by: str | None = None,
    ) -> str:
        """Return statements that serve *variation*. An off flag meets nobody's prerequisite, whatever it serves."""
        return "return None" if reason is Reason.OFF else f"return {self._writer.constant(variation)}"

    def fail(self, code: ErrorCode, message: str) -> str:
        """Return statements for an error, which meets nobody's prerequisite."""
        return "return None"
