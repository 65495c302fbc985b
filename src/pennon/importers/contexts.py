"""Draws contexts that try the rules of an imported file: its own literals, their neighbours, and what nobody expects.

The same seed draws the same contexts. Pure.
"""

import datetime as dt
import ipaddress
import json
import random
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from msgspec import to_builtins

from pennon.importers.plan import Plan, PlannedFlag, Vocabulary
from pennon.model import Condition, Flag, Json, Segment

Context: TypeAlias = dict[str, Any]

UNIT = "targetingKey"
ODD_UNITS: tuple[Json, ...] = (
    "",
    " ",
    "Łukasz",
    "日本語",
    "😀",
    "e\u0301",
    "ﬀ-ß-İ",
    "a.b:c/d,e",
    "0",
    "007",
    "12.0",
    "true",
    "null",
    "x" * 300,
    0,
    1,
    42,
    -7,
    2**53 - 1,
    1.0,
    3.0,
    -0.5,
    33333.25,
    1e21,
    True,
    False,
    None,
    [],
    ["u1"],
    {},
)
"""Units of every kind that people send: empty, not ASCII, astral, numbers, booleans, null, wrong types."""
_ODD: tuple[Json, ...] = (*ODD_UNITS, "NaN", "Infinity", "1e3", "0x10", {"a": 1}, [1, "1", True], [None], [[]])
_MISSING = object()
_MOST = 60
"""How many literals of an attribute are tried one by one before chance decides."""

_NUMBER = re.compile(r"\s*[-+]?\d{1,15}(\.\d{1,10})?\s*")
_VERSION = re.compile(r"[vV]?\d{1,9}(\.\d{1,9}){0,4}([-+][0-9A-Za-z.+-]*)?")
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_META = re.compile(r"\\[A-Za-z]|[\\^$.*+?()\[\]{}|]")


def draw(vocabulary: Vocabulary, seed: object, *, relevant: Collection[str] | None = None) -> Iterator[Context]:
    """Yield contexts without end: first each odd unit and each literal with its neighbours once, then by chance.

    *relevant* names the attributes that the flag in question reads; the others of *vocabulary* are there now and then.
    Attributes that are JSON pointers (`/org/plan`) become nested objects.
    """
    chance = random.Random(f"{seed}")
    named = {UNIT: (), **vocabulary}
    # What is nested comes after what it is nested in.
    pools = {name: _pool(named[name]) for name in sorted(named, key=lambda name: (name[:1] == "/", name))}
    wanted = frozenset(pools if relevant is None else relevant) | {UNIT}
    yield {}
    for unit in ODD_UNITS:
        yield _filled(pools, wanted, chance, {UNIT: unit})
    for name in sorted(wanted & pools.keys()):
        literals, neighbours = pools[name]
        for value in (*literals[:_MOST], *neighbours[: 4 * _MOST], _MISSING, None, [*literals[:3]], [None]):
            yield _filled(pools, wanted, chance, {name: value})
    while True:
        yield _filled(pools, wanted, chance, {})


_Pool: TypeAlias = tuple[tuple[Json, ...], tuple[Json, ...]]


def _pool(literals: Sequence[Json]) -> _Pool:
    """Return the distinct literals, and those values next to them that are none of them."""
    own = {_text(value): value for value in literals}
    near = {_text(value): value for literal in own.values() for value in neighbours(literal)}
    return tuple(own.values()), tuple(value for text, value in near.items() if text not in own)


def _filled(pools: dict[str, _Pool], wanted: frozenset[str], chance: random.Random, fixed: Context) -> Context:
    context: Context = {}
    for name, pool in pools.items():
        # Every attribute takes its chances, so that one that is fixed does not move the others.
        value = _value(name, pool, chance, wanted=name in wanted)
        value = fixed.get(name, value)
        if value is not _MISSING:
            _put(context, name, value)
    return context


