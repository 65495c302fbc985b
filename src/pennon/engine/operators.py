"""What each operator asks: a condition's literals prepared once, and how they are compared with a value.

Beside the comparison may stand the same as a Python expression over `v`, for the types that nearly every context has;
the compiler writes it into the flag's function and leaves all other values to the comparison.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pennon.bucketing import BUCKETS, bucket_prefix, well_formed
from pennon.engine import regex, words
from pennon.engine.values import HUGE, SAFE, instant, integer, network, number, text, version_rank
from pennon.model import Condition, Flag, Problem, Segment


class Refused(Exception):
    """A part of a flag or segment that cannot be compiled. `problems` are seen from that part."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


class Inline(NamedTuple):
    """A comparison as an expression over `v`: of which type ("str" or "number"), and its opposite.

    `{0}` stands for the literals, `{1}` for `more`.
    """

    takes: str
    true: str
    false: str
    more: Any = None


class Prepared(NamedTuple):
    """A condition whose literals are prepared: the name of the comparison, and what it compares with."""

    compare: str
    literals: Any
    inline: Inline | None = None


def prepare(condition: Condition, patterns: regex.Patterns) -> Prepared:
    """Prepare a condition of one of `VALUE_OPERATORS`. Raises `Refused`."""
    if condition.op == "matches":
        return _matches(condition, patterns)
    return _OPERATORS[condition.op](condition)


# Literals


def _literals(condition: Condition, read: Callable[[Any], Any], what: str, mend: str) -> list[Any]:
    found, problems = [], []
    for index, value in enumerate(condition.values):
        literal = read(value)
        if literal is None:
            problems.append(Problem(f"/values/{index}", f"{words.quoted(value)} is not {what}", mend))
        found.append(literal)
    if problems:
        raise Refused(*problems)
    return found


def _texts(condition: Condition) -> tuple[str, ...]:
    texts = _literals(condition, text, "a string", f"{condition.op} takes strings")
    return tuple(literal.lower() if condition.ignore_case else literal for literal in texts)


# Strings


def _subject(literals: Iterable[str], *, ignore_case: bool) -> str:
    """Return the expression for the string that is compared.

    A lone surrogate equals only U+FFFD, and a pair of them only a character beyond the basic plane: where no literal
    has one, an ill-formed string need not be mended to be compared.
    """
    mended = "(v if v.isascii() else well_formed(v))"
    if ignore_case:
        return mended + ".lower()"
    return mended if any(not literal.isascii() and max(literal) >= "\ufffd" for literal in literals) else "v"


def _named(name: str, condition: Condition) -> str:
    return f"{name}_any_case" if condition.ignore_case else name


def _affix(name: str, method: str) -> Callable[[Condition], Prepared]:
    """True of a string that starts, or ends, with any of the values."""

    def prepare_affix(condition: Condition) -> Prepared:
        affixes = _texts(condition)
        expression = f"{_subject(affixes, ignore_case=condition.ignore_case)}.{method}({{0}})"
        literals = affixes[0] if len(affixes) == 1 else affixes
        return Prepared(_named(name, condition), literals, Inline("str", expression, f"not {expression}"))

    return prepare_affix


def _contains(condition: Condition) -> Prepared:
    """True of a string that has any of the values in it."""
    parts = _texts(condition)
    if len(parts) != 1:
        return Prepared(_named("has", condition), parts)
    subject = _subject(parts, ignore_case=condition.ignore_case)
    return Prepared(
        _named("has", condition), parts, Inline("str", f"{{1}} in {subject}", f"{{1}} not in {subject}", parts[0])
    )


def _matches(condition: Condition, patterns: regex.Patterns) -> Prepared:
    """True of a string in which any of the patterns is found. See spec/regex.md."""
    written = _literals(condition, text, "a string", "matches takes patterns")
    problems = [
        Problem(f"/values/{index}", problem, "see spec/regex.md")
        for index, pattern in enumerate(written)
        if (problem := regex.pattern_problem(pattern)) is not None
    ]
    if problems:
        raise Refused(*problems)
    try:
        search = patterns.search(written, ignore_case=condition.ignore_case)
    except regex.NotSearchable as error:
        raise Refused(Problem("/op", str(error), error.mend)) from error
    expression = "{0}(v if v.isascii() else well_formed(v)) is"
    return Prepared("found", search, Inline("str", f"{expression} not None", f"{expression} None"))


# Strings, numbers and booleans


def _one_of(condition: Condition) -> Prepared:
    """True of a value that is any of the values, within its type."""
    values = _literals(condition, _scalar, "a string, number or boolean", "leave it out")
    texts = (value.lower() if condition.ignore_case else value for value in values if isinstance(value, str))
    strings = frozenset(texts)
    booleans = frozenset(value for value in values if isinstance(value, bool))
    numbers = frozenset(value for value in values if not isinstance(value, (str, bool)))
    subject = _subject(strings, ignore_case=condition.ignore_case)
    inline = Inline("str", f"{subject} in {{1}}", f"{subject} not in {{1}}", strings)
    return Prepared(_named("scalar", condition), (strings, numbers, booleans), inline)


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, bool):
        return value
    found = text(value)
    return number(value) if found is None else found


def prepare_target(values: Sequence[str]) -> Prepared:
    """Prepare the test of a target: its values are compared as units are, an integer in decimal."""
    keys = frozenset(map(well_formed, values))
    return Prepared("listed", keys, Inline("str", f"{_subject(keys, ignore_case=False)} in {{0}}", ""))


