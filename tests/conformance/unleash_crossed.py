"""Every odd value against every odd literal: numbers, versions, dates, lists, patterns and addresses."""

import itertools
from collections.abc import Iterator
from typing import Any

SINGLES: list[str | None] = [
    None,
    "",
    " ",
    "5",
    "5.0",
    " 5 ",
    "+5",
    "-5",
    "05",
    "5.",
    ".5",
    "5e0",
    "1e999",
    "5_0",
    "0x5",
    "0b101",
    "inf",
    "Infinity",
    "NaN",
    "abc",
    "0.1",
    "1e21",
    "9007199254740993",
    "1.0000000000000002",
    "v1.2.3",
    "1.2.3",
    " 1.2.3 ",
    "1.2",
    "01.2.3",
    "1.2.3-rc.1",
    "1.2.3-rc.01",
    "1.2.3-",
    "1.2.3+build",
    "1.2.3-a.b.2+c.d",
    "99999999999999999999.0.0",
    "18446744073709551615.0.0",
    "9007199254740992.0.0",
    "2024-01-01T00:00:00Z",
    "2024-01-01T00:00:00.000Z",
    "2024-01-01T00:00:00.5Z",
    "2024-01-01T02:00:00+02:00",
    "2024-02-30T00:00:00Z",
    "2024-06-31T12:00:00.000Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:60Z",
    "2024-13-01T00:00:00Z",
    "2024-01-01",
    "2024-01",
    "2024",
    "2024-01-01T00:00Z",
    "+002024-01-01T00:00:00Z",
    "5 or true",
    "5) or (true",
    "5 5",
    "1.2.3.4",
]
ISO = [
    "",
    "2024-01-01T00:00:00Z",
    "2024-01-01T00:00:00.000Z",
    "2024-01-01T00:00:00.5Z",
    "2024-01-01T02:00:00+02:00",
    "2024-02-30T00:00:00Z",
    "2024-06-31T12:00:00.000Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01",
    "2024-01",
    "2024",
    "2024-01-01T00:00Z",
    "+002024-01-01T00:00:00Z",
    "2024-01-01T00:00:01+24:00",
]
OPERATORS = [
    *(f"NUM_{name}" for name in ("EQ", "GT", "GTE", "LT", "LTE")),
    *(f"SEMVER_{name}" for name in ("EQ", "GT", "GTE", "LT", "LTE")),
    "DATE_AFTER",
    "DATE_BEFORE",
]
VALUES: list[Any] = [
    *(each for each in SINGLES if each is not None),
    5,
    5.0,
    -5,
    0,
    -0.0,
    0.1,
    5e-7,
    1e21,
    1e22,
    123456789.125,
    2**53 - 1,
    2**60 + 1,
    True,
    False,
    None,
    [],
    ["5"],
    [5],
    [None, 1],
    {},
    {"a": 5},
    "1.2.4",
    "1.2.3-rc.2",
    "1.2.3-rc",
    "1.2.3-10",
    "1.2.3-9",
    "1.2.3-99999999999999999999",
    "\u00a01.2.3",
    "\ufeff5",
    "\x855",
    "\x1c5",
    "٥",
    "nan",
    "-INFINITY",
    "1.2.3\n",
    "2024-01-01 00:00:01+00:00",
    "2024-1-1T0:0:1Z",
    "2024-01-01T00:00:01",
    "2024-01-01t00:00:01z",
    "2024-01-01T00:00:01 UTC",
    "2024-01-01T01:00:00.5+0100",
    "2023-12-31T23:59:60.5Z",
    "2024-01-01T00:00:00.0000000001Z",
    " 2024 - 01 - 01T00 : 00 : 01 Z ",
    "2024-01-01T00:00:01−01:00",
    "-2024-01-01T00:00:01Z",
    "262143-01-01T00:00:01Z",
    "+262142-01-01T00:00:01Z",
    "24-01-01T00:00:01Z",
    "2024-01-01T00:00:01+24:00",
]
LISTS: list[list[str] | None] = [
    [],
    [""],
    ["", "a"],
    ["a"],
    ["A"],
    [" a "],
    ["a\u00a0"],
    ["5"],
    ["5.0"],
    ["true"],
    ["True"],
    ["None"],
    ["null"],
    ["[object Object]"],
    ['a"b'],
    ["a\\b"],
    ['a\\"b'],
    ["a\\"],
    ["a\nb"],
    ["STRASSE"],
    ["straße"],
    ["İ"],
    ["ΑΣ"],
    ["Łukasz"],
    ["😀"],
    ["[]"],
    ["a, b"],
]
TEXTS: list[Any] = [
    "",
    "a",
    "A",
    " a ",
    "abc",
    "5",
    5,
    5.0,
    True,
    "True",
    None,
    "None",
    [],
    {},
    ["a"],
    'a"b',
    "a\\b",
    'a\\"b',
    "a\nb",
    "straße",
    "STRASSE",
    "i̇",
    "İ",
    "ας",
    "ΑΣ",
    "ασ",
    "łukasz",
    "😀",
    "a, b",
]
LISTING = ["IN", "NOT_IN", "STR_CONTAINS", "STR_STARTS_WITH", "STR_ENDS_WITH"]
PATTERNS: list[str | None] = [
    None,
    "",
    "a",
    "^a$",
    "(",
    "a)",
    "[a",
    "*a",
    "a(?=b)",
    "a(?!b)",
    "(?<=a)b",
    r"(a)\1",
    "(?i)ABC",
    "^(?i)abc$",
    "(?m)^b$",
    "(?s)a.b",
    "a.b",
    r"^\d+$",
    r"^\w+$",
    r"^\s$",
    r"^\S+$",
    r"^\D+$",
    r"^\W+$",
    r"^[\d\s]+$",
    r"^[^\w]+$",
    r"^[[:alpha:]]+$",
    r"^[[:alpha:]\d]+$",
    r"^[]a]+$",
    r"^[^]a]+$",
    "^.$",
    "^a{2,3}$",
    "a|b|",
    "straße",
    "ſ",
    "k",
    r"\.",
    r"a\"b",
    'a"b',
    "a\nb",
    r"\x{61}",
    "[^a]",
    "a$",
]
SUBJECTS: list[Any] = [
    "",
    "a",
    "b",
    "ab",
    "ABC",
    "abc",
    "aa",
    "aaaa",
    "a\nb",
    "a\n",
    "b\nb",
    "12",
    "٣",
    "Łuß",
    "\u00a0",
    "\x85",
    "²",
    "Ⓐ",
    "e\u0301",
    "\u200d",
    "K",
    "S",
    "STRASSE",
    "😀",
    ".",
    'a"b',
    "]",
    5,
    None,
    True,
]
NETWORKS: list[list[str]] = [
    [],
    [""],
    ["bad"],
    ["10.0.0.1"],
    ["10.0.0.0/8"],
    [" 10.0.0.0/8 "],
    ["10.1.2.3/8"],
    ["10.0.0.0/08"],
    ["10.0.0.0/008"],
    ["10.0.0.0/+8"],
    ["10.0.0.0/33"],
    ["10.0.0.0/"],
    ["10.0.0.0/255.0.0.0"],
    ["10.0.0.0/0.255.255.255"],
    ["10.0.0.0/255.0.255.0"],
    ["0.0.0.0/0"],
    ["010.0.0.0/8"],
    ["::1"],
    ["::/0"],
    ["2001:DB8::/32"],
    ["2001:db8::/129"],
    ["::ffff:10.0.0.0/104"],
    ["fe80::1%eth0"],
    ["bad", "10.0.0.0/8"],
]
ADDRESSES: list[Any] = [
    "",
    "bad",
    "10.0.0.1",
    "10.255.255.255",
    "11.0.0.0",
    " 10.0.0.1",
    "10.0.0.1 ",
    "010.0.0.1",
    "10.0.0",
    "10.0.0.256",
    "10.0.0.0/8",
    "10.0.0.1/32",
    "10.0.0.1/4",
    "::1",
    "0:0:0:0:0:0:0:1",
    "2001:db8::5",
    "2001:DB8:0:0::5",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "::1/128",
    "1::2::3",
    167772161,
    None,
    ["10.0.0.1"],
]
STRATEGIES: list[tuple[str, str, list[str]]] = [
    (
        "userWithId",
        "userIds",
        ["", "a", "a,b", " a , b ,", "5", "5.0", "true,True", 'a"b', "a\u00a0,b", "None,null", "İ"],
    ),
    (
        "remoteAddress",
        "IPs",
        [
            "",
            "10.0.0.1",
            "10.0.0.0/8, ::1",
            "bad,10.0.0.0/8",
            " 10.0.0.1",
            "10.0.0.1 ",
            "a,b",
            "10.0.0.0/4",
            "010.0.0.1",
        ],
    ),
]
PERCENTAGES = [
    "0",
    "1",
    "50",
    "99",
    "100",
    "101",
    "150",
    "-1",
    "33.5",
    "99.9",
    "0.5",
    "+50",
    "050",
    " 50",
    "",
    "abc",
    "1e1",
    "0x10",
    "Infinity",
]


