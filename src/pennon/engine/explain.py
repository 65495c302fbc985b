"""Why a context gets what it gets: the steps of an evaluation, in words and in fields.

What happened comes from the compiler's own probes (`probes`), so an explanation cannot differ from the answer; this
module only puts it beside the parts of the flag that it happened at.
"""

from collections.abc import Iterable, Sequence

from pennon.engine import words
from pennon.engine.comparisons import before_negation
from pennon.engine.compiler import Compiler
from pennon.engine.conditions import SERVES
from pennon.engine.operators import VALUE_OPERATORS, prepare
from pennon.engine.probes import Node, Trace
from pennon.engine.steps import Explanation, Slice, Step, StepKind
from pennon.model import (
    Condition,
    Evaluation,
    Flag,
    InvalidItem,
    Prerequisite,
    Reason,
    Rule,
    Segment,
    SegmentRule,
    Split,
    Target,
)


def explain(flag: str, evaluation: Evaluation, trace: Trace, compiler: Compiler) -> Explanation:
    """Return the explanation of *evaluation*, whose probes told *trace*."""
    explainer = _Explainer(compiler)
    steps: list[Step] = []
    if evaluation.reason is not Reason.ERROR or trace.root.children:
        model = compiler.snapshot.flags[flag]
        if _is_stale(evaluation, trace.root.children):
            steps += explainer.stale(model, trace.root.children, evaluation)
        else:
            steps += explainer.flag(model, trace.root.children)
    if evaluation.reason is Reason.ERROR:
        why = f"{evaluation.error_code}: {evaluation.error_message}"
        steps.append(Step(what=StepKind.ERROR, matched=True, why=why))
    return Explanation(flag=flag, evaluation=evaluation, steps=tuple(steps))


def _is_stale(evaluation: Evaluation, nodes: Sequence[Node]) -> bool:
    return evaluation.reason is Reason.STALE or any(node.site.path.startswith("/staleness") for node in nodes)


