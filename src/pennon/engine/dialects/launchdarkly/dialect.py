"""LaunchDarkly's conditions, splits and lists, as one of its SDKs reads them. See spec/dialects/launchdarkly.md."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pennon.bucketing.sha1 import bounds_f32, bounds_f64, place_f32, place_f64, share_f32, share_f64
from pennon.engine.dialects.launchdarkly import contexts
from pennon.engine.dialects.launchdarkly.contexts import Context, Place
from pennon.engine.dialects.launchdarkly.operators import NAMES, OPERATORS, Reading
from pennon.engine.dialects.launchdarkly.units import Unit, hasher
from pennon.engine.dialects.seam import Choice, Key, Test
from pennon.model import Condition, Flag, Json, Segment, Split


class Arithmetic(NamedTuple):
    """The precision of buckets and weights."""

    place: Callable[[int], float]
    share: Callable[[float], float]
    bounds: Callable[[list[float]], list[float]]


HASHES: Mapping[str, Arithmetic] = MappingProxyType(
    {
        "sha1-60-f64": Arithmetic(place_f64, share_f64, bounds_f64),
        "sha1-60-f32": Arithmetic(place_f32, share_f32, bounds_f32),
    }
)


class Flavour(NamedTuple):
    """In what the SDKs differ, beside how they read values.

    `absent` is the bucket of a context that lacks the kind which a split goes by, `absent_rule` that of a segment's
    rule, None where the rule does not match. `hidden` are the first names of references that the SDK does not take.
    `is_strict`: a reference that is malformed is an error even where the context lacks its kind.
    """

    reading: Reading
    unit: Unit
    hash: str
    absent: float
    absent_rule: float | None
    hidden: frozenset[str] = frozenset()
    is_strict: bool = True


class MalformedFlag(Exception):
    """What the SDK answers with MALFORMED_FLAG and the caller's default."""