def constraint(operator: str, **more: Any) -> dict[str, Any]:
    return {"contextName": "x", "operator": operator, **{name: each for name, each in more.items() if each is not None}}


def constraints() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield constraints, with the group of values that they are tried on."""
    for operator, value in itertools.product(OPERATORS, SINGLES):
        yield "values", constraint(operator, value=value)
        yield "values", constraint(operator, value=value, inverted=True)
    for operator, values in itertools.product(LISTING, LISTS):
        yield "texts", constraint(operator, values=values)
        yield "texts", constraint(operator, values=values, inverted=True)
        if operator.startswith("STR"):
            yield "texts", constraint(operator, values=values, caseInsensitive=True)
    for pattern, ignores_case in itertools.product(PATTERNS, (None, True)):
        yield "subjects", constraint("REGEX", value=pattern, caseInsensitive=ignores_case)
    yield "subjects", constraint("REGEX", value="(", inverted=True)
    for networks in NETWORKS:
        yield "addresses", constraint("IN_CIDR", values=networks)
        yield "addresses", constraint("IN_CIDR", values=networks, inverted=True)


GROUPS = {"values": VALUES, "texts": TEXTS, "subjects": SUBJECTS, "addresses": ADDRESSES}


def features() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield features of one constraint or one strategy each, with the group of contexts that they are tried on."""
    for index, (group, found) in enumerate(constraints()):
        strategy = {"name": "default", "parameters": {}, "constraints": [found]}
        yield group, feature(f"{found['operator']}-{index}", strategy)
    for name, parameter, values in STRATEGIES:
        for index, value in enumerate(values):
            yield name, feature(f"{name}-{index}", {"name": name, "parameters": {parameter: value}})
    for index, percentage in enumerate(PERCENTAGES):
        for name in ("gradualRolloutUserId", "gradualRolloutSessionId"):
            parameters = {"percentage": percentage, "groupId": "g"}
            yield "ids", feature(f"{name}-{index}", {"name": name, "parameters": parameters})
        for stickiness in (None, "", "default", "userId", "sessionId", "x", "remoteAddress"):
            given = {"rollout": percentage, "groupId": "g", "stickiness": stickiness}
            parameters = {key: each for key, each in given.items() if each is not None}
            yield "ids", feature(f"rollout-{stickiness}-{index}", {"name": "flexibleRollout", "parameters": parameters})


def feature(name: str, *strategies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "enabled": True, "strategies": list(strategies), **more}


IDS: list[Any] = ["", "a", "b", "5", "Łukasz", "日本", "😀", 5, 5.0, 0, -1.5, True, False, None, [], ["a"], {}]


def contexts(group: str, dialect: str) -> Iterator[dict[str, Any]]:
    """Yield the contexts of a group. To Node the time is ISO 8601: it reads other texts in JavaScript's own ways."""
    if group in GROUPS:
        yield {}
        for value in GROUPS[group]:
            yield {"x": value}
            if group == "values" and (dialect == "python" or value in ISO):
                yield {"x": value, "currentTime": value}
        yield {"x": "a", "properties": {"x": "b"}}
        yield {"properties": {"x": "5"}}
        yield {"properties": "5"}
        return
    names = {"userWithId": ("userId", "targetingKey"), "remoteAddress": ("remoteAddress",)}.get(
        group, ("userId", "targetingKey", "sessionId", "x", "remoteAddress")
    )
    for name, value in itertools.product(names, [*IDS, *(ADDRESSES if group == "remoteAddress" else ())]):
        yield {name: value}
        yield {"properties": {name: value}}
        yield {name: value, "sessionId": "s", "properties": {name: "p"}}
