"""The attributes and literals of a file, as contexts are drawn from them."""

import json
import time
from typing import Any

from pennon.importers import growthbook


def _vocabulary(condition: Any, **rule: Any) -> dict[str, list[Any]]:
    groups = {
        "g": {"type": "list", "attributeKey": "plan", "values": ["gold"]},
        "bare": [7],
        "c": {"type": "condition", "condition": {"x": 1}},
    }
    rules = [{"condition": condition, "force": 1, **rule}]
    document = {"features": {"f": {"rules": rules}}, "savedGroups": groups}
    found = growthbook.vocabulary(json.dumps(document).encode())
    return {name: list(literals) for name, literals in found.items()}


def test_literals_and_operands_are_found() -> None:
    condition = {"a": "x", "b": {"$gt": 5, "$in": [1, True, 1]}, "$or": [{"$not": {"c.d": {"$not": {"$eq": "y"}}}}]}
    assert _vocabulary(condition) == {"a": ["x"], "b": [5, 1, True], "/c/d": ["y"], "targetingKey": [], "x": [1]}


def test_groups_have_literals() -> None:
    condition = {
        "id": {"$inGroup": "bare"},
        "$savedGroup": {"id": "g"},
        "y": {"$notInGroup": "g"},
        "z": {"$inGroup": "nowhere"},
    }
    assert _vocabulary(condition) == {"plan": ["gold"], "targetingKey": [7], "y": ["gold"], "z": [], "x": [1]}
    assert _vocabulary({"$savedGroup": {"id": "c"}})["x"] == [1]


def test_units_are_attributes() -> None:
    rule = {
        "hashAttribute": "company",
        "fallbackAttribute": "id",
        "filters": [{"seed": "s", "ranges": [], "attribute": "d"}],
    }
    assert sorted(_vocabulary({}, **rule)) == ["company", "d", "targetingKey", "x"]


def test_elements_are_literals_and_types_are_not() -> None:
    condition = {"a": {"$elemMatch": {"b": 1}, "$type": "array", "$exists": True}, "/s": {"$elemMatch": {"$eq": 2}}}
    assert _vocabulary(condition) == {"a": [{"b": 1}], "/~1s": [2], "targetingKey": [], "x": [1]}


def test_units_with_sticky_buckets_are_literals() -> None:
    documents = [
        {"attributeName": name, "attributeValue": unit, "assignments": {}} for name, unit in (("id", "u1"), ("d", "x"))
    ]
    data = b'{"features": {"f": {"rules": [{"variations": [1, 2]}]}}}'
    found = growthbook.vocabulary(data, {"sticky": json.dumps(documents)})
    assert found == {"targetingKey": ("u1",), "d": ("x",)}


def test_prerequisites_read_no_attributes() -> None:
    parents = [{"id": "g", "condition": {"value": 1}}]
    assert _vocabulary({}, parentConditions=parents) == {"targetingKey": [], "x": [1]}


def test_a_long_list_takes_no_longer_for_its_length_squared() -> None:
    started = time.process_time()
    assert len(_vocabulary({"a": {"$in": list(range(50_000))}})["a"]) == 50_000
    assert time.process_time() - started < 10