class _Explainer:
    """Turns nodes into steps. What was explained once is not explained again."""

    def __init__(self, compiler: Compiler) -> None:
        self._snapshot = compiler.snapshot
        self._kit = compiler.kit
        self._explained: set[tuple[str, str]] = set()

    def stale(self, flag: Flag, nodes: Sequence[Node], evaluation: Evaluation) -> list[Step]:
        """Explain a flag whose staleness bound has passed."""
        bound = "" if flag.staleness is None else f" of {flag.staleness.max_age_s} s"
        why = f"the state is older than the flag's bound{bound}"
        within = self._placing(nodes)
        step = Step(
            what=StepKind.STALENESS,
            matched=True,
            why=why,
            path="/staleness",
            variation=evaluation.variation,
            steps=within,
        )
        return [step]

    def flag(self, flag: Flag, nodes: Sequence[Node]) -> list[Step]:
        """Explain a flag, the one asked for or a prerequisite, part by part in the order of evaluation."""
        why = "the flag is on" if flag.on else f"the flag is off, so it serves {words.variation(flag.off_variation)}"
        steps = [Step(what=StepKind.OFF, matched=not flag.on, why=why, path="/on")]
        by_path = {node.site.path: node for node in nodes}
        parts: list[tuple[str, Prerequisite | Target | Rule]] = [
            *((f"/prerequisites/{i}", part) for i, part in enumerate(flag.prerequisites)),
            *((f"/targets/{i}", part) for i, part in enumerate(flag.targets)),
            *((f"/rules/{i}", part) for i, part in enumerate(flag.rules)),
        ]
        is_decided = not flag.on
        for path, part in parts:
            node = None if is_decided else by_path.get(path)
            if node is None:
                steps.append(_not_reached(path, part))
                continue
            placing = [each for each in nodes if each.site.path.startswith(path + "/")]
            step, is_decided = self._part(part, node, placing, foreign=flag.compat is not None)
            steps.append(step)
        steps.append(self._fallthrough(flag, nodes, is_reached=not is_decided))
        return steps

    def _part(
        self, part: Prerequisite | Target | Rule, node: Node, placing: Sequence[Node], *, foreign: bool
    ) -> tuple[Step, bool]:
        """Explain a part that was reached, and tell whether it decided."""
        if not node.is_finished:
            return Step(what=_KINDS[type(part)], matched=False, why=_FAILED, path=node.site.path), True
        if isinstance(part, Prerequisite):
            step = self._prerequisite(part, node)
            return step, not step.matched
        if isinstance(part, Target):
            step = _target(part, node)
            return step, bool(step.matched)
        return self._rule(part, node, placing, foreign=foreign)

    def _prerequisite(self, prerequisite: Prerequisite, node: Node) -> Step:
        key, served = prerequisite.flag, node.outcome
        wanted = words.any_of(prerequisite.variations)
        is_met = served in prerequisite.variations
        flag = self._flag(key)
        if flag is None:
            why = f"the flag {words.quoted(key)} does not exist or is broken; it must serve {wanted}"
        elif not flag.on:
            why = f"the flag {words.quoted(key)} is off, and an off flag meets no prerequisite"
        else:
            does = "answers an error or no variation" if served is None else f"serves {words.quoted(served)}"
            why = f"the flag {words.quoted(key)} {does}; it must serve {wanted}"
        within = () if flag is None or not self._is_first("flag", key) else tuple(self.flag(flag, node.children))
        return Step(
            what=StepKind.PREREQUISITE,
            matched=is_met,
            why=why,
            path=node.site.path,
            key=key,
            variation=served,
            steps=within,
        )

    def _flag(self, key: str) -> Flag | None:
        try:
            return self._snapshot.flags[key]
        except (KeyError, InvalidItem):
            return None

    def _is_first(self, kind: str, key: str) -> bool:
        is_first = (kind, key) not in self._explained
        self._explained.add((kind, key))
        return is_first

    def _rule(self, rule: Rule, node: Node, placing: Sequence[Node], *, foreign: bool) -> tuple[Step, bool]:
        conditions = self._conditions(rule, node, foreign=foreign)
        within = self._placing(placing)
        is_missing = any(each.bucket is None for each in placing if each.site.kind == "bucket")
        is_owned = not any(each.site.kind == "layer" and not each.outcome for each in placing)
        matched = bool(node.outcome) and (is_owned or is_missing)
        why = _rule_why(rule, conditions) if not node.outcome or is_owned else within[-1].why
        step = Step(
            what=StepKind.RULE,
            matched=matched,
            why=why,
            path=node.site.path,
            key=rule.id,
            variation=rule.serve.variation if matched else None,
            steps=(*conditions, *within),
        )
        return step, matched

    def _conditions(self, rule: Rule | SegmentRule, node: Node, *, foreign: bool) -> tuple[Step, ...]:
        by_path = {child.site.path: child for child in node.children}
        paths = (f"/conditions/{index}" for index in range(len(rule.conditions)))
        nodes = [by_path.get(node.site.path + path) for path in paths]
        return tuple(self._condition(each, foreign=foreign) for each in nodes if each is not None)

    def _condition(self, node: Node, *, foreign: bool) -> Step:
        condition: Condition = node.site.subject
        return Step(
            what=StepKind.CONDITION,
            matched=bool(node.outcome),
            why=self._condition_why(condition, node, foreign=foreign) if node.is_finished else _FAILED,
            path=node.site.path,
            attribute=condition.attribute or condition.by,
            op=condition.op,
            found=words.shown(node.found),
            steps=self._within(condition, node),
        )

    def _within(self, condition: Condition, node: Node) -> tuple[Step, ...]:
        """Explain the segments, or the other flag, that a condition asks for."""
        if condition.op != SERVES or condition.attribute is None:
            return tuple(self._segment(child) for child in node.children)
        flag = self._flag(condition.attribute)
        is_new = flag is not None and node.children and self._is_first("flag", condition.attribute)
        return tuple(self.flag(flag, node.children)) if flag is not None and is_new else ()

    def _condition_why(self, condition: Condition, node: Node, *, foreign: bool) -> str:
        answer = bool(node.outcome)
        if condition.op == "inSegment":
            inside = answer != condition.negate
            return f"the context is {'in' if inside else 'in none of'} {words.any_of(condition.values)}"
        if foreign and condition.op == SERVES and condition.attribute is not None:
            does = "serves" if answer != condition.negate else "does not serve"
            return f"the flag {words.quoted(condition.attribute)} {does} {words.any_of(condition.values)}"
        if foreign and condition.hash != "sha256":  # only the dialect knows what it found
            return f"the dialect's {condition.op} {'holds' if answer else 'does not hold'}"
        if condition.op == "exists":
            return words.existing(condition, node.found)
        if condition.op == "inBucket":
            return words.share(condition, node.found, is_inside=answer != condition.negate)
        if condition.op in VALUE_OPERATORS and node.found is not None:
            prepared = prepare(condition, self._kit.patterns)
            compare = self._kit.shapes.comparisons[prepared.compare]
            raw = before_negation(compare, prepared.literals, node.found)
            return words.compared(condition, node.found, answer=raw)
        return words.compared(condition, None, answer=None)

    def _segment(self, node: Node) -> Step:
        key: str = node.site.subject
        segment = self._snapshot.segments[key]
        is_in = bool(node.outcome)
        within: list[Step] = []
        if self._is_first("segment", key):
            within = [self._segment_part(segment, child) for child in node.children]
        why = _segment_why(within, is_in=is_in)
        return Step(what=StepKind.SEGMENT, matched=is_in, why=why, path=node.site.path, key=key, steps=tuple(within))

    def _segment_part(self, segment: Segment, node: Node) -> Step:
        if node.site.kind == "list":
            name = node.site.subject
            is_in = bool(node.outcome)
            why = f"the targeting key is {'' if is_in else 'not '}{name}"
            return Step(what=StepKind.LIST, matched=is_in, why=why, path=node.site.path, key=name)
        rule: SegmentRule = node.site.subject
        conditions = self._conditions(rule, node, foreign=segment.compat is not None)
        return Step(
            what=StepKind.RULE,
            matched=bool(node.outcome),
            why=_rule_why(rule, conditions),
            path=node.site.path,
            key=rule.id or None,
            steps=conditions,
        )

    def _placing(self, nodes: Sequence[Node]) -> tuple[Step, ...]:
        """Explain where a unit landed: in a layer, then in a split."""
        steps: list[Step] = []
        before: Node | None = None
        for node in nodes:
            if node.site.kind == "layer" and before is not None:
                steps[-1] = _layer_step(node, before)
            else:
                steps.append(_bucket_step(node))
            before = node
        return tuple(steps)

    def _fallthrough(self, flag: Flag, nodes: Sequence[Node], *, is_reached: bool) -> Step:
        if not is_reached:
            return Step(what=StepKind.FALLTHROUGH, matched=None, why="not reached", path="/fallthrough")
        within = self._placing([node for node in nodes if node.site.path.startswith("/fallthrough")])
        why = "no target and no rule matched" if flag.targets or flag.rules else "there are no targets and no rules"
        return Step(
            what=StepKind.FALLTHROUGH,
            matched=True,
            why=why,
            path="/fallthrough",
            variation=flag.fallthrough.variation,
            steps=within,
        )


