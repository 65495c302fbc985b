"""What bad input gets from a server: a clear error. It changes nothing, loses nothing and kills nobody.

A real SDK is attached all the while, and hears of the next change after each.
"""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pennon.engine import compile_snapshot
from pennon.engine.operators import VALUE_OPERATORS
from pennon.model import Snapshot
from tests.integration.attached import BOOLEAN, PLACE, WITNESS, Attached, attached, eventually


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attached]:
    with attached(tmp_path_factory.mktemp("bad") / "data") as made:
        made.api.made("POST", "projects/default/flags", {"key": "victim", "kind": "boolean", "variations": BOOLEAN})
        yield made


def refused(place: Attached, method: str, path: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send what must be refused without harm, and return the status and the problem."""
    with place.unharmed():
        answer = place.api.send(method, path, body, **headers)
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text[:300]
    details = answer.json()
    assert details["status"] == answer.status_code
    assert details["detail"]
    return answer.status_code, details


def edits(*made: dict[str, Any]) -> dict[str, Any]:
    return {"why": "test", "edits": list(made)}


def put_flag(**fields: Any) -> dict[str, Any]:
    return edits({"do": "putFlag", "definition": {"key": "bad", "kind": "boolean", "variations": BOOLEAN, **fields}})


def test_what_says_two_things_of_one_member_changes_nothing(place: Attached) -> None:
    twice = b'{"edits":[{"do":"turnOn","flag":"victim"},{"do":"turnOn","flag":"victim","flag":"other"}]}'
    status, details = refused(place, "POST", f"{PLACE}/changes", twice)
    assert (status, [fault["path"] for fault in details["problems"]]) == (422, ["/edits/1/flag"])
    flag = b'{"on":true,"on":false,"fallthrough":{"variation":"on"}}'
    status, details = refused(place, "PUT", f"{PLACE}/flags/victim", flag)
    assert (status, details["problems"][0]["path"]) == (422, "/on")


def test_flag_of_ten_megabytes_is_too_large_however_it_is_sent(place: Attached) -> None:
    large = [{"key": "on", "value": "x" * 10_000_000}, {"key": "off", "value": ""}]
    status, details = refused(place, "POST", f"{PLACE}/changes", put_flag(kind="string", variations=large))
    assert (status, details["type"]) == (413, "urn:pennon:problem:too-large")
    many = [{"key": f"v{number}", "value": "x" * 60_000} for number in range(20)]
    status, details = refused(place, "POST", f"{PLACE}/changes", put_flag(kind="string", variations=many))
    assert status in (413, 422), details
    pieces = (json.dumps(put_flag(description="x" * 1_000_000)).encode() for _ in range(10))
    with place.unharmed():
        answer = place.api.http.post(f"{PLACE}/changes", content=pieces, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?=a)b",
        r"(a)\1",
        r"\p{L}",
        "a{1001}",
        "(((a{100}){100}){100}){100}",
        "(" * 5000 + ")" * 5000,
        "[",
        "a**",
    ],
    ids=["look-ahead", "back-reference", "property", "repetition", "repetitions", "deep", "open", "stars"],
)
def test_pattern_that_could_explode_is_refused_where_it_stands(place: Attached, pattern: str) -> None:
    condition = {"attribute": "name", "op": "matches", "values": ["fine", pattern]}
    rule = {"id": "r", "conditions": [condition], "serve": {"variation": "on"}}
    body = {"fallthrough": {"variation": "off"}, "rules": [rule]}
    status, details = refused(place, "PUT", f"{PLACE}/flags/victim", body)
    assert status == 422, details
    assert [problem["path"] for problem in details["problems"]] == ["/rules/0/conditions/0/values/1"]
    assert all(problem["mend"] for problem in details["problems"])


def test_pattern_that_explodes_elsewhere_is_answered_at_once(place: Attached) -> None:
    condition = {"attribute": "name", "op": "matches", "values": ["^(a+)+$", "(x+x+)+y", "(.*)*(.*)*(.*)*end"]}
    rule = {"id": "r", "conditions": [condition], "serve": {"variation": "on"}}
    flag = {"key": "pattern", "kind": "boolean", "variations": BOOLEAN}
    configuration = {"on": True, "offVariation": "off", "fallthrough": {"variation": "off"}, "rules": [rule]}
    revision = place.change({"do": "putFlag", "definition": flag, "configuration": configuration})
    eventually(lambda: place.client.status().revision >= revision)
    started = time.monotonic()
    for name in ("a" * 50_000 + "!", "x" * 50_000, "b" * 50_000):
        assert place.client.boolean("pattern", {"targetingKey": "u", "name": name}, default=True) is False
        explained = place.api.made("POST", f"{PLACE}/explain", {"flag": "pattern", "context": {"name": name}})
        assert explained["evaluation"]["reason"] == "FALLTHROUGH"
    assert place.client.boolean("pattern", {"name": "a" * 50_000}, default=False) is True
    assert time.monotonic() - started < 60
    place.check_life()


def nested(depth: int) -> Any:
    made: Any = "deep"
    for _ in range(depth):
        made = {"in": made}
    return made


@pytest.mark.parametrize(
    "context",
    [nested(17), nested(60), {"name": "x" * 70_000}, "no object", [], 7, {"in": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}],
    ids=["17 deep", "60 deep", "70 kB", "text", "list", "number", "lists"],
)
def test_context_that_is_none_is_refused_by_all_who_evaluate(place: Attached, context: object) -> None:
    key = place.api.key()
    status, details = refused(place, "POST", f"{PLACE}/explain", {"flag": WITNESS, "context": context})
    assert status in (400, 413, 422), details
    with place.unharmed(), httpx2.Client(base_url=place.server.url, headers={"X-API-Key": key}) as sdk:
        answer = sdk.post(f"/ofrep/v1/evaluate/flags/{WITNESS}", json={"context": context})
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_CONTEXT")


@pytest.mark.parametrize(
    "body",
    [b"[" * 500_000, b'{"edits":' * 100_000, b'{"why":"' + b"\\" * 999_999 + b'"}', b'"' * 1_000_000, b" " * 3_000_000],
    ids=["brackets", "objects", "backslashes", "quotes", "blanks"],
)
def test_hostile_json_costs_no_more_than_its_length(place: Attached, body: bytes) -> None:
    started = time.monotonic()
    status, details = refused(place, "POST", f"{PLACE}/changes", body)
    assert status in (400, 413), details
    assert time.monotonic() - started < 60


KEYS = {
    "NUL": "a\u0000b",
    "lone surrogate": "\ud800",
    "right to left": "\u202egalf",
    "long": "k" * 10_000,
    "slashes": "a/b/c",
    "dots": "../../etc/passwd",
    "encoded dots": "%2e%2e%2f",
    "emoji": "🚩",
    "combining": "e" + "\u0301" * 300,
    "newline": "a\r\nX-Injected: yes",
    "blank": " ",
    "empty": "",
    "__proto__": "__proto__",
    "quote": "\"'`;DROP TABLE flags--",
    "template": "{{7*7}}${jndi:ldap://x}",
    "byte order mark": "\ufeffkey",
    "zero width": "a\u200bb",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_nonsense_as_a_key_makes_nothing_and_is_told_with_its_path(place: Attached, key: str) -> None:
    makes = (
        ("projects/default/flags", {"key": key}, "/key"),
        (f"{PLACE}/segments", {"key": key}, "/key"),
        (f"{PLACE}/changes", put_flag(key=key), "/edits/0/definition/key"),
        (f"{PLACE}/changes", edits({"do": "turnOn", "flag": key}), "/edits/0/flag"),
        (
            f"{PLACE}/changes",
            edits({"do": "addTarget", "flag": "victim", "variation": key, "values": ["u"]}),
            "/edits/0",
        ),
    )
    for path, body, where in makes:
        # Python's own encoder writes a lone surrogate as an escape; msgspec's would refuse it here.
        status, details = refused(place, "POST", path, json.dumps(body).encode())
        assert status in (400, 404, 422), details
        paths = [problem["path"] for problem in details.get("problems", ())]
        if status == 422 and "\0" not in key:
            assert any(found.startswith(where) for found in paths), (path, details)


def test_keys_that_look_alike_are_different_flags(place: Attached) -> None:
    for key in ("Look", "look", "look.", "look-", "l00k"):
        place.api.made("POST", "projects/default/flags", {"key": key})
    found = place.api.made("GET", "projects/default/flags?search=look")["items"]
    assert {flag["key"] for flag in found} >= {"Look", "look", "look.", "look-"}
    place.check_life()


CONDITIONS: list[dict[str, Any]] = [
    {"attribute": "country", "op": "in", "values": ["DE", 3, True]},
    {"attribute": "name", "op": "startsWith", "values": ["a"], "ignoreCase": True},
    {"attribute": "age", "op": "lessThan", "values": [30], "negate": True},
]
SPLIT = {"split": {"weights": [{"variation": "on", "weight": 1000}, {"variation": "off", "weight": 99000}]}}
EDITS: list[dict[str, Any]] = [
    {"do": "turnOn", "flag": "victim"},
    {"do": "setFallthrough", "flag": "victim", "serve": {"variation": "on"}},
    {"do": "addTarget", "flag": "victim", "variation": "on", "values": ["u1"]},
    {"do": "putSegment", "segment": {"key": "s", "included": ["u1"], "rules": [{"conditions": []}]}},
    {
        "do": "putFlag",
        "definition": {"key": "made", "kind": "boolean", "variations": BOOLEAN, "tags": ["a"], "description": "b"},
        "configuration": {
            "on": True,
            "fallthrough": {"variation": "off"},
            "offVariation": "off",
            "targets": [{"attribute": "targetingKey", "values": ["u2"], "variation": "on"}],
            "rules": [
                {"id": "r1", "conditions": CONDITIONS, "serve": {"variation": "on"}},
                {"id": "r2", "conditions": [], "serve": SPLIT},
            ],
            "staleness": {"maxAgeS": 60, "serve": {"variation": "off"}},
        },
    },
]
"""Edits to begin with: each is in order as it stands."""

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["on", "off", "victim", "made", "s", "in", "matches", "inSegment", "versionLess", "(", "1.2", "\0"]
    ),
    st.just([]),
    st.just({}),
    st.just([[[[]]]]),
    st.lists(st.integers(-1, 5), max_size=3),
    st.just({"variation": "on"}),
    st.just({"op": "exists", "attribute": "a"}),
)


NEAR: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8) | st.sampled_from(["on", "off", "victim", "made", "s", "/a~0b", "DE"]),
    bool: st.booleans(),
    int: st.integers(-2, 100_001),
}
"""By type: what may stand there as well, as far as the type goes."""

LITERALS = st.sampled_from(
    [
        "1.2",
        "v1.2.3-rc.1+b",
        "2026-01-01T00:00:00Z",
        "2026-13-01",
        "10.0.0.0/8",
        "::/129",
        "(a|b)+",
        "(?=a)",
        "s",
        "",
        5,
        1.5,
        -0.0,
        2**53,
    ]
)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """Return a condition, in order or not quite: every operator with literals of every other."""
    made: dict[str, Any] = {
        "op": draw(st.sampled_from([*VALUE_OPERATORS, "inSegment", "exists", "inBucket", "expression"]))
    }
    made |= draw(st.fixed_dictionaries({}, optional={"attribute": st.sampled_from(["country", "/a/b", "/", "~"])}))
    made |= draw(st.fixed_dictionaries({}, optional={"values": st.lists(LITERALS, max_size=3)}))
    return made | draw(st.fixed_dictionaries({}, optional={"negate": st.booleans(), "ignoreCase": st.booleans()}))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return a body of a change with a few of its places altered, some left out, some doubled, some renamed."""
    body = edits(*copy.deepcopy(draw(st.lists(st.sampled_from(EDITS), min_size=1, max_size=2))))
    for edit in body["edits"]:
        for rule in edit.get("configuration", edit.get("segment", {})).get("rules", ()):
            rule["conditions"] += draw(st.lists(conditions(), max_size=1))
    for _ in range(draw(st.integers(0, 2))):
        alter(draw, body)
    return json.dumps(body).encode()


def alter(draw: st.DrawFn, body: dict[str, Any]) -> None:
    """Alter one place of *body*, if there is any."""
    if not (found := list(places_in(body))):
        return
    holder, name = draw(st.sampled_from(found))
    match draw(st.sampled_from(["near", "near", "near", "replace", "delete", "rename", "copy"])):
        case "near" if type(holder[name]) in NEAR:
            holder[name] = draw(NEAR[type(holder[name])])
        case "delete":
            del holder[name]
        case "rename" if isinstance(holder, dict):
            holder[draw(st.text(max_size=6))] = holder.pop(name)
        case "copy":
            other, elsewhere = draw(st.sampled_from(found))
            holder[name] = copy.deepcopy(other[elsewhere])
        case _:
            holder[name] = copy.deepcopy(draw(ODD))


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container within *value* with each of its keys or indexes."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in list(items):
        yield value, name
        yield from places_in(inner)


def test_changes_that_were_mutated_are_refused_or_can_be_read_by_the_engine(place: Attached) -> None:
    for edit in EDITS:
        place.change(edit)
    until = time.monotonic() + 8
    taken: list[bytes] = []
    turned_away: list[int] = []

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated())
    def send(body: bytes) -> None:
        if time.monotonic() > until and min(len(taken), len(turned_away)) > 20:
            return
        before = place.state()
        answer = place.api.send("POST", f"{PLACE}/changes", body)
        if answer.is_success:
            taken.append(body)
            check_readable(place.state())
            return
        turned_away.append(answer.status_code)
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text, body)
        assert answer.json()["detail"]
        assert place.state() == before

    send()
    assert len(taken) > 20
    assert len(turned_away) > 20
    place.check_life()


def check_readable(state: bytes) -> None:
    """Check that every flag of *state* answers, and by an error only where its context lacks a unit."""
    rules = compile_snapshot(Snapshot.from_json(state))
    for key in rules.flag_keys():
        for country in ("DE", "1.2", "10.1.2.3", 5, None):
            found = rules.evaluate(key, {"targetingKey": "u1", "country": country, "a": {"b": country}})
            assert found.error_code is None, (key, found)
