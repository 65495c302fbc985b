"""What each operator means: a condition's literals prepared once, then a test of one value.

A test answers True or False, or None for a value of a type that its operator does not take. Beside it may stand the
same test as a Python expression over `v`, for the types that nearly every context has; the compiler writes it into
the flag's function and leaves the rest of the values to the test.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pennon.bucketing import well_formed
from pennon.engine import regex
from pennon.engine.values import (
    HUGE,
    SAFE,
    Memo,
    address,
    array,
    instant,
    network,
    number,
    text,
    unit,
    version_rank,
)
from pennon.model import Condition, Problem, pointer

Test: TypeAlias = Callable[[Any], bool | None]
Matcher: TypeAlias = Callable[[Any], bool]


class Refused(Exception):
    """A part of a flag or segment that cannot be compiled. `problems` are seen from that part."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


class Inline(NamedTuple):
    """A test as an expression over `v`: what it takes ("str" or "number"), the test, its opposite, its constants.

    `{0}`, `{1}` stand for the constants.
    """

    takes: str
    true: str
    false: str
    constants: tuple[Any, ...]


class Prepared(NamedTuple):
    """A condition whose literals are prepared."""

    test: Test
    inline: Inline | None = None


class Memos:
    """What was read from texts before, shared by all flags of a rule set and of those made from it."""

    def __init__(self) -> None:
        self.ranks: Memo[bytes] = Memo(version_rank)
        self.patterns = regex.Patterns()


def matcher(test: Test, *, negate: bool) -> Matcher:
    """Return the test of an attribute's value: an array matches if any element does, negated if none does.

    Negated, at least one must be of a type that the operator takes.
    """

    def matches(value: Any) -> bool:
        if (elements := array(value)) is not None:
            answers = set(map(test, elements))
            return True not in answers and False in answers if negate else True in answers
        return test(value) is negate_false

    negate_false = not negate
    return matches


def prepare(condition: Condition, memos: Memos) -> Prepared:
    """Prepare a condition of an operator that asks about an attribute's value. Raises `Refused`."""
    return _OPERATORS[condition.op](condition, memos)


# Literals


def _literals(condition: Condition, read: Callable[[Any], Any], what: str, mend: str) -> list[Any]:
    found, problems = [], []
    for index, value in enumerate(condition.values):
        literal = read(value)
        if literal is None:
            problems.append(Problem(pointer("values", index), f"{_shown(value)} is not {what}", mend))
        found.append(literal)
    if problems:
        raise Refused(*problems)
    return found


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _texts(condition: Condition) -> list[str]:
    texts = _literals(condition, text, "a string", f"{condition.op} takes strings")
    return [literal.lower() for literal in texts] if condition.ignore_case else texts


# Strings


def _subject(condition: Condition, literals: Iterable[str]) -> str:
    """Return the expression for the string that is compared.

    A lone surrogate equals only U+FFFD, and a pair of them only a character beyond the basic plane: where no literal
    has one, an ill-formed string need not be mended to be compared.
    """
    mended = "(v if v.isascii() else well_formed(v))"
    if condition.ignore_case:
        return mended + ".lower()"
    return mended if any(not literal.isascii() and max(literal) >= "\ufffd" for literal in literals) else "v"


def _folded(condition: Condition) -> Callable[[Any], str | None]:
    if not condition.ignore_case:
        return text

    def lower(value: Any) -> str | None:
        found = text(value)
        return None if found is None else found.lower()

    return lower


def _string_test(condition: Condition, compare: Callable[[str], bool]) -> Test:
    read = _folded(condition)

    def test(value: Any) -> bool | None:
        found = read(value)
        return None if found is None else compare(found)

    return test


def _starts_with(condition: Condition, _memos: Memos) -> Prepared:
    """True of a string that begins with any of the values."""
    prefixes = tuple(_texts(condition))
    expression = f"{_subject(condition, prefixes)}.startswith({{0}})"
    inline = Inline("str", expression, f"not {expression}", (_alone(prefixes),))
    return Prepared(_string_test(condition, lambda found: found.startswith(prefixes)), inline)