_FAILED = "reading the context failed here"
_KINDS = {Prerequisite: StepKind.PREREQUISITE, Target: StepKind.TARGET, Rule: StepKind.RULE}


def _not_reached(path: str, part: Prerequisite | Target | Rule) -> Step:
    key = part.flag if isinstance(part, Prerequisite) else part.id if isinstance(part, Rule) else None
    return Step(what=_KINDS[type(part)], matched=None, why="not reached", path=path, key=key)


def _target(target: Target, node: Node) -> Step:
    is_listed = bool(node.outcome)
    if node.found is None:
        why = f"{target.attribute} is missing"
    else:
        why = f"{target.attribute} {words.quoted(node.found)} is {'' if is_listed else 'not '}listed"
    return Step(
        what=StepKind.TARGET,
        matched=is_listed,
        why=why,
        path=node.site.path,
        attribute=target.attribute,
        found=words.shown(node.found),
        variation=target.variation if is_listed else None,
    )


def _rule_why(rule: Rule | SegmentRule, conditions: Iterable[Step]) -> str:
    if not rule.conditions:
        return "it has no conditions, so it matches everybody"
    failed = [step for step in conditions if not step.matched]
    return "; ".join(step.why for step in failed) if failed else "every condition holds"


def _segment_why(within: Sequence[Step], *, is_in: bool) -> str:
    decisive = next((step for step in within if step.matched), None)
    if decisive is None:
        return "as explained above" if is_in else "neither its lists nor its rules have the context"
    return decisive.why if decisive.what is StepKind.LIST else f"its rule at {decisive.path} holds"


def _bucket_step(node: Node) -> Step:
    split = node.site.subject
    kind = StepKind.SPLIT if isinstance(split, Split) else StepKind.LAYER
    if node.bucket is None:
        why = f"{split.by} is missing, or neither a string nor an integer"
        return Step(what=kind, matched=False, why=why, path=node.site.path, attribute=split.by)
    if not isinstance(split, Split) or split.hash != "sha256":
        why = f"the hash {split.hash!r} chooses weight {node.bucket}" if isinstance(split, Split) else "placed"
        return Step(what=kind, matched=True, why=why, path=node.site.path, bucket=node.bucket)
    slices = _slices(split)
    hit = next(each for each in slices if node.bucket < each.to)
    unit = words.quoted(node.unit)
    why = f"{split.by} {unit} has bucket {node.bucket}, in [{hit.from_}, {hit.to}) of {words.quoted(hit.variation)}"
    return Step(
        what=kind,
        matched=True,
        why=why,
        path=node.site.path,
        attribute=split.by,
        unit=node.unit,
        bucket=node.bucket,
        variation=hit.variation,
        slices=slices,
    )


def _slices(split: Split) -> tuple[Slice, ...]:
    slices: list[Slice] = []
    start: int | float = 0
    for weight in split.weights:
        slices.append(Slice(from_=start, to=start + weight.weight, variation=weight.variation))
        start += weight.weight
    return tuple(slices)


def _layer_step(node: Node, placed: Node) -> Step:
    layer, experiment = placed.site.subject, node.site.subject
    owns = "owned" if node.outcome else "not owned"
    why = f"place {placed.bucket} of the layer {words.quoted(layer.key)} is {owns} by {words.quoted(experiment.key)}"
    return Step(
        what=StepKind.LAYER,
        matched=bool(node.outcome),
        why=why,
        path=node.site.path,
        key=layer.key,
        attribute=layer.by,
        unit=placed.unit,
        bucket=placed.bucket,
    )
