"""Whatever is wrong in a vendor's file, it is refused with a path or planned; and what is planned, a server takes.

Files that the conformance tests draw are mutated: any value is replaced by one of another type, left out or doubled.
"""

import copy
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from pennon.engine import Checker
from pennon.importers import Fidelity, ImportRefused, Plan
from pennon.importers.proposal import edits, impossible, propose
from pennon.importers.vendors import VENDORS, importer
from pennon.model import Item, Snapshot
from pennon.model.validation import flag_problems, segment_problems
from tests.conformance import flagd_drawing, growthbook_drawing, launchdarkly_payloads, unleash_drawing

FILES, MUTATIONS = (400, 40) if os.environ.get("PENNON_LONG_TESTS") else (6, 15)

DRAWN: Mapping[str, Callable[[int], Any]] = {
    "launchdarkly": lambda seed: launchdarkly_payloads.Draw(seed).payload(3, 2),
    "unleash": lambda seed: json.loads(unleash_drawing.Draw(seed).document(3)),
    "growthbook": lambda seed: growthbook_drawing.Drawing(seed, "python").document(4),
    "flagd": lambda seed: flagd_drawing.Drawing(seed).document(3),
}
OTHERS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 1.5, -0.0, 10**30, float("inf"), float("nan")),
    *("", "x", "a b", "1", "50", "2020-01-01", "\0", "\ud800", "k" * 300, "/", "$", "__proto__"),
    *([], [1], ["a"], [None], [[]], {}, {"a": 1}, {"$ref": "x"}, {"": ""}, {"key": "x"}, {"variation": 0}),
)

Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the way to every value below *value*."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from paths(inner, (*path, step))


def mutated(document: Any, chance: random.Random) -> Any:
    """Return *document* with one or two of its values replaced, left out or doubled."""
    made = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 2))):
        *way, last = chance.choice(list(paths(made)) or [("flags",)])
        holder: Any = made
        for step in way:
            holder = holder[step]
        how = chance.random()
        if how < 0.15 and last in holder:
            del holder[last]
        elif how < 0.25 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[int(last)]))
        else:
            holder[last] = copy.deepcopy(chance.choice(OTHERS))
    return made


def planned(vendor: str, data: bytes, dialect: str) -> Plan | None:
    """Return the plan of a file, None where it is refused, which says where and in words that can be printed."""
    made = importer(vendor)
    try:
        plan = made.plan(data, dialect)
        made.vocabulary(data)
    except ImportRefused as refusal:
        said = refusal
    else:
        return plan
    assert said.problems
    assert all(each.path == "" or each.path.startswith("/") for each in said.problems)
    assert str(said).encode()
    return None


def objections(plan: Plan) -> list[str]:
    """Return what the control plane has against what *plan* says it would create."""
    left_out = impossible(plan)
    flags = {each.key: each.flag for each in plan.flags if each.flag is not None and each.key not in left_out}
    segments = {each.key: each.segment for each in plan.segments}
    items = {
        "flag": {key: Item.of(flag) for key, flag in flags.items()},
        "segment": {key: Item.of(segment) for key, segment in segments.items()},
    }
    checker = Checker(Snapshot.of(items))  # type: ignore[arg-type]
    found = [problem for flag in flags.values() for problem in flag_problems(flag)]
    found += [problem for segment in segments.values() for problem in segment_problems(segment)]
    found += [problem for key in flags for problem in checker.flag_problems(key)]
    found += [problem for key in segments for problem in checker.segment_problems(key)]
    return [str(problem) for problem in found]


def check(plan: Plan) -> None:
    for each in plan.flags:
        assert (each.flag is None) is (each.fidelity is Fidelity.IMPOSSIBLE)
        assert each.notes or each.fidelity is Fidelity.EXACT
    assert len({each.key for each in plan.flags}) == len(plan.flags)
    assert objections(plan) == []
    assert json.dumps(edits(plan, Snapshot(), propose(plan), {}))


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_file_with_wrong_values_is_refused_with_a_path_or_its_plan_is_one_that_a_server_takes(vendor: str) -> None:
    taken = 0
    for seed in range(FILES):
        chance = random.Random(f"{vendor}:{seed}")
        document = DRAWN[vendor](seed)
        for made in (document, *(mutated(document, chance) for _ in range(MUTATIONS))):
            dialect = chance.choice(sorted(importer(vendor).DIALECTS))
            plan = planned(vendor, json.dumps(made).encode(), dialect)
            if plan is not None:
                taken += 1
                check(plan)
    assert taken > FILES  # at least what nothing was wrong with, and more


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_file_that_ends_too_soon_is_refused_wherever_it_ends(vendor: str) -> None:
    data = json.dumps(DRAWN[vendor](1)).encode()
    for length in range(0, len(data) - 1, max(1, len(data) // 200)):
        assert planned(vendor, data[:length], min(importer(vendor).DIALECTS)) is None


_DEEP = 100_000


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"flags":' + b"[" * _DEEP + b"]" * _DEEP + b',"features":[]}', id="deep arrays"),
        pytest.param(b'{"features":' + b'{"a":' * _DEEP + b"1" + b"}" * _DEEP + b',"flags":{}}', id="deep objects"),
        pytest.param('{"flags":{},"features":{}}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"flags":NaN,"features":NaN}', id="NaN"),
        pytest.param(b'{"flags":{"\xff":1},"features":{"\xff":1}}', id="bad UTF-8"),
        pytest.param(b"1" + b"0" * 1_000_000, id="a long number"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_file_of_a_vendor_is_refused(vendor: str, data: bytes) -> None:
    assert planned(vendor, data, min(importer(vendor).DIALECTS)) is None
