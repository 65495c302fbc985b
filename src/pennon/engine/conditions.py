"""Conditions as Python expressions, and segments as functions of them. What cannot be compiled is noted."""

from collections.abc import Callable, Sequence
from sys import intern
from typing import Any, NamedTuple, Protocol, TypeAlias

from pennon.bucketing import sha256, well_formed
from pennon.engine.dialects import Dialect, Dialects
from pennon.engine.operators import OPERATORS, VALUE_OPERATORS, Prepared, Refused, prepare, prepare_share
from pennon.engine.probes import Trace
from pennon.engine.regex import Patterns
from pennon.engine.source import Writer
from pennon.engine.values import attribute_reader, pointer_problem
from pennon.model import Condition, Flag, Problem, Segment

SegmentTest: TypeAlias = Callable[[dict[Any, Any], dict[Any, Any] | None, float | None], bool]


SERVES = "serves"
"""The condition of an imported flag that another flag serves one of the variations named."""
_NO_SERVES = "a segment cannot ask what a flag serves"


SMALL = 4
"""A segment of so many conditions, without lists and other segments, is written into the flags that ask for it."""


class Member(NamedTuple):
    """A segment as a function; and itself, where it is small and so need not be called."""

    test: SegmentTest
    small: Segment | None


class Surroundings(Protocol):
    """What a condition is compiled among."""

    patterns: Patterns
    dialects: Dialects
    clock: Callable[[], float] | None
    probe: Trace | None

    def segment(self, key: str) -> Member:
        """Return a segment. Raises `Refused` where it is not there or broken."""

    def prerequisite(self, key: str) -> Callable[..., Any] | None:
        """Return a flag as a function of who needs it, or None where it serves nobody."""


class Conditions:
    """Writes the conditions of one flag or segment. `problems` collects what cannot be compiled."""

    def __init__(self, owner: Flag | Segment, writer: Writer, around: Surroundings, *, memo: str) -> None:
        """Write into *writer*; *memo* is the name of the answers so far, "None" where nothing is asked twice."""
        self._owner = owner
        self._writer = writer
        self._around = around
        self._memo = memo
        self.problems: list[Problem] = []
        self.dialect = self._dialect()

    def _dialect(self) -> Dialect | None:
        compat = self._owner.compat
        if compat is None:
            return None
        dialect = self._around.dialects.get((compat.vendor, compat.dialect))
        if dialect is None:
            message = f"the dialect {compat.dialect!r} of {compat.vendor!r} is not known here"
            self.refuse("/compat", message, "update the SDK")
        return dialect

    def write_time(self) -> None:
        """Write the line that looks at the clock for a dialect, where whoever asks did not give the time."""
        if self.dialect is not None and self._around.clock is not None:
            self._writer.line(0, f"if t is None: t = {self._writer.constant(self._around.clock)}()")

    def refuse(self, path: str, message: str, mend: str = "") -> None:
        """Note that a part cannot be compiled."""
        self.problems.append(Problem(path, message, mend))

    def lookup(self, attribute: str, path: str) -> str:
        """Return the expression that reads *attribute* from the context."""
        if (problem := pointer_problem(attribute)) is not None:
            self.refuse(path, problem, "write ~0 for ~ and ~1 for / within a name")
            return "None"
        if attribute.startswith("/"):
            return self._writer.found(f"{self._writer.constant(attribute_reader(attribute))}(c)")
        return self._writer.found(f"c.get({self._writer.constant(intern(attribute))})")

    def lookup_lines(self, name: str, attribute: str, path: str) -> list[str]:
        """Return statements that read *attribute*, which is hardly ever missing, into *name*."""
        if attribute.startswith("/") or self._around.probe is not None:
            return [f"{name} = {self.lookup(attribute, path)}"]
        return [f"try: {name} = c[{self._writer.constant(intern(attribute))}]", f"except KeyError: {name} = None"]

    def all_of(self, conditions: Sequence[Condition], path: str) -> str:
        """Return the expression that is true where every condition holds."""
        return self._writer.every([self.one(each, f"{path}/{i}") for i, each in enumerate(conditions)])

    def one(self, condition: Condition, path: str) -> str:
        """Return one condition as an expression."""
        try:
            return self._writer.probed(self._expression(condition, path), "condition", path, condition)
        except Refused as refused:
            self.problems.extend(problem.under(path) for problem in refused.problems)
            return "False"

    def _expression(self, condition: Condition, path: str) -> str:
        if condition.op == "inSegment":
            return self._in_segment(condition, path)
        if self._owner.compat is not None and (condition.op, condition.hash) != ("inBucket", "sha256"):
            return self._serves(condition) if condition.op == SERVES else self._foreign(condition)
        if condition.op not in OPERATORS:
            raise Refused(Problem("/op", f"the operator {condition.op!r} is not known here", "update the SDK"))
        if condition.op == "inBucket":
            found = self.lookup(condition.by or "targetingKey", path + "/by")
            return self.test(found, prepare_share(condition, self._owner), negate=condition.negate)
        if condition.attribute is None:
            raise Refused(Problem("/attribute", f"{condition.op} asks about no attribute", "name one"))
        found = self.lookup(condition.attribute, path + "/attribute")
        if condition.op not in VALUE_OPERATORS:
            return f"{found} is {'' if condition.negate else 'not '}None"
        return self.test(found, prepare(condition, self._around.patterns), negate=condition.negate)

    def test(self, found: str, prepared: Prepared, *, negate: bool = False) -> str:
        """Return the test of what *found* finds: inline where it can be, by the comparison for all other values."""
        literals = self._writer.constant(prepared.literals)
        rest = f"{'none' if negate else 'some'}({prepared.compare}, {literals}, v)"
        inline = prepared.inline
        if inline is None:
            return f"((v := {found}) is not None and {rest})"
        more = "" if inline.more is None else self._writer.constant(inline.more)
        test = (inline.false if negate else inline.true).format(literals, more)
        if inline.takes == "str":
            return f"({test} if type(v := {found}) is str else v is not None and {rest})"
        return f"({test} if (y := type(v := {found})) is int or y is float else v is not None and {rest})"

    def _foreign(self, condition: Condition) -> str:
        if self.dialect is None:
            return "False"
        try:
            return f"{self._writer.constant(self.dialect.condition(condition, self._owner))}(c, t)"
        except ValueError as error:
            raise Refused(Problem("", str(error), "import the flag again, or write the rule anew")) from error

    def _serves(self, condition: Condition) -> str:
        """Another flag serves one of the variations; off, broken or missing, it serves none."""
        if not isinstance(self._owner, Flag) or condition.attribute is None:
            message = "serves names a flag as its attribute" if isinstance(self._owner, Flag) else _NO_SERVES
            raise Refused(Problem("/op", message, "import the flag again, or write the rule anew"))
        inner = self._around.prerequisite(condition.attribute)
        served = "None" if inner is None else self.asked(inner)
        return f"{served} {'not in' if condition.negate else 'in'} {self._writer.constant(condition.values)}"

    def key(self, attribute: str, path: str) -> str:
        """Return the expression for what a target, or a segment's list, is compared with."""
        if self.dialect is None:
            return self.lookup(attribute, path)
        try:
            return self._writer.found(f"{self._writer.constant(self.dialect.key(attribute))}(c)")
        except ValueError as error:
            self.refuse(path, str(error), "import the flag again, or write the target anew")
            return "None"

    def _in_segment(self, condition: Condition, path: str) -> str:
        tests, problems = [], []
        for index, key in enumerate(condition.values):
            try:
                test = self._member(self._around.segment(key))
                tests.append(self._writer.probed(test, "segment", f"{path}/values/{index}", key))
            except Refused as refused:
                problems += [problem.under(f"/values/{index}") for problem in refused.problems]
        if problems:
            raise Refused(*problems)
        anywhere = " or ".join(tests) or "False"
        return f"not ({anywhere})" if condition.negate else f"({anywhere})"

    def _member(self, member: Member) -> str:
        """Return the test of a segment: its rules, where it is small and nothing is to be remembered or explained."""
        if member.small is None or self._memo != "None" or self._around.probe is not None:
            return self.asked(member.test)
        within = Conditions(member.small, self._writer, self._around, memo="None")
        return " or ".join(f"({within.all_of(rule.conditions, '')})" for rule in member.small.rules) or "False"

    def asked(self, function: Callable[..., Any]) -> str:
        """Return the call of another item's function, remembered where it may be asked for again."""
        name = self._writer.constant(function)
        if self._memo == "None":
            return f"{name}(c, None, t)"
        return f"({name}(c, None, t) if m is None else once(m, {name}, c, t))"