def _value(name: str, pool: _Pool, chance: random.Random, *, wanted: bool) -> Json:
    literals, near = pool
    at = chance.random()
    if not wanted and at >= 0.1:
        return _MISSING
    if not wanted:
        at *= 10
    if name == UNIT:
        return _unit(at, literals, chance)
    if at < 0.4 and literals:
        return chance.choice(literals)
    if at < 0.65 and near:
        return chance.choice(near)
    if at < 0.73 and literals:
        return [
            chance.choice(literals if chance.random() < 0.6 else near or literals) for _ in range(chance.choice((1, 2)))
        ]
    if at < 0.83:
        return f"{name.rpartition('/')[2]}-{chance.randrange(1_000_000)}"
    if at < 0.87:
        return chance.choice((chance.randrange(100_000), round(chance.uniform(-1000, 1000), 3)))
    if at < 0.93:
        return chance.choice(_ODD)
    return _MISSING


def _unit(at: float, literals: Sequence[Json], chance: random.Random) -> Json:
    if at < 0.15 and literals:
        return chance.choice(literals)
    if at < 0.22:
        return chance.choice(ODD_UNITS)
    if at < 0.26:
        return chance.randrange(1_000_000)
    if at < 0.30:
        return f"{chance.choice(('ü', '漢', '🦊', 'Ω'))}{chance.randrange(100_000)}"
    return f"user-{chance.randrange(10_000_000)}" if at < 0.98 else _MISSING


def _put(context: Context, name: str, value: Json) -> None:
    if not name.startswith("/"):
        context[name] = value
        return
    *parents, last = (step.replace("~1", "/").replace("~0", "~") for step in name[1:].split("/"))
    inner = context
    for step in parents:
        if not isinstance(found := inner.get(step), dict):
            found = inner[step] = {}
        else:
            found = inner[step] = dict(found)  # a literal is never changed
        inner = found
    inner[last] = value


def neighbours(literal: Json) -> tuple[Json, ...]:
    """Return values that are nearly *literal*: off by one, of another type, in another spelling."""
    if literal is None:
        return ("", "null", [], 0)
    if isinstance(literal, bool):
        return (not literal, str(literal).lower(), str(literal), int(literal), int(not literal))
    if isinstance(literal, int | float):
        return _by_a_number(literal)
    if isinstance(literal, str):
        return tuple(dict.fromkeys(_by_a_text(literal), None)) + _converted(literal)
    if isinstance(literal, list):
        return ([], literal[1:], [*literal, "x"], *literal)
    return ({}, json.dumps(literal), [literal], *literal.values()) if isinstance(literal, dict) else ()


def _by_a_number(number: int | float) -> tuple[Json, ...]:
    near: list[Json] = [
        number + 1,
        number - 1,
        number + 0.5,
        -number,
        float(number),
        str(number),
        f" {number}",
        f"{number}.0",
    ]
    if abs(number) < 1e6:
        near += [number + 1e-9, number - 1e-9, number * 1000]
    if 1e8 < number < 4e9:
        near += [number * 1000, _date(number)]
    if 1e11 < number < 4e12:
        near += [number / 1000, _date(number / 1000), _date(number / 1000 + 0.001)]
    return tuple(near)


def _by_a_text(text: str) -> Iterator[str]:
    yield from (text.upper(), text.lower(), text.swapcase(), text.casefold())
    yield from (text + "x", "x" + text, text[:-1], text[1:], f" {text} ", text + "\n", text * 2, f"x{text}x")
    yield from _META.split(text)
    yield _META.sub("", text)
    if "," in text:
        yield from text.split(",")
    if _NUMBER.fullmatch(text):
        number = float(text)
        yield from (f"{number + 1:g}", f"{number - 1:g}", f"{number:.1f}", f"{number:+g}", f"0{text.strip()}")
    if _VERSION.fullmatch(text):
        yield from _by_a_version(text)
    if (moment := _moment(text)) is not None:
        yield from (_date(moment + step) for step in (-86_400, -1, -0.001, 0, 0.001, 1, 86_400))
        yield from (text.replace("T", " "), text[:10])
    yield from _by_an_address(text)


