"""From a flag to a function: of a context, the caller's default and the time, to a result.

Nothing that a flag does not use is in its function. A flag that cannot be compiled becomes a function that says why.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias
from weakref import ref

from msgspec.structs import replace

from pennon.engine.answers import Answers, Exposed, Failing, Sampled, Served, failure
from pennon.engine.buckets import BucketCache
from pennon.engine.conditions import Conditions, Member, compile_segment, is_small
from pennon.engine.counting import Tally
from pennon.engine.dialects import Choosy, Dialects
from pennon.engine.links import Link, Links, Node
from pennon.engine.operators import Refused, prepare_target
from pennon.engine.probes import Trace
from pennon.engine.regex import Patterns
from pennon.engine.source import Shapes, Writer
from pennon.engine.splits import Splits
from pennon.model import (
    ErrorCode,
    Evaluation,
    Flag,
    InvalidItem,
    Json,
    Layer,
    Problem,
    Reason,
    Serve,
    Snapshot,
    Split,
    Staleness,
)

Function: TypeAlias = Callable[[dict[Any, Any], Json, float | None], Evaluation]
"""What a flag is compiled to when it is asked for itself."""
Inner: TypeAlias = Callable[[dict[Any, Any], dict[Any, Any] | None, float | None], str | None]
"""What a flag is compiled to as a prerequisite: the key of the variation that it serves."""

Clock: TypeAlias = Callable[[], float]
"""Tells the time in epoch seconds to imported flags, where the caller of an evaluation does not."""

NEEDS: frozenset[str] = frozenset()
"""What a flag may need that this engine has, beyond the first version of the format."""


class Kit:
    """What all rule sets of one lineage share: caches, counters, the dialects known, who hears of exposures."""

    def __init__(
        self,
        *,
        counted: bool,
        exposed: Exposed | None,
        dialects: Dialects,
        clock: Clock | None = None,
        bucket_cache: int = 0,
        sampled: Sampled | None = None,
    ) -> None:
        self.buckets = BucketCache(bucket_cache) if bucket_cache > 0 else None
        self.tally = Tally() if counted else None
        self.exposed = exposed
        self.sampled = sampled
        self.dialects = dialects
        self.clock = clock
        self.patterns = Patterns()
        self.shapes = Shapes()

    def silent(self) -> "Kit":
        """Return a kit with the same caches that counts nothing and tells nobody."""
        kit = Kit(counted=False, exposed=None, dialects=self.dialects, clock=self.clock)
        kit.patterns, kit.shapes = self.patterns, self.shapes
        return kit


class Compiler:
    """Compiles the flags and segments of one snapshot, each when it is first asked for."""

    def __init__(self, snapshot: Snapshot, links: Links, kit: Kit, stale: frozenset[str] = frozenset()) -> None:
        self.snapshot = snapshot
        self.links = links
        self.kit = kit
        self.stale = stale
        self.patterns = kit.patterns
        self.dialects = kit.dialects
        self.clock = kit.clock
        self._segments: dict[str, Member | Refused] = {}
        self._inner: dict[str, Inner] = {}
        self.probe: Trace | None = None

    def probed(self, probe: Trace) -> "Compiler":
        """Return a compiler of the same snapshot whose functions tell *probe* what they do, and count nothing."""
        explaining = self.uncounted()
        explaining.probe = probe
        return explaining

    def uncounted(self) -> "Compiler":
        """Return a compiler of the same snapshot whose functions count nothing and tell nobody."""
        return Compiler(self.snapshot, self.links, self.kit.silent(), self.stale)

    def after(self, snapshot: Snapshot, links: Links, affected: Iterable[Node], stale: frozenset[str]) -> "Compiler":
        """Return the compiler of a later snapshot, which keeps what *affected* does not name."""
        later = Compiler(snapshot, links, self.kit, stale)
        later._segments = self._segments.copy()
        later._inner = self._inner.copy()
        for kind, key in affected:
            if kind == "segment":
                later._segments.pop(key, None)
            elif kind == "flag":
                later._inner.pop(key, None)
        return later

    def trim(self) -> None:
        """Forget the segments and prerequisites that no flag's function has any more; those that have one share it."""
        tests = [(key, ref(each.test), each.small) for key, each in self._segments.items() if isinstance(each, Member)]
        inner = [(key, ref(function)) for key, function in self._inner.items()]
        self._segments, self._inner = {}, {}
        self._segments = {key: Member(test, small) for key, found, small in tests if (test := found()) is not None}
        self._inner = {key: function for key, found in inner if (function := found()) is not None}

    def flag(self, key: str) -> Function:
        """Compile a flag that exists."""
        try:
            flag = self.snapshot.flags[key]
            link = self.links.of("flag", key, flag)
            return _FlagCompiler(flag, link, self, shared=self.links.is_shared(link)).function()
        except (InvalidItem, Refused) as error:
            version = self.snapshot.flags.records[key].version
            return self._broken(key, version, str(error))

    def _broken(self, key: str, version: int, cause: str) -> Function:
        tally = self.kit.tally
        step = None if tally is None else tally.counter(key, version, None, Reason.ERROR)
        return Failing(failure(ErrorCode.PARSE_ERROR, cause, version), step)

    def unknown(self, key: str) -> Function:
        """Return the function of a flag that does not exist."""
        tally = self.kit.tally
        step = None if tally is None else partial(tally.count_unknown, key)
        return Failing(failure(ErrorCode.FLAG_NOT_FOUND, f"there is no flag {key!r}", None), step)

    def problems(self, flag: Flag) -> tuple[Problem, ...]:
        """Return everything in *flag* that cannot be compiled."""
        try:
            # Written and not made: to compile what is written takes longer than all else, and can refuse nothing.
            _FlagCompiler(flag, self.links.of("flag", flag.key, flag), self, shared=None).check()
        except Refused as refused:
            return refused.problems
        return ()

    def prerequisite(self, key: str) -> Inner | None:
        """Return a flag as a function for those that need it, or None where it cannot be met by anybody."""
        found = self._inner.get(key)
        if found is None and key in self.snapshot.flags:
            found = self._inner[key] = self._compiled_inner(key)
        return found

    def _compiled_inner(self, key: str) -> Inner:
        try:
            return _FlagCompiler(self.snapshot.flags[key], self.links.of("flag", key), self, shared=None).function()
        except (InvalidItem, Refused):
            return _never

    def segment(self, key: str) -> Member:
        """Return a segment. Raises `Refused` where it is not there or broken."""
        found = self._segments.get(key)
        if found is None:
            found = self._segments[key] = self._compiled_segment(key)
        if isinstance(found, Refused):
            raise found
        return found

    def _compiled_segment(self, key: str) -> Member | Refused:
        # No cycle leads here: a flag or segment whose links have a problem is refused before its conditions.
        try:
            segment = self.snapshot.segments[key]
            writer, problems = compile_segment(segment, self)
        except KeyError:
            return Refused(Problem("", f"there is no segment {key!r}", "create it, or leave it out"))
        except InvalidItem as error:
            return Refused(Problem("", f"the segment {key!r} cannot be read: {error}"))
        if problems:
            return Refused(*(Problem("", f"the segment {key!r} is broken: {problem}") for problem in problems))
        return Member(writer.made(self.kit.shapes), segment if is_small(segment) else None)