def _ends_with(condition: Condition, _memos: Memos) -> Prepared:
    """True of a string that ends with any of the values."""
    suffixes = tuple(_texts(condition))
    expression = f"{_subject(condition, suffixes)}.endswith({{0}})"
    inline = Inline("str", expression, f"not {expression}", (_alone(suffixes),))
    return Prepared(_string_test(condition, lambda found: found.endswith(suffixes)), inline)


def _alone(values: tuple[str, ...]) -> str | tuple[str, ...]:
    return values[0] if len(values) == 1 else values


def _contains(condition: Condition, _memos: Memos) -> Prepared:
    """True of a string that has any of the values in it."""
    parts = tuple(_texts(condition))
    inline = None
    if len(parts) == 1:
        subject = _subject(condition, parts)
        inline = Inline("str", f"{{0}} in {subject}", f"{{0}} not in {subject}", parts)
    return Prepared(_string_test(condition, lambda found: any(part in found for part in parts)), inline)


def _matches(condition: Condition, memos: Memos) -> Prepared:
    """True of a string in which any of the patterns is found. See spec/regex.md."""
    patterns = _literals(condition, text, "a string", "matches takes patterns")
    problems = [
        Problem(pointer("values", index), problem, "see spec/regex.md")
        for index, pattern in enumerate(patterns)
        if (problem := regex.pattern_problem(pattern)) is not None
    ]
    if problems:
        raise Refused(*problems)
    try:
        search = memos.patterns.search(patterns, ignore_case=condition.ignore_case)
    except regex.NotSearchable as error:
        raise Refused(Problem("/op", str(error), error.mend)) from error

    def test(value: Any) -> bool | None:
        found = text(value)
        return None if found is None else search(found) is not None

    expression = "{0}(v if v.isascii() else well_formed(v)) is"
    return Prepared(test, Inline("str", f"{expression} not None", f"{expression} None", (search,)))


# Strings, numbers and booleans


def _one_of(condition: Condition, _memos: Memos) -> Prepared:
    """True of a value that is any of the values, within its type: "1" is not 1, and 1 is not true."""
    values = _literals(condition, _scalar, "a string, number or boolean", "leave it out")
    read = _folded(condition)
    strings = frozenset(read(value) for value in values if isinstance(value, str))
    booleans = frozenset(value for value in values if isinstance(value, bool))
    numbers = frozenset(value for value in values if not isinstance(value, (str, bool)))

    def test(value: Any) -> bool | None:
        if type(value) is bool:
            return value in booleans
        if (found := read(value)) is not None:
            return found in strings
        amount = number(value)
        return None if amount is None else amount in numbers

    subject = _subject(condition, (value for value in strings if value is not None))
    return Prepared(test, Inline("str", f"{subject} in {{0}}", f"{subject} not in {{0}}", (strings,)))


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, bool):
        return value
    found = text(value)
    return number(value) if found is None else found


def listed(values: Sequence[str]) -> Prepared:
    """Prepare the test of a target: its values are compared as units are, an integer in decimal."""
    keys = frozenset(map(well_formed, values))

    def test(value: Any) -> bool | None:
        found = unit(value)
        return None if found is None else found in keys

    subject = "v" if all(map(str.isascii, keys)) else "well_formed(v)"
    return Prepared(test, Inline("str", f"{subject} in {{0}}", "", (keys,)))


# Order: of several values only the outermost counts, for "before any of them" is "before the last".


def _order(sign: str) -> Callable[[Sequence[Any]], Any]:
    return max if sign[0] == "<" else min


_OPPOSITE: Mapping[str, str] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _ordered(sign: str, read: Callable[[Any], Any], literals: Sequence[Any]) -> Test:
    """Return the test of values that *read* makes comparable, and None of those that have no place in the order."""
    compare = _COMPARE[sign]
    bound = _order(sign)(literals) if literals else None

    def test(value: Any) -> bool | None:
        found = read(value)
        if found is None:
            return None
        return bound is not None and compare(found, bound)

    return test


def _number_order(sign: str) -> Callable[[Condition, Memos], Prepared]:
    def prepare_order(condition: Condition, _memos: Memos) -> Prepared:
        literals = _literals(condition, number, "a number", f"{condition.op} takes numbers")
        test = _ordered(sign, number, literals)
        if not literals:
            return Prepared(test)
        bound = _order(sign)(literals)
        if not -SAFE < bound < SAFE:
            return Prepared(test)  # beyond, an integer must be rounded to a double before it is compared
        return Prepared(test, Inline("number", _between(sign), _between(_OPPOSITE[sign]), (bound,)))

    return prepare_order