def _by_a_version(version: str) -> Iterator[str]:
    core, mark, rest = version.partition("-")
    for step in (-1, 1):
        yield _LAST_NUMBER.sub(lambda found, step=step: str(max(0, int(found[0]) + step)), core) + mark + rest  # type: ignore[misc]
    yield from (f"{core}-rc.1", f"{core}-0", f"{core}+build", f"{core}.0", f"v{core}", core.rpartition(".")[0], core)


def _by_an_address(text: str) -> Iterator[str]:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return
    first, last = network.network_address, network.broadcast_address
    for address, step in ((first, -1), (first, 0), (first, 1), (last, -1), (last, 0), (last, 1)):
        try:
            yield str(address + step)
        except ipaddress.AddressValueError:
            continue  # there is none before 0.0.0.0, and none after the last


def _converted(text: str) -> tuple[Json, ...]:
    """Return what *text* is as another type."""
    found: list[Json] = [[text], [text, "x"]]
    if _NUMBER.fullmatch(text):
        found += [float(text), *([int(text)] if "." not in text else [])]
    if (moment := _moment(text)) is not None:
        found += [int(moment * 1000), int(moment * 1000) + 1, int(moment * 1000) - 1, int(moment)]
    return tuple(found)


def _moment(text: str) -> float | None:
    if len(text) < 8 or not text[:4].isdecimal():
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _date(moment: float) -> str:
    try:
        found = dt.datetime.fromtimestamp(moment, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return "9999-12-31T23:59:59Z"
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def attributes_read(planned: PlannedFlag, plan: Plan, vocabulary: Vocabulary) -> frozenset[str]:
    """Return which attributes of *vocabulary* the flag, or a flag or segment that it depends on, speaks of.

    An expression is the vendor's own JSON, so a name counts wherever it stands; too many do no harm.
    """
    words = frozenset(part for text in _texts(planned, plan) for part in (text, *re.split(r"[./:]", text)))
    return frozenset(name for name in vocabulary if name in words or _steps(name) <= words)


def _steps(name: str) -> frozenset[str]:
    return (
        frozenset(step.replace("~1", "/").replace("~0", "~") for step in name[1:].split("/"))
        if name[:1] == "/"
        else frozenset({name})
    )


def _texts(planned: PlannedFlag, plan: Plan) -> Iterator[str]:
    flags = {each.key: each.flag for each in plan.flags if each.flag is not None}
    segments = {each.key: each.segment for each in plan.segments}
    seen: set[tuple[str, str]] = set()
    open_ends = [("flag", planned.key)]
    while open_ends:
        kind, key = name = open_ends.pop()
        item = flags.get(key) if kind == "flag" else segments.get(key)
        if item is None or name in seen:
            continue
        seen.add(name)
        yield from _strings(to_builtins(item))
        open_ends += needs(item)


def needs(item: Flag | Segment) -> set[tuple[str, str]]:
    """Return the flags and segments that *item* names, by kind and key."""
    found = {("flag", each.flag) for each in item.prerequisites} if isinstance(item, Flag) else set()
    for condition in _conditions(item):
        if condition.op == "inSegment":
            found |= {("segment", value) for value in condition.values if isinstance(value, str)}
        elif condition.op == "serves" and condition.attribute is not None:
            found.add(("flag", condition.attribute))
    return found


def _conditions(item: Flag | Segment) -> Iterable[Condition]:
    return (condition for rule in item.rules for condition in rule.conditions)


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def minimised(context: Context, differs: Callable[[Context], bool]) -> Context:
    """Return *context* without what it can do without, for *differs* to hold of it still. Nested ones stay whole."""
    small = context
    for name in sorted(context):
        without = {other: value for other, value in small.items() if other != name}
        if differs(without):
            small = without
    return small