class LaunchDarkly:
    """One of LaunchDarkly's dialects."""

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour

    def accepts(self, context: Context) -> bool:
        """Tell whether the SDK evaluates anything for *context*. It answers the caller's default otherwise."""
        return contexts.is_valid(context)

    def key(self, attribute: str) -> Key:
        """Prepare the reading of the key of one kind: `targetingKey`, or `<kind>:targetingKey`."""
        where = contexts.place(attribute)
        if where.steps != ("key",):
            raise ValueError(f"LaunchDarkly lists keys only, and {attribute!r} is none")
        return contexts.key_reader(where.kind)

    # Conditions

    def condition(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Prepare a condition by its operator, by a share of a segment's rule, or as LaunchDarkly's own clause."""
        if condition.ignore_case:
            raise ValueError("LaunchDarkly compares letters as they are: it has no ignoreCase")
        if condition.op == "expression":
            return self._expression(condition.value)
        if condition.op == "inBucket":
            return self._share(condition, owner)
        if condition.op not in OPERATORS or condition.attribute is None:
            raise ValueError(f"LaunchDarkly has no {condition.op} of {condition.attribute!r}")
        where = contexts.place(condition.attribute)
        if not where.steps:
            raise ValueError(f"{condition.attribute!r} is no reference to an attribute")
        return self._test(condition.op, where, condition.values, negate=condition.negate)

    def _test(self, op: str, where: Place, values: Any, *, negate: bool) -> Test:
        match = OPERATORS[op](values, self._flavour.reading)
        if where.steps == ("kind",):
            return lambda context, _now: any(map(match, contexts.individuals(context))) is not negate
        read = contexts.attribute_reader(where)

        def test(context: Context, _now: float | None) -> bool:
            value = read(context)
            if value is None:
                return False
            if isinstance(value, (list, tuple)):
                return any(map(match, value)) is not negate
            return match(value) is not negate

        return test

    def _expression(self, clause: Json) -> Test:
        """Prepare a clause of LaunchDarkly's, or `{"keys": {"contextKind", "values"}, "negate"}`."""
        if not isinstance(clause, dict):
            raise ValueError("an expression of LaunchDarkly's is a clause, an object")
        negate = clause.get("negate") is True
        if "keys" in clause:
            return _key_test(clause["keys"], negate=negate)
        op, values = clause.get("op"), clause.get("values")
        if not isinstance(op, str) or not isinstance(values, list):
            raise ValueError("a clause of LaunchDarkly's has an op and values")
        if op == "segmentMatch":
            # The segments that are there are conditions of their own: these are not.
            return lambda _context, _now: negate
        if op not in NAMES:
            raise ValueError(f"LaunchDarkly has no operator {op!r}")
        where = _place(clause)
        if not where.steps or (self._flavour.hidden & {where.steps[0]} and clause.get("contextKind")):
            return self._malformed(where.kind)
        return self._test(NAMES[op], where, values, negate=negate)

    def _malformed(self, kind: str) -> Test:
        find, is_strict = contexts.individual(kind), self._flavour.is_strict

        def test(context: Context, _now: float | None) -> bool:
            if is_strict or find(context) is not None:
                raise MalformedFlag("a malformed reference to an attribute")
            return False

        return test

    # Buckets

    def split(self, split: Split, owner: Flag) -> Choice:
        """Prepare a split: past the last weight is the last, and who lacks the kind is in the first."""
        arithmetic = _arithmetic(split.hash)
        place = self._place(split.by, split.salt, owner, arithmetic)
        bounds = arithmetic.bounds([weight.weight for weight in split.weights])
        last, absent = len(bounds) - 1, self._flavour.absent

        def choose(context: Context, _now: float | None) -> int:
            found = place(context)
            where = absent if found is None else found
            for index, bound in enumerate(bounds):
                if where < bound:
                    return index
            return last

        return choose

    def _share(self, condition: Condition, owner: Flag | Segment) -> Test:
        start, end = condition.from_, condition.to
        if start is None or end is None or start < 0:
            raise ValueError("a share goes from one bucket to another")
        arithmetic = _arithmetic(condition.hash)
        place = self._place(condition.by or "targetingKey", condition.salt, owner, arithmetic)
        low, high = (arithmetic.share(start) if start else float("-inf")), arithmetic.share(end)
        absent, negate = self._flavour.absent_rule, condition.negate

        def test(context: Context, _now: float | None) -> bool:
            found = place(context)
            if found is None:
                found = absent
            return (found is not None and low <= found < high) is not negate

        return test

    def _place(
        self, by: str, salt: str | None, owner: Flag | Segment, arithmetic: Arithmetic
    ) -> Callable[[Context], float | None]:
        """Return a function that finds the bucket by *by*, None where the context lacks the kind."""
        where = contexts.place(by)
        find = contexts.individual(where.kind)
        if not where.steps:
            return self._malformed_place(find)
        prefix = f"{owner.key}.{owner.salt}." if salt is None else f"{salt}."
        unit = self._flavour.unit
        is_read = where.steps != ("kind",) or unit.reads_kind
        read = contexts.attribute_reader(where) if is_read else lambda _context: None
        number, finish, text = hasher(prefix, unit), arithmetic.place, unit.text

        def place(context: Context) -> float | None:
            if find(context) is None:
                return None
            named = text(read(context))
            return 0.0 if named is None else finish(number(named))

        return place

    def _malformed_place(self, find: Callable[[Context], Context | None]) -> Callable[[Context], float | None]:
        is_strict = self._flavour.is_strict

        def place(context: Context) -> float | None:
            if is_strict or find(context) is not None:
                raise MalformedFlag("a malformed reference to what a split goes by")
            return None

        return place


def _arithmetic(name: str | None) -> Arithmetic:
    try:
        return HASHES[name or ""]
    except KeyError:
        raise ValueError(f"LaunchDarkly has no hash {name!r}") from None


def _place(clause: Mapping[str, Json]) -> Place:
    """Return where a clause looks. Without a kind an attribute is a name, whatever it looks like."""
    kind, attribute = clause.get("contextKind"), clause.get("attribute")
    if not isinstance(attribute, str):
        return Place(contexts.USER, ())
    if not kind:
        return Place(contexts.USER, (attribute,) if attribute else ())
    return Place(str(kind), contexts.reference_steps(attribute))


def _key_test(keys: Json, *, negate: bool) -> Test:
    """Prepare the test that a context's key is listed. Who lacks the kind is not."""
    if not isinstance(keys, dict) or not isinstance(keys.get("values"), list):
        raise ValueError("keys are listed as {contextKind, values}")
    read = contexts.key_reader(str(keys.get("contextKind") or contexts.USER))
    listed = frozenset(key for key in keys["values"] if isinstance(key, str))
    return lambda context, _now: (read(context) in listed) is not negate