def compile_segment(segment: Segment, around: Surroundings) -> tuple[Writer, list[Problem]]:
    """Write the function that tells whether a context is in *segment*: `included` beats `excluded` beats rules."""
    writer = Writer("c, m, t", around.probe)
    conditions = Conditions(segment, writer, around, memo="m")
    conditions.write_time()
    if segment.included or segment.excluded:
        _write_lists(segment, writer, conditions.key("targetingKey", ""))
    rules = []
    for index, rule in enumerate(segment.rules):
        holds = conditions.all_of(rule.conditions, f"/rules/{index}/conditions")
        rules.append(f"({writer.probed(holds, 'rule', f'/rules/{index}', rule)})")
    writer.line(0, f"return {' or '.join(rules) or 'False'}")
    return writer, conditions.problems


def is_small(segment: Segment) -> bool:
    """Tell whether a segment is as cheap written out as it is called."""
    conditions = [condition for rule in segment.rules for condition in rule.conditions]
    has_lists = bool(segment.included or segment.excluded)
    asks_others = any(condition.op == "inSegment" for condition in conditions)
    return segment.compat is None and len(conditions) <= SMALL and not (has_lists or asks_others)


def _write_lists(segment: Segment, writer: Writer, key: str) -> None:
    writer.line(0, f"u = {key}")
    writer.line(0, "if type(u) is not str or not u.isascii(): u = unit(u)")
    if segment.hashed:
        writer.line(0, f"if u is not None: u = {writer.constant(_hasher(segment.salt))}(u)")
    for name, keys, answer in (("included", segment.included, True), ("excluded", segment.excluded, False)):
        if keys:
            test = f"u in {writer.constant(frozenset(map(well_formed, keys)))}"
            writer.line(0, f"if {writer.probed(test, 'list', '/' + name, name)}: return {answer}")


def _hasher(salt: str) -> Callable[[str], str]:
    prefix = f"{well_formed(salt)}.".encode()
    return lambda key: sha256(prefix + key.encode()).hexdigest()
