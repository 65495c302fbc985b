"""What every SDK is asked: the workloads' flags and users in nobody's format, and the answers that are right."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

USERS = 1_000
PROBES = 20
LISTED = 10_000
INCLUDED = 100_000
SEGMENTS = 100
PLANS = ("pro", "team")
CROWD = 10_000
SHORT_CROWD = 1_000

User = dict[str, Any]
Operator = Literal["in", "version", "ends", "above", "segment"]


@dataclass(frozen=True)
class Rule:
    """One test, and what is served where it holds: a value, or None for a 50/50 split by user."""

    op: Operator
    literal: Any
    serve: bool | None
    attribute: str = ""


@dataclass(frozen=True)
class Flag:
    """A boolean flag that is on: *needed* must be true first, then *listed* get true, then the rules, in order."""

    key: str
    rules: tuple[Rule, ...] = ()
    fallthrough: bool | None = False
    needed: str | None = None
    listed: tuple[str, ...] = ()
    number: int = 0


@dataclass(frozen=True)
class Segment:
    """Who is of one of the *plans*, and who is *included* by key."""

    key: str
    plans: tuple[str, ...] = ()
    included: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """A question whose answer is known; None: half of those who are asked get true, the same ones each time."""

    flag: str
    user: User
    answer: bool | None


@dataclass(frozen=True)
class World:
    """A workload: the flags and segments that an SDK is given, what is asked in turn, and what is checked before."""

    name: str
    flags: tuple[Flag, ...]
    segments: tuple[Segment, ...]
    asked: tuple[tuple[str, User], ...]
    probes: tuple[Probe, ...]


def user(number: int, **attributes: Any) -> User:
    """Return a user whom no rule but the fifth matches, unless *attributes* say otherwise."""
    return {
        "targetingKey": f"user-{number:06}",
        "country": ("US", "GB", "CA", "AU", "BR", "JP")[number % 6],
        "appVersion": f"2.{number % 3}.{number % 10}",
        "email": f"user{number}@example.org",
        "age": 18 + number % 32,
        "plan": PLANS[number % 2],
        **attributes,
    }


def five_rules(key: str, number: int = 0) -> Flag:
    """Return a flag of which the fifth rule matches, and splits; *number* varies its literals."""
    return Flag(
        key,
        (
            Rule("in", (f"D{number % 50}", "FR", "IT"), serve=True, attribute="country"),
            Rule("version", "2.3.0", serve=True, attribute="appVersion"),
            Rule("ends", "@example.com", serve=True, attribute="email"),
            Rule("above", 50 + number % 100, serve=True, attribute="age"),
            Rule("segment", f"beta-{number % SEGMENTS}", serve=None),
        ),
        number=number,
    )


def segments() -> tuple[Segment, ...]:
    """Return the segments that flags of five rules ask for."""
    return tuple(Segment(f"beta-{number}", plans=PLANS) for number in range(SEGMENTS))


def _users() -> list[User]:
    return [user(number) for number in range(USERS)]


def _known(flag: str, users: list[User], answer: Callable[[int], bool]) -> tuple[Probe, ...]:
    return tuple(Probe(flag, each, answer(number)) for number, each in enumerate(users[:PROBES]))


def _split(flag: str, users: list[User]) -> tuple[Probe, ...]:
    return tuple(Probe(flag, each, None) for each in users)


def _of_five_rules(flag: Flag) -> tuple[Probe, ...]:
    outside = {"plan": "free"}
    single: list[tuple[dict[str, Any], bool]] = [
        ({"country": "FR"} | outside, True),
        ({"country": "FRA"} | outside, False),
        ({"appVersion": "2.3.0"} | outside, True),
        ({"appVersion": "2.10.0"} | outside, True),
        ({"appVersion": "2.2.99"} | outside, False),
        ({"email": "a@example.com"} | outside, True),
        ({"age": flag.rules[3].literal + 1} | outside, True),
        ({"age": flag.rules[3].literal} | outside, False),
    ]
    return tuple(Probe(flag.key, user(USERS + n, **changed), answer) for n, (changed, answer) in enumerate(single))


def _on(_crowd: int) -> World:
    users = _users()
    return World(
        "W1",
        (Flag("on", fallthrough=True),),
        (),
        tuple(("on", each) for each in users),
        _known("on", users, lambda _: True),
    )


def _five(_crowd: int) -> World:
    users, flag = _users(), five_rules("five-rules")
    probes = _of_five_rules(flag) + _split(flag.key, users)
    return World("W2", (flag,), segments()[:1], tuple((flag.key, each) for each in users), probes)


def _half(_crowd: int) -> World:
    users = _users()
    return World(
        "W3",
        (Flag("half", fallthrough=None),),
        (),
        tuple(("half", each) for each in users),
        _split("half", users),
    )


def _crowd(crowd: int) -> World:
    users, chance = _users(), random.Random(4)
    flags = tuple(five_rules(f"flag-{number}", number) for number in range(crowd))
    order = chance.sample(flags, len(flags))
    asked = tuple((flag.key, users[number % USERS]) for number, flag in enumerate(order))
    first, last = flags[0], flags[-1]
    probes = _of_five_rules(first) + _of_five_rules(last) + _split(last.key, users)
    return World("W4", flags, segments(), asked, probes)


def _chain(_crowd: int) -> World:
    users = _users()
    last = Flag("chain-3", (Rule("in", PLANS, serve=True, attribute="plan"),))
    flags = (
        Flag("chain", fallthrough=True, needed="chain-1"),
        Flag("chain-1", fallthrough=True, needed="chain-2"),
        Flag("chain-2", fallthrough=True, needed="chain-3"),
        last,
    )
    probes = (Probe("chain", user(USERS, plan="free"), False), *_known("chain", users, lambda _: True))
    return World("W5", flags, (), tuple(("chain", each) for each in users), probes)


def _targets(_crowd: int) -> World:
    users = _users()
    return World(
        "W6",
        (Flag("listed", listed=tuple(user(number * 2)["targetingKey"] for number in range(LISTED))),),
        (),
        tuple(("listed", each) for each in users),
        _known("listed", users, lambda number: number % 2 == 0),
    )


def _members(_crowd: int) -> World:
    users = _users()
    included = tuple(user(number * 2)["targetingKey"] for number in range(INCLUDED))
    return World(
        "W7",
        (Flag("members", (Rule("segment", "large", serve=True),)),),
        (Segment("large", included=included),),
        tuple(("members", each) for each in users),
        _known("members", users, lambda number: number % 2 == 0),
    )


FLOORS = {
    "bucket": "the bucket as it is specified, with hashlib",
    "prepared": "the bucket, its prefix prepared, with the faster SHA-256",
    "call": "a method that finds a function by its key, and calls it",
    "counter": "a counter",
}
"""What an evaluation cannot do without."""

_WORLDS: dict[str, tuple[str, Callable[[int], World]]] = {
    "W1": ("on, no rules", _on),
    "W2": ("five rules, of which the fifth matches, then 50/50", _five),
    "W3": ("50/50 alone", _half),
    "W4": ("W2 picked at random among many flags", _crowd),
    "W5": ("a chain of three prerequisites", _chain),
    "W6": ("a target list of 10,000 keys, half of the users on it", _targets),
    "W7": ("a segment of 100,000 included keys, half of the users in it", _members),
}
WORKLOADS = {name: what for name, (what, _) in _WORLDS.items()}
"""The workloads, and what each is."""


def world(workload: str, crowd: int = CROWD) -> World:
    """Return a workload; *crowd* is how many flags there are in W4."""
    if workload in FLOORS:
        return World(workload, (), (), tuple((workload, each) for each in _users()), ())
    return _WORLDS[workload][1](crowd)