def _never(_context: dict[Any, Any], _memo: dict[Any, Any] | None, _now: float | None) -> None:
    return None


class _FlagCompiler:
    """Writes the function of one flag, in the order in which it is evaluated."""

    def __init__(self, flag: Flag, link: Link, compiler: Compiler, *, shared: bool | None) -> None:
        """*shared*: whether answers are to be remembered; None: it is a prerequisite, so whoever asks says."""
        self._flag = flag
        self._link = link
        self._compiler = compiler
        self._shared = shared
        self._writer = Writer("c, m, t" if shared is None else "c, d, t", compiler.probe)
        self._conditions = Conditions(flag, self._writer, compiler, memo="m" if shared is not False else "None")
        kit = compiler.kit
        asked = Answers(flag, self._writer, tally=kit.tally, exposed=kit.exposed, sampled=kit.sampled)
        self._answers = Served(self._writer) if shared is None else asked
        self._splits = Splits(flag, self._writer, self._conditions, self._answers, kit.buckets)
        self._keys = {variation.key for variation in flag.variations}

    def function(self) -> Callable[..., Any]:
        """Return the function. Raises `Refused` with every problem."""
        flag = self._flag
        self._conditions.write_time()
        self._write_guard()
        is_stale = flag.staleness is not None and flag.key in self._compiler.stale
        if is_stale or not flag.on:
            # What is not written must be sound all the same: a broken flag is broken while it is off, too.
            _FlagCompiler(replace(flag, on=True), self._link, self._compiler, shared=None).check()
            # As a prerequisite an off flag stays shut, whatever it serves once it is stale.
            self._write_short(is_stale=is_stale and (flag.on or self._shared is not None))
        else:
            self.check()
        return self._writer.made(self._compiler.kit.shapes)

    def _write_guard(self) -> None:
        """Write the line that answers contexts for which the vendor's SDK evaluates nothing."""
        dialect = self._conditions.dialect
        if isinstance(dialect, Choosy):
            refused = self._answers.fail(ErrorCode.TARGETING_KEY_MISSING, _NOT_ACCEPTED)
            self._writer.line(0, f"if not {self._writer.constant(dialect.accepts)}(c): {refused}")

    def check(self) -> None:
        """Write the function of the flag as it is while on. Raises `Refused` with every problem."""
        self._check_parts()
        if self._shared:
            self._writer.line(0, "m = {}")
        self._write_prerequisites()
        self._write_targets()
        for index, rule in enumerate(self._flag.rules):
            path = f"/rules/{index}"
            holds = self._conditions.all_of(rule.conditions, path + "/conditions")
            self._writer.line(0, f"if {self._writer.probed(holds, 'rule', path, rule)}:")
            self._serve(1, rule.serve, path + "/serve", rule.id, Reason.RULE_MATCH)
        self._serve(0, self._flag.fallthrough, "/fallthrough", None, Reason.FALLTHROUGH)
        if self._conditions.problems:
            raise Refused(*self._conditions.problems)

    def _check_parts(self) -> None:
        flag, refuse = self._flag, self._conditions.refuse
        if (problem := self._link.problem) is not None:
            raise Refused(Problem("", problem, "break the chain"))  # to go on would follow a cycle for ever
        for index, need in enumerate(flag.needs):
            if need not in NEEDS:
                refuse(f"/needs/{index}", f"the need {need!r} is not known here", "update the SDK")
        if len(self._keys) != len(flag.variations):
            refuse("/variations", "two variations have one key", "give each its own")
        if flag.off_variation is not None and flag.off_variation not in self._keys:
            refuse("/offVariation", f"there is no variation {flag.off_variation!r}", _NAME_ONE)
        if flag.staleness is not None:
            apart = _FlagCompiler(flag, self._link, self._compiler, shared=None).stale_problems(flag.staleness)
            self._conditions.problems += [problem for problem in apart if problem.path.startswith("/staleness")]

    def stale_problems(self, staleness: Staleness) -> list[Problem]:
        """Return what is wrong with what is served once the state is too old."""
        self._write_stale(staleness)
        return self._conditions.problems

    def _write_short(self, *, is_stale: bool) -> None:
        if is_stale and self._flag.staleness is not None:
            self._write_stale(self._flag.staleness)
        else:
            self._writer.line(0, self._answers.serve(self._flag.off_variation, Reason.OFF))

    def _write_stale(self, staleness: Staleness) -> None:
        self._serve(0, staleness.serve, "/staleness/serve", None, Reason.STALE)

    def _write_prerequisites(self) -> None:
        off = self._flag.off_variation
        if off is not None and off not in self._keys:
            return  # which is refused already, and cannot be served
        for index, prerequisite in enumerate(self._flag.prerequisites):
            inner = self._compiler.prerequisite(prerequisite.flag)
            failed = self._answers.serve(self._flag.off_variation, Reason.PREREQUISITE_FAILED)
            served = "None" if inner is None else self._conditions.asked(inner)
            served = self._writer.probed(served, "prerequisite", f"/prerequisites/{index}", prerequisite)
            self._writer.line(0, f"if {served} not in {self._writer.constant(prerequisite.variations)}: {failed}")

    def _write_targets(self) -> None:
        for index, target in enumerate(self._flag.targets):
            path = f"/targets/{index}"
            found = self._conditions.key(target.attribute, path + "/attribute")
            test = self._conditions.test(found, prepare_target(target.values))
            test = self._writer.probed(test, "target", path, target)
            if target.variation in self._keys:
                self._writer.line(0, f"if {test}: {self._answers.serve(target.variation, Reason.TARGET_MATCH)}")
            else:
                self._conditions.refuse(path + "/variation", f"there is no variation {target.variation!r}", _NAME_ONE)

    def _serve(self, indent: int, serve: Serve, path: str, rule: str | None, reason: Reason) -> None:
        """Write what a rule, the fallthrough or staleness serves."""
        if (serve.variation is None) == (serve.split is None):
            self._conditions.refuse(path, "it serves neither a variation nor a split", "update the SDK, or name one")
        elif serve.split is not None:
            self._serve_split(indent, serve.split, path + "/split", rule, reason)
        elif serve.variation in self._keys:
            self._writer.line(indent, self._answers.serve(serve.variation, reason, rule))
        else:
            self._conditions.refuse(path + "/variation", f"there is no variation {serve.variation!r}", _NAME_ONE)

    def _serve_split(self, indent: int, split: Split, path: str, rule: str | None, reason: Reason) -> None:
        split_reason = reason if reason is Reason.STALE else Reason.SPLIT
        if split.experiment is None or split.experiment.layer is None:
            self._splits.write(indent, split, path, rule, split_reason)
            return
        layer = self._layer(split.experiment.layer, path + "/experiment/layer")
        self._splits.write_owned(indent, split, layer, path)
        self._splits.write(indent + 1, split, path, rule, split_reason)
        if rule is None:
            self._serve_otherwise(indent, split.experiment.otherwise, path + "/experiment/otherwise", reason)

    def _serve_otherwise(self, indent: int, otherwise: str | None, path: str, reason: Reason) -> None:
        if otherwise in self._keys:
            self._writer.line(indent, self._answers.serve(otherwise, reason))
        else:
            self._conditions.refuse(
                path, f"there is no variation {otherwise!r} for units of other experiments", _NAME_ONE
            )

    def _layer(self, key: str, path: str) -> Layer:
        try:
            return self._compiler.snapshot.layers[key]
        except KeyError:
            self._conditions.refuse(path, f"there is no layer {key!r}", "create it, or leave it out")
        except InvalidItem as error:
            self._conditions.refuse(path, f"the layer {key!r} cannot be read: {error}")
        return Layer(key)


_NOT_ACCEPTED = "the context has no key that the vendor's SDK takes, and its SDK evaluates nothing for it"
_NAME_ONE = "name one of the flag's variations"
