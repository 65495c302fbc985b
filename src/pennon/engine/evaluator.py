"""Rule sets: a snapshot compiled, ready to answer. Same snapshot, same context, same answer, in every language."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pennon.engine.answers import Exposed, ExposureSite, Failing, Sampled, failure, site_of
from pennon.engine.compiler import Clock, Compiler, Function, Kit
from pennon.engine.counting import Count
from pennon.engine.dialects import DIALECTS, Dialects
from pennon.engine.explain import explain
from pennon.engine.hot import Hot
from pennon.engine.links import Links, Node
from pennon.engine.probes import Trace
from pennon.engine.staleness import Bounds
from pennon.engine.steps import Explanation
from pennon.model import ErrorCode, Evaluation, FlagKind, InvalidItem, Item, Json, Reason, Snapshot

Context: TypeAlias = Mapping[str, Any]


def compile_snapshot(  # noqa: PLR0913  # what may be known of an evaluation, each by itself
    snapshot: Snapshot,
    *,
    counted: bool = False,
    exposed: Exposed | None = None,
    dialects: Dialects = DIALECTS,
    clock: Clock | None = None,
    bucket_cache: int = 0,
    sampled: Sampled | None = None,
) -> "RuleSet":
    """Return the rules of *snapshot*. Each flag is compiled when it is first asked for.

    *counted*: evaluations are counted, see `RuleSet.counts`. *exposed* is called for each evaluation that is an
    exposure, with where in the flag it happened and the context; it must be quick and must not raise. *clock* tells the
    time, in epoch seconds, to imported flags that look at it where an evaluation is not given it. *bucket_cache*: so
    many buckets are remembered over all splits, for units that come again; it costs those that do not. *sampled* looks
    at the contexts of some of the evaluations that are counted.
    """
    links = Links(snapshot)
    kit = Kit(
        counted=counted,
        exposed=exposed,
        dialects=dialects,
        clock=clock,
        bucket_cache=bucket_cache,
        sampled=sampled,
    )
    return RuleSet(Compiler(snapshot, links, kit), Hot(), Bounds(snapshot))


class RuleSet:
    """The rules of one revision. Never changes what it answers; `advanced` and `aged` return others.

    Results are shared between callers: their values must not be changed.
    """

    __slots__ = ("_bounds", "_compiler", "_functions", "_hot", "epoch", "revision", "snapshot")

    def __init__(self, compiler: Compiler, hot: Hot, bounds: Bounds) -> None:
        self._compiler = compiler
        self._hot = hot
        self._functions: dict[str, Function] = hot.functions
        self._bounds = bounds
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

    @property
    def functions(self) -> Mapping[str, Function]:
        """The flags compiled so far: it fills as flags are asked for, and forgets them where their number is bounded.

        For the innermost path of an SDK. A function wants a `dict` as the context, and raises what that raises.
        """
        return self._functions

    def _evaluate_other(self, flag: str, context: Any, default: Json, now: float | None) -> Evaluation:
        if issubclass(type(context), Mapping):
            return self.evaluate(flag, dict(context), default, now=now)
        function = self._functions.get(flag) or self._compiled(flag)
        if isinstance(function, Failing):
            return function({}, default, now)
        return self._error(flag, default, ErrorCode.INVALID_CONTEXT, "the context is no mapping")

    def _compiled(self, flag: str) -> Function:
        if flag not in self.snapshot.flags.records:
            return self._compiler.unknown(flag)
        function, size = self._hot.recalled(flag), None
        if function is None:
            size = len(self.snapshot.flags.records[flag].text) if self._hot.is_bounded else 0
            function = self._compiler.flag(flag)
        if self._hot.keep(flag, function, size):
            self._compiler.trim()
        return function

    def _unforeseen(self, flag: str, default: Json, error: Exception) -> Evaluation:
        return self._error(flag, default, ErrorCode.GENERAL, f"{type(error).__name__} while reading the context")

    def _error(self, flag: str, default: Json, code: ErrorCode, message: str) -> Evaluation:
        item = self.snapshot.flags.records.get(str.__str__(flag)) if issubclass(type(flag), str) else None
        version = None if item is None else item.version
        if self._compiler.kit.tally is not None and item is not None:
            self._compiler.kit.tally.counter(flag, version, None, Reason.ERROR)()
        return failure(code, message, version, default)

    def explain(self, flag: str, context: Context, default: Json = None, *, now: float | None = None) -> Explanation:
        """Return what `evaluate` returns, and each step on the way with why it matched or not. Counts nothing."""
        trace = Trace()
        compiler = self._compiler.probed(trace)
        evaluation = RuleSet(compiler, Hot(), self._bounds).evaluate(flag, context, default, now=now)
        return explain(flag, evaluation, trace, compiler)

    def bounded(self, compiled_bytes: int) -> "RuleSet":
        """Return rules that answer the same, as do those advanced from them, and keep but a part of the flags compiled.

        That is the flags asked for lately, as many as come to *compiled_bytes* of text; in memory they take about five
        times as much. The others are compiled again when they are asked for.
        """
        return RuleSet(self._compiler, Hot(compiled_bytes), self._bounds)

    def cooled(self) -> "RuleSet":
        """Return rules that answer the same, of which nothing is compiled."""
        before = self._compiler
        compiler = Compiler(self.snapshot, before.links, before.kit, before.stale)
        return RuleSet(compiler, self._hot.emptied(), self._bounds)

    def uncounted(self) -> "RuleSet":
        """Return rules that answer the same, and neither count nor tell of exposures: nobody is served by them."""
        return RuleSet(self._compiler.uncounted(), self._hot.emptied(), self._bounds)

    def advanced(self, snapshot: Snapshot, touched: Iterable[Node] | None = None) -> "RuleSet":
        """Return the rules of *snapshot*, compiling anew only what depends on *touched*; on everything, for None.

        Counters go on where they are.
        """
        if touched is None:
            self._retire([("flag", key) for key in self.snapshot.flags], snapshot)
            bounds, stale = self._bounds.after(snapshot, None, self._compiler.stale)
            hot = self._hot.emptied()
            return RuleSet(Compiler(snapshot, Links(snapshot), self._compiler.kit, stale), hot, bounds)
        nodes = list(touched)
        self._retire(nodes, snapshot)
        bounds, stale = self._bounds.after(snapshot, nodes, self._compiler.stale)
        return self._after(snapshot, nodes, bounds, stale)

    def aged(self, age_s: float) -> "RuleSet":
        """Return the rules for a state this old: flags whose staleness bound has passed answer STALE, off or on.

        Returns this very rule set where no flag differs.
        """
        stale = self._bounds.stale(age_s)
        changed = stale ^ self._compiler.stale
        if not changed:
            return self
        return self._after(self.snapshot, [("flag", key) for key in changed], self._bounds.at(age_s), stale)

    def _after(self, snapshot: Snapshot, touched: list[Node], bounds: Bounds, stale: frozenset[str]) -> "RuleSet":
        links, affected = self._compiler.links.after(snapshot, touched)
        hot = self._hot.without(key for kind, key in affected if kind == "flag")
        return RuleSet(self._compiler.after(snapshot, links, affected, stale), hot, bounds)

    def _retire(self, touched: list[Node], snapshot: Snapshot) -> None:
        tally = self._compiler.kit.tally
        if tally is None:
            return
        before, after = self.snapshot.flags.records, snapshot.flags.records
        for key in [key for kind, key in touched if kind == "flag" and key in before]:
            if key not in after or after[key].version != before[key].version:
                tally.retire(key, before[key].version)

    def next_staleness(self, age_s: float) -> float | None:
        """Return the age past which the next flag will answer STALE, None if none will."""
        return self._bounds.next(age_s)

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

    def exposure(self, flag: str, evaluation: Evaluation) -> ExposureSite | None:
        """Return the exposure that *evaluation*, an answer of *flag*, is; None if it is none.

        For who tells of it later. What a stale flag answers is no experiment's here.
        """
        try:
            asked = self.snapshot.flags[flag]
        except (KeyError, InvalidItem):
            return None
        split = None
        if evaluation.reason is Reason.SPLIT:
            serves = (rule.serve for rule in asked.rules if rule.id == evaluation.rule_id)
            split = next(serves, asked.fallthrough).split
        experiment = None if split is None or split.experiment is None else split.experiment.key
        return site_of(asked, evaluation.variation, evaluation.rule_id, experiment, None if split is None else split.by)

    def dependencies(self, flag: str) -> frozenset[Node]:
        """Return everything that a flag's answer depends on beside itself: flags, segments and layers."""
        return frozenset(self._compiler.links.of("flag", flag).everything)

    def changed_at(self, flag: str) -> int:
        """Return the revision that last changed a flag, or something its answer depends on; 0 for what is not there."""
        snapshot = self.snapshot
        kinds: dict[str, Mapping[str, Item]] = {
            "flag": snapshot.flags.records,
            "segment": snapshot.segments.records,
            "layer": snapshot.layers.records,
        }
        items = (kinds[kind].get(key) for kind, key in (("flag", flag), *self.dependencies(flag)))
        return max((item.changed_at for item in items if item is not None), default=0)

    def affected_by(self, touched: Iterable[Node]) -> frozenset[str]:
        """Return the flags that may answer differently where *touched* differ: those among them, and who needs them.

        The first call looks at every flag; later ones, also of what `advanced` returns, at what is touched only.
        """
        nodes = frozenset(touched)
        return self._compiler.links.flags_using(nodes).union(key for kind, key in nodes if kind == "flag")