# Order: of several values only the outermost counts, for "before any of them" is "before the last".


class _Order(NamedTuple):
    name: str
    sign: str
    opposite: str
    outermost: Callable[[Sequence[Any]], Any]


_LESS = _Order("less", "<", ">=", max)
_LESS_OR_EQUAL = _Order("less_or_equal", "<=", ">", max)
_GREATER = _Order("greater", ">", "<=", min)
_GREATER_OR_EQUAL = _Order("greater_or_equal", ">=", "<", min)


def _number_order(order: _Order) -> Callable[[Condition], Prepared]:
    def prepare_order(condition: Condition) -> Prepared:
        literals = _literals(condition, number, "a number", f"{condition.op} takes numbers")
        bound = order.outermost(literals) if literals else None
        inline = None
        if bound is not None and -SAFE < bound < SAFE:  # beyond, an integer must be rounded before it is compared
            inline = Inline("number", _finite(order.sign), _finite(order.opposite))
        return Prepared(f"number_{order.name}", bound, inline)

    return prepare_order


def _finite(sign: str) -> str:
    """Return a comparison that NaN, the infinities and integers beyond every double fail."""
    # The bound first: most values fail it, and integers are compared with it in less than with a float.
    return f"v {sign} {{0}} and v >= -{HUGE!r}" if sign[0] == "<" else f"v {sign} {{0}} and v <= {HUGE!r}"


def _date_order(order: _Order) -> Callable[[Condition], Prepared]:
    def prepare_order(condition: Condition) -> Prepared:
        mend = 'write it like "2024-05-01T12:00:00Z", with a zone, or as epoch milliseconds'
        literals = _literals(condition, instant, "a date", mend)
        return Prepared(f"date_{order.name}", order.outermost(literals) if literals else None)

    return prepare_order


def _ranks(condition: Condition) -> list[bytes]:
    mend = 'write it like "2.3.0", "v1.2" or "1.0.0-beta.2"'
    return _literals(condition, lambda value: version_rank(text(value) or "") or None, "a version", mend)


def _version_equal(condition: Condition) -> Prepared:
    inline = Inline("str", "ranks[v] in {0}", "b'' != ranks[v] not in {0}")
    return Prepared("version_equal", frozenset(_ranks(condition)), inline)


def _version_order(order: _Order) -> Callable[[Condition], Prepared]:
    def prepare_order(condition: Condition) -> Prepared:
        ranks = _ranks(condition)
        if not ranks:
            return Prepared(f"version_{order.name}", None)
        inline = Inline("str", _ranked(order.sign), _ranked(order.opposite))
        return Prepared(f"version_{order.name}", order.outermost(ranks), inline)

    return prepare_order


def _ranked(sign: str) -> str:
    """Return a comparison that what is no version, ranked b"", fails."""
    return f"b'' < ranks[v] {sign} {{0}}" if sign[0] == "<" else f"ranks[v] {sign} {{0}}"


# Addresses and shares


def _in_cidr(condition: Condition) -> Prepared:
    """True of an IP address in any of the networks."""
    mend = 'write it like "10.0.0.0/8" or "2001:db8::/32"'
    networks = _literals(condition, lambda value: network(text(value) or ""), "a network", mend)
    return Prepared("in_networks", tuple(networks))


def prepare_share(condition: Condition, owner: Flag | Segment) -> Prepared:
    """Prepare `inBucket`: true of a unit whose bucket is in [from, to). Raises `Refused`."""
    if condition.hash not in {None, "sha256"}:
        raise Refused(Problem("/hash", f"the hash {condition.hash!r} is not known here", "update the SDK"))
    start, end = integer(condition.from_), integer(condition.to)
    if start is None or end is None or not 0 <= start <= end <= BUCKETS:
        message = f"from and to are not integers with 0 ≤ from ≤ to ≤ {BUCKETS}"
        raise Refused(Problem("/from", message, "mend them"))
    salt = owner.salt if condition.salt is None else condition.salt
    return Prepared("in_share", (bucket_prefix(salt, owner.key), start, end))


_OPERATORS: Mapping[str, Callable[[Condition], Prepared]] = {
    "in": _one_of,
    "equals": _one_of,
    "startsWith": _affix("starts", "startswith"),
    "endsWith": _affix("ends", "endswith"),
    "contains": _contains,
    "lessThan": _number_order(_LESS),
    "lessOrEqual": _number_order(_LESS_OR_EQUAL),
    "greaterThan": _number_order(_GREATER),
    "greaterOrEqual": _number_order(_GREATER_OR_EQUAL),
    "before": _date_order(_LESS),
    "after": _date_order(_GREATER),
    "versionEqual": _version_equal,
    "versionLess": _version_order(_LESS),
    "versionLessOrEqual": _version_order(_LESS_OR_EQUAL),
    "versionGreater": _version_order(_GREATER),
    "versionGreaterOrEqual": _version_order(_GREATER_OR_EQUAL),
    "inCidr": _in_cidr,
}

VALUE_OPERATORS = frozenset(_OPERATORS) | {"matches"}
"""The operators that compare an attribute's value with literals."""
OPERATORS = VALUE_OPERATORS | {"inSegment", "inBucket", "exists"}
