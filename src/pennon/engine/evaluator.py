"""Rule sets: a snapshot compiled, ready to answer. Same snapshot, same context, same answer, in every language."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pennon.engine.answers import Exposed
from pennon.engine.compiler import Compiler, Function, Kit
from pennon.engine.counting import Count
from pennon.engine.dialects import DIALECTS, Dialects
from pennon.engine.explain import Explanation, explain
from pennon.engine.links import Links, Node
from pennon.engine.probes import Trace
from pennon.model import ErrorCode, Evaluation, FlagKind, InvalidItem, Item, Json, Reason, Snapshot

Context: TypeAlias = Mapping[str, Any]


def compile_snapshot(
    snapshot: Snapshot, *, counted: bool = False, exposed: Exposed | None = None, dialects: Dialects = DIALECTS
) -> "RuleSet":
    """Return the rules of *snapshot*. Each flag is compiled when it is first asked for.

    *counted*: evaluations are counted, see `RuleSet.counts`. *exposed* is called for each evaluation that is an
    exposure, with where in the flag it happened and the context; it must be quick and must not raise.
    """
    links = Links(snapshot)
    kit = Kit(counted=counted, exposed=exposed, dialects=dialects)
    return RuleSet(Compiler(snapshot, links, kit), {}, Staleness(snapshot))


class Staleness:
    """The bounds after which flags answer STALE, by flag; found when first asked for."""

    def __init__(self, snapshot: Snapshot, bounds: dict[str, float] | None = None, age_s: float = 0.0) -> None:
        self._snapshot = snapshot
        self._bounds = bounds
        self.age_s = age_s

    @property
    def bounds(self) -> dict[str, float]:
        """The bound in seconds of each flag that has one."""
        if self._bounds is None:
            self._bounds = {}
            self._bounds = self._found(self._snapshot.flags.records.items())
        return self._bounds

    def _found(self, items: Iterable[tuple[str, Item]]) -> dict[str, float]:
        return {key: bound for key, item in items if (bound := self._bound(key, item)) is not None}

    def _bound(self, key: str, item: Item) -> float | None:
        # A search of the text spares decoding every flag. A writer that spells the name with escapes is decoded.
        if b'"staleness"' not in item.text and b"\\u00" not in item.text:
            return None
        try:
            staleness = self._snapshot.flags[key].staleness
        except InvalidItem:
            return None
        return None if staleness is None else staleness.max_age_s

    def stale(self, age_s: float) -> frozenset[str]:
        """Return the flags whose bound has passed at an age."""
        return frozenset(key for key, bound in self.bounds.items() if bound <= age_s)

    def after(self, snapshot: Snapshot, touched: Iterable[Node]) -> "Staleness":
        """Return the bounds of a later snapshot."""
        later = Staleness(snapshot, age_s=self.age_s)
        if self._bounds is not None:
            records = snapshot.flags.records
            flags = [key for kind, key in touched if kind == "flag"]
            kept = {key: bound for key, bound in self._bounds.items() if key not in flags}
            later._bounds = kept | later._found((key, records[key]) for key in flags if key in records)
        return later

    def at(self, age_s: float) -> "Staleness":
        """Return the same bounds, seen at an age."""
        return Staleness(self._snapshot, self.bounds, age_s)


class RuleSet:
    """The rules of one revision. Never changes what it answers; `advanced` and `aged` return others.

    Results are shared between callers: their values must not be changed.
    """

    __slots__ = ("_compiler", "_functions", "_staleness", "epoch", "revision", "snapshot")

    def __init__(self, compiler: Compiler, functions: dict[str, Function], staleness: Staleness) -> None:
        self._compiler = compiler
        self._functions = functions
        self._staleness = staleness
        self.snapshot = compiler.snapshot
        self.revision = compiler.snapshot.revision
        self.epoch = compiler.snapshot.epoch

    def evaluate(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Evaluation:
        """Return what *flag* serves to *context*, and why. Never raises.

        *default* is the value where no variation is served. *now* is the time in epoch seconds; only imported flags
        look at it.
        """
        try:
            if type(context) is not dict:
                return self._evaluate_other(flag, context, default, now)
            try:
                function = self._functions[flag]
            except KeyError:
                function = self._compiled(flag)
            return function(context, default, now)
        except Exception as error:  # noqa: BLE001  # the boundary: a context may hold objects that raise when compared
            return self._unforeseen(flag, default, error)

    def _evaluate_other(self, flag: str, context: Any, default: Json, now: float | None) -> Evaluation:
        if issubclass(type(context), Mapping):
            return self.evaluate(flag, dict(context), default, now=now)
        result = self.evaluate(flag, {}, default, now=now)
        if result.error_code in {ErrorCode.FLAG_NOT_FOUND, ErrorCode.PARSE_ERROR}:
            return result
        return self._error(flag, default, ErrorCode.INVALID_CONTEXT, "the context is no mapping")

    def _compiled(self, flag: str) -> Function:
        if flag not in self.snapshot.flags.records:
            return self._unknown(flag)
        function = self._functions[flag] = self._compiler.flag(flag)
        return function

    def _unknown(self, flag: str) -> Function:
        tally = self._compiler.kit.tally

        def unknown(_context: dict[Any, Any], default: Json, _now: float | None) -> Evaluation:
            if tally is not None:
                tally.count_unknown(flag)
            message = f"there is no flag {flag!r}"
            return Evaluation(
                value=default,
                variation=None,
                reason=Reason.ERROR,
                error_code=ErrorCode.FLAG_NOT_FOUND,
                error_message=message,
            )

        return unknown

    def _unforeseen(self, flag: str, default: Json, error: Exception) -> Evaluation:
        return self._error(flag, default, ErrorCode.GENERAL, f"{type(error).__name__} while reading the context")

    def _error(self, flag: str, default: Json, code: ErrorCode, message: str) -> Evaluation:
        item = self.snapshot.flags.records.get(flag) if type(flag) is str else None
        version = None if item is None else item.version
        if self._compiler.kit.tally is not None and item is not None:
            self._compiler.kit.tally.counter(flag, version, None, Reason.ERROR)()
        return Evaluation(
            value=default,
            variation=None,
            reason=Reason.ERROR,
            flag_version=version,
            error_code=code,
            error_message=message,
        )

    def explain(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Explanation:
        """Return what `evaluate` returns, and each step on the way with why it matched or not. Counts nothing."""
        trace = Trace()
        compiler = self._compiler.probed(trace)
        evaluation = RuleSet(compiler, {}, self._staleness).evaluate(flag, context, default, now=now)
        return explain(flag, evaluation, trace, self.snapshot, compiler.memos)

    def advanced(self, snapshot: Snapshot, touched: Iterable[Node] | None = None) -> "RuleSet":
        """Return the rules of *snapshot*, compiling anew only what depends on *touched*; on everything, for None.

        Counters go on where they are.
        """
        kit, age_s = self._compiler.kit, self._staleness.age_s
        if touched is None:
            staleness = Staleness(snapshot, age_s=age_s)
            stale = staleness.stale(age_s) if age_s else frozenset()
            return RuleSet(Compiler(snapshot, Links(snapshot), kit, stale), {}, staleness)
        nodes = list(touched)
        staleness = self._staleness.after(snapshot, nodes)
        stale = staleness.stale(age_s) if age_s else frozenset()
        links, affected = self._compiler.links.after(snapshot, nodes)
        functions = self._functions.copy()
        for kind, key in affected:
            if kind == "flag":
                functions.pop(key, None)
        return RuleSet(self._compiler.after(snapshot, links, affected, stale), functions, staleness)

    def aged(self, age_s: float) -> "RuleSet":
        """Return the rules for a state this old: flags whose staleness bound has passed answer STALE.

        Returns this very rule set where no flag differs.
        """
        stale = self._staleness.stale(age_s)
        changed = stale ^ self._compiler.stale
        if not changed:
            return self
        links, affected = self._compiler.links.after(self.snapshot, [("flag", key) for key in changed])
        functions = self._functions.copy()
        for kind, key in affected:
            if kind == "flag":
                functions.pop(key, None)
        return RuleSet(
            self._compiler.after(self.snapshot, links, affected, stale), functions, self._staleness.at(age_s)
        )

    def next_staleness(self, age_s: float) -> float | None:
        """Return the age at which the next flag will answer STALE, None if none will."""
        return min((bound for bound in self._staleness.bounds.values() if bound > age_s), default=None)

    def counts(self) -> Iterator[Count]:
        """Return how often each answer was given since `compile_snapshot`, nothing for rules that do not count.

        Totals go on through `advanced` and `aged`: all rule sets of one lineage share them, and a key's total never
        falls. Versions that are long gone leave the list.
        """
        tally = self._compiler.kit.tally
        return iter(tally if tally is not None else ())

    def flag_keys(self) -> Collection[str]:
        """Return the keys of all flags."""
        return self.snapshot.flags.keys()

    def kind(self, flag: str) -> FlagKind | None:
        """Return the kind of a flag's values, None for one that is unknown or broken."""
        try:
            return self.snapshot.flags[flag].kind
        except (KeyError, InvalidItem):
            return None

    def dependencies(self, flag: str) -> frozenset[Node]:
        """Return everything that a flag's answer depends on beside itself: flags, segments and layers."""
        return self._compiler.links.of("flag", flag).everything