def _between(sign: str) -> str:
    """Return a comparison that NaN, the infinities and integers beyond every double fail."""
    return f"-{HUGE!r} <= v {sign} {{0}}" if sign[0] == "<" else f"{HUGE!r} >= v {sign} {{0}}"


def _date_order(sign: str) -> Callable[[Condition, Memos], Prepared]:
    def prepare_order(condition: Condition, _memos: Memos) -> Prepared:
        mend = 'write it like "2024-05-01T12:00:00Z", with a zone, or as epoch milliseconds'
        return Prepared(_ordered(sign, instant, _literals(condition, instant, "a date", mend)))

    return prepare_order


# Versions


def _rank_literals(condition: Condition) -> list[bytes]:
    mend = 'write it like "2.3.0", "v1.2" or "1.0.0-beta.2"'
    return _literals(condition, lambda value: version_rank(text(value) or "") or None, "a version", mend)


def _rank_reader(memos: Memos) -> Callable[[Any], bytes | None]:
    def read(value: Any) -> bytes | None:
        found = text(value)
        return None if found is None else memos.ranks[found] or None

    return read


def _version_equal(condition: Condition, memos: Memos) -> Prepared:
    ranks = frozenset(_rank_literals(condition))
    read = _rank_reader(memos)

    def test(value: Any) -> bool | None:
        rank = read(value)
        return None if rank is None else rank in ranks

    return Prepared(test, Inline("str", "{1}[v] in {0}", "b'' != {1}[v] not in {0}", (ranks, memos.ranks)))


def _version_order(sign: str) -> Callable[[Condition, Memos], Prepared]:
    def prepare_order(condition: Condition, memos: Memos) -> Prepared:
        ranks = _rank_literals(condition)
        test = _ordered(sign, _rank_reader(memos), ranks)
        if not ranks:
            return Prepared(test)
        inline = Inline("str", _ranked(sign), _ranked(_OPPOSITE[sign]), (_order(sign)(ranks), memos.ranks))
        return Prepared(test, inline)

    return prepare_order


def _ranked(sign: str) -> str:
    """Return a comparison that what is no version, ranked b"", fails."""
    return f"b'' < {{1}}[v] {sign} {{0}}" if sign[0] == "<" else f"{{1}}[v] {sign} {{0}}"


# Addresses


def _in_cidr(condition: Condition, _memos: Memos) -> Prepared:
    """True of an IP address in any of the networks. IPv4 and IPv6 never meet."""
    mend = 'write it like "10.0.0.0/8" or "2001:db8::/32"'
    networks = _literals(condition, lambda value: network(text(value) or ""), "a network", mend)

    def test(value: Any) -> bool | None:
        found = address(text(value) or "")
        if found is None:
            return None
        bits, whole = found
        return any(bits == width and whole >> host == start for width, host, start in networks)

    return Prepared(test)


_OPERATORS: Mapping[str, Callable[[Condition, Memos], Prepared]] = {
    "in": _one_of,
    "equals": _one_of,
    "startsWith": _starts_with,
    "endsWith": _ends_with,
    "contains": _contains,
    "matches": _matches,
    "lessThan": _number_order("<"),
    "lessOrEqual": _number_order("<="),
    "greaterThan": _number_order(">"),
    "greaterOrEqual": _number_order(">="),
    "before": _date_order("<"),
    "after": _date_order(">"),
    "versionEqual": _version_equal,
    "versionLess": _version_order("<"),
    "versionLessOrEqual": _version_order("<="),
    "versionGreater": _version_order(">"),
    "versionGreaterOrEqual": _version_order(">="),
    "inCidr": _in_cidr,
}

VALUE_OPERATORS = frozenset(_OPERATORS)
"""The operators that ask about an attribute's value. The others are `inSegment`, `inBucket` and `exists`."""
OPERATORS = VALUE_OPERATORS | {"inSegment", "inBucket", "exists"}
